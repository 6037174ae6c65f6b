"""The API in this process, people who call it, and what they read in its answers."""

import json
from collections.abc import Mapping
from datetime import timedelta
from threading import Event
from typing import Any, Final

from attrs import evolve, frozen
from falcon.testing import Result, StartResponseMock, TestClient, create_environ

from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.adapters.memory.telemetry import MemoryTelemetry
from ktrlplane.adapters.memory.tokens import MemoryTokens
from ktrlplane.domain.catalog import Catalog, ResourceType, Tier
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.domain.services.operator import OperatorGrant, operator_grant, synchronize_catalog
from ktrlplane.domain.services.platform import Observability, Platform
from ktrlplane.entrypoints.consulting import ConsultPayments
from ktrlplane.entrypoints.http.app import build_app
from ktrlplane.entrypoints.http.dispatch import Edge
from ktrlplane.entrypoints.http.problems import DEFINITIONS
from ktrlplane.entrypoints.http.proxying import Proxy
from ktrlplane.entrypoints.http.rates import RateLimit
from ktrlplane.entrypoints.settling import SettleAccounts
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.identity import Claims, Tokens
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import on
from tests.paying import a_provider, with_means

API: Final = "/api/v1"
NOTHING: Final = object()

WORDS_OF_OURS: Final = ("Traceback", 'File "', "SELECT ", "INSERT ", "psycopg", "falcon.")
"""What an answer must never hold: traces, SQL, the names of what we are made of."""


@frozen
class Caller:
    """Somebody with a token, or without one. Paths are below ``/api/v1``."""

    client: TestClient
    principal: str = "nobody"
    token: str | None = None

    def ask(
        self,
        method: str,
        path: str,
        body: object = NOTHING,
        *,
        raw: bytes | None = None,
        query: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Result:
        sent = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if body is not NOTHING:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        path, _, asked = (API + path).partition("?")
        result = self.client.simulate_request(
            method,
            path,
            query_string=asked if query is None else query,
            headers={**sent, **(headers or {})},
            body=raw,
        )
        return checked(result)

    def bare(self, path: str, body: bytes = b"", **environ: Any) -> Result:
        """As a server might hand it on, without the help of any client; ``environ`` as in
        PEP 3333, None for what is not there."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        path, _, query = path.partition("?")
        made = create_environ(path, query_string=query, headers=headers, body=body)
        whole = {name: value for name, value in {**made, **environ}.items() if value is not None}
        started = StartResponseMock()
        content = self.client.app(whole, started)
        return checked(Result(content, str(started.status), started.headers or []))

    def get(self, path: str, **more: Any) -> Result:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: object = NOTHING, **more: Any) -> Result:
        return self.ask("POST", path, body, **more)

    def put(self, path: str, body: object = NOTHING, **more: Any) -> Result:
        return self.ask("PUT", path, body, **more)

    def patch(self, path: str, body: object = NOTHING, **more: Any) -> Result:
        return self.ask("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> Result:
        return self.ask("DELETE", path, **more)

    def makes(self, path: str, body: object = NOTHING, **more: Any) -> Any:
        """The thing that a POST made."""
        result = self.post(path, body, **more)
        assert result.status_code == 201, result.text
        return result.json

    def sees(self, path: str, **more: Any) -> Any:
        result = self.get(path, **more)
        assert result.status_code == 200, result.text
        return result.json


@frozen(kw_only=True)
class World:
    units: UnitsOfWork
    platform: Platform
    tokens: MemoryTokens
    clock: ManualClock
    payments: MemoryPayments
    client: TestClient

    @property
    def transact(self) -> Transact:
        """With a payment provider that is asked, and told at once."""
        transact = transact_of(self.units, self.payments)
        settling = SettleAccounts(transact, self.platform, lambda: self.payments)
        return evolve(transact, settle=settling.at_once)

    def pays(self, *scopes: str) -> None:
        """Each, as ``organization acme``, has a customer with a card from now on."""
        for scope in scopes:
            with_means(self.units, self.payments, scope)

    def settle(self) -> None:
        """As the worker does."""
        settling = SettleAccounts(
            transact_of(self.units, self.payments), self.platform, lambda: self.payments
        )
        while settling(Event()):
            pass

    @property
    def catalog(self) -> Catalog:
        return self.platform.catalog

    @property
    def kind(self) -> ResourceType:
        """The type that tests make resources of: the first with presets."""
        return next(kind for kind in self.catalog.resource_types if kind.presets)

    @property
    def tier(self) -> Tier:
        return self.kind.offered()[0]

    @property
    def nobody(self) -> Caller:
        return Caller(self.client)

    def person(self, name: str, /, **but: Any) -> Caller:
        """Signed in for an hour, known once they have called."""
        now = self.clock.now()
        known: dict[str, Any] = {
            "principal_id": PrincipalId(f"auth0|{name}"),
            "email": f"{name}@example.com",
            "email_verified": True,
            "name": name.capitalize(),
            "is_service_account": False,
            "issued_at": now,
            "expires_at": now + timedelta(hours=1),
        }
        claims = Claims(**known | but)
        return Caller(self.client, claims.principal_id.value, self.tokens.issue(claims))

    def machine(self, name: str) -> Caller:
        return self.person(
            name,
            principal_id=PrincipalId(f"{name}@clients"),
            email=None,
            email_verified=False,
            name=None,
            is_service_account=True,
        )

    def grants(self, caller: Caller, role: str, scope: str) -> None:
        """As the operator. ``scope`` as ``organization acme``, or ``global``."""
        command = OperatorGrant(
            principal=PrincipalId(caller.principal), role=role, scope=on(scope)
        )
        with self.units.begin() as work:
            operator_grant(work, command, platform=self.platform)

    def wish(self, resource_id: str | None = None, **but: Any) -> dict[str, Any]:
        """The body that makes a resource."""
        body: dict[str, Any] = {"name": "One", "type": self.kind.type, "sku": self.tier.sku}
        return body | ({} if resource_id is None else {"id": resource_id}) | but

    def an_override(self, **but: Any) -> dict[str, Any]:
        """The body that sets another limit in the organization Acme."""
        body = {"type": self.kind.type, "sku": self.tier.sku, "limit": "resources"}
        return {
            "scope_type": "organization",
            "scope_id": "acme",
            "maximum": 1000,
            "reason": "As agreed.",
        } | (body | but)

    def a_setting(self) -> tuple[str, Any, Any]:
        """A scalar setting, its default, and another lawful value."""
        schema = self.kind.schemas[self.tier.sku].effective
        for name, known in schema["properties"].items():
            default = known.get("default")
            if isinstance(default, int) and not isinstance(default, bool) and "maximum" in known:
                other = default + 1 if default < known["maximum"] else default - 1
                if other >= known.get("minimum", 0):
                    return name, default, other
            others = [one for one in known.get("enum", []) if one != default]
            if isinstance(default, str) and others:
                return name, default, others[0]
        raise AssertionError("no setting to try")

    def with_edge(self, **but: Any) -> "World":
        """The same stores behind another edge."""
        known = {"transact": transact_of(self.units, self.payments)} | but
        return evolve(
            self, client=client_of(edge_of(self.units, self.platform, self.tokens, **known))
        )


def a_world(units: UnitsOfWork, catalog: Catalog) -> World:
    """In which nobody has made anything yet."""
    clock = ManualClock()
    tokens = MemoryTokens(clock)
    platform = Platform(
        catalog=catalog,
        validator=JsonSchemaValidator(),
        clock=clock,
        reserved_ids=("argocd", "secret-*"),
        may_return_to=lambda url: url.startswith("https://app.example.com/"),
        observability=Observability(backends=frozenset(Backend)),
    )
    with units.begin() as work:
        synchronize_catalog(work, platform=platform)
    made = World(
        units=units,
        platform=platform,
        tokens=tokens,
        clock=clock,
        payments=a_provider(clock, catalog),
        client=client_of(edge_of(units, platform, tokens)),
    )
    return made.with_edge(transact=made.transact)


def transact_of(units: UnitsOfWork, payments: MemoryPayments) -> Transact:
    return Transact(units, ConsultPayments(lambda: payments))


def edge_of(units: UnitsOfWork, platform: Platform, tokens: Tokens, **but: Any) -> Edge:
    known: dict[str, Any] = {
        "transact": Transact(units),
        "platform": platform,
        "tokens": tokens,
        "rate_limit": RateLimit(""),
        "proxy": Proxy(MemoryTelemetry()),
    }
    return Edge(**known | but)


def client_of(edge: Edge, **but: Any) -> TestClient:
    return TestClient(build_app(edge, **but))


def checked(result: Result) -> Result:
    """What holds of every answer."""
    assert result.status_code < 500, result.text
    assert result.headers["x-request-id"]
    assert not any(word in result.text for word in WORDS_OF_OURS), result.text
    if result.status_code >= 400 and result.content:
        document = result.json
        definition = DEFINITIONS[document["code"]]
        assert result.headers["content-type"] == "application/problem+json"
        assert set(document) - {"errors"} == {
            "type",
            "title",
            "status",
            "detail",
            "code",
            "request_id",
        }
        assert document["type"] == f"/problems/{document['code']}"
        assert document["status"] == result.status_code == definition.status
        assert document["title"] == definition.title
        assert document["request_id"] == result.headers["x-request-id"]
        assert document["detail"].endswith((".", "?")), document["detail"]
        told = document.get("errors", [])
        assert bool(told) == (document["code"] in ("validation_failed", "unknown_parameter")) or (
            document["code"] in ("malformed_request", "limit_exceeded", "unsafe_query")
        )
        for fault in told:
            assert set(fault) - {"parameter", "position"} == {"pointer", "code", "detail"}
    return result


def refusal(result: Result) -> tuple[int, str]:
    return result.status_code, result.json["code"]


def faults(
    result: Result, expected: tuple[int, str] = (422, "validation_failed")
) -> dict[str, str]:
    """The code of each fault by its pointer."""
    assert refusal(result) == expected, result.text
    return {fault["pointer"]: fault["code"] for fault in result.json["errors"]}


def ids(listed: Any, name: str) -> list[str]:
    return [item[name] for item in listed["items"]]


SCOPES: Final = {
    "organization": "/organizations/acme",
    "project": "/projects/plant",
    "resource": "/resources/one",
}
