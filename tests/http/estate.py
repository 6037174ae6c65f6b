"""A world with one of everything in it, so that its owner succeeds in every operation, and the
requests that ask for each."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen
from falcon.testing import Result

from ktrlplane.domain.services.notifying import notify
from ktrlplane.entrypoints.http.operations import Operation
from ktrlplane.entrypoints.http.parameters import DeleteParameters
from tests.http.world import SCOPES, Caller, World

SOON: Final = "2026-01-01T00:10:00Z"
"""Ten minutes after the clock of a world begins."""

GRANT: Final = {"user_id": "auth0|linus", "role_id": "Viewer"}
LATER: Final = {"expires_at": "2030-01-01T00:00:00Z"}
OTHER: Final = {"name": "Other"}
WEBHOOK: Final = {"url": "https://hooks.example.org/in", "event_types": ["project.*"]}
PORTAL: Final = {"return_url": "https://app.example.com/billing"}
CHECKS: Final = {"checks": [{"scope_type": "organization", "scope_id": "acme", "action": "read"}]}

BODIES: Final[Mapping[str, Callable[[World], Any]]] = {
    "createOrganization": lambda _: {"name": "New"},
    "createProject": lambda _: {"name": "New", "org_id": "acme"},
    "createResource": lambda world: world.wish(),
    "importResource": lambda world: world.wish(sku=world.kind.offered()[-1].sku, settings_json={}),
    **{
        f"importConfiguration{place}": lambda world: {
            "type": world.kind.type,
            "sku": world.tier.sku,
            "settings_json": dict([world.a_setting()[::2]]),
        }
        for place in ("", "InProject")
    },
    "moveProject": lambda _: {"org_id": "other"},
    "createGroup": lambda _: {"name": "New"},
    "createRole": lambda _: {"name": "New", "permissions": ["read"]},
    **{
        f"update{place}Group": lambda _: {"description": "Other"} for place in ("", "Organization")
    },
    "updateRole": lambda _: {"permissions": ["read", "write"]},
    "registerServiceAccount": lambda _: {"client_id": "new", "name": "New"},
    "checkPermissions": lambda _: CHECKS,
    **{
        f"checkLimit{place}": lambda world: {"meter": world.kind.meters[0].name, "quantity": 1}
        for place in ("", "InProject")
    },
    "overrideLimit": lambda world: world.an_override(),
    **{f"create{place}Webhook": lambda _: WEBHOOK for place in ("Organization", "Project")},
    "updateWebhook": lambda _: {"description": "Other"},
    **{f"begin{place}Subscription": lambda _: {} for place in ("Organization", "Project")},
    **{f"open{place}BillingPortal": lambda _: PORTAL for place in ("Organization", "Project")},
    "setProjectBillingInheritance": lambda _: {"inherits": False},
    "recoverDeliveries": lambda _: {"since": "2026-01-01T00:00:00Z"},
    "readNotifications": lambda _: {},
    "setPreferences": lambda _: {"preferences": [{"event_type": "resource.*", "email": "daily"}]},
    "setAuditRetention": lambda _: {"days": 90},
    "reportStatus": lambda _: {"observed_generation": 1, "health": "Healthy"},
    **{f"grant{scope.title()}Role": lambda _: GRANT for scope in SCOPES},
    **{f"change{scope.title()}Assignment": lambda _: LATER for scope in SCOPES},
}
"""What is sent; other operations that take a body are sent ``OTHER``."""

_RANGES: Final = ("Range", "Moment")
QUERIES: Final[Mapping[str, Callable[[World], str]]] = {
    **{
        f"{verb}{backend}{what}{place}": lambda _: "query=vector(1)"
        for verb, backend in (
            *(("get", "Logs"), ("post", "Logs"), ("get", "Metrics"), ("post", "Metrics")),
            ("read", "Metrics"),
        )
        for what in _RANGES
        for place in ("", "InProject")
    },
    "searchUsers": lambda _: "q=ada",
    "getHeldPermissions": lambda _: "scopeType=organization&scopeId=acme",
    "getResourcePricing": lambda world: f"type={world.kind.type}&sku={world.tier.sku}",
}

PROJECTS: Final = {"createResource": "mill", "importResource": "store", "moveProject": "depot"}
"""Operations that need a project of their own: with room in it, or one that nobody misses."""


@frozen(kw_only=True)
class Estate:
    """``operator`` is Editor at global scope. ``found`` are the parameters of addresses, and
    the ids of what is at the addresses of lists."""

    world: World
    owner: Caller
    operator: Caller
    found: Mapping[str, str]

    def who_may(self, operation: Operation) -> Caller:
        return self.operator if operation.needs.scope == "platform" else self.owner

    def ask(self, caller: Caller, operation: Operation, *, rehearsed: bool = False) -> Result:
        """Whatever the operation is for, done for real or only ``rehearsed``."""
        more: dict[str, Any] = {}
        if operation.body is not None:
            more["body"] = (
                BODIES[operation.name](self.world) if operation.name in BODIES else OTHER
            )
        query = [QUERIES[operation.name](self.world)] if operation.name in QUERIES else []
        if operation.query is DeleteParameters:
            query.append("cascade=true")
        if rehearsed and operation.writes:
            query.append("validate_only=true")
        path = self.address(operation)
        return caller.ask(operation.method, path, query="&".join(query), **more)

    def address(self, operation: Operation) -> str:
        found = dict(self.found)
        found["project_id"] = PROJECTS.get(operation.name, found["project_id"])
        if operation.method == "PUT":
            found["user_id"] = "auth0|linus"  # who is no member yet
        if "org_id" not in operation.path:
            found["group_id"] = found["group_id alone"]
        for many in ("rbac", "invitations"):
            scope, found_it, _ = operation.path.partition(f"/{many}/")
            if found_it:
                there = self.found[f"{scope.format(**found)}/{many}"]
                found["assignment_id" if many == "rbac" else "invitation_id"] = there
        return operation.path.format(**found)


def an_estate(world: World) -> Estate:
    """Ada's: the organizations Acme and Other, projects and resources in Acme, and on each an
    assignment of Grace's and an invitation; groups, a role and a service account."""
    ada = world.person("ada")
    for name in ("grace", "linus"):
        world.person(name).sees("/users/me")
    for org_id in ("acme", "other"):
        ada.makes("/organizations", {"id": org_id, "name": org_id.title()})
    for project_id in ("plant", "mill", "store", "depot"):
        ada.makes("/projects", {"id": project_id, "name": "P", "org_id": "acme"})
    ada.makes("/projects/plant/resources", world.wish("one"))
    operator = world.person("olga")
    operator.sees("/users/me")
    world.grants(operator, "Editor", "global")
    role = ada.makes("/organizations/acme/roles", {"name": "Reader", "permissions": ["read"]})
    ada.makes("/organizations/acme/service-accounts", {"client_id": "spare", "name": "Spare"})
    found = {
        "org_id": "acme",
        "project_id": "plant",
        "resource_id": "one",
        "role_id": str(role["role_id"]),
        "client_id": "spare",
        "name": "job",
        "user_id": "auth0|grace",
        "type": world.kind.type,
        "sku": world.tier.sku,
        "override_id": str(operator.makes("/limit-overrides", world.an_override())["override_id"]),
        "event_id": str(ada.sees("/organizations/acme/events")["items"][0]["event_id"]),
        "group_id": _a_group(ada, "Crew"),
        "group_id alone": _a_group(ada, "Watch"),
        "notification_id": _a_notification(world, ada),
    }
    webhook = ada.makes("/organizations/acme/webhooks", WEBHOOK)
    tested = ada.post(f"/webhooks/{webhook['webhook_id']}/test").json
    found["webhook_id"] = str(webhook["webhook_id"])
    found["delivery_id"] = str(tested["delivery_id"])
    return Estate(world=world, owner=ada, operator=operator, found=found | _on_every_scope(ada))


def _a_group(ada: Caller, name: str) -> str:
    """That Grace is in, and that may see the project."""
    group_id = str(ada.makes("/organizations/acme/groups", {"name": name})["group_id"])
    assert ada.put(f"/groups/{group_id}/members/auth0|grace").status_code == 200
    ada.makes("/projects/plant/rbac", {"group_id": group_id, "role_id": "Viewer"})
    return group_id


def _a_notification(world: World, ada: Caller) -> str:
    """Somebody gives Ada another role."""
    heir = world.person("heir")
    heir.sees("/users/me")
    ada.makes("/organizations/acme/rbac", {"user_id": heir.principal, "role_id": "Owner"})
    given = {"user_id": ada.principal, "role_id": "Viewer"}
    heir.makes("/organizations/acme/rbac", given)
    with world.units.begin() as work:
        notify(work, limit=100, platform=world.platform)
    return str(ada.sees("/notifications")["items"][0]["notification_id"])


def _on_every_scope(ada: Caller) -> dict[str, str]:
    found = {}
    for path in SCOPES.values():
        held = {"user_id": "auth0|grace", "role_id": "Reader"}
        found[f"{path}/rbac"] = str(ada.makes(f"{path}/rbac", held)["assignment_id"])
        invited = {"email": "new@example.com", "role_id": "Reader"}
        made = ada.makes(f"{path}/rbac", invited)
        found[f"{path}/invitations"] = str(made["invitation_id"])
    return found
