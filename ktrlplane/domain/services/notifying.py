"""Who is told of what: what the worker makes of notable events."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from attrs import define, field, frozen

from ktrlplane.domain.access import GLOBAL, Action, Permission, Scope, ScopeType
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import Event, EventType
from ktrlplane.domain.ids import (
    GroupId,
    OrganizationId,
    PrincipalId,
    ProjectId,
    ResourceId,
    RoleId,
)
from ktrlplane.domain.notifications import MAX_TOLD, Mailing, Notification, preference_for
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.webhooks import DisabledReason
from ktrlplane.ports.unit_of_work import UnitOfWork


def notify(work: UnitOfWork, *, limit: int, platform: Platform) -> int:
    """Tells people of some notable events. How many there were."""
    entries = work.notifications.take_notable(limit)
    known = _Known(work, platform)
    told = [one for entry in entries for one in _told(known, entry)]
    chosen = work.notifications.preferences({user_id for user_id, _, _ in told})
    now = platform.now()
    made: list[Notification] = []
    for user_id, news, event in told:
        preference = preference_for(event.type, chosen.get(user_id, ()))
        if preference.in_app or preference.email is not Mailing.OFF:
            made.append(
                Notification.about(
                    event,
                    user_id,
                    scope=news.scope,
                    title=news.title,
                    preference=preference,
                    now=now,
                )
            )
    work.notifications.add(made)
    return len(entries)


@frozen
class _News:
    """What is told, and to whom."""

    scope: Scope
    title: str
    to: Sequence[PrincipalId]


def _told(known: "_Known", entry: Entry) -> Iterable[tuple[PrincipalId, _News, Event]]:
    event = entry.event
    news: _News | None = None
    # What it is about may be gone by now, and then there is nobody to be told.
    with suppress(NotFound):
        news = _news(known, event)
    if news is None:
        return []
    people = dict.fromkeys(one for one in news.to if not one.is_service_account)
    others = [one for one in people if one.value != event.actor.id]
    return [(user_id, news, event) for user_id in others[:MAX_TOLD]]


def _news(known: "_Known", event: Event) -> _News | None:
    """Raises: NotFound."""
    data = event.data.value
    subject = data.get("subject")
    if subject is None:
        return None  # told by a release that told it in another way
    match event.type:
        case EventType.RESOURCE_STATUS_CHANGED:
            path = path_of(event)
            title = f'The resource "{subject["name"]}" has failed'
            return _News(path[-1], title, known.who_may(Action.WRITE, path))
        case EventType.ROLE_ASSIGNMENT_CREATED:
            scope = Scope.parse(subject["scope_type"], subject["scope_id"])
            role = known.role_name(RoleId(subject["role_id"]))
            title = f"You have the role {role} on {known.name(scope)}"
            return _News(scope, title, known.holders(subject))
        case EventType.GROUP_MEMBER_ADDED:
            group = known.work.groups.get(GroupId(subject["group_id"]))
            title = f'You are in the group "{group.name}"'
            return _News(Scope.of(group.org_id), title, [PrincipalId(subject["user_id"])])
        case EventType.WEBHOOK_DISABLED:
            path = path_of(event)
            why = _WHY_DISABLED[data["after"]["disabled_reason"]]
            title = f"The webhook to {subject['url']} is disabled: {why}"
            return _News(path[-1], title, known.who_may(Action.MANAGE_ACCESS, path))
        case _:
            return None


_WHY_DISABLED: Final = {
    DisabledReason.GONE: "its receiver says that it is gone",
    DisabledReason.FAILING: "nothing has arrived there for days",
}


def path_of(event: Event) -> tuple[Scope, ...]:
    """From the organization down to what it happened to."""
    ids = (event.org_id, event.project_id, event.resource_id)
    return tuple(Scope.of(one) for one in ids if one is not None)


@define
class _Known:
    """What is asked for each event, remembered while some of them are worked off."""

    work: UnitOfWork
    platform: Platform
    _who_may: dict[tuple[Action, tuple[Scope, ...]], Sequence[PrincipalId]] = field(factory=dict)

    def who_may(self, action: Action, path: tuple[Scope, ...]) -> Sequence[PrincipalId]:
        """Nearest first."""
        if (action, path) not in self._who_may:
            self._who_may[action, path] = self._find(Permission.control_plane(action), path)
        return self._who_may[action, path]

    def _find(self, wanted: Permission, path: tuple[Scope, ...]) -> Sequence[PrincipalId]:
        now = self.platform.now()
        held = [one for scope in reversed(path) for one in self.work.assignments.on(scope, now)]
        roles = {one.role_id: self.work.roles.find(one.role_id) for one in held}
        found: dict[PrincipalId, None] = {}
        for one in held:
            role = roles[one.role_id]
            if role is not None and any(each.covers(wanted) for each in role.permissions):
                found |= dict.fromkeys(self._people(one.user_id, one.group_id))
        return list(found)

    def holders(self, subject: dict[str, str]) -> Sequence[PrincipalId]:
        if subject["principal_type"] == "group":
            return self._people(None, GroupId(subject["principal_id"]))
        return [PrincipalId(subject["principal_id"])]

    def _people(
        self, user_id: PrincipalId | None, group_id: GroupId | None
    ) -> Sequence[PrincipalId]:
        if user_id is not None:
            return [user_id]
        assert group_id is not None, "a user or a group holds a role"
        return self.work.groups.member_ids(group_id)

    def role_name(self, role_id: RoleId) -> str:
        role = self.work.roles.find(role_id)
        if role is None:
            raise NotFound("The role is gone.")
        return role.display_name

    def name(self, scope: Scope) -> str:
        """Raises: NotFound."""
        if scope == GLOBAL:
            return "the whole platform"
        return f'the {scope.scope_type} "{self._name(scope)}"'

    def _name(self, scope: Scope) -> str:
        work, now = self.work, self.platform.now()
        if scope.scope_type is ScopeType.PROJECT:
            return work.projects.get(ProjectId(scope.scope_id)).name
        if scope.scope_type is ScopeType.RESOURCE:
            return work.resources.get(ResourceId(scope.scope_id)).name
        org_id = OrganizationId(scope.scope_id)
        organization, _ = work.organizations.with_standing(org_id, _NOBODY, now)
        return organization.name


_NOBODY: Final = PrincipalId("nobody")
"""Whose standing does not matter where only the thing itself is asked for."""
