"""What people do with organizations."""

from attrs import field, frozen

from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.errors import NotEmpty
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.naming import is_a_name, is_no_name_or_a_name
from ktrlplane.domain.organizations import Organization, PurchasePolicy
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.endings import end_access
from ktrlplane.domain.services.ownership import make_creator_owner, require_person
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.projects import begin_project_deletion
from ktrlplane.domain.services.standings import hold_for
from ktrlplane.domain.services.telling import tell
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class CreateOrganization:
    """A new tenant. Without ``id``, one is made from the name."""

    id: OrganizationId | None = field(default=None, metadata=apart())
    name: str = field(validator=is_a_name, metadata=apart("unnamed"))


@frozen(kw_only=True)
class UpdateOrganization:
    """What is left out stays as it is."""

    name: str | None = field(default=None, validator=is_no_name_or_a_name, metadata=apart())
    purchase_policy: PurchasePolicy | None = None


def create_organization(
    work: UnitOfWork, command: CreateOrganization, *, actor: PrincipalId, platform: Platform
) -> Organization:
    """The creator becomes Owner, and Data Owner by the catalog's word.

    Raises: Forbidden for a service account, ValidationFailed, AlreadyExists.
    """
    require_person(work, actor)
    now = platform.now()
    organization = Organization(
        org_id=platform.new_id(OrganizationId, command.id, command.name),
        name=command.name,
        created_at=now,
        updated_at=now,
    )
    work.organizations.add(organization)
    path = organization.path
    created = EventType.ORGANIZATION_CREATED
    tell(work, created, path, None, organization, actor=actor, platform=platform)
    make_creator_owner(work, path, actor=actor, platform=platform)
    return organization


def read_organization(
    work: UnitOfWork, org_id: OrganizationId, *, actor: PrincipalId, platform: Platform
) -> Organization:
    """Raises: NotFound."""
    organization, standing = work.organizations.with_standing(org_id, actor, platform.now())
    standing.require()
    return organization


def list_organizations(
    work: UnitOfWork,
    page: PageRequest,
    *,
    text: str | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Page[Organization]:
    return work.organizations.readable_by(actor, platform.now(), page, text=text)


def update_organization(
    work: UnitOfWork,
    org_id: OrganizationId,
    command: UpdateOrganization,
    *,
    as_seen: Expectation[Organization] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Organization:
    """Saying who may spend the organization's money needs ``manage_billing`` too.

    Raises: NotFound, Forbidden, PreconditionFailed.
    """
    now = platform.now()
    hold_for(work, Action.WRITE, Scope.of(org_id), actor, now)
    organization, standing = work.organizations.with_standing(org_id, actor, now)
    standing.require(Action.WRITE)
    policy = command.purchase_policy or organization.purchase_policy
    if policy is not organization.purchase_policy:
        standing.require(Action.MANAGE_BILLING)
    expect(organization, as_seen)
    changed = organization.changed(
        name=command.name or organization.name, purchase_policy=policy, now=now
    )
    if changed != organization:
        work.organizations.replace(changed)
        updated = EventType.ORGANIZATION_UPDATED
        tell(
            work,
            updated,
            organization.path,
            organization,
            changed,
            actor=actor,
            platform=platform,
        )
    return changed


def delete_organization(
    work: UnitOfWork,
    org_id: OrganizationId,
    *,
    cascade: bool = False,
    as_seen: Expectation[Organization] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """Gone at once for everybody; with ``cascade`` its projects follow through their own
    life cycle.

    Raises: NotFound, Forbidden, PreconditionFailed, NotEmpty.
    """
    now = platform.now()
    hold_for(work, Action.DELETE, Scope.of(org_id), actor, now)
    organization, standing = work.organizations.with_standing(org_id, actor, now)
    standing.require(Action.DELETE)
    expect(organization, as_seen)
    projects = work.projects.of(org_id)
    if not cascade and any(project.status is ProjectStatus.ACTIVE for project in projects):
        raise NotEmpty(
            f"Organization {org_id} has projects. Delete or move them first, "
            "or delete it with cascade=true."
        )
    for project in projects:
        begin_project_deletion(work, project, actor=actor, platform=platform)
    if work.billing.find(Scope.of(org_id)) is not None:
        work.billing.touch([Scope.of(org_id)], now)  # what it pays for is settled (R2.4)
    work.organizations.replace(organization.deleted(now))
    end_access(work, Scope.of(org_id))
    deleted = EventType.ORGANIZATION_DELETED
    tell(work, deleted, organization.path, organization, actor=actor, platform=platform)
