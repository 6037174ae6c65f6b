"""Groups, as the domain keeps them. See access.py for what these stores keep to."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.groups import Group, GroupMember
from ktrlplane.domain.ids import GroupId, OrganizationId, PrincipalId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.users import User


@frozen(kw_only=True)
class MemberView:
    member: GroupMember
    user: User


class Groups(Protocol):
    @abstractmethod
    def add(self, group: Group) -> None:
        """Raises: AlreadyExists where the organization has one of this name, ASCII letters
        without regard to case."""

    @abstractmethod
    def get(self, group_id: GroupId) -> Group:
        """Raises: NotFound."""

    @abstractmethod
    def replace(self, group: Group) -> None:
        """Raises: NotFound, AlreadyExists."""

    @abstractmethod
    def remove(self, group_id: GroupId) -> None:
        """With its members and assignments. Raises: NotFound."""

    @abstractmethod
    def remove_of(self, org_id: OrganizationId) -> None:
        """All of an organization, as ``remove`` does."""

    @abstractmethod
    def of(
        self, org_id: OrganizationId, page: PageRequest, *, text: str | None = None
    ) -> Page[Group]:
        """Sorted as the page asks. ``text`` must be in the name or the id, ASCII letters
        without regard to case."""

    @abstractmethod
    def count(self, org_id: OrganizationId) -> int: ...

    @abstractmethod
    def put_member(self, member: GroupMember) -> bool:
        """Whether it is new; who is a member stays as they are."""

    @abstractmethod
    def remove_member(self, group_id: GroupId, user_id: PrincipalId) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def member(self, group_id: GroupId, user_id: PrincipalId) -> MemberView:
        """Raises: NotFound."""

    @abstractmethod
    def members(self, group_id: GroupId, page: PageRequest) -> Page[MemberView]:
        """Sorted by when they were added."""

    @abstractmethod
    def member_ids(self, group_id: GroupId) -> Sequence[PrincipalId]:
        """All of them, in order."""

    @abstractmethod
    def leave(self, user_id: PrincipalId, org_id: OrganizationId) -> None:
        """Takes a user out of every group of an organization."""
