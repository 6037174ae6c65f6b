"""Telling what has changed: every service that changes something does, in the same unit of
work (product.md R7.1)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import AttrsInstance

from ktrlplane.domain.access import Role, RoleAssignment, Scope
from ktrlplane.domain.events import Actor, Event, EventType
from ktrlplane.domain.groups import Group, GroupMember
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.limits import LimitOverride
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.snapshots import changes_of, snapshot
from ktrlplane.domain.users import ServiceAccount, User
from ktrlplane.domain.webhooks import Webhook
from ktrlplane.ports.unit_of_work import UnitOfWork

Teller = PrincipalId | Actor | None
"""Who did it: a principal, somebody that is none, or None for the platform itself."""


def tell(
    work: UnitOfWork,
    kind: EventType,
    path: Sequence[Scope],
    before: AttrsInstance | None = None,
    after: AttrsInstance | None = None,
    *,
    actor: Teller,
    platform: Platform,
) -> None:
    """That a thing was as ``before`` and is as ``after``; None is a thing that is not there.
    ``path`` runs from the organization down to what the event is about."""
    data = changes(before, after)
    tell_data(work, kind, path, data, actor=actor, platform=platform)


def changes(before: AttrsInstance | None, after: AttrsInstance | None) -> dict[str, Any]:
    """The data of an event: what has changed, and of which thing."""
    was, is_now = _told(before), _told(after)
    thing = before if after is None else after
    assert thing is not None, "an event is about something"
    return changes_of(was, is_now) | {"subject": subject_of(thing)}


def subject_of(thing: AttrsInstance) -> dict[str, Any]:
    """Which thing an event is about."""
    known = _told(thing)
    assert known is not None
    return {name: known[name] for name in SUBJECTS[type(thing)]}


def tell_data(
    work: UnitOfWork,
    kind: EventType,
    path: Sequence[Scope],
    data: Mapping[str, Any],
    *,
    actor: Teller,
    platform: Platform,
) -> None:
    """``data`` is JSON; nothing secret is in it."""
    work.events.add([event_of(kind, path, data, actor=actor, platform=platform)])


def event_of(
    kind: EventType,
    path: Sequence[Scope],
    data: Mapping[str, Any],
    *,
    actor: Teller,
    platform: Platform,
) -> Event:
    return Event.about(
        path,
        kind,
        actor=actor if isinstance(actor, Actor) else Actor.of(actor),
        at=platform.now(),
        request_id=platform.request_id,
        data=data,
    )


def tell_taken_back(
    work: UnitOfWork,
    assignments: Sequence[RoleAssignment],
    *,
    actor: Teller,
    platform: Platform,
) -> None:
    """Of each that is about to be taken back, wherever it is."""
    scopes = list(dict.fromkeys(one.scope for one in assignments))
    paths = dict(zip(scopes, paths_to(work, scopes, platform), strict=True))
    for one in assignments:
        kind = EventType.ROLE_ASSIGNMENT_DELETED
        tell(work, kind, paths[one.scope], one, actor=actor, platform=platform)


def path_to(work: UnitOfWork, scope: Scope, platform: Platform) -> Sequence[Scope]:
    """From the organization down; of what is not there any more, itself alone."""
    (path,) = paths_to(work, [scope], platform)
    return path


def paths_to(
    work: UnitOfWork, scopes: Sequence[Scope], platform: Platform
) -> Sequence[Sequence[Scope]]:
    if not scopes:
        return []
    asked = [(_NOBODY, scope) for scope in scopes]
    standings = work.access.standings(asked, platform.now())
    return [
        (scope,) if standing is None else standing.path
        for scope, standing in zip(scopes, standings, strict=True)
    ]


_NOBODY: Final = PrincipalId("nobody")
"""Whose standing is asked for where only the way to the scope matters."""
_SCOPE: Final = ("scope_type", "scope_id")
SUBJECTS: Final[Mapping[type, Sequence[str]]] = {
    Organization: ("org_id", "name"),
    Project: ("project_id", "name"),
    Resource: ("resource_id", "name", "type", "sku", "status"),
    LimitOverride: ("override_id", "type", "sku", "limit", *_SCOPE),
    RoleAssignment: ("assignment_id", "principal_type", "principal_id", "role_id", *_SCOPE),
    Invitation: ("invitation_id", "email", "role_id", *_SCOPE),
    Group: ("group_id", "name"),
    GroupMember: ("group_id", "user_id"),
    Role: ("role_id", "name"),
    ServiceAccount: ("user_id", "name"),
    User: ("user_id",),
    Webhook: ("webhook_id", "url", *_SCOPE),
}
"""What events tell of a thing beside its changes, so that everybody knows which it is."""

UNTOLD: Final = frozenset(
    {
        *("mail_due_at", "mail_attempts", "sent_at"),
        *("secret", "previous_secret", "failing_since"),
        "came_unpriced",
    }
)
"""What the platform remembers for itself."""


def _told(thing: AttrsInstance | None) -> dict[str, Any] | None:
    told = snapshot(thing, UNTOLD)
    if told is not None and isinstance(thing, RoleAssignment):
        told |= {"principal_type": thing.principal_type, "principal_id": told.pop("holder")}
    if told is not None and isinstance(thing, Webhook):
        told["url"] = thing.origin
    return told
