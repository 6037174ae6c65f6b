"""Projects: workspaces, each a namespace and an observability tenant."""

import enum
from datetime import datetime
from typing import Final, Self

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import InvalidTransition
from ktrlplane.domain.ids import OrganizationId, ProjectId
from ktrlplane.domain.naming import is_a_name


class ProjectStatus(enum.StrEnum):
    ACTIVE = "Active"
    DELETING = "Deleting"
    DELETED = "Deleted"


MOVES: Final[dict[ProjectStatus, frozenset[ProjectStatus]]] = {
    ProjectStatus.ACTIVE: frozenset({ProjectStatus.DELETING}),
    ProjectStatus.DELETING: frozenset({ProjectStatus.DELETED}),
    ProjectStatus.DELETED: frozenset(),
}


@frozen(kw_only=True)
class Project:
    project_id: ProjectId
    org_id: OrganizationId | None = None
    name: str = field(validator=is_a_name)
    status: ProjectStatus = ProjectStatus.ACTIVE
    inherits_billing_from_org: bool = False
    created_at: datetime
    updated_at: datetime

    @property
    def path(self) -> tuple[Scope, ...]:
        """From the organization down to the project."""
        above = () if self.org_id is None else (Scope.of(self.org_id),)
        return (*above, Scope.of(self.project_id))

    def require_active(self) -> None:
        """Raises: InvalidTransition."""
        if self.status is not ProjectStatus.ACTIVE:
            raise InvalidTransition(
                f"Project {self.project_id} is {self.status}; nothing in it can change any more."
            )

    def renamed(self, name: str, now: datetime) -> Self:
        self.require_active()
        return self if name == self.name else evolve(self, name=name, updated_at=now)

    def moved(
        self, org_id: OrganizationId | None, *, inherits_billing: bool, now: datetime
    ) -> Self:
        self.require_active()
        return evolve(
            self, org_id=org_id, inherits_billing_from_org=inherits_billing, updated_at=now
        )

    def moved_to(self, status: ProjectStatus, now: datetime) -> Self:
        """Raises: InvalidTransition."""
        if status not in MOVES[self.status]:
            raise InvalidTransition(f"A project cannot go from {self.status} to {status}.")
        return evolve(self, status=status, updated_at=now)
