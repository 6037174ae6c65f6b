"""What the domain keeps. Every store belongs to a unit of work (see unit_of_work.py).

Lists that a principal reads are filtered inside the store, never after it, and hold only
what the principal may ``read`` at the moment ``at``.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.standings import Standing


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
    def emptied(self, after: str, limit: int) -> Sequence[Project]:
        """Deleting projects whose resources are all Deleted, by id, the next ones after
        ``after``."""

    @abstractmethod
    def emptied_among(self, project_ids: Collection[ProjectId]) -> Sequence[Project]:
        """Those of these that are Deleting and whose resources are all Deleted, by id."""

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


@frozen(kw_only=True)
class Departing:
    """What a tenant (an organization, or a project without one) has that is to end."""

    tenant: Scope
    resource_ids: tuple[ResourceId, ...]


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
    def among(self, resource_ids: Collection[ResourceId]) -> Sequence[Resource]:
        """Those of these that there are, Deleted ones too, by id. In one round trip."""

    @abstractmethod
    def statuses(self, resource_ids: Collection[ResourceId]) -> Mapping[ResourceId, Status]:
        """Of those that there are, Deleted ones too."""

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
    def deleting_since(
        self, before: datetime, *, after: str, tenants: int, each: int
    ) -> Sequence[Departing]:
        """The next tenants after ``after`` that have Deleting resources, by their texts, each
        with at most ``each`` of them whose ``updated_at`` is before ``before``: oldest first,
        maybe none. What it costs grows with ``tenants`` and ``each``, and with nothing else.
        """

    @abstractmethod
    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, where: ResourceFilter
    ) -> Page[Resource]: ...


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
