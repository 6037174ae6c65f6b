"""Who may do what where, as the domain keeps it. See stores.py for what all stores keep to.

Lists are sorted by time of creation, whatever the page asks for, unless they say otherwise.
"""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.access import Holder, PermissionEntry, Role, RoleAssignment, Scope
from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import AssignmentId, OrganizationId, PrincipalId, RoleId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.standings import Standing
from ktrlplane.domain.users import User


class Access(Protocol):
    @abstractmethod
    def standings(
        self, asked: Sequence[tuple[PrincipalId, Scope]], at: datetime
    ) -> Sequence[Standing | None]:
        """One for each question, in order, in one round trip; None where the scope is not
        there (never, for the global scope)."""

    @abstractmethod
    def hold(self, *scopes: Scope, patience_s: float | None = None) -> None:
        """Keeps the tenants of ``scopes`` to this unit of work until it ends: whatever else
        would change them waits (see UnitOfWork). A scope that is not there is passed over.

        Who waits is served in turn, for ``patience_s`` at most, or as long as a request may.
        With 0 nobody waits. With any other the unit of work waits no longer for anything else.

        Raises: TooBusy when others held on for too long.
        """

    @abstractmethod
    def hold_free(self, *tenants: Scope) -> Collection[Scope]:
        """Holds those that nobody else does, and waits for none; which these are. What a
        project was in may have changed meanwhile: see where it is now.

        ``tenants`` are organizations, or projects without one.
        """

    @abstractmethod
    def hold_address(self, email: str) -> None:
        """Keeps whatever concerns an e-mail address to this unit of work, like ``hold``. To
        be called after it, if both are."""


class Roles(Protocol):
    """The platform's own roles, and those of organizations."""

    @abstractmethod
    def system(self) -> Sequence[Role]:
        """The platform's own by display order, then name. Hidden ones too."""

    @abstractmethod
    def of(self, org_id: OrganizationId) -> Sequence[Role]:
        """An organization's own, by name, then id."""

    @abstractmethod
    def find(self, role_id: RoleId) -> Role | None:
        """Whosesoever it is."""

    @abstractmethod
    def named(self, id_or_name: str, org_id: OrganizationId | None = None) -> Role | None:
        """Among the platform's own and those of ``org_id``: by id, then by name, the
        platform's first."""

    @abstractmethod
    def add(self, role: Role) -> None:
        """Raises: AlreadyExists where its organization has one of this name, ASCII letters
        without regard to case."""

    @abstractmethod
    def replace(self, role: Role) -> None:
        """Raises: NotFound, AlreadyExists."""

    @abstractmethod
    def remove(self, role_id: RoleId) -> None:
        """One that nobody holds; invitations to it go too. Raises: NotFound."""

    @abstractmethod
    def remove_of(self, org_id: OrganizationId) -> None:
        """All of an organization, which nobody holds."""

    @abstractmethod
    def permissions(self) -> Sequence[PermissionEntry]:
        """By product, then action."""

    @abstractmethod
    def synchronize(
        self, roles: Collection[Role], permissions: Collection[PermissionEntry]
    ) -> bool:
        """Makes the system roles and the known permissions these; whether anything changed. A
        system role that is no longer among them stays while somebody holds it, and goes
        otherwise."""


@frozen(kw_only=True)
class AssignmentView:
    """An assignment with what a person wants to see beside it: its user or its group.

    ``scope_name`` is the name of the thing at the assignment's scope, ``*`` for global.
    """

    assignment: RoleAssignment
    user: User | None
    group: Group | None
    role: Role
    scope_name: str


class Assignments(Protocol):
    @abstractmethod
    def add(self, assignment: RoleAssignment) -> None:
        """One that has expired is replaced (R1.7). Raises: AlreadyExists for an unexpired one
        of the same holder, role and scope."""

    @abstractmethod
    def get(self, assignment_id: AssignmentId) -> AssignmentView:
        """Raises: NotFound."""

    @abstractmethod
    def replace(self, assignment: RoleAssignment) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def remove(self, assignment_id: AssignmentId) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def remove_below(self, scope: Scope) -> None:
        """Every assignment on ``scope`` and on what is in it (R1.8)."""

    @abstractmethod
    def remove_on(self, scopes: Sequence[Scope]) -> None:
        """Every assignment directly on one of these."""

    @abstractmethod
    def on(self, scope: Scope, at: datetime) -> Sequence[RoleAssignment]:
        """Unexpired ones directly on ``scope``, oldest first, then by id."""

    @abstractmethod
    def of(self, holder: Holder | None) -> Sequence[RoleAssignment]:
        """All of a holder's own (of everybody for None), expired ones too, oldest first, then
        by id."""

    @abstractmethod
    def with_role(self, role_id: RoleId) -> Sequence[RoleAssignment]:
        """All that give a role, expired ones too, oldest first, then by id."""

    @abstractmethod
    def of_below(self, holder: Holder, scope: Scope) -> Sequence[RoleAssignment]:
        """A holder's own on ``scope`` and on what is in it, expired ones too, oldest first,
        then by id."""

    @abstractmethod
    def lent_below(self, scope: Scope) -> Sequence[RoleAssignment]:
        """Those on ``scope`` and on what is in it that an organization lends: held by a group
        or giving a custom role. Expired ones too, oldest first, then by id."""

    @abstractmethod
    def view(self, path: Sequence[Scope], at: datetime, page: PageRequest) -> Page[AssignmentView]:
        """Unexpired ones on any scope of ``path``."""

    @abstractmethod
    def reach(
        self,
        user_id: PrincipalId,
        at: datetime,
        page: PageRequest,
        *,
        manager: PrincipalId | None = None,
    ) -> Page[AssignmentView]:
        """Unexpired ones that a user holds, themselves or by a group; with ``manager`` only
        those at scopes where ``manager`` has ``manage_access``."""
