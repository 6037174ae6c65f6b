"""Who may do what where: permissions, roles, assignments and the one decision about them."""

import enum
from datetime import datetime
from typing import Final, Self

from attrs import frozen

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


OPERATORS_ACTIONS: Final = frozenset(
    {Action.REPORT_STATUS, Action.REPORT_USAGE, Action.CHECK_ON_BEHALF}
)
"""What only the platform's operator gives (R1.3, R1.5)."""


class ScopeType(enum.StrEnum):
    GLOBAL = "global"
    ORGANIZATION = "organization"
    PROJECT = "project"
    RESOURCE = "resource"

    # As the text that it is equal to. That of enumerations is made in Python, and a scope is
    # looked up with every question.
    __hash__ = str.__hash__


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

    @property
    def is_operators(self) -> bool:
        """Whether only the platform's operator gives it (R1.3, R1.5)."""
        return self.product == CONTROL_PLANE and self.action in OPERATORS_ACTIONS

    def covers(self, other: "Permission") -> bool:
        """Whether holding this permission is holding ``other`` (R1.2)."""
        if self.product != other.product:
            return False
        if self.action in (other.action, "*"):
            return True
        return self.action.endswith("/*") and other.action.startswith(self.action[:-1])

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
