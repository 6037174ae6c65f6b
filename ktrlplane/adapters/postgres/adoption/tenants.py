"""Organizations, projects and resources."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from attrs import frozen

from ktrlplane.adapters.postgres.adoption import mending
from ktrlplane.adapters.postgres.adoption.findings import Findings
from ktrlplane.adapters.postgres.adoption.theirs import (
    TheirOrganization,
    TheirProject,
    TheirResource,
    Theirs,
)
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId, is_reserved
from ktrlplane.domain.lifecycle import REPORTED, Status
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project, ProjectStatus
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.adoption import Adoption, Kind


@frozen(kw_only=True)
class Tenants:
    """By the ids of the former system. ``blocked`` are scopes of rows that are in the way."""

    organizations: Mapping[str, Organization]
    projects: Mapping[str, Project]
    resources: Mapping[str, Resource]
    blocked: frozenset[tuple[str, str]]

    def path(self, scope_type: str, scope_id: str) -> tuple[Scope, ...] | None:
        """From the organization down to the scope; None where there is nothing."""
        match scope_type:
            case ScopeType.ORGANIZATION:
                organization = self.organizations.get(scope_id)
                return None if organization is None else (Scope.of(organization.org_id),)
            case ScopeType.PROJECT:
                project = self.projects.get(scope_id)
                return None if project is None else project.path
            case ScopeType.RESOURCE:
                resource = self.resources.get(scope_id)
                return None if resource is None else resource.path
        return None


def tenants_of(theirs: Theirs, adoption: Adoption, found: Findings, now: datetime) -> Tenants:
    """Without anybody's word on who pays: that is decided once everything is known."""
    organizations = dict(_organizations(theirs.organizations, found, now))
    projects = dict(_projects(theirs.projects, organizations, adoption, found, now))
    resources = dict(_resources(theirs.resources, projects, adoption, found, now))
    blocked = {
        *((ScopeType.PROJECT.value, p.project_id) for p in theirs.projects),
        *((ScopeType.RESOURCE.value, r.resource_id) for r in theirs.resources),
    } - {
        *((ScopeType.PROJECT.value, id_) for id_ in projects),
        *((ScopeType.RESOURCE.value, id_) for id_ in resources),
    }
    return Tenants(
        organizations=organizations,
        projects=projects,
        resources=resources,
        blocked=frozenset(blocked),
    )


def _organizations(
    rows: Iterable[TheirOrganization], found: Findings, now: datetime
) -> Iterator[tuple[str, Organization]]:
    """One whose id is no DNS label gets another id: nothing that runs is named by it."""
    known = {row.org_id: mending.identity(OrganizationId, row.org_id) for row in rows}
    taken = {org_id for org_id in known.values() if org_id is not None}
    for row in rows:
        org_id = known[row.org_id]
        if org_id is None:
            org_id = mending.label_like(row.org_id, taken)
            taken.add(org_id)
            found.noted(Kind.ORGANIZATIONS, "id", f"{row.org_id} -> {org_id}")
        found.kept(Kind.ORGANIZATIONS)
        yield (
            row.org_id,
            Organization(
                org_id=org_id,
                name=_name(Kind.ORGANIZATIONS, org_id.value, row.name, found),
                **mending.times(row.created_at, row.updated_at, now),
            ),
        )


def _projects(
    rows: Iterable[TheirProject],
    organizations: Mapping[str, Organization],
    adoption: Adoption,
    found: Findings,
    now: datetime,
) -> Iterator[tuple[str, Project]]:
    for row in rows:
        project_id = mending.identity(ProjectId, row.project_id)
        if project_id is None:
            found.in_the_way(Kind.PROJECTS, "id", row.project_id)
            continue
        if row.status != ProjectStatus.ACTIVE:
            found.noted(Kind.PROJECTS, "status", f"{project_id} ({row.status})")
        if is_reserved(project_id.value, adoption.reserved_ids):
            found.noted(Kind.PROJECTS, "reserved", project_id.value)
        found.kept(Kind.PROJECTS)
        yield (
            row.project_id,
            Project(
                project_id=project_id,
                org_id=None if row.org_id is None else organizations[row.org_id].org_id,
                name=_name(Kind.PROJECTS, project_id.value, row.name, found),
                **mending.times(row.created_at, row.updated_at, now),
            ),
        )


def _resources(
    rows: Iterable[TheirResource],
    projects: Mapping[str, Project],
    adoption: Adoption,
    found: Findings,
    now: datetime,
) -> Iterator[tuple[str, Resource]]:
    for row in rows:
        resource_id = mending.identity(ResourceId, row.resource_id)
        settings = mending.settings(row.settings_text)
        project = projects.get(row.project_id)
        if resource_id is None:
            found.in_the_way(Kind.RESOURCES, "id", row.resource_id)
        elif settings is None:
            found.in_the_way(Kind.RESOURCES, "settings", row.resource_id)
        else:
            found.kept(Kind.RESOURCES)
            if project is not None:  # else that is in the way
                kept = resource_id, settings, project
                yield (
                    row.resource_id,
                    _resource(row, *kept, adoption=adoption, found=found, now=now),
                )


def _resource(
    row: TheirResource,
    resource_id: ResourceId,
    settings: Document,
    project: Project,
    *,
    adoption: Adoption,
    found: Findings,
    now: datetime,
) -> Resource:
    status, reason = _status(row, found)
    if is_reserved(resource_id.value, adoption.reserved_ids):
        found.noted(Kind.RESOURCES, "reserved", resource_id.value)
    return Resource(
        resource_id=resource_id,
        project_id=project.project_id,
        org_id=project.org_id,
        name=_name(Kind.RESOURCES, resource_id.value, row.name, found),
        type=_type(row, settings, adoption, found),
        sku=row.sku,
        settings_json=settings,
        status=status,
        status_reason=reason,
        # The reconciler has spoken of what has got anywhere.
        observed_generation=0 if status is Status.CREATING else 1,
        access_url=_address(row, found),
        error_message=row.error_message or None,
        stripe_price_id=row.stripe_price_id or None,
        **mending.times(row.created_at, row.updated_at, now),
    )


def _type(row: TheirResource, settings: Document, adoption: Adoption, found: Findings) -> str:
    """Its present name."""
    kind = adoption.catalog.resource_type(row.type)
    if kind is None:
        found.noted(Kind.RESOURCES, "type", f"{row.resource_id} ({row.type})")
        return row.type
    if kind.tier(row.sku) is None:
        found.noted(Kind.RESOURCES, "sku", f"{row.resource_id} ({row.sku})")
    elif not adoption.allows(kind.type, row.sku, settings):
        found.noted(Kind.RESOURCES, "settings", row.resource_id)
    return kind.type


_KNOWN: Final[Mapping[str, Status]] = {
    **{
        health.value: table.get(Status.CREATING, Status.CREATING)
        for health, table in REPORTED.items()
    },
    **{
        status.value: status
        for status in Status
        if status not in {Status.DELETING, Status.DELETED}
    },
}
"""The former system kept what the reconciler said last, in the reconciler's words: they lead
where a first report of them would. What is to be deleted went away there at once, so no word
of it is taken: what runs is not to be torn down by a guess."""


def _status(row: TheirResource, found: Findings) -> tuple[Status, str | None]:
    """With the reason for it."""
    status = _KNOWN.get(row.status or "")
    if status is None:
        found.noted(Kind.RESOURCES, "status", f"{row.resource_id} ({row.status})")
        return Status.CREATING, f"Its status was {row.status!r} in the former system."
    is_bad = status in {Status.DEGRADED, Status.FAILED}
    return status, (row.error_message or None) if is_bad else None


def _address(row: TheirResource, found: Findings) -> str | None:
    address = mending.web_address(row.access_url)
    if row.access_url and address is None:
        found.noted(Kind.RESOURCES, "access_url", row.resource_id)
    return address


def _name(kind: Kind, id_: str, name: str, found: Findings) -> str:
    mended = mending.name_like(name, otherwise=id_)
    if mended != name:
        found.noted(kind, "name", id_)
    return mended
