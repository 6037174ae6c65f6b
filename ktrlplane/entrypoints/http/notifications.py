"""Notifications over HTTP: everybody's own."""

from datetime import datetime
from typing import Final

import attrs
from attrs import frozen

from ktrlplane.domain import errors
from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.events import unknown_among
from ktrlplane.domain.ids import EventId, NotificationId
from ktrlplane.domain.notifications import DEFAULTS, Notification, Preference
from ktrlplane.domain.services import notifications as service
from ktrlplane.domain.services.notifications import Preferences
from ktrlplane.domain.services.platform import Expectation
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply, signed_in
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters, said
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class NotificationParameters(PageParameters):
    """Newest first."""

    unread: bool = attrs.field(
        default=False, metadata=said("Only those that have not been read yet.")
    )


@frozen(kw_only=True)
class ShownNotification:
    """What happened, in a sentence. ``read_at`` is null as long as it has not been read."""

    notification_id: NotificationId
    event_id: EventId
    event_type: str
    scope_type: ScopeType
    scope_id: str
    title: str
    created_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, one: Notification) -> "ShownNotification":
        return cls(
            notification_id=one.notification_id,
            event_id=one.event_id,
            event_type=one.event_type,
            scope_type=one.scope.scope_type,
            scope_id=one.scope.scope_id,
            title=one.title,
            created_at=one.created_at,
            read_at=one.read_at,
        )


@frozen(kw_only=True)
class ReadNotifications:
    """Those that came until then; all of them where it is left out."""

    until: datetime | None = None


@frozen(kw_only=True)
class ReadCount:
    """How many had not been read before."""

    read: int


@frozen(kw_only=True)
class ShownPreferences:
    """Of several patterns that an event's type matches, the one that says most counts, and what
    somebody has chosen before any of the ``defaults``. ``unknown_event_types`` are those chosen
    that match no type of event there is so far."""

    preferences: tuple[Preference, ...]
    unknown_event_types: tuple[str, ...]
    defaults: tuple[Preference, ...]

    @classmethod
    def of(cls, chosen: Preferences) -> "ShownPreferences":
        patterns = [one.event_type for one in chosen.preferences]
        return cls(
            preferences=chosen.preferences,
            unknown_event_types=tuple(unknown_among(patterns)),
            defaults=tuple(DEFAULTS),
        )


def listed(work: UnitOfWork, call: Call) -> Reply:
    query: NotificationParameters = call.query
    page = query.page()
    found = service.list_notifications(work, page, unread=query.unread, **call.asked)
    return paged(call, found, page, [ShownNotification.of(one) for one in found.items])


def read(work: UnitOfWork, call: Call) -> Reply:
    wanted = call.identity("notification_id", NotificationId)
    return Reply(
        content=ShownNotification.of(service.read_notification(work, wanted, **call.asked))
    )


def read_all(work: UnitOfWork, call: Call) -> Reply:
    until = call.body.until
    if until is not None and until.utcoffset() is None:
        detail = "A time needs its zone; give it in UTC."
        raise ValidationFailed([Fault("/until", "time", detail)])
    return Reply(content=ReadCount(read=service.read_notifications(work, until, **call.asked)))


def preferences(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=ShownPreferences.of(service.read_preferences(work, **call.asked)))


def prefer(work: UnitOfWork, call: Call) -> Reply:
    chosen = service.set_preferences(work, call.body, as_seen=_as_seen(call), **call.asked)
    return Reply(content=ShownPreferences.of(chosen))


def _as_seen(call: Call) -> Expectation[Preferences] | None:
    as_seen = call.as_seen
    return None if as_seen is None else lambda one: as_seen(ShownPreferences.of(one))


_TAG: Final = "Notifications"
_OWN: Final = signed_in("one's own; what one may no longer read is not shown")
_PREFERENCES: Final = "/notifications/preferences"

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/notifications",
        name="listNotifications",
        summary="List what one is told of",
        tag=_TAG,
        handle=listed,
        needs=_OWN,
        query=NotificationParameters,
        answer=ShownNotification,
        listed=True,
    ),
    Operation(
        method="POST",
        path="/notifications/read",
        name="readNotifications",
        summary="Say that all have been read, or all that came until a time",
        tag=_TAG,
        handle=read_all,
        needs=_OWN,
        body=ReadNotifications,
        answer=ReadCount,
        untagged_answer=True,
    ),
    Operation(
        method="POST",
        path="/notifications/{notification_id}/read",
        name="readNotification",
        summary="Say that one has been read",
        tag=_TAG,
        handle=read,
        needs=_OWN,
        answer=ShownNotification,
        tagged=True,
        refusals=(errors.NotFound,),
    ),
    Operation(
        method="GET",
        path=_PREFERENCES,
        name="getPreferences",
        summary="Read what one wants to be told of, and how",
        tag=_TAG,
        handle=preferences,
        needs=signed_in("one's own"),
        answer=ShownPreferences,
        tagged=True,
    ),
    Operation(
        method="PUT",
        path=_PREFERENCES,
        name="setPreferences",
        summary="Choose what one wants to be told of, and how",
        tag=_TAG,
        handle=prefer,
        needs=signed_in("one's own"),
        body=Preferences,
        answer=ShownPreferences,
        tagged=True,
    ),
)
