"""Who may do what where: permissions, roles, assignments and the one decision about them."""

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Final, Self

from attrs import field, frozen

from ktrlplane.domain.errors import Forbidden, NotFound
from ktrlplane.domain.ids import (
    AssignmentId,
    GroupId,
    Identity,
    OrganizationId,
    PermissionId,
    PrincipalId,
    ProjectId,
    ResourceId,
    RoleId,
)

CONTROL_PLANE: Final = "Konnektr.KtrlPlane"
"""The product that the control plane's own actions belong to, on every platform."""


class Action(enum.StrEnum):
    """What one may do in the control plane itself (product.md R1.3)."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    MANAGE_ACCESS = "manage_access"
    MANAGE_BILLING = "manage_billing"
    ESCALATE = "escalate"
    REPORT_STATUS = "report_status"
    REPORT_USAGE = "report_usage"
    CHECK_ON_BEHALF = "check_permissions_on_behalf_of"


class ScopeType(enum.StrEnum):
    GLOBAL = "global"
    ORGANIZATION = "organization"
    PROJECT = "project"
    RESOURCE = "resource"


_ID_KINDS: Final[dict[ScopeType, type[Identity]]] = {
    ScopeType.ORGANIZATION: OrganizationId,
    ScopeType.PROJECT: ProjectId,
    ScopeType.RESOURCE: ResourceId,
}
_SCOPE_TYPES: Final = {ids: scope_type for scope_type, ids in _ID_KINDS.items()}


@frozen(order=True)
class Scope:
    """Where a role holds. The global scope's id is ``*``."""

    scope_type: ScopeType
    scope_id: str

    @classmethod
    def parse(cls, scope_type: str, scope_id: str) -> Self:
        """Raises: ValueError, with a sentence."""
        kind = ScopeType(scope_type)
        if kind is ScopeType.GLOBAL:
            if scope_id not in ("", "*"):
                raise ValueError("The global scope has no id: write * or leave it out.")
            return cls(kind, "*")
        return cls(kind, _ID_KINDS[kind](scope_id).value)

    @classmethod
    def of(cls, identity: OrganizationId | ProjectId | ResourceId) -> Self:
        return cls(_SCOPE_TYPES[type(identity)], identity.value)

    def __str__(self) -> str:
        return f"{self.scope_type} {self.scope_id}"


GLOBAL: Final = Scope(ScopeType.GLOBAL, "*")


@frozen(order=True)
class Permission:
    """An action of a product. An action ending in ``/*`` (or ``*`` alone) covers all below."""

    product: str
    action: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """``Product:action``, or a bare action of the control plane."""
        product, colon, action = text.rpartition(":")
        return cls(product if colon else CONTROL_PLANE, action)

    @classmethod
    def control_plane(cls, action: Action) -> Self:
        return cls(CONTROL_PLANE, action.value)

    def covers(self, other: "Permission") -> bool:
        """Whether holding this permission is holding ``other`` (R1.2)."""
        if self.product != other.product:
            return False
        if self.action == "*":
            return True
        if self.action.endswith("/*"):
            return other.action == self.action or other.action.startswith(self.action[:-1])
        return self.action == other.action

    def __str__(self) -> str:
        return f"{self.product}:{self.action}"


@frozen(kw_only=True)
class PermissionEntry:
    """A permission that the platform knows, as ``GET /permissions`` shows it."""

    permission_id: PermissionId
    resource_type: str
    action: str
    description: str


@frozen(kw_only=True)
class Role:
    """A named set of permissions. Hidden roles are for the operator's command line only."""

    role_id: RoleId
    name: str
    display_name: str
    description: str
    permissions: tuple[Permission, ...]
    is_system: bool = True
    is_hidden: bool = False
    org_id: OrganizationId | None = None
    display_order: int = 999


Holder = PrincipalId | GroupId
"""Who can have a role: a user, a service account (a user too, to the stores) or a group."""


@frozen(kw_only=True)
class RoleAssignment:
    """A holder has a role at a scope, until ``expires_at`` where that is set."""

    assignment_id: AssignmentId
    holder: Holder
    role_id: RoleId
    scope: Scope
    assigned_by: PrincipalId | None
    created_at: datetime
    expires_at: datetime | None = None

    @classmethod
    def granted(
        cls,
        holder: Holder,
        role_id: RoleId,
        scope: Scope,
        *,
        by: PrincipalId | None,
        at: datetime,
        expires_at: datetime | None = None,
    ) -> Self:
        """A new one. ``by`` is None for the platform's operator."""
        return cls(
            assignment_id=AssignmentId.new(at),
            holder=holder,
            role_id=role_id,
            scope=scope,
            assigned_by=by,
            created_at=at,
            expires_at=expires_at,
        )

    @property
    def principal_type(self) -> str:
        return "group" if isinstance(self.holder, GroupId) else "user"

    @property
    def user_id(self) -> PrincipalId | None:
        return self.holder if isinstance(self.holder, PrincipalId) else None

    @property
    def group_id(self) -> GroupId | None:
        return self.holder if isinstance(self.holder, GroupId) else None

    def holds_at(self, moment: datetime) -> bool:
        return self.expires_at is None or self.expires_at > moment


@frozen(kw_only=True)
class Grant:
    """One assignment as a decision sees it; ``group_id`` is the group that holds it, where it
    comes by one."""

    assignment_id: AssignmentId
    role_id: RoleId
    scope: Scope
    permissions: tuple[Permission, ...]
    group_id: GroupId | None = None
    expires_at: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        return self.expires_at is None or self.expires_at > moment

    def covers(self, permission: Permission) -> bool:
        return any(held.covers(permission) for held in self.permissions)


def _as_tuple(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    return tuple(grants)  # mypy cannot read ``tuple`` itself as a converter


@frozen
class Standing:
    """What one principal holds on the way down to one scope, at one moment.

    ``path`` runs from the organization down to the scope itself, both included; for the
    global scope it is that scope alone. Only grants on the path count: a global assignment
    grants nothing below (R1.1).
    """

    path: tuple[Scope, ...]
    grants: tuple[Grant, ...] = field(converter=_as_tuple)

    @property
    def scope(self) -> Scope:
        return self.path[-1]

    @property
    def org_id(self) -> OrganizationId | None:
        """The organization that the path begins in, if any."""
        first = self.path[0]
        if first.scope_type is ScopeType.ORGANIZATION:
            return OrganizationId(first.scope_id)
        return None

    def via(self, permission: Permission) -> Sequence[Grant]:
        """The grants that give ``permission``, as they came."""
        return [g for g in self.grants if g.scope in self.path and g.covers(permission)]

    def holds(self, permission: Permission) -> bool:
        return any(g.covers(permission) for g in self.grants if g.scope in self.path)

    def may(self, action: Action) -> bool:
        return self.holds(Permission.control_plane(action))

    def require(self, *actions: Action) -> None:
        """Every one of ``actions``, and first of all to see the thing (R1.4).

        Raises: NotFound for who may not read, Forbidden for who may read but not do this.
        """
        if not self.may(Action.READ):
            raise not_found(self.scope)
        for action in actions:
            if not self.may(action):
                raise Forbidden(
                    f"This needs the permission {action} on {self.scope}. "
                    "Ask somebody with manage_access there to grant a role that has it."
                )

    def readable_path(self) -> tuple[Scope, ...]:
        """The part of ``path`` that one may read: what is above it one does not see."""
        reads = [
            self.path.index(grant.scope)
            for grant in self.via(Permission.control_plane(Action.READ))
        ]
        return self.path[min(reads, default=len(self.path)) :]

    def readable_org(self) -> OrganizationId | None:
        """The organization that the path begins in, if one may read that."""
        return self.org_id if len(self.readable_path()) == len(self.path) else None

    def permissions(self) -> Sequence[Permission]:
        """Everything held, wildcards unexpanded, in order, each once."""
        return self._permissions

    @cached_property
    def _permissions(self) -> Sequence[Permission]:
        held = (g.permissions for g in self.grants if g.scope in self.path)
        return sorted({permission for granted in held for permission in granted}, key=_in_order)


# As Permission orders itself, at a fraction of the price of comparing instances.
_in_order = attrgetter("product", "action")


def not_found(scope: Scope) -> NotFound:
    """One sentence for what is not there and for what the caller may not see."""
    return NotFound(f"There is no {scope}, or you may not see it.")


def gained(before: Standing | None, after: Standing | None) -> list[Permission]:
    """What ``after`` gives that ``before`` did not; asked the other way round, what is lost.
    Of permissions that cover each other, only the widest."""
    if after is None:
        return []
    new = [p for p in after.permissions() if before is None or not before.holds(p)]
    return [p for p in new if not any(q != p and q.covers(p) for q in new)]


def missing_from(standing: Standing, wanted: Iterable[Permission]) -> list[Permission]:
    """What somebody would hand out without holding it; nothing for who may escalate (R1.5)."""
    if standing.may(Action.ESCALATE):
        return []
    return [permission for permission in wanted if not standing.holds(permission)]
