"""Groups of an organization and who is in them."""

from typing import Final

from attrs import field, frozen
from attrs.validators import optional

from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.errors import LimitExceeded, NotFound
from ktrlplane.domain.events import EventType
from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import GroupId, OrganizationId, PrincipalId
from ktrlplane.domain.naming import is_a_description, is_a_name, is_no_name_or_a_name
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.previews import Affected
from ktrlplane.domain.services.standings import hold_to_manage, standing_on
from ktrlplane.domain.services.telling import tell, tell_taken_back
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitOfWork

MAX_GROUPS: Final = 1000
"""In an organization: a check asks for every group that its user is in."""


@frozen(kw_only=True)
class CreateGroup:
    """A new group without members. Its name is unique in the organization."""

    name: str = field(validator=is_a_name, metadata=apart("unnamed"))
    description: str = field(default="", validator=is_a_description, metadata=apart())


@frozen(kw_only=True)
class UpdateGroup:
    """What is left out stays as it is."""

    name: str | None = field(default=None, validator=is_no_name_or_a_name, metadata=apart())
    description: str | None = field(
        default=None, validator=optional(is_a_description), metadata=apart()
    )


def create_group(
    work: UnitOfWork,
    org_id: OrganizationId,
    command: CreateGroup,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Group:
    """Raises: NotFound, Forbidden, AlreadyExists, LimitExceeded."""
    now = platform.now()
    hold_to_manage(work, Scope.of(org_id), actor, now)
    if work.groups.count(org_id) >= MAX_GROUPS:
        raise LimitExceeded(f"An organization has at most {MAX_GROUPS} groups.")
    group = Group(
        group_id=GroupId.new(now),
        org_id=org_id,
        name=command.name,
        description=command.description,
        created_at=now,
        updated_at=now,
    )
    work.groups.add(group)
    tell(work, EventType.GROUP_CREATED, group.path, None, group, actor=actor, platform=platform)
    return group


def list_groups(
    work: UnitOfWork,
    org_id: OrganizationId,
    page: PageRequest,
    *,
    text: str | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Page[Group]:
    """Raises: NotFound."""
    standing_on(work, Scope.of(org_id), actor, platform.now()).require()
    return work.groups.of(org_id, page, text=text)


def read_group(
    work: UnitOfWork,
    group_id: GroupId,
    *,
    org_id: OrganizationId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Group:
    """Of ``org_id``, if that is given. Raises: NotFound."""
    group = group_of(work, group_id, org_id)
    standing = _standing_above(work, group, actor, platform)
    if standing is None or not standing.may(Action.READ):
        raise no_such_group(group_id)
    return group


def update_group(
    work: UnitOfWork,
    group_id: GroupId,
    command: UpdateGroup,
    *,
    org_id: OrganizationId | None = None,
    as_seen: Expectation[Group] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Group:
    """Raises: NotFound, Forbidden, PreconditionFailed, AlreadyExists."""
    group = hold_group(work, group_id, org_id, actor, platform)
    expect(group, as_seen)
    changed = group.changed(
        name=command.name or group.name,
        description=group.description if command.description is None else command.description,
        now=platform.now(),
    )
    if changed != group:
        work.groups.replace(changed)
        updated = EventType.GROUP_UPDATED
        tell(work, updated, group.path, group, changed, actor=actor, platform=platform)
    return changed


def delete_group(
    work: UnitOfWork,
    group_id: GroupId,
    *,
    org_id: OrganizationId | None = None,
    as_seen: Expectation[Group] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """What was granted to it, its members lose. Raises: NotFound, Forbidden,
    PreconditionFailed."""
    group = hold_group(work, group_id, org_id, actor, platform)
    expect(group, as_seen)
    tell_taken_back(work, work.assignments.of(group_id), actor=actor, platform=platform)
    work.groups.remove(group_id)
    tell(work, EventType.GROUP_DELETED, group.path, group, actor=actor, platform=platform)


def affected_by_group(work: UnitOfWork, group_id: GroupId) -> Affected:
    """Whose standing the group's end would change, and where."""
    return [
        (user_id, held.scope)
        for held in work.assignments.of(group_id)
        for user_id in work.groups.member_ids(group_id)
    ]


def group_of(work: UnitOfWork, group_id: GroupId, org_id: OrganizationId | None) -> Group:
    """Raises: NotFound, in the same words whether it is elsewhere or nowhere (R1.4)."""
    try:
        group = work.groups.get(group_id)
    except NotFound:
        raise no_such_group(group_id) from None
    if org_id not in (None, group.org_id):
        raise no_such_group(group_id)
    return group


def _standing_above(
    work: UnitOfWork, group: Group, actor: PrincipalId, platform: Platform
) -> Standing | None:
    (standing,) = work.access.standings([(actor, Scope.of(group.org_id))], platform.now())
    return standing


def hold_group(
    work: UnitOfWork,
    group_id: GroupId,
    org_id: OrganizationId | None,
    actor: PrincipalId,
    platform: Platform,
) -> Group:
    """The group, this unit of work's to change, once the actor may manage access in its
    organization. Raises: NotFound, Forbidden."""
    group = _managed_group(work, group_id, org_id, actor, platform)  # who may not waits for nobody
    work.access.hold(Scope.of(group.org_id))
    return _managed_group(work, group_id, org_id, actor, platform)


def _managed_group(
    work: UnitOfWork,
    group_id: GroupId,
    org_id: OrganizationId | None,
    actor: PrincipalId,
    platform: Platform,
) -> Group:
    """Raises: NotFound, Forbidden."""
    group = group_of(work, group_id, org_id)
    standing = _standing_above(work, group, actor, platform)
    if standing is None or not standing.may(Action.READ):
        raise no_such_group(group_id)
    standing.require(Action.MANAGE_ACCESS)
    return group


def no_such_group(group_id: GroupId) -> NotFound:
    return NotFound(f"There is no group {group_id}, or you may not see it.")
