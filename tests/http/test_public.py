"""What everybody may see: health, the document and its page, metrics."""

import hashlib
import json
import re
from base64 import b64encode
from contextlib import AbstractContextManager
from html.parser import HTMLParser
from threading import Event
from typing import Final, Never

import falcon
import pytest
from falcon.testing import TestClient

from ktrlplane.domain.errors import UpstreamError
from ktrlplane.entrypoints.http.public import Ready
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.http.world import API, Caller, World, checked, client_of, edge_of, refusal


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_what_works_is_up(world: World, path: str) -> None:
    result = world.client.simulate_get(path)
    assert (result.status_code, result.json) == (200, {"status": "UP"})


class _Silent(UnitsOfWork):
    def __init__(self) -> None:
        self.speaks, self.asked = Event(), 0

    def begin(self) -> Never:
        self.asked += 1
        self.speaks.wait(60)
        raise UpstreamError("Too late.")

    def view(self, *, fresh: bool = False) -> Never:
        return self.begin()


class _Down(UnitsOfWork):
    """A database that cannot be reached, in the words of the adapter or of a driver."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def begin(self) -> AbstractContextManager[UnitOfWork]:
        return self.view()

    def view(self, *, fresh: bool = False) -> AbstractContextManager[UnitOfWork]:
        raise self._error


SECRET: Final = "host=10.0.0.7 password=hunter2"


@pytest.mark.parametrize("error", [UpstreamError("It does not answer."), OSError(SECRET)])
@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_without_a_database_it_is_down_and_says_no_more(
    world: World, path: str, error: Exception
) -> None:
    result = world.with_edge(transact=Transact(_Down(error))).client.simulate_get(path)
    assert result.status_code == 503
    assert result.json == {"status": "DOWN", "reason": "The database cannot be reached."}
    assert "hunter2" not in result.text


def test_of_a_silent_database_one_asks_and_all_are_answered() -> None:
    silent = _Silent()
    ready = Ready(Transact(silent), within_s=0.05)
    app = falcon.App()
    app.add_route("/health", ready)
    client = TestClient(app)
    try:
        assert [client.simulate_get("/health").status_code for _ in range(3)] == [503] * 3
        assert silent.asked == 1
    finally:
        silent.speaks.set()
    with pytest.raises(UpstreamError, match="Too late"):
        ready._asking().result(60)


def test_without_a_database_the_process_lives(world: World) -> None:
    down = world.with_edge(transact=Transact(_Down(UpstreamError("No."))))
    assert down.client.simulate_get("/health/live").json == {"status": "UP"}


def test_without_a_database_requests_are_told_to_come_back(world: World, ada: Caller) -> None:
    down = world.with_edge(transact=Transact(_Down(UpstreamError("The database is away."))))
    caller = Caller(down.client, token=ada.token)
    for result in (
        caller.client.simulate_get(f"{API}/users/me", headers=_bearing(ada)),
        caller.client.simulate_delete(f"{API}/projects/plant", headers=_bearing(ada)),
    ):
        assert refusal(result) == (502, "upstream_error")
        assert result.headers["retry-after"] == "1"


def _bearing(caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller.token}"}


class _Links(HTMLParser):
    """Everything that a page would load or lead to by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [
            value or "" for name, value in attributes if name in ("src", "href", "action", "data")
        ]


def test_the_docs_need_nothing_from_elsewhere(world: World) -> None:
    result = world.client.simulate_get("/docs")
    assert result.headers["content-type"] == "text/html; charset=utf-8"
    links = _Links()
    links.feed(result.text)
    assert all(link.startswith("data:") for link in links.found), links.found
    assert "@import" not in result.text
    assert not re.search(r"url\(['\"]?(https?:)?//", result.text)
    assert 'url: "openapi.json"' in result.text


def test_the_docs_tell_nobody_elsewhere_that_they_are_read(world: World) -> None:
    result = world.client.simulate_get("/docs")
    assert "validatorUrl: null" in result.text
    policy = dict(
        directive.split(" ", 1)
        for directive in result.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    sources = " ".join(policy.values())
    assert "http" not in sources
    assert "*" not in sources
    assert "unsafe" not in policy["script-src"]


def test_the_scripts_of_the_docs_are_those_that_may_run(world: World) -> None:
    result = world.client.simulate_get("/docs")
    scripts = re.findall(r"<script>(.*?)</script>", result.text, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in result.headers["content-security-policy"]


def test_the_docs_are_called_by_our_name(world: World) -> None:
    assert "<title>KtrlPlane API</title>" in world.client.simulate_get("/docs").text


def test_the_bare_host_leads_to_the_docs(world: World) -> None:
    result = world.client.simulate_get("/")
    assert (result.status_code, result.headers["location"]) == (303, "/docs")


def test_the_document_is_served_to_everybody(world: World) -> None:
    result = world.client.simulate_get("/openapi.json")
    assert result.headers["content-type"] == "application/json"
    assert result.json["openapi"] == "3.1.0"
    assert result.content == world.client.simulate_get("/openapi.json").content


def test_metrics_are_prometheus_text_without_ids(world: World, ada: Caller) -> None:
    ada.get("/organizations/some-secret-tenant")
    result = world.client.simulate_get("/metrics")
    assert result.headers["content-type"].startswith("text/plain; version=")
    line = (
        'ktrlplane_http_requests_total{method="GET",'
        'route="/api/v1/organizations/{org_id}",status="404"}'
    )
    assert line in result.text
    assert "some-secret-tenant" not in result.text


# -- browsers ----------------------------------------------------------------------------------

APP: Final = "https://app.example.com"


@pytest.fixture
def browsed(world: World) -> TestClient:
    edge = edge_of(world.units, world.platform, world.tokens)
    return client_of(edge, cors_origins=(APP, "https://other.example.com"))


def test_an_allowed_origin_may_read_answers(browsed: TestClient, ada: Caller) -> None:
    headers = {"Origin": APP, **_bearing(ada)}
    for path in (f"{API}/users/me", f"{API}/nonsense", "/health"):
        result = browsed.simulate_get(path, headers=headers)
        assert result.headers["access-control-allow-origin"] == APP
        assert "Origin" in result.headers["vary"]
        exposed = result.headers["access-control-expose-headers"].split(", ")
        assert {"ETag", "Link", "Location", "Retry-After", "X-Request-Id"} <= set(exposed)
        assert "access-control-allow-credentials" not in result.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "http://app.example.com",
        f"{APP}.evil.example.com",
        f"{APP}:8443",
        "https://APP.example.com",
        "null",
        "*",
        "",
    ],
)
def test_any_other_origin_may_not(browsed: TestClient, ada: Caller, origin: str) -> None:
    headers = {"Origin": origin, **_bearing(ada)}
    result = browsed.simulate_get(f"{API}/users/me", headers=headers)
    assert "access-control-allow-origin" not in result.headers
    preflight = browsed.simulate_options(
        f"{API}/organizations", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
    )
    assert "access-control-allow-origin" not in preflight.headers


def test_a_preflight_needs_no_token(browsed: TestClient) -> None:
    asked = {
        "Origin": APP,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type, if-match",
    }
    result = browsed.simulate_options(f"{API}/organizations/acme", headers=asked)
    assert result.status_code == 200
    assert result.headers["access-control-allow-origin"] == APP
    assert "PATCH" in result.headers["access-control-allow-methods"]
    assert "if-match" in result.headers["access-control-allow-headers"]


def test_every_origin_may_where_the_operator_says_so(world: World) -> None:
    edge = edge_of(world.units, world.platform, world.tokens)
    client = client_of(edge, cors_origins=("*",))
    result = client.simulate_get("/health", headers={"Origin": "https://any.example.com"})
    assert result.headers["access-control-allow-origin"] == "*"


def test_without_allowed_origins_nothing_is_said_of_them(world: World) -> None:
    result = world.client.simulate_get("/health", headers={"Origin": APP})
    assert not [name for name in result.headers if name.startswith("access-control")]


def test_an_unknown_address_is_no_secret(world: World) -> None:
    result = checked(world.client.simulate_get("/.env"))
    assert json.loads(result.text)["code"] == "not_found"


def test_durations_add_up_as_if_each_had_been_observed(world: World, ada: Caller) -> None:
    def told() -> dict[str, float]:
        lines = world.client.simulate_get("/metrics").text.splitlines()
        mine = [one for one in lines if 'method="GET",route="/api/v1/organizations"' in one]
        return {name: float(value) for name, value in (one.rsplit(" ", 1) for one in mine)}

    ada.sees("/organizations")
    before = told()
    for _ in range(3):
        ada.sees("/organizations")
    after = told()
    grown = {name: after[name] - before[name] for name in after if "_created" not in name}
    seconds = "ktrlplane_http_request_seconds"
    labels = 'method="GET",route="/api/v1/organizations"'
    assert grown[f"{seconds}_count{{{labels}}}"] == 3
    assert 0 < grown[f"{seconds}_sum{{{labels}}}"] < 30
    buckets = [value for name, value in grown.items() if name.startswith(f"{seconds}_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 3
