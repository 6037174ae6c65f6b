from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from attrs import evolve

from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.sight import path_to, readable_scopes
from ktrlplane.adapters.memory.tables import Preferring, Tables
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import LetterId, NotificationId, PrincipalId
from ktrlplane.domain.notifications import Letter, Notification, Preference
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.ports.notifications import Notifications


class MemoryNotifications(Notifications):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.notifications
        self._letters = tables.letters

    def take_notable(self, limit: int) -> Sequence[Entry]:
        waiting = sorted(
            self._tables.notable.all(), key=lambda one: (one.event.occurred_at, one.event.event_id)
        )
        for entry in waiting[:limit]:
            self._tables.notable.drop(entry.event.event_id)
        return waiting[:limit]

    def add(self, notifications: Sequence[Notification]) -> None:
        for one in notifications:
            known = self._rows.where(user=one.user_id)
            if all(other.event_id != one.event_id for other in known):
                self._rows.put(one)

    def of(
        self, user_id: PrincipalId, at: datetime, page: PageRequest, *, unread: bool = False
    ) -> Page[Notification]:
        listed = [one for one in self._listed(user_id, at) if not unread or one.read_at is None]
        return by_time(listed, page, _place)

    def get(
        self, user_id: PrincipalId, notification_id: NotificationId, at: datetime
    ) -> Notification:
        for one in self._listed(user_id, at):
            if one.notification_id == notification_id:
                return one
        raise NotFound(f"There is no notification {notification_id}.")

    def read(self, notification: Notification, at: datetime) -> None:
        known = self._rows.find(notification.notification_id)
        if known is not None and known.read_at is None:
            self._rows.put(evolve(known, read_at=at))

    def read_all(self, user_id: PrincipalId, until: datetime, at: datetime) -> int:
        unread = [
            one
            for one in self._listed(user_id, at)
            if one.read_at is None and one.created_at <= until
        ]
        for one in unread:
            self._rows.put(evolve(one, read_at=at))
        return len(unread)

    def preferences(
        self, user_ids: Collection[PrincipalId]
    ) -> Mapping[PrincipalId, Sequence[Preference]]:
        rows = [self._tables.preferences.find(user_id) for user_id in user_ids]
        return {row.user_id: row.preferences for row in rows if row is not None}

    def prefer(self, user_id: PrincipalId, preferences: Sequence[Preference]) -> None:
        self._tables.preferences.drop(user_id)
        if preferences:
            ordered = sorted(preferences, key=lambda one: one.event_type)
            self._tables.preferences.put(Preferring(user_id, tuple(ordered)))

    def hold_letters(self) -> bool:
        return True  # a unit of work has everything to itself

    def unmailed(self, at: datetime, limit: int) -> Sequence[Notification]:
        unmailed = [
            (one.mail_due_at, one)
            for one in self._rows.all()
            if one.mail_due_at is not None and one.letter_id is None
        ]
        due = sorted(
            (due, one.notification_id, one.user_id, one.email)
            for due, one in unmailed
            if due <= at
        )
        theirs = {(user_id, email) for *_, user_id, email in due[:limit]}
        rows = [one for _, one in unmailed if (one.user_id, one.email) in theirs]
        return sorted(rows, key=lambda one: (one.user_id, one.email, *_place(one)))

    def letters_since(
        self, user_ids: Collection[PrincipalId], since: datetime
    ) -> Mapping[PrincipalId, int]:
        return {
            user_id: sum(1 for one in self._letters.where(user=user_id) if _is_new(one, since))
            for user_id in user_ids
        }

    def write(self, letter: Letter, notifications: Sequence[Notification]) -> None:
        self._letters.put(letter)
        self.replace([evolve(one, letter_id=letter.letter_id) for one in notifications])

    def replace(self, notifications: Sequence[Notification]) -> None:
        for one in notifications:
            self._rows.put(one)

    def take_letters(self, at: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        due = sorted(
            (one.due_at, one.letter_id, one)
            for one in self._letters.all()
            if one.due_at is not None and one.due_at <= at
        )
        taken = [evolve(one, due_at=until, attempts=one.attempts + 1) for *_, one in due[:limit]]
        for letter in taken:
            self._letters.put(letter)
        return taken

    def inside(self, letter_id: LetterId, at: datetime) -> Sequence[Notification]:
        letter = self._letters.find(letter_id)
        if letter is None:
            return []
        rows = self._readable(letter.user_id, self._rows.where(letter=letter_id), at)
        return sorted(rows, key=_place)

    def settle(self, seen: Letter, letter: Letter) -> None:
        if self._letters.find(seen.letter_id) == seen:
            self._letters.put(letter)

    def forget(self, before: datetime, limit: int) -> int:
        old = [one for one in self._rows.all() if one.created_at < before][:limit]
        for one in old:
            self._rows.drop(one.notification_id)
        empty = [
            letter
            for letter in self._letters.all()
            if letter.created_at < before and not self._rows.where(letter=letter.letter_id)
        ][:limit]
        for letter in empty:
            self._letters.drop(letter.letter_id)
        return len(old) + len(empty)

    def _listed(self, user_id: PrincipalId, at: datetime) -> Sequence[Notification]:
        rows = [one for one in self._rows.where(user=user_id) if one.in_app]
        return self._readable(user_id, rows, at)

    def _readable(
        self, user_id: PrincipalId, rows: Iterable[Notification], at: datetime
    ) -> Sequence[Notification]:
        held = readable_scopes(self._tables, user_id, at)
        paths = ((one, path_to(self._tables, one.scope)) for one in rows)
        return [one for one, path in paths if path is not None and not held.isdisjoint(path)]


def _place(notification: Notification) -> tuple[datetime, str]:
    return notification.created_at, notification.notification_id.value


def _is_new(letter: Letter, since: datetime) -> bool:
    return letter.due_at is not None or (letter.sent_at is not None and letter.sent_at >= since)
