"""What people do with their notifications, and mailing them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from attrs import evolve, frozen

from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.events import is_a_pattern
from ktrlplane.domain.ids import LetterId, NotificationId, PrincipalId
from ktrlplane.domain.notifications import (
    KEPT_FOR,
    LETTERS_COUNTED_FOR,
    MAX_LETTERS,
    MAX_PREFERENCES,
    Letter,
    Mailing,
    Notification,
    Preference,
    preference_for,
)
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.users import User
from ktrlplane.ports.unit_of_work import UnitOfWork

LOOKED_AT: Final = 500
"""Due notifications that one unit of work looks at to put them into letters."""


def list_notifications(
    work: UnitOfWork,
    page: PageRequest,
    *,
    unread: bool = False,
    actor: PrincipalId,
    platform: Platform,
) -> Page[Notification]:
    """One's own, of what one may read now."""
    return work.notifications.of(actor, platform.now(), page, unread=unread)


def read_notification(
    work: UnitOfWork, notification_id: NotificationId, *, actor: PrincipalId, platform: Platform
) -> Notification:
    """From now on it has been read. Raises: NotFound."""
    now = platform.now()
    work.notifications.read(work.notifications.get(actor, notification_id, now), now)
    return work.notifications.get(actor, notification_id, now)


def read_notifications(
    work: UnitOfWork,
    until: datetime | None = None,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> int:
    """All that came until then, or until now. How many had not been read."""
    now = platform.now()
    return work.notifications.read_all(actor, min(until or now, now), now)


@frozen(kw_only=True)
class Preferences:
    """What somebody has chosen; for what no pattern matches the defaults hold."""

    preferences: tuple[Preference, ...]


def read_preferences(work: UnitOfWork, *, actor: PrincipalId, platform: Platform) -> Preferences:
    chosen = work.notifications.preferences([actor])
    return Preferences(preferences=tuple(chosen.get(actor, ())))


def set_preferences(
    work: UnitOfWork,
    wanted: Preferences,
    *,
    as_seen: Expectation[Preferences] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Preferences:
    """Instead of all that was chosen before. Raises: ValidationFailed, PreconditionFailed."""
    faults = list(_faults(wanted.preferences))
    if faults:
        raise ValidationFailed(faults)
    expect(read_preferences(work, actor=actor, platform=platform), as_seen)
    work.notifications.prefer(actor, wanted.preferences)
    return read_preferences(work, actor=actor, platform=platform)


def _faults(wanted: Sequence[Preference]) -> Iterator[Fault]:
    if len(wanted) > MAX_PREFERENCES:
        detail = f"There are at most {MAX_PREFERENCES} of them; name more with patterns."
        yield Fault("/preferences", "too_many", detail)
    seen: set[str] = set()
    for number, one in enumerate(wanted):
        place = f"/preferences/{number}/event_type"
        if not is_a_pattern(one.event_type):
            detail = "A type of events is written as resource.created, resource.* or *."
            yield Fault(place, "pattern", detail)
        elif one.event_type in seen:
            yield Fault(place, "duplicate", f"{one.event_type} is there twice; leave one out.")
        seen.add(one.event_type)


# -- mail ------------------------------------------------------------------------------------


def write_letters(work: UnitOfWork, *, platform: Platform) -> int:
    """Puts what is to be mailed by now into letters: all of one person into one, and what would
    be too many letters into the digest. How many notifications there were."""
    if not work.notifications.hold_letters():
        return 0
    now = platform.now()
    waiting = work.notifications.unmailed(now, LOOKED_AT)
    users = {one.user_id for one in waiting}
    written = work.notifications.letters_since(users, now - LETTERS_COUNTED_FOR)
    for (user_id, email), some in groupby(waiting, key=lambda one: (one.user_id, one.email)):
        inside = list(some)
        if email is Mailing.IMMEDIATE and written.get(user_id, 0) >= MAX_LETTERS:
            work.notifications.replace([one.for_the_digest(now) for one in inside])
        else:
            letter = Letter(
                letter_id=LetterId.new(now),
                user_id=user_id,
                email=email,
                created_at=now,
                due_at=now,
            )
            work.notifications.write(letter, inside)
    return len(waiting)


@frozen(kw_only=True)
class DueLetter:
    letter: Letter
    user: User
    notifications: Sequence[Notification]


def due_letters(
    work: UnitOfWork, *, lease: timedelta, limit: int, platform: Platform
) -> Sequence[DueLetter]:
    """Letters to be sent now, by whoever asks, until the lease ends, without what has been read
    meanwhile or is no longer wanted by mail. What says nothing any more, or has no address that
    the identity provider vouches for, is not sent."""
    now = platform.now()
    letters = work.notifications.take_letters(now, now + lease, limit)
    chosen = work.notifications.preferences({letter.user_id for letter in letters})
    due: list[DueLetter] = []
    for letter in letters:
        user = work.users.find(letter.user_id)
        wanted = chosen.get(letter.user_id, ())
        inside = [
            one
            for one in work.notifications.inside(letter.letter_id, now)
            if one.read_at is None
            and preference_for(one.event_type, wanted).email is not Mailing.OFF
        ]
        if user is None or user.email is None or not user.email_verified or not inside:
            settle_letter(work, letter, platform=platform)
        else:
            due.append(DueLetter(letter=letter, user=user, notifications=inside))
    return due


def settle_letter(
    work: UnitOfWork,
    seen: Letter,
    *,
    sent_at: datetime | None = None,
    again_at: datetime | None = None,
    platform: Platform,
) -> None:
    """The letter as it was ``seen`` has gone out, is to be tried again, or never will be."""
    work.notifications.settle(seen, evolve(seen, due_at=again_at, sent_at=sent_at))


def forget_notifications(work: UnitOfWork, *, limit: int, platform: Platform) -> int:
    """Some of those that are old. How many."""
    return work.notifications.forget(platform.now() - KEPT_FOR, limit)
