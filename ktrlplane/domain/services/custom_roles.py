"""Roles that an organization makes for itself."""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from ktrlplane.domain.access import Action, Role, Scope
from ktrlplane.domain.errors import (
    Fault,
    Forbidden,
    LimitExceeded,
    NotEmpty,
    NotFound,
    ValidationFailed,
)
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import OrganizationId, PrincipalId, RoleId
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.previews import Affected, members_of
from ktrlplane.domain.services.role_wishes import (
    CreateRole,
    UpdateRole,
    known_permissions,
    name_faults,
)
from ktrlplane.domain.services.standings import (
    hold_to_manage,
    require_no_more_than_held,
    standing_on,
)
from ktrlplane.domain.services.telling import tell, tell_taken_back
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitOfWork

MAX_ROLES: Final = 200
DISPLAY_ORDER: Final = 500
"""After the platform's own."""


def create_role(
    work: UnitOfWork,
    org_id: OrganizationId,
    command: CreateRole,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Role:
    """Raises: NotFound, Forbidden, ValidationFailed, AlreadyExists, LimitExceeded."""
    now = platform.now()
    standing = hold_to_manage(work, Scope.of(org_id), actor, now)
    permissions, faults = known_permissions(command.permissions, platform)
    faults += name_faults(work, name=command.name, display_name=command.display_name)
    if faults:
        raise ValidationFailed(faults)
    require_no_more_than_held(standing, permissions, f"The role {command.name}")
    if len(work.roles.of(org_id)) >= MAX_ROLES:
        raise LimitExceeded(f"An organization has at most {MAX_ROLES} roles of its own.")
    role = Role(
        role_id=RoleId.new(now),
        name=command.name,
        display_name=command.display_name or command.name,
        description=command.description,
        permissions=permissions,
        is_system=False,
        org_id=org_id,
        display_order=DISPLAY_ORDER,
    )
    work.roles.add(role)
    created = EventType.ROLE_CREATED
    tell(work, created, standing.path, None, role, actor=actor, platform=platform)
    return role


def list_custom_roles(
    work: UnitOfWork, org_id: OrganizationId, *, actor: PrincipalId, platform: Platform
) -> Sequence[Role]:
    """By name. Raises: NotFound."""
    standing_on(work, Scope.of(org_id), actor, platform.now()).require()
    return work.roles.of(org_id)


def read_custom_role(
    work: UnitOfWork,
    org_id: OrganizationId,
    id_or_name: str,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Role:
    """Raises: NotFound."""
    standing = standing_on(work, Scope.of(org_id), actor, platform.now())
    standing.require()
    return _of(work, org_id, id_or_name)


def update_role(
    work: UnitOfWork,
    org_id: OrganizationId,
    id_or_name: str,
    command: UpdateRole,
    *,
    as_seen: Expectation[Role] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Role:
    """Whoever has the role has what it gives at once, so what is added must be held (R1.5): on
    the organization, and with that everywhere in it. Roles are granted by name: whoever gives
    one another name decides what is handed out under the old, so they hold all it gives.

    Raises: NotFound, Forbidden, PreconditionFailed, ValidationFailed, AlreadyExists.
    """
    role, standing = _hold(work, org_id, id_or_name, actor, platform)
    expect(role, as_seen)
    permissions = role.permissions
    faults: list[Fault] = []
    if command.permissions is not None:
        permissions, faults = known_permissions(
            command.permissions, platform, already=role.permissions
        )
    faults += name_faults(work, name=command.name, display_name=command.display_name)
    if faults:
        raise ValidationFailed(faults)
    added = [one for one in permissions if not any(old.covers(one) for old in role.permissions)]
    names = command.name or role.name, command.display_name or role.display_name
    if names != (role.name, role.display_name):
        added += role.permissions
    require_no_more_than_held(standing, added, f"The role {role.name}")
    changed = evolve(
        role,
        name=names[0],
        display_name=names[1],
        description=role.description if command.description is None else command.description,
        permissions=permissions,
    )
    if changed != role:
        work.roles.replace(changed)
        updated = EventType.ROLE_UPDATED
        tell(work, updated, standing.path, role, changed, actor=actor, platform=platform)
    return changed


def delete_role(
    work: UnitOfWork,
    org_id: OrganizationId,
    id_or_name: str,
    *,
    cascade: bool = False,
    as_seen: Expectation[Role] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """With ``cascade`` everybody who has it loses it. Raises: NotFound, Forbidden,
    PreconditionFailed, NotEmpty."""
    role, standing = _hold(work, org_id, id_or_name, actor, platform)
    expect(role, as_seen)
    held = work.assignments.with_role(role.role_id)
    if not cascade and any(one.holds_at(platform.now()) for one in held):
        raise NotEmpty(
            f"The role {role.name} is granted to somebody. Take it back first, or delete it "
            "with cascade=true."
        )
    tell_taken_back(work, held, actor=actor, platform=platform)
    for assignment in held:
        work.assignments.remove(assignment.assignment_id)
    work.roles.remove(role.role_id)
    deleted = EventType.ROLE_DELETED
    tell(work, deleted, standing.path, role, actor=actor, platform=platform)


def affected_by_role(work: UnitOfWork, org_id: OrganizationId, id_or_name: str) -> Affected:
    """Whose standing a change of the role would change, and where."""
    role = work.roles.named(id_or_name, org_id)
    if role is None or role.org_id is None:
        return []
    return [
        (user_id, held.scope)
        for held in work.assignments.with_role(role.role_id)
        for user_id in members_of(work, held.holder)
    ]


def _hold(
    work: UnitOfWork,
    org_id: OrganizationId,
    id_or_name: str,
    actor: PrincipalId,
    platform: Platform,
) -> tuple[Role, Standing]:
    """Raises: NotFound, Forbidden, for one of the platform's own too."""
    _allowed(work, org_id, id_or_name, actor, platform)  # who may not waits for nobody
    work.access.hold(Scope.of(org_id))
    return _allowed(work, org_id, id_or_name, actor, platform)


def _allowed(
    work: UnitOfWork,
    org_id: OrganizationId,
    id_or_name: str,
    actor: PrincipalId,
    platform: Platform,
) -> tuple[Role, Standing]:
    """Raises: NotFound, Forbidden."""
    standing = standing_on(work, Scope.of(org_id), actor, platform.now())
    standing.require()
    role = _of(work, org_id, id_or_name)
    standing.require(Action.MANAGE_ACCESS)
    if role.org_id is None:
        raise Forbidden(
            f"The role {role.name} is the platform's own: nobody changes it. Make a role of "
            "the organization's instead."
        )
    return role, standing


def _of(work: UnitOfWork, org_id: OrganizationId, id_or_name: str) -> Role:
    """One that can be granted in the organization. Raises: NotFound."""
    role = work.roles.named(id_or_name, org_id)
    if role is None or role.is_hidden:
        raise NotFound(f"There is no role {id_or_name} in organization {org_id}.")
    return role
