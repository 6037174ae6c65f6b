"""The roles and permissions of the control plane itself (product.md R1.3)."""

from typing import Final

from ktrlplane.domain.access import (
    CONTROL_PLANE,
    Action,
    Permission,
    PermissionEntry,
    Role,
)
from ktrlplane.domain.ids import PermissionId, RoleId


def _role(
    number: str, name: str, display_name: str, order: int, description: str, *actions: Action
) -> Role:
    return Role(
        role_id=RoleId(number),
        name=name,
        display_name=display_name,
        description=description,
        permissions=tuple(Permission.control_plane(action) for action in actions),
        display_order=order,
        is_hidden=number.startswith("service-account-"),
    )


_OWNED: Final = (
    Action.READ,
    Action.WRITE,
    Action.DELETE,
    Action.MANAGE_ACCESS,
    Action.MANAGE_BILLING,
    Action.ESCALATE,
)

OWNER: Final = _role(
    "10000000-0001-0000-0000-000000000001",
    "Owner",
    "Owner",
    1,
    "Everything, access and billing included.",
    *_OWNED,
)

CONTROL_PLANE_ROLES: Final[tuple[Role, ...]] = (
    OWNER,
    _role("10000000-0001-0000-0000-000000000002", "Editor", "Editor", 2,
          "See and change everything but access and billing.", Action.READ, Action.WRITE),
    _role("10000000-0001-0000-0000-000000000003", "Viewer", "Viewer", 3,
          "See everything, change nothing.", Action.READ),
    _role("10000000-0001-0000-0000-000000000004", "Billing Manager", "Billing Manager", 4,
          "See everything and manage what is paid and how.",
          Action.READ, Action.MANAGE_BILLING),
    _role("service-account-permission-checker", "service-account-permission-checker",
          "Service Account: Permission Checker", 1000,
          "For products: ask what their users may do.", Action.CHECK_ON_BEHALF),
    _role("service-account-reconciler", "service-account-reconciler",
          "Service Account: Reconciler", 1001,
          "For reconcilers: report the status of resources.", Action.REPORT_STATUS),
    _role("service-account-meter", "service-account-meter",
          "Service Account: Meter", 1002,
          "For products: report usage.", Action.REPORT_USAGE),
)  # fmt: skip

_DESCRIPTIONS: Final = {
    Action.READ: "See it and what is in it",
    Action.WRITE: "Change it and create things in it",
    Action.DELETE: "Delete it",
    Action.MANAGE_ACCESS: "Say who may do what in it",
    Action.MANAGE_BILLING: "Manage what is paid and how",
    Action.CHECK_ON_BEHALF: "Ask what another user may do",
    Action.ESCALATE: "Grant permissions that one does not hold",
    Action.REPORT_STATUS: "Report the status of resources",
    Action.REPORT_USAGE: "Report usage of resources",
}

CONTROL_PLANE_PERMISSIONS: Final = tuple(
    PermissionEntry(
        permission_id=PermissionId(f"00000000-0001-0000-0000-{number:012d}"),
        resource_type=CONTROL_PLANE,
        action=action.value,
        description=description,
    )
    for number, (action, description) in enumerate(_DESCRIPTIONS.items(), start=1)
)
"""The first six are numbered as in the system that KtrlPlane replaces."""
