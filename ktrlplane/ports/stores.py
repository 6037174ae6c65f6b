"""What the domain keeps. Every store belongs to a unit of work (see unit_of_work.py).

Lists that a principal reads are filtered inside the store, never after it, and hold only
what the principal may ``read`` at the moment ``at``.
"""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.access import PermissionEntry, Role, RoleAssignment, Scope, Standing
from ktrlplane.domain.ids import (
    AssignmentId,
    OrganizationId,
    PrincipalId,
    ProjectId,
    ResourceId,
)
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource, Status
from ktrlplane.domain.users import User


class Organizations(Protocol):
    """Tombstones are there for ``add``, which refuses their ids, and for nobody else."""

    @abstractmethod
    def add(self, organization: Organization) -> None:
        """Raises: AlreadyExists, also for an id that was used before."""

    @abstractmethod
    def with_standing(
        self, org_id: OrganizationId, principal: PrincipalId, at: datetime
    ) -> tuple[Organization, Standing]:
        """In one round trip. Raises: NotFound."""

    @abstractmethod
    def replace(self, organization: Organization) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, *, text: str | None = None
    ) -> Page[Organization]:
        """``text`` must be in the name or the id, ASCII letters without regard to case."""


@frozen(kw_only=True)
class ProjectFilter:
    """``text`` must be in the name or the id, ASCII letters without regard to case."""

    org_id: OrganizationId | None = None
    text: str | None = None


class Projects(Protocol):
    """Deleted projects stay as tombstones, readable by who has standing above them."""

    @abstractmethod
    def add(self, project: Project) -> None:
        """Raises: AlreadyExists, also for an id that was used before."""

    @abstractmethod
    def get(self, project_id: ProjectId) -> Project:
        """Raises: NotFound."""

    @abstractmethod
    def with_standing(
        self, project_id: ProjectId, principal: PrincipalId, at: datetime
    ) -> tuple[Project, Standing]:
        """In one round trip. Raises: NotFound."""

    @abstractmethod
    def replace(self, project: Project) -> None:
        """A new ``org_id`` also goes to its resources. Raises: NotFound."""

    @abstractmethod
    def of(self, org_id: OrganizationId) -> Sequence[Project]:
        """Those not Deleted, by id."""

    @abstractmethod
    def emptied(self, limit: int) -> Sequence[Project]:
        """Deleting projects whose resources are all Deleted, by id."""

    @abstractmethod
    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, where: ProjectFilter
    ) -> Page[Project]:
        """Without Deleted ones."""


@frozen(kw_only=True)
class ResourceFilter:
    """Deleted resources are in a list only when ``status`` asks for them.

    ``text`` must be in the name or the id, ASCII letters without regard to case.
    """

    project_id: ProjectId | None = None
    type: str | None = None
    sku: str | None = None
    status: Status | None = None
    text: str | None = None


class Resources(Protocol):
    """Deleted resources stay as tombstones."""

    @abstractmethod
    def add(self, resource: Resource) -> None:
        """Raises: AlreadyExists, also for an id that was used before."""

    @abstractmethod
    def get(self, resource_id: ResourceId) -> Resource:
        """Raises: NotFound."""

    @abstractmethod
    def with_standing(
        self, resource_id: ResourceId, principal: PrincipalId, at: datetime
    ) -> tuple[Resource, Standing]:
        """In one round trip. Raises: NotFound."""

    @abstractmethod
    def replace(self, resource: Resource) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def replace_all(self, resources: Sequence[Resource]) -> None:
        """In one round trip. Raises: NotFound where one of them is not there."""

    @abstractmethod
    def of(self, project_id: ProjectId) -> Sequence[Resource]:
        """Those not Deleted, by id."""

    @abstractmethod
    def count(self, scope: Scope, type: str, sku: str) -> int:  # noqa: A002
        """How many of a tier are in a project or an organization, without those Deleting or
        Deleted."""

    @abstractmethod
    def deleting_since(self, before: datetime, limit: int) -> Sequence[Resource]:
        """Deleting ones whose ``updated_at`` is before ``before``, oldest first."""

    @abstractmethod
    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, where: ResourceFilter
    ) -> Page[Resource]: ...


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
        among those who hold an unexpired assignment on an organization or project on or
        under which ``principal`` holds one too, or above (R1.11); a global one shares
        nothing. By name as names sort, those without one last, then by id. ``text`` has no
        wildcards."""


class Roles(Protocol):
    @abstractmethod
    def all(self) -> Sequence[Role]:
        """By display order, then name. Hidden ones too."""

    @abstractmethod
    def named(self, id_or_name: str) -> Role | None: ...

    @abstractmethod
    def permissions(self) -> Sequence[PermissionEntry]:
        """By product, then action."""

    @abstractmethod
    def synchronize(
        self, roles: Collection[Role], permissions: Collection[PermissionEntry]
    ) -> None:
        """Makes the system roles and the known permissions these. A system role that is no
        longer among them stays while somebody holds it, and goes otherwise."""


@frozen(kw_only=True)
class AssignmentView:
    """An assignment with what a person wants to see beside it.

    ``scope_name`` is the name of the thing at the assignment's scope, ``*`` for global.
    """

    assignment: RoleAssignment
    user: User
    role: Role
    scope_name: str


class Assignments(Protocol):
    @abstractmethod
    def add(self, assignment: RoleAssignment) -> None:
        """One that has expired is replaced (R1.7). Raises: AlreadyExists for an unexpired one
        of the same principal, role and scope."""

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
    def on(self, scope: Scope, at: datetime) -> Sequence[RoleAssignment]:
        """Unexpired ones directly on ``scope``, oldest first, then by id."""

    @abstractmethod
    def of(self, principal: PrincipalId | None) -> Sequence[RoleAssignment]:
        """All of a principal (of everybody for None), expired ones too, oldest first, then
        by id."""

    @abstractmethod
    def view(self, path: Sequence[Scope], at: datetime, page: PageRequest) -> Page[AssignmentView]:
        """Unexpired ones on any scope of ``path``, sorted by time of creation."""


class Access(Protocol):
    @abstractmethod
    def standings(
        self, asked: Sequence[tuple[PrincipalId, Scope]], at: datetime
    ) -> Sequence[Standing | None]:
        """One for each question, in order, in one round trip; None where the scope is not
        there (never, for the global scope)."""

    @abstractmethod
    def hold(self, *scopes: Scope) -> None:
        """Keeps the tenants of ``scopes`` to this unit of work until it ends: whatever else
        would change them waits (see UnitOfWork). A scope that is not there is passed over.

        Raises: Interrupted when others held on for too long.
        """


@frozen(kw_only=True)
class Answer:
    """The answer to a request with an idempotency key. ``fingerprint`` is of the request."""

    fingerprint: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Answers(Protocol):
    @abstractmethod
    def claim(self, principal: PrincipalId, key: str, since: datetime) -> Answer | None:
        """The answer kept under the key since then, or None: it is this unit of work's to give.

        Raises: IdempotencyInProgress while another unit of work has it.
        """

    @abstractmethod
    def keep(self, principal: PrincipalId, key: str, answer: Answer, at: datetime) -> None: ...

    @abstractmethod
    def forget(self, before: datetime) -> int:
        """Drops what was kept before then; how many."""
