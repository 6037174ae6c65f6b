"""Who signs in, and the machines that organizations work with."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.users import ServiceAccount, User


class Users(Protocol):
    @abstractmethod
    def find(self, user_id: PrincipalId) -> User | None: ...

    @abstractmethod
    def with_email(self, email: str) -> Sequence[User]:
        """People (no service accounts) with this verified address, ASCII letters without
        regard to case, by id."""

    @abstractmethod
    def put(self, user: User) -> None:
        """Adds the user, or replaces one whose ``claims_at`` is not newer."""

    @abstractmethod
    def search(
        self, principal: PrincipalId, at: datetime, text: str, limit: int
    ) -> Sequence[User]:
        """People with ``text`` in name or address, ASCII letters without regard to case,
        among those who share an organization or project with ``principal`` (R1.11): both
        hold an unexpired assignment there, themselves or by a group, and ``principal`` may
        read it. Who holds one on an organization shares its projects; who holds one on a
        resource alone shares neither, and a global one shares nothing. By name as names
        sort, those without one last, then by id. ``text`` has no wildcards."""


class ServiceAccounts(Protocol):
    @abstractmethod
    def add(self, account: ServiceAccount) -> None:
        """Raises: AlreadyExists where the organization works with the client already."""

    @abstractmethod
    def get(self, org_id: OrganizationId, user_id: PrincipalId) -> ServiceAccount:
        """Raises: NotFound."""

    @abstractmethod
    def remove(self, org_id: OrganizationId, user_id: PrincipalId) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def of(self, org_id: OrganizationId, page: PageRequest) -> Page[ServiceAccount]:
        """Sorted by time of creation, whatever the page asks for."""

    @abstractmethod
    def remove_of(self, org_id: OrganizationId) -> None:
        """All of an organization."""
