from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import evolve

from ktrlplane.adapters.postgres import notification_queries as queries
from ktrlplane.adapters.postgres.event_lists import entries_among
from ktrlplane.adapters.postgres.session import Session, batched
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import EventId, LetterId, NotificationId, PrincipalId
from ktrlplane.domain.notifications import Letter, Mailing, Notification, Preference
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.ports.notifications import Notifications


class PostgresNotifications(Notifications):
    def __init__(self, session: Session) -> None:
        self._session = session

    def take_notable(self, limit: int) -> Sequence[Entry]:
        taken = self._session.change_returning(_event_id, queries.TAKE_NOTABLE, {"limit": limit})
        entries = entries_among(self._session, taken).values()
        return sorted(entries, key=lambda one: (one.event.occurred_at, one.event.event_id))

    def add(self, notifications: Sequence[Notification]) -> None:
        for some in batched(notifications):
            self._session.change(queries.ADD, _columns(some))

    def of(
        self, user_id: PrincipalId, at: datetime, page: PageRequest, *, unread: bool = False
    ) -> Page[Notification]:
        values = {"principal": user_id, "at": at, "unread": True if unread else None}
        by_time = evolve(page, sort=page.sort.by_time)
        return queries.OF.page(self._session, _notification, by_time, _place, values)

    def get(
        self, user_id: PrincipalId, notification_id: NotificationId, at: datetime
    ) -> Notification:
        values = {"principal": user_id, "notification_id": notification_id, "at": at}
        found = self._session.one(_notification, queries.GET, values)
        if found is None:
            raise NotFound(f"There is no notification {notification_id}.")
        return found

    def read(self, notification: Notification, at: datetime) -> None:
        values = {"notification_id": notification.notification_id, "at": at}
        self._session.change(queries.READ, values)

    def read_all(self, user_id: PrincipalId, until: datetime, at: datetime) -> int:
        values = {"principal": user_id, "until": until, "at": at}
        return self._session.change(queries.READ_ALL, values)

    def preferences(
        self, user_ids: Collection[PrincipalId]
    ) -> Mapping[PrincipalId, Sequence[Preference]]:
        values = {"user_ids": _texts(user_ids)}
        found: dict[PrincipalId, list[Preference]] = {}
        for user_id, preference in self._session.all(_preference, queries.PREFERENCES, values):
            found.setdefault(user_id, []).append(preference)
        return found

    def prefer(self, user_id: PrincipalId, preferences: Sequence[Preference]) -> None:
        values = {
            "user_id": user_id,
            "event_types": [one.event_type for one in preferences],
            "in_app": [one.in_app for one in preferences],
            "emails": [one.email.value for one in preferences],
        }
        self._session.change(queries.PREFER, values)

    def hold_letters(self) -> bool:
        (held,) = self._session.change_returning(_held, queries.HOLD_LETTERS, {})
        return held

    def unmailed(self, at: datetime, limit: int) -> Sequence[Notification]:
        values = {"at": at, "limit": limit}
        return self._session.all(_notification, queries.UNMAILED, values)

    def letters_since(
        self, user_ids: Collection[PrincipalId], since: datetime
    ) -> Mapping[PrincipalId, int]:
        values = {"user_ids": _texts(user_ids), "since": since}
        return dict(self._session.all(_counted, queries.LETTERS_SINCE, values))

    def write(self, letter: Letter, notifications: Sequence[Notification]) -> None:
        self._session.change(queries.WRITE, _letter_values(letter))
        self.replace([evolve(one, letter_id=letter.letter_id) for one in notifications])

    def replace(self, notifications: Sequence[Notification]) -> None:
        for some in batched(notifications):
            self._session.change(queries.REPLACE, _columns(some))

    def take_letters(self, at: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        values = {"at": at, "until": until, "limit": limit}
        return self._session.change_returning(_letter, queries.TAKE_LETTERS, values)

    def inside(self, letter_id: LetterId, at: datetime) -> Sequence[Notification]:
        user_id = self._session.one(_user_id, queries.USER_OF, {"letter_id": letter_id})
        if user_id is None:
            return []
        values = {"principal": user_id, "letter_id": letter_id, "at": at}
        return self._session.all(_notification, queries.INSIDE, values)

    def settle(self, seen: Letter, letter: Letter) -> None:
        values = {**_letter_values(letter), "seen_due_at": seen.due_at, "attempts": seen.attempts}
        self._session.change(queries.SETTLE, values)

    def forget(self, before: datetime, limit: int) -> int:
        values = {"before": before, "limit": limit}
        forgetting = (queries.FORGET, queries.FORGET_LETTERS)
        return sum(self._session.change(query, values) for query in forgetting)


def _texts(user_ids: Collection[PrincipalId]) -> list[str]:
    return [one.value for one in user_ids]


def _event_id(event_id: str) -> EventId:
    return EventId(event_id)


def _user_id(user_id: str) -> PrincipalId:
    return PrincipalId(user_id)


def _held(held: bool) -> bool:  # noqa: FBT001 - a column
    return held


def _counted(user_id: str, count: int) -> tuple[PrincipalId, int]:
    return PrincipalId(user_id), count


def _preference(user_id: str, email: str, **columns: Any) -> tuple[PrincipalId, Preference]:
    return PrincipalId(user_id), Preference(email=Mailing(email), **columns)


def _notification(
    *,
    notification_id: str,
    user_id: str,
    event_id: str,
    scope_type: str,
    scope_id: str,
    email: str,
    letter_id: str | None,
    **columns: Any,
) -> Notification:
    return Notification(
        notification_id=NotificationId(notification_id),
        user_id=PrincipalId(user_id),
        event_id=EventId(event_id),
        scope=Scope(ScopeType(scope_type), scope_id),
        email=Mailing(email),
        letter_id=None if letter_id is None else LetterId(letter_id),
        **columns,
    )


def _letter(letter_id: str, user_id: str, email: str, **columns: Any) -> Letter:
    return Letter(
        letter_id=LetterId(letter_id),
        user_id=PrincipalId(user_id),
        email=Mailing(email),
        **columns,
    )


def _place(notification: Notification) -> Cursor:
    return Cursor(time_key(notification.created_at), notification.notification_id.value)


def _columns(notifications: Sequence[Notification]) -> Mapping[str, object]:
    return {
        "notification_id": [one.notification_id.value for one in notifications],
        "user_id": [one.user_id.value for one in notifications],
        "event_id": [one.event_id.value for one in notifications],
        "event_type": [str(one.event_type) for one in notifications],
        "scope_type": [one.scope.scope_type.value for one in notifications],
        "scope_id": [one.scope.scope_id for one in notifications],
        "title": [one.title for one in notifications],
        "created_at": [one.created_at for one in notifications],
        "read_at": [one.read_at for one in notifications],
        "in_app": [one.in_app for one in notifications],
        "email": [one.email.value for one in notifications],
        "mail_due_at": [one.mail_due_at for one in notifications],
        "letter_id": [
            None if one.letter_id is None else one.letter_id.value for one in notifications
        ],
    }


def _letter_values(letter: Letter) -> Mapping[str, object]:
    return {
        "letter_id": letter.letter_id,
        "user_id": letter.user_id,
        "email": letter.email,
        "created_at": letter.created_at,
        "due_at": letter.due_at,
        "attempts": letter.attempts,
        "sent_at": letter.sent_at,
    }
