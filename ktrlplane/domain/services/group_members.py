"""Who is in a group: whoever joins gains all that it has."""

from contextlib import suppress

from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import EventType
from ktrlplane.domain.groups import Group, GroupMember
from ktrlplane.domain.ids import GroupId, OrganizationId, PrincipalId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.groups import hold_group, read_group
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.previews import Affected
from ktrlplane.domain.services.standings import require_no_more_than_held
from ktrlplane.domain.services.telling import tell
from ktrlplane.ports.groups import MemberView
from ktrlplane.ports.unit_of_work import UnitOfWork


def list_members(
    work: UnitOfWork,
    group_id: GroupId,
    page: PageRequest,
    *,
    org_id: OrganizationId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Page[MemberView]:
    """Raises: NotFound."""
    read_group(work, group_id, org_id=org_id, actor=actor, platform=platform)
    return work.groups.members(group_id, page)


def read_member(
    work: UnitOfWork,
    group_id: GroupId,
    user_id: PrincipalId,
    *,
    org_id: OrganizationId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> MemberView:
    """Raises: NotFound."""
    read_group(work, group_id, org_id=org_id, actor=actor, platform=platform)
    return work.groups.member(group_id, user_id)


def put_member(
    work: UnitOfWork,
    group_id: GroupId,
    user_id: PrincipalId,
    *,
    org_id: OrganizationId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> MemberView:
    """Whoever joins gains all that the group has, wherever it has it: nobody lets in more
    than they could grant there (R1.5). Who is a member stays as they are.

    Raises: NotFound, Forbidden.
    """
    group = hold_group(work, group_id, org_id, actor, platform)
    if work.users.find(user_id) is None:
        raise NotFound(
            f"No user {user_id} has signed in yet; ask them to sign in once, or register a "
            "service account in the organization."
        )
    with suppress(NotFound):
        return work.groups.member(group_id, user_id)
    _require_all_held(work, group, actor, platform)
    member = GroupMember(
        group_id=group_id, user_id=user_id, added_by=actor, added_at=platform.now()
    )
    work.groups.put_member(member)
    added = EventType.GROUP_MEMBER_ADDED
    tell(work, added, group.path, None, member, actor=actor, platform=platform)
    return work.groups.member(group_id, user_id)


def remove_member(
    work: UnitOfWork,
    group_id: GroupId,
    user_id: PrincipalId,
    *,
    org_id: OrganizationId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """Raises: NotFound, Forbidden."""
    group = hold_group(work, group_id, org_id, actor, platform)
    member = work.groups.member(group_id, user_id).member
    work.groups.remove_member(group_id, user_id)
    removed = EventType.GROUP_MEMBER_REMOVED
    tell(work, removed, group.path, member, actor=actor, platform=platform)


def affected_by_membership(work: UnitOfWork, group_id: GroupId, user_id: PrincipalId) -> Affected:
    return [(user_id, held.scope) for held in work.assignments.of(group_id)]


def _require_all_held(
    work: UnitOfWork, group: Group, actor: PrincipalId, platform: Platform
) -> None:
    """Raises: Forbidden."""
    now = platform.now()
    held = [one for one in work.assignments.of(group.group_id) if one.holds_at(now)]
    standings = work.access.standings([(actor, one.scope) for one in held], now)
    roles = {role_id: work.roles.find(role_id) for role_id in {one.role_id for one in held}}
    for assignment, standing in zip(held, standings, strict=True):
        role = roles[assignment.role_id]
        if standing is not None and role is not None:
            what = f"The group {group.name} has the role {role.name} on {assignment.scope}, which"
            require_no_more_than_held(standing, role.permissions, what)
