"""Invitations, as the domain keeps them. See access.py for what these stores keep to."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.access import Role, Scope
from ktrlplane.domain.ids import InvitationId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.users import User


@frozen(kw_only=True)
class InvitationView:
    """``scope_name`` is the name of the thing at the invitation's scope."""

    invitation: Invitation
    inviter: User
    role: Role
    scope_name: str


class Invitations(Protocol):
    @abstractmethod
    def add(self, invitation: Invitation) -> None:
        """One to the same address, role and scope that is no longer open is replaced.
        Raises: AlreadyExists for one that is."""

    @abstractmethod
    def get(self, invitation_id: InvitationId) -> InvitationView:
        """Raises: NotFound."""

    @abstractmethod
    def replace(self, invitation: Invitation) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def remove(self, invitation_id: InvitationId) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def remove_below(self, scope: Scope) -> None:
        """Every one to ``scope`` and to what is in it (R1.8)."""

    @abstractmethod
    def remove_on(self, scopes: Sequence[Scope]) -> None:
        """Every invitation directly to one of these."""

    @abstractmethod
    def remove_lent_below(self, scope: Scope) -> None:
        """Those to ``scope`` and to what is in it that would give a custom role."""

    @abstractmethod
    def of(self, scope: Scope, page: PageRequest) -> Page[InvitationView]:
        """Directly to ``scope``, those no longer open too."""

    @abstractmethod
    def to(self, email: str) -> Sequence[Invitation]:
        """To an address, ASCII letters without regard to case, oldest first, then by id."""

    @abstractmethod
    def take_mail(self, at: datetime, until: datetime, limit: int) -> Sequence[InvitationView]:
        """Open ones whose mail is due at ``at``, the longest due first, and theirs no longer:
        it is due again at ``until``, should whoever takes them not come to say how it went.
        Others who ask meanwhile are given other ones."""
