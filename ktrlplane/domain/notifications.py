"""Notifications: what one person is told of what happened, in the application and by mail."""

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Self

from attrs import evolve, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.events import Event, EventType, patterns_for
from ktrlplane.domain.ids import EventId, LetterId, NotificationId, PrincipalId
from ktrlplane.domain.lifecycle import Status

MAX_PREFERENCES: Final = 50
GROUPED_FOR: Final = timedelta(minutes=1)
"""What happens so soon after the first thing that is to be mailed goes into the same mail."""
MAX_LETTERS: Final = 10
"""Mails that a person gets within ``LETTERS_COUNTED_FOR``; what is more waits for the digest.
Those that no server has taken yet count too: they may all be taken at once."""
LETTERS_COUNTED_FOR: Final = timedelta(hours=1)
DIGEST_HOUR: Final = 7
"""When the daily mail goes out, UTC."""
KEPT_FOR: Final = timedelta(days=90)
MAX_TOLD: Final = 500
"""People who are told of one event."""

NOTABLE: Final = frozenset(
    {
        EventType.RESOURCE_STATUS_CHANGED,
        EventType.ROLE_ASSIGNMENT_CREATED,
        EventType.GROUP_MEMBER_ADDED,
        EventType.WEBHOOK_DISABLED,
        EventType.BILLING_PAYMENT_FAILED,
        EventType.BILLING_SUSPENDED,
    }
)
"""Types of events that somebody may be to be told of."""


def is_notable(event: Event) -> bool:
    """Of changes of status, that a resource has failed is."""
    if event.type is EventType.RESOURCE_STATUS_CHANGED:
        after = event.data.value["after"] or {}
        return bool(after.get("status") == Status.FAILED)
    return event.type in NOTABLE


class Mailing(enum.StrEnum):
    """By mail at once, once a day with all else, or not."""

    IMMEDIATE = "immediate"
    DAILY = "daily"
    OFF = "off"


@frozen(kw_only=True)
class Preference:
    """How somebody wants to be told of events. ``event_type`` is a pattern (see
    ``is_a_pattern``)."""

    event_type: str
    in_app: bool = True
    email: Mailing = Mailing.OFF


DEFAULTS: Final[Sequence[Preference]] = (
    Preference(event_type="*"),
    Preference(event_type="resource.status_changed", email=Mailing.IMMEDIATE),
    Preference(event_type="role_assignment.created", email=Mailing.IMMEDIATE),
    Preference(event_type="group_member.added", email=Mailing.IMMEDIATE),
    Preference(event_type="webhook.disabled", email=Mailing.IMMEDIATE),
    Preference(event_type="billing.payment_failed", email=Mailing.IMMEDIATE),
    Preference(event_type="billing.suspended", email=Mailing.IMMEDIATE),
)
"""For who has not said otherwise."""


def preference_for(kind: str, chosen: Iterable[Preference]) -> Preference:
    """What somebody has ``chosen`` comes before the defaults, and of each the pattern that says
    more before one that says less."""
    for preferences in (chosen, DEFAULTS):
        known = {one.event_type: one for one in preferences}
        for pattern in reversed(patterns_for(kind)):
            if pattern in known:
                return known[pattern]
    raise AssertionError("the defaults are for all")


@frozen(kw_only=True)
class Notification:
    """To a user, about what happened at ``scope``. It is listed where it is ``in_app``. A mail
    with it is due at ``mail_due_at``, unless that is None; ``letter_id`` is the mail that it is
    in."""

    notification_id: NotificationId
    user_id: PrincipalId
    event_id: EventId
    event_type: str
    scope: Scope
    title: str
    created_at: datetime
    read_at: datetime | None = None
    in_app: bool = True
    email: Mailing = Mailing.OFF
    mail_due_at: datetime | None = None
    letter_id: LetterId | None = None

    @classmethod
    def about(
        cls,
        event: Event,
        user_id: PrincipalId,
        *,
        scope: Scope,
        title: str,
        preference: Preference,
        now: datetime,
    ) -> Self:
        return cls(
            notification_id=NotificationId.new(now),
            user_id=user_id,
            event_id=event.event_id,
            event_type=event.type,
            scope=scope,
            title=title,
            created_at=now,
            in_app=preference.in_app,
            email=preference.email,
            mail_due_at=mail_due_at(preference.email, now),
        )

    def for_the_digest(self, now: datetime) -> Self:
        return evolve(self, email=Mailing.DAILY, mail_due_at=mail_due_at(Mailing.DAILY, now))


def mail_due_at(email: Mailing, now: datetime) -> datetime | None:
    if email is Mailing.OFF:
        return None
    return now + GROUPED_FOR if email is Mailing.IMMEDIATE else next_digest(now)


def next_digest(now: datetime) -> datetime:
    """The first after ``now``, which is in UTC."""
    today = now.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return today if now < today else today + timedelta(days=1)


@frozen(kw_only=True)
class Letter:
    """A mail with notifications. It is to be sent at ``due_at``, unless that is None: then it
    has been, or will never be."""

    letter_id: LetterId
    user_id: PrincipalId
    email: Mailing
    created_at: datetime
    due_at: datetime | None
    attempts: int = 0
    sent_at: datetime | None = None
