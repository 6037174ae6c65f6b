"""Telling what has changed: every service that changes something does, in the same unit of
work (product.md R7.1)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import AttrsInstance

from ktrlplane.domain.access import RoleAssignment, Scope
from ktrlplane.domain.events import Actor, Event, EventType
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.snapshots import changes_of, snapshot
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
    data = changes_of(_told(before), _told(after))
    tell_data(work, kind, path, data, actor=actor, platform=platform)


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


def tell_assignments(
    work: UnitOfWork,
    kind: EventType,
    path: Sequence[Scope],
    assignments: Iterable[RoleAssignment],
    *,
    actor: Teller,
    platform: Platform,
) -> None:
    """Of each that was made or taken back."""
    is_new = kind is EventType.ROLE_ASSIGNMENT_CREATED
    for one in assignments:
        before, after = (None, one) if is_new else (one, None)
        tell(work, kind, path, before, after, actor=actor, platform=platform)


_UNTOLD: Final = frozenset({"mail_due_at", "mail_attempts", "sent_at"})
"""What the platform remembers for itself."""


def _told(thing: AttrsInstance | None) -> dict[str, Any] | None:
    told = snapshot(thing, _UNTOLD)
    if told is not None and isinstance(thing, RoleAssignment):
        told |= {"principal_type": thing.principal_type, "principal_id": told.pop("holder")}
    return told
