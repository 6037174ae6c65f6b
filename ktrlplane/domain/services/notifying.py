"""Who is told of what: what the worker makes of notable events."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from attrs import define, field, frozen

from ktrlplane.domain.access import GLOBAL, Action, Permission, RoleAssignment, Scope
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import Event, EventType
from ktrlplane.domain.ids import AssignmentId, GroupId, PrincipalId
from ktrlplane.domain.notifications import MAX_TOLD, Mailing, Notification, preference_for
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.webhooks import DisabledReason
from ktrlplane.ports.access import AssignmentView
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
    # What it is about may be gone or taken back by now, and then there is nobody to be told.
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
    match event.type:
        case _ if subject is None:
            pass  # told by a release that told it in another way
        case EventType.RESOURCE_STATUS_CHANGED:
            path = path_of(event)
            title = f'The resource "{subject["name"]}" has failed'
            return _News(path[-1], title, known.who_may(Action.WRITE, path))
        case EventType.ROLE_ASSIGNMENT_CREATED:
            view = known.granted(AssignmentId(subject["assignment_id"]))
            held = view.assignment
            title = f"You have the role {view.role.display_name} on {_named(view)}"
            return _News(held.scope, title, known.people(held))
        case EventType.GROUP_MEMBER_ADDED:
            group = known.work.groups.get(GroupId(subject["group_id"]))
            user_id = PrincipalId(subject["user_id"])
            known.work.groups.member(group.group_id, user_id)
            title = f'You are in the group "{group.name}"'
            return _News(Scope.of(group.org_id), title, [user_id])
        case EventType.WEBHOOK_DISABLED:
            path = path_of(event)
            why = _WHY_DISABLED[data["after"]["disabled_reason"]]
            title = f"The webhook to {subject['url']} is disabled: {why}"
            return _News(path[-1], title, known.who_may(Action.MANAGE_ACCESS, path))
        case _ if event.type in _ABOUT_PAYING:
            return _about_paying(known, event, f"{subject['scope_type']} {subject['scope_id']}")
    return None


def _about_paying(known: "_Known", event: Event, payer: str) -> _News:
    path, title = path_of(event), _ABOUT_PAYING[event.type].format(payer)
    return _News(path[-1], title, known.who_may(Action.MANAGE_BILLING, path))


_ABOUT_PAYING: Final = {
    EventType.BILLING_PAYMENT_FAILED: (
        "A payment of {} did not go through. What it pays for runs on for a while; add a payment "
        "method that pays, or pay the open invoice"
    ),
    EventType.BILLING_SUSPENDED: (
        "What {} pays for is suspended, since it is not paid for: its billing says why"
    ),
}

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
                found |= dict.fromkeys(self.people(one))
        return list(found)

    def people(self, held: RoleAssignment) -> Sequence[PrincipalId]:
        if held.user_id is not None:
            return [held.user_id]
        assert held.group_id is not None, "a user or a group holds a role"
        return self.work.groups.member_ids(held.group_id)

    def granted(self, assignment_id: AssignmentId) -> AssignmentView:
        """Raises: NotFound, also where it has expired."""
        view = self.work.assignments.get(assignment_id)
        if not view.assignment.holds_at(self.platform.now()):
            raise NotFound("The role is no longer held.")
        return view


def _named(view: AssignmentView) -> str:
    scope = view.assignment.scope
    if scope == GLOBAL:
        return "the whole platform"
    return f'the {scope.scope_type} "{view.scope_name}"'
