"""What one user is told of what happened, as methods."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from ktrlplane.domain.ids import NotificationId
from ktrlplane.domain.notifications import Notification, Preference
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services import notifications
from ktrlplane.domain.services.notifications import Preferences
from ktrlplane.entrypoints.places import id_of
from ktrlplane.entrypoints.session_access import FIRST_PAGE, AccessSession


@frozen
class NotificationSession(AccessSession):
    def notifications(
        self, page: PageRequest = FIRST_PAGE, *, unread: bool = False
    ) -> Page[Notification]:
        return self._transact.read(
            lambda work: notifications.list_notifications(work, page, unread=unread, **self._by)
        )

    def read_notification(self, notification_id: NotificationId | str) -> Notification:
        wanted = id_of(NotificationId, notification_id)
        return self._transact(
            lambda work: notifications.read_notification(work, wanted, **self._by)
        )

    def read_notifications(self, *, until: datetime | None = None) -> int:
        """How many had not been read."""
        return self._transact(
            lambda work: notifications.read_notifications(work, until, **self._by)
        )

    def notification_preferences(self) -> Sequence[Preference]:
        read = notifications.read_preferences
        return self._transact.read(lambda work: read(work, **self._by)).preferences

    def set_notification_preferences(
        self, preferences: Sequence[Preference]
    ) -> Sequence[Preference]:
        """Instead of all that was chosen before."""
        wanted = Preferences(preferences=tuple(preferences))
        return self._transact(
            lambda work: notifications.set_preferences(work, wanted, **self._by)
        ).preferences
