"""Examples for the API document."""

from typing import Any

from ktrlplane.domain.access import PermissionEntry, Role
from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.roles import OWNER
from ktrlplane.domain.services.access import CheckPermissions
from ktrlplane.domain.services.assignments import ChangeAssignment, GrantRole
from ktrlplane.domain.services.moves import MoveProject
from ktrlplane.domain.services.organizations import CreateOrganization, UpdateOrganization
from ktrlplane.domain.services.projects import CreateProject, UpdateProject
from ktrlplane.domain.services.resources import CreateResource, UpdateResource
from ktrlplane.domain.services.webhook_views import CreateWebhook
from ktrlplane.entrypoints.http.access_shapes import Assignment, ShortUser
from ktrlplane.entrypoints.http.check_shapes import (
    CheckedPermissions,
    CheckResults,
    HeldPermissions,
)
from ktrlplane.entrypoints.http.shapes import ResourcePrice

_TIMES = {"created_at": "2026-01-31T09:30:00.000000Z", "updated_at": "2026-01-31T09:30:00.000000Z"}


def examples_of(catalog: Catalog) -> dict[Any, dict[str, Any]]:
    """By class, those of the catalog's first type, so that they fit the platform."""
    if not catalog.resource_types:
        return _EXAMPLES
    kind = catalog.resource_types[0]
    tier = (*kind.offered(), *kind.tiers)[0]
    presets = (preset for preset in kind.presets if preset.sku == tier.sku)
    settings = next((preset.settings_json.value for preset in presets), {})
    placed = {"type": kind.type, "sku": tier.sku, "settings_json": settings}
    placed["resource_type"] = kind.type
    return {
        shape: example | {name: placed[name] for name in placed if example.get(name) == _PLACED}
        for shape, example in _EXAMPLES.items()
    }


_PLACED = "<of the catalog>"

_EXAMPLES: dict[Any, dict[str, Any]] = {
    CreateOrganization: {"id": "acme", "name": "Acme"},
    UpdateOrganization: {"name": "Acme Corporation"},
    Organization: {
        "org_id": "acme",
        "name": "Acme",
        "purchase_policy": "billing_managers",
        **_TIMES,
    },
    CreateProject: {"id": "acme-plant", "name": "Plant", "org_id": "acme"},
    UpdateProject: {"name": "Plant 1"},
    MoveProject: {"org_id": "acme"},
    Project: {
        "project_id": "acme-plant",
        "org_id": "acme",
        "name": "Plant",
        "status": "Active",
        "inherits_billing_from_org": True,
        **_TIMES,
    },
    CreateResource: {
        "id": "plant-graph",
        "name": "Plant graph",
        "type": _PLACED,
        "sku": _PLACED,
        "settings_json": _PLACED,
    },
    UpdateResource: {"name": "Plant graph", "sku": _PLACED, "settings_json": _PLACED},
    Resource: {
        "resource_id": "plant-graph",
        "project_id": "acme-plant",
        "org_id": "acme",
        "name": "Plant graph",
        "type": _PLACED,
        "sku": _PLACED,
        "settings_json": _PLACED,
        "status": "Running",
        "status_reason": None,
        "generation": 1,
        "observed_generation": 1,
        "holds": [],
        "conditions": [],
        "access_url": "https://plant-graph.example.com",
        "error_message": None,
        "stripe_price_id": None,
        **_TIMES,
    },
    CreateWebhook: {
        "url": "https://hooks.example.com/ktrlplane",
        "event_types": ["resource.*", "project.deleted"],
    },
    GrantRole: {"email": "grace@example.com", "role_id": "Editor"},
    ChangeAssignment: {"expires_at": "2030-01-31T12:00:00Z"},
    Assignment: {
        "assignment_id": "asg_019bd5a1c0007c3e8f2a6b4d9e1f0a2b",
        "status": "active",
        "principal_type": "user",
        "user_id": "auth0|grace",
        "group_id": None,
        "role_id": "10000000-0001-0000-0000-000000000002",
        "scope_type": "organization",
        "scope_id": "acme",
        "assigned_by": "auth0|ada",
        "created_at": "2026-01-31T09:30:00.000000Z",
        "expires_at": None,
        "user": {"id": "auth0|grace", "email": "grace@example.com", "name": "Grace"},
        "group": None,
        "role": {
            "role_id": "10000000-0001-0000-0000-000000000002",
            "name": "Editor",
            "display_name": "Editor",
        },
        "inheritance_type": "direct",
        "inherited_from_scope_type": None,
        "inherited_from_scope_id": None,
        "inherited_from_name": None,
    },
    CheckPermissions: {
        "checks": [
            {
                "scope_type": "project",
                "scope_id": "acme-plant",
                "action": "write",
                "explain": True,
            }
        ]
    },
    CheckResults: {
        "results": [
            {
                "allowed": True,
                "via": [
                    {
                        "assignment_id": "asg_019bd5a1c0007c3e8f2a6b4d9e1f0a2b",
                        "role_id": OWNER.role_id.value,
                        "scope_type": "organization",
                        "scope_id": "acme",
                        "group_id": None,
                        "expires_at": None,
                    }
                ],
            }
        ]
    },
    HeldPermissions: {
        "user_id": "auth0|grace",
        "scope_type": "project",
        "scope_id": "acme-plant",
        "permissions": ["read", "write"],
    },
    CheckedPermissions: {
        "user_id": "auth0|grace",
        "scope_type": "project",
        "scope_id": "acme-plant",
        "permissions": ["read", "write"],
        "allowed": True,
    },
    ShortUser: {"id": "auth0|grace", "email": "grace@example.com", "name": "Grace"},
    ResourcePrice: {
        "price_id": None,
        "amount": 0,
        "currency": "eur",
        "interval": "month",
        "sku": _PLACED,
        "resource_type": _PLACED,
    },
    Role: {
        "role_id": OWNER.role_id.value,
        "name": OWNER.name,
        "display_name": OWNER.display_name,
        "description": OWNER.description,
        "is_system": True,
        "org_id": None,
        "display_order": OWNER.display_order,
    },
    PermissionEntry: {
        "permission_id": "00000000-0001-0000-0000-000000000001",
        "resource_type": "Konnektr.KtrlPlane",
        "action": "read",
        "description": "See it and what is in it",
    },
}
