"""Who gets what answer from every address: who cannot read a thing gets 404 for it, who can but
may not do it gets 403 (R1.4). An operation that is missing here has not been thought about."""

from datetime import timedelta
from typing import Any, Final

from attrs import frozen
from falcon.inspect import inspect_compiled_router
from falcon.testing import TestClient

from ktrlplane.domain.access import Action
from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.entrypoints.http.operations import Operation
from tests.http.estate import QUERIES, SOON, an_estate
from tests.http.marks import on_both_stores, on_stores_and_catalogs
from tests.http.world import SCOPES, Caller, World, client_of, edge_of


@frozen
class Answers:
    """Statuses, for a stranger, for a viewer, an editor and an owner of the organization, for a
    service account with the role Viewer there, for somebody whose role of Owner has expired,
    and for somebody without a token."""

    stranger: int
    viewer: int
    editor: int
    owner: int
    machine: int
    former: int
    nobody: int = 401


def _reading(status: int = 200) -> Answers:
    return Answers(404, status, status, status, status, 404)


def _writing(status: int = 200) -> Answers:
    return Answers(404, 403, status, status, 403, 404)


def _owning(status: int = 200) -> Answers:
    return Answers(404, 403, 403, status, 403, 404)


READ: Final = _reading()
WRITE: Final = _writing()
OWN: Final = _owning()
MAKE: Final = _owning(201)
REMOVE: Final = _owning(204)
SIGNED_IN: Final = Answers(200, 200, 200, 200, 200, 200)
OPERATORS: Final = Answers(404, 404, 404, 404, 404, 404)
OPEN: Final = Answers(200, 200, 200, 200, 200, 200, 200)

_ON_EVERY_SCOPE: Final = {
    "list{}Assignments": READ,
    "grant{}Role": MAKE,
    "get{}Assignment": READ,
    "change{}Assignment": OWN,
    "revoke{}Assignment": REMOVE,
    "list{}Invitations": OWN,
    "get{}Invitation": OWN,
    "revoke{}Invitation": REMOVE,
    "resend{}Invitation": OWN,
}
_LOGS: Final = {"list{}Events": READ, "export{}Events": READ}
_AT_BOTH_ADDRESSES_OF_GROUPS: Final = {
    "get{}Group": READ,
    "update{}Group": OWN,
    "delete{}Group": REMOVE,
    "list{}GroupMembers": READ,
    "get{}GroupMember": READ,
    "put{}GroupMember": OWN,
    "remove{}GroupMember": REMOVE,
}
_AT_BOTH_ADDRESSES_OF_RESOURCES: Final = {
    "getResource{}": READ,
    "updateResource{}": WRITE,
    "putResource{}": WRITE,
    "deleteResource{}": _owning(202),
    "exportConfiguration{}": READ,
    "importConfiguration{}": WRITE,
    "listTransitions{}": READ,
    "suspendResource{}": WRITE,
    "resumeResource{}": WRITE,
    "retryResource{}": _writing(409),  # nothing has failed
    "getLimits{}": READ,
    "checkLimit{}": READ,
    "readLogs{}": READ,
    "readMetricsRange{}": READ,
    "readMetricsMoment{}": READ,
    **{
        f"{verb}{backend}{what}{{}}": READ
        for verb in ("get", "post")
        for backend in ("Logs", "Metrics")
        for what in ("Range", "Moment", "Labels", "LabelValues", "Series")
    },
}

EXPECTED: Final[dict[str, Answers]] = {
    "getMe": SIGNED_IN,
    "searchUsers": SIGNED_IN,
    "listUserAccess": Answers(404, 404, 404, 200, 404, 404),
    "createOrganization": Answers(201, 201, 201, 201, 403, 201),
    "listOrganizations": SIGNED_IN,
    "getOrganization": READ,
    "updateOrganization": WRITE,
    "putOrganization": WRITE,
    "deleteOrganization": REMOVE,
    "createProject": _writing(201),
    "listProjects": SIGNED_IN,
    "getProject": READ,
    "updateProject": WRITE,
    "putProject": WRITE,
    "deleteProject": _owning(202),
    "moveProject": OWN,
    "createResource": _writing(201),
    "importResource": _writing(201),
    "listProjectResources": READ,
    "listResources": SIGNED_IN,
    "reportStatus": Answers(404, 403, 403, 403, 403, 404),
    "overrideLimit": OPERATORS,
    "listOverrides": OPERATORS,
    "getOverride": OPERATORS,
    "liftOverride": OPERATORS,
    "createGroup": MAKE,
    "listGroups": READ,
    "createRole": MAKE,
    "listOrganizationRoles": READ,
    "getOrganizationRole": READ,
    "updateRole": OWN,
    "deleteRole": REMOVE,
    "registerServiceAccount": MAKE,
    "listServiceAccounts": READ,
    "getServiceAccount": READ,
    "removeServiceAccount": REMOVE,
    "listPlatformEvents": OPERATORS,
    "exportPlatformEvents": OPERATORS,
    "getEvent": READ,
    "createOrganizationWebhook": MAKE,
    "createProjectWebhook": MAKE,
    "listOrganizationWebhooks": OWN,
    "listProjectWebhooks": OWN,
    "getWebhook": OWN,
    "updateWebhook": OWN,
    "deleteWebhook": REMOVE,
    "rotateWebhookSecret": OWN,
    "testWebhook": _owning(202),
    "recoverDeliveries": _owning(202),
    "listDeliveries": OWN,
    "getDelivery": OWN,
    "redeliver": _owning(202),
    "listNotifications": SIGNED_IN,
    "readNotifications": SIGNED_IN,
    "readNotification": Answers(404, 404, 404, 200, 404, 404),
    "getPreferences": SIGNED_IN,
    "setPreferences": SIGNED_IN,
    "getAuditRetention": READ,
    "setAuditRetention": OWN,
    "listRoles": SIGNED_IN,
    "getRole": READ,
    "listRolePermissions": READ,
    "listPermissions": SIGNED_IN,
    "getHeldPermissions": SIGNED_IN,
    "checkPermissions": SIGNED_IN,
    **{f"get{place}BillingStatus": READ for place in ("Organization", "Project")},
    **{
        name.format(place): OWN
        for place in ("Organization", "Project")
        for name in (
            *("get{}Billing", "list{}Invoices", "list{}PaymentMethods", "estimate{}Billing"),
            *("open{}Customer", "add{}PaymentMethod", "open{}BillingPortal"),
        )
    },
    **{
        f"{verb}{place}Subscription": _owning(status)
        for place in ("Organization", "Project")
        for verb, status in (("begin", 402), ("cancel", 409), ("resume", 409))
    },
    "setProjectBillingInheritance": OWN,
    "heedPaymentProvider": Answers(401, 401, 401, 401, 401, 401),
    "listResourceTypes": OPEN,
    "getResourceType": OPEN,
    "listTiers": OPEN,
    "getTier": OPEN,
    "getSettingsSchema": OPEN,
    "listPresets": OPEN,
    "getDashboard": OPEN,
    "getResourcePricing": OPEN,
    **{
        name.format(place): answers
        for places, known in (
            (("Organization", "Project", "Resource"), _ON_EVERY_SCOPE),
            (("Organization", "Project", "Resource", "ResourceInProject"), _LOGS),
            (("Organization", ""), _AT_BOTH_ADDRESSES_OF_GROUPS),
            (("", "InProject"), _AT_BOTH_ADDRESSES_OF_RESOURCES),
        )
        for name, answers in known.items()
        for place in places
    },
}

PUBLIC: Final[dict[str, tuple[str, int]]] = {
    "/": ("/", 303),
    "/health": ("/health", 200),
    "/health/live": ("/health/live", 200),
    "/health/ready": ("/health/ready", 200),
    "/metrics": ("/metrics", 200),
    "/openapi.json": ("/openapi.json", 200),
    "/docs": ("/docs", 200),
    "/problems/{code}": ("/problems/not_found", 200),
    "/invitations/{invitation_id}": ("/invitations/inv_1", 200),
    "/.well-known/jwks.json": ("/.well-known/jwks.json", 200),
}
"""Beside the operations: an address of each, and what everybody gets there."""


def _last_what_others_need(operation: Operation) -> tuple[Any, ...]:
    """Reads before changes before ends, what is inside before what it is in."""
    ends = operation.method == "DELETE"
    depth = operation.path.count("/")
    outermost = operation.name == "deleteOrganization"
    return operation.writes, ends, outermost, -depth if ends else depth


def _everybody(world: World, owner: Caller) -> dict[str, Caller]:
    """By the names of their answers. The owner comes last, since what they end is gone for the
    others."""
    for name, role, expires_at in (
        ("viewer", "Viewer", None),
        ("editor", "Editor", None),
        ("former", "Owner", SOON),
    ):
        world.person(name).sees("/users/me")
        for path in SCOPES.values() if expires_at else ["/organizations/acme"]:
            grant = {"user_id": f"auth0|{name}", "role_id": role, "expires_at": expires_at}
            owner.makes(f"{path}/rbac", grant)
    robot = {"client_id": "robot", "name": "Robot"}
    owner.makes("/organizations/acme/service-accounts", robot)
    grant = {"user_id": "robot@clients", "role_id": "Viewer"}
    owner.makes("/organizations/acme/rbac", grant)
    assert world.person("former").get("/organizations/acme").status_code == 200
    world.clock.advance(timedelta(minutes=10))
    people = {name: world.person(name) for name in ("stranger", "viewer", "editor", "former")}
    machine = world.machine("robot")
    return people | {"machine": machine, "nobody": world.nobody, "owner": owner}


def test_no_operation_has_been_forgotten() -> None:
    assert sorted(operation.name for operation in OPERATIONS) == sorted(EXPECTED)


@on_stores_and_catalogs
def test_every_operation_treats_everybody_as_it_should(world: World) -> None:
    estate = an_estate(world)
    seen: dict[str, dict[str, int]] = {operation.name: {} for operation in OPERATIONS}
    for who, caller in _everybody(world, estate.owner).items():
        for operation in sorted(OPERATIONS, key=_last_what_others_need):
            seen[operation.name][who] = estate.ask(caller, operation).status_code
    assert {name: Answers(**statuses) for name, statuses in seen.items()} == EXPECTED


def _routes(client: TestClient) -> dict[str, set[str]]:
    """The methods of each address that the application knows, as far as they are ours."""
    found = {}
    for route in inspect_compiled_router(client.app.app._router):
        ours = {method.method for method in route.methods if not method.internal}
        found[route.path.replace(":path}", "}")] = ours - {"OPTIONS"}
    return found


def _served(world: World) -> TestClient:
    """With the keys of a local issuer, as where there is no other."""
    edge = edge_of(world.units, world.platform, world.tokens)
    return client_of(edge, local_keys=lambda: {"keys": []})


def test_no_address_has_been_forgotten(world: World) -> None:
    expected: dict[str, set[str]] = {path: {"GET", "HEAD"} for path in PUBLIC}
    for operation in OPERATIONS:
        methods = expected.setdefault(operation.url, set())
        methods |= {"GET", "HEAD"} if operation.method == "GET" else {operation.method}
    assert _routes(_served(world)) == expected


def test_what_is_public_is_so_for_everybody(world: World) -> None:
    client = _served(world)
    ada = world.person("ada")
    ada.sees("/users/me")
    for token in (None, ada.token, "no token"):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        for path, status in PUBLIC.values():
            for method in ("GET", "HEAD"):
                told = client.simulate_request(method, path, headers=headers)
                assert told.status_code == status, (path, token)


@on_both_stores
def test_who_may_not_read_is_told_the_same_in_the_header_alone(world: World) -> None:
    """HEAD is asked for like GET."""
    estate = an_estate(world)
    stranger = world.person("stranger")
    stranger.sees("/users/me")
    for operation in OPERATIONS:
        if operation.method != "GET" or "{" not in operation.path or operation.public:
            continue
        known = estate.who_may(operation)
        for caller, status in ((stranger, 404), (known, 200), (world.nobody, 401)):
            asked = QUERIES[operation.name](world) if operation.name in QUERIES else ""
            told = caller.ask("HEAD", estate.address(operation), query=asked)
            assert (told.status_code, told.content) == (status, b""), operation.name


@on_both_stores
def test_what_is_the_operators_they_may_do(world: World) -> None:
    """Who may only read at global scope reads; roles anywhere else are of no use."""
    estate = an_estate(world)
    reader = world.person("reader")
    reader.sees("/users/me")
    world.grants(reader, "Viewer", "global")
    operations = [one for one in OPERATIONS if one.needs.scope == "platform"]
    assert operations
    for operation in sorted(operations, key=_last_what_others_need):
        may_read = Action.WRITE not in operation.needs.actions
        assert estate.ask(reader, operation).status_code == (200 if may_read else 403)
        assert estate.ask(estate.operator, operation).status_code == operation.status
