"""Notifications, as the domain keeps them."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ktrlplane.domain.chains import Entry
from ktrlplane.domain.ids import LetterId, NotificationId, PrincipalId
from ktrlplane.domain.notifications import Letter, Notification, Preference
from ktrlplane.domain.paging import Page, PageRequest


class Notifications(Protocol):
    """Notable events (see ``is_notable``) that are added to the log wait here until somebody
    takes them. Of notifications only those are shown whose scope their user may read then."""

    @abstractmethod
    def take_notable(self, limit: int) -> Sequence[Entry]:
        """Some that wait, the longest waiting first, and theirs no longer once this unit of
        work commits. Others who ask meanwhile are given other ones."""

    @abstractmethod
    def add(self, notifications: Sequence[Notification]) -> None:
        """Nothing where a user has one of the same event."""

    @abstractmethod
    def of(
        self, user_id: PrincipalId, at: datetime, page: PageRequest, *, unread: bool = False
    ) -> Page[Notification]:
        """Those in the application. Sorted by time, whichever sort is asked for."""

    @abstractmethod
    def get(
        self, user_id: PrincipalId, notification_id: NotificationId, at: datetime
    ) -> Notification:
        """One that is listed. Raises: NotFound, also for somebody else's."""

    @abstractmethod
    def read(self, notification: Notification, at: datetime) -> None:
        """It has been read at ``at``, unless it was before."""

    @abstractmethod
    def read_all(self, user_id: PrincipalId, until: datetime, at: datetime) -> int:
        """As ``read``, all that are listed for a user and came until then. How many had not
        been."""

    @abstractmethod
    def preferences(
        self, user_ids: Collection[PrincipalId]
    ) -> Mapping[PrincipalId, Sequence[Preference]]:
        """Of those who have any, by event type."""

    @abstractmethod
    def prefer(self, user_id: PrincipalId, preferences: Sequence[Preference]) -> None:
        """Instead of all from before."""

    @abstractmethod
    def hold_letters(self) -> bool:
        """Whether from now on, until this unit of work ends, nobody else puts notifications
        into letters; who is told no does not wait."""

    @abstractmethod
    def unmailed(self, at: datetime, limit: int) -> Sequence[Notification]:
        """Of the users whose mails are due for the longest, all that is to be mailed in the same
        way and in no letter, by user, way and time. ``limit`` is how many due ones are looked
        at to find those users."""

    @abstractmethod
    def letters_since(
        self, user_ids: Collection[PrincipalId], since: datetime
    ) -> Mapping[PrincipalId, int]:
        """How many letters each was sent from then on, or is still to be sent; those with none
        may be left out. What was never sent, since it said nothing any more, is none."""

    @abstractmethod
    def write(self, letter: Letter, notifications: Sequence[Notification]) -> None:
        """A letter with these in it."""

    @abstractmethod
    def replace(self, notifications: Sequence[Notification]) -> None: ...

    @abstractmethod
    def take_letters(self, at: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        """Those that are due, the longest due first, and theirs no longer: due again at
        ``until``, should whoever takes them not come to say how it went. Others who ask
        meanwhile are given other ones."""

    @abstractmethod
    def inside(self, letter_id: LetterId, at: datetime) -> Sequence[Notification]:
        """What a letter says: what its user may read, by time."""

    @abstractmethod
    def settle(self, seen: Letter, letter: Letter) -> None:
        """How sending ``seen`` went; nothing where somebody else has taken it since."""

    @abstractmethod
    def forget(self, before: datetime, limit: int) -> int:
        """Forgets some notifications that came before then, and letters with nothing in them.
        How many there were."""
