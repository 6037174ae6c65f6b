"""What principals hold, and what they see by it."""

from datetime import datetime

from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Action, Permission, Role, RoleAssignment, Scope, ScopeType
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.standings import Grant, Standing

READ = Permission.control_plane(Action.READ)


def path_to(tables: Tables, scope: Scope) -> tuple[Scope, ...] | None:
    """From the organization down to ``scope``; None where it is not there. Tombstones of
    projects and resources are there, those of organizations are not."""
    match scope.scope_type:
        case ScopeType.GLOBAL:
            return (scope,)
        case ScopeType.ORGANIZATION:
            organization = tables.organizations.find(OrganizationId(scope.scope_id))
            gone = organization is None or organization.deleted_at is not None
            return None if gone else (scope,)
        case ScopeType.PROJECT:
            project = tables.projects.find(ProjectId(scope.scope_id))
            return None if project is None else project.path
        case ScopeType.RESOURCE:
            resource = tables.resources.find(ResourceId(scope.scope_id))
            return None if resource is None else resource.path


def standing_on(
    tables: Tables, principal: PrincipalId, path: tuple[Scope, ...], at: datetime
) -> Standing:
    first = path[0]
    org_id = OrganizationId(first.scope_id) if first.scope_type is ScopeType.ORGANIZATION else None
    held = unexpired_of(tables, principal, at)
    grants = [
        _grant(tables, one)
        for one in held
        if one.scope in path and _counts_in(tables, one, org_id)
    ]
    return Standing(path, grants)


def _counts_in(tables: Tables, held: RoleAssignment, org_id: OrganizationId | None) -> bool:
    """A group means nothing outside of its organization."""
    if held.group_id is None:
        return True
    group = tables.groups.find(held.group_id)
    return group is not None and group.org_id == org_id


def _grant(tables: Tables, held: RoleAssignment) -> Grant:
    return Grant(
        assignment_id=held.assignment_id,
        role_id=held.role_id,
        scope=held.scope,
        permissions=role_of(tables, held).permissions,
        group_id=held.group_id,
        expires_at=held.expires_at,
    )


def role_of(tables: Tables, held: RoleAssignment) -> Role:
    role = tables.roles.find(held.role_id)
    assert role is not None, "a role stays while somebody holds it"
    return role


def unexpired_of(tables: Tables, principal: PrincipalId, at: datetime) -> list[RoleAssignment]:
    """Their own and those of their groups. Oldest first, then by id."""
    groups = (member.group_id for member in tables.members.where(user=principal))
    holders = (principal, *groups)
    held = (one for holder in holders for one in tables.assignments.where(holder=holder))
    return sorted((one for one in held if one.holds_at(at)), key=by_age)


def by_age(assignment: RoleAssignment) -> tuple[datetime, str]:
    return assignment.created_at, assignment.assignment_id.value


def readable_scopes(tables: Tables, principal: PrincipalId, at: datetime) -> frozenset[Scope]:
    """Where ``principal`` holds a role that may read; what is below can be read too."""
    return frozenset(
        held.scope
        for held in unexpired_of(tables, principal, at)
        if _grant(tables, held).covers(READ)
    )


def with_all_in(tables: Tables, scope: Scope) -> list[Scope]:
    """``scope`` and every scope in it, tombstones too."""
    match scope.scope_type:
        case ScopeType.ORGANIZATION:
            projects = tables.projects.where(organization=OrganizationId(scope.scope_id))
            inside = [Scope.of(project.project_id) for project in projects]
            return [scope, *(each for one in inside for each in with_all_in(tables, one))]
        case ScopeType.PROJECT:
            resources = tables.resources.where(project=ProjectId(scope.scope_id))
            return [scope, *(Scope.of(resource.resource_id) for resource in resources)]
        case ScopeType.RESOURCE | ScopeType.GLOBAL:
            return [scope]


def name_of(tables: Tables, scope: Scope) -> str:
    thing: Organization | Project | Resource | None = None
    match scope.scope_type:
        case ScopeType.ORGANIZATION:
            thing = tables.organizations.find(OrganizationId(scope.scope_id))
        case ScopeType.PROJECT:
            thing = tables.projects.find(ProjectId(scope.scope_id))
        case ScopeType.RESOURCE:
            thing = tables.resources.find(ResourceId(scope.scope_id))
    return scope.scope_id if thing is None else thing.name
