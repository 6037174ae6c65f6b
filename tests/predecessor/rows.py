"""Rows of the former system, lawful there and harmless here, for tests that care about one of
their properties; and what becomes of them."""

from datetime import timedelta
from functools import cache, partial
from typing import Any, Final

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.adapters.postgres.adoption.judging import judged
from ktrlplane.adapters.postgres.adoption.ours import Ours
from ktrlplane.adapters.postgres.adoption.theirs import (
    TheirAssignment,
    TheirBillingAccount,
    TheirOrganization,
    TheirProject,
    TheirResource,
    TheirRole,
    Theirs,
    TheirUser,
)
from ktrlplane.domain.services.wishes import allows
from ktrlplane.ports.adoption import Adoption, AdoptionReport, Kind, Weight
from tests.builders import DAY, NOW
from tests.platforms import a_platform

TTL: Final = timedelta(days=7)
OWNER: Final = "10000000-0001-0000-0000-000000000001"
EDITOR: Final = "10000000-0001-0000-0000-000000000002"
VIEWER: Final = "10000000-0001-0000-0000-000000000003"
CHECKER: Final = "service-account-permission-checker"
THEN: Final = NOW - 100 * DAY
_TIMES: Final = {"created_at": THEN, "updated_at": THEN}


@cache
def an_adoption() -> Adoption:
    validator = JsonSchemaValidator()
    catalog = load_catalog(default_catalog(), validator)
    platform = a_platform(catalog=catalog, validator=validator, reserved_ids=("argocd",))
    return Adoption(
        catalog=catalog,
        invitation_ttl=TTL,
        reserved_ids=platform.reserved,
        allows=partial(allows, platform=platform),
    )


def their_user(user_id: str, **but: Any) -> TheirUser:
    known = {"user_id": user_id, "email": f"{user_id}@example.com", "name": user_id.title()}
    return TheirUser(**known | _TIMES | but)


def invited(address: str, **but: Any) -> TheirUser:
    return their_user(address, **{"email": address, "name": "Invited User"} | but)


def their_organization(org_id: str = "acme", **but: Any) -> TheirOrganization:
    return TheirOrganization(**{"org_id": org_id, "name": org_id.title()} | _TIMES | but)


def their_project(project_id: str = "plant", **but: Any) -> TheirProject:
    known = {"project_id": project_id, "org_id": None, "name": "Plant", "status": "Active"}
    return TheirProject(**known | _TIMES | but)


def their_resource(resource_id: str = "twins", **but: Any) -> TheirResource:
    known = {
        "resource_id": resource_id,
        "project_id": "plant",
        "name": "Twins",
        "type": "Konnektr.Graph",
        "status": "Running",
        "settings_text": "{}",
        "error_message": None,
        "access_url": None,
        "sku": "free",
        "stripe_price_id": None,
    }
    return TheirResource(**known | _TIMES | but)


def their_role(role_id: str, **but: Any) -> TheirRole:
    known = {
        "role_id": role_id,
        "name": role_id.title(),
        "display_name": None,
        "description": None,
        "is_hidden": False,
        "display_order": None,
        "permissions": (),
    }
    return TheirRole(**known | but)


def held(user_id: str, role_id: str, scope: str = "organization acme", **but: Any) -> Any:
    """``scope`` as type and id, with a space between."""
    scope_type, _, scope_id = scope.partition(" ")
    known = {
        "assignment_id": f"{user_id} {role_id} {scope}".replace(" ", "-").replace("@", "."),
        "user_id": user_id,
        "role_id": role_id,
        "scope_type": scope_type,
        "scope_id": scope_id,
        "assigned_by": None,
        "created_at": THEN,
        "expires_at": None,
    }
    return TheirAssignment(**known | but)


def their_account(scope: str, **but: Any) -> TheirBillingAccount:
    scope_type, _, scope_id = scope.partition(" ")
    known = {
        "billing_account_id": f"bill_{scope_id}",
        "scope_type": scope_type,
        "scope_id": scope_id,
        "stripe_customer_id": "cus_1",
        "stripe_subscription_id": "sub_1",
    }
    return TheirBillingAccount(**known | _TIMES | but)


SEEDED: Final = (
    their_role(OWNER, name="Owner"),
    their_role(EDITOR, name="Editor"),
    their_role(VIEWER, name="Viewer"),
    their_role(CHECKER, name="Service Account: Permission Checker", is_hidden=True),
)


def theirs(*rows: Any) -> Theirs:
    """Beside the roles that are always there."""

    def of(kind: type) -> list[Any]:
        return [row for row in rows if isinstance(row, kind)]

    return Theirs(
        users=of(TheirUser),
        organizations=of(TheirOrganization),
        projects=of(TheirProject),
        resources=of(TheirResource),
        roles=[*SEEDED, *of(TheirRole)],
        assignments=of(TheirAssignment),
        billing_accounts=of(TheirBillingAccount),
    )


def becoming(*rows: Any) -> Ours:
    return judged(theirs(*rows), an_adoption(), NOW)


def found(report: AdoptionReport, kind: Kind, weight: Weight) -> dict[str, tuple[str, ...]]:
    """Ids by code."""
    return {
        one.code: one.ids for one in report.findings if (one.kind, one.weight) == (kind, weight)
    }


def dropped(ours: Ours, kind: Kind) -> dict[str, tuple[str, ...]]:
    return found(ours.report, kind, Weight.DROPPED)


def noted(ours: Ours, kind: Kind) -> dict[str, tuple[str, ...]]:
    return found(ours.report, kind, Weight.NOTED)


def in_the_way(ours: Ours, kind: Kind) -> dict[str, tuple[str, ...]]:
    return found(ours.report, kind, Weight.IN_THE_WAY)
