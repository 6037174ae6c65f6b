"""Logs and metrics of a resource: who may ask, what a backend is asked, and what comes back."""

import json
import re
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from urllib.parse import quote

import pytest
from attrs import evolve, frozen

from ktrlplane.adapters.memory.telemetry import MemoryTelemetry
from ktrlplane.domain.errors import DomainError, OutcomeUnknown, UpstreamError
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.domain.services.platform import Observability
from ktrlplane.entrypoints.http import proxying
from ktrlplane.entrypoints.http.proxying import Proxy
from ktrlplane.entrypoints.http.streaming import AT_ONCE as EXPORTS
from ktrlplane.entrypoints.http.turns import Turns
from ktrlplane.entrypoints.http.waiting import AT_ONCE, Parked, Seat, seated
from ktrlplane.ports.telemetry import Answer, Body, Outgoing, Telemetry
from tests.http.world import API, Caller, World

NOW = "1767225600"
"""When the clock of a world begins."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
METRICS = "/resources/one/prometheus/api/v1"
LOGS = "/resources/one/loki/api/v1"


@frozen
class Place:
    world: World
    telemetry: MemoryTelemetry
    ada: Caller

    def asked(self) -> tuple[str, dict[str, str], str]:
        """Of the last query: path, parameters and tenant."""
        query = self.telemetry.asked[-1].query
        assert len(dict(query.parameters)) == len(query.parameters)
        return query.path, dict(query.parameters), query.tenant

    def answers(self, status: int, body: bytes, **more: Any) -> None:
        answer = Answer(status=status, beginning=body, **{"media_type": "text/plain"} | more)
        self.telemetry.answer = lambda _: answer


@pytest.fixture
def place(world: World) -> Place:
    telemetry = MemoryTelemetry()
    world = world.with_edge(proxy=Proxy(telemetry))
    ada = world.person("ada")
    ada.makes("/organizations", {"id": "acme", "name": "Acme"})
    ada.makes("/projects", {"id": "plant", "name": "Plant", "org_id": "acme"})
    ada.makes("/projects/plant/resources", world.wish("one"))
    return Place(world, telemetry, ada)


def refusal(result: Any) -> tuple[int, str]:
    return result.status_code, result.json["code"]


def test_a_query_is_kept_to_the_resource_and_its_tenant(place: Place) -> None:
    asked = quote('sum(rate(up{job="a"}[5m])) / foo')
    place.ada.sees(f"{METRICS}/query?query={asked}&time=1767225000.5")
    ours = 'resource_id="one"'
    assert place.asked() == (
        "/prometheus/api/v1/query",
        {
            "time": "1767225000.500",
            "query": f'sum(rate(up{{{ours},job="a"}}[5m])) / foo{{{ours}}}',
        },
        "plant",
    )


def test_what_the_user_says_of_the_label_replaces_nothing(place: Place) -> None:
    asked = quote('{resource_id="two"} or {a="b", resource_id=~".*"}')
    place.ada.sees(f"{METRICS}/query?query={asked}")
    query = place.asked()[1]["query"]
    assert query == (
        '{resource_id="one",resource_id="two"} or {resource_id="one",a="b", resource_id=~".*"}'
    )


@pytest.mark.parametrize("path", ["/resources/one/logs", f"{LOGS}/query_range"])
def test_logs_over_the_last_hour(place: Place, path: str) -> None:
    query = quote('{app="x"} |= "y"')
    place.ada.sees(f"{path}?query={query}&limit=10&direction=forward")
    assert place.asked() == (
        "/loki/api/v1/query_range",
        {
            "query": '{resource_id="one",app="x"} |= "y"',
            "start": f"{int(NOW) - 3600}000000000",
            "end": f"{NOW}000000000",
            "limit": "10",
            "direction": "forward",
        },
        "plant",
    )


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        ("", '{resource_id="one"}'),
        ("search=a%22b%60%5C", '{resource_id="one"} |= "a\\"b`\\\\"'),
        (
            "level=warn",
            (
                '{resource_id="one"} | level=~"(?i)(warn|warning)" '
                'or detected_level=~"(?i)(warn|warning)"'
            ),
        ),
        ("search=x%22%7D%20or%20%7Ba%3D%22", '{resource_id="one"} |= "x\\"} or {a=\\""'),
        ("search=%0A%C3%A9", '{resource_id="one"} |= "\\U0000000a\\U000000e9"'),
    ],
)
def test_logs_without_knowing_logql(place: Place, asked: str, query: str) -> None:
    place.ada.sees(f"/resources/one/logs?since=15m&{asked}".rstrip("&"))
    _, parameters, _ = place.asked()
    assert parameters["query"] == query
    assert parameters["start"] == f"{int(NOW) - 900}000000000"


def test_text_to_search_for_makes_no_longer_query_than_people_may_write(place: Place) -> None:
    """What is not ASCII is ten times as long in it."""
    around = len('{resource_id="one"} |= ""')
    lawful = "%01" * ((8192 - around) // 10)
    place.ada.sees(f"/resources/one/logs?search={lawful}")
    assert 8180 < len(place.asked()[1]["query"]) <= 8192
    result = place.ada.get(f"/resources/one/logs?search={lawful}%01")
    assert refusal(result) == (422, "validation_failed")
    (fault,) = result.json["errors"]
    assert fault["pointer"] == "/search"
    assert "8,192" in fault["detail"]
    assert len(place.telemetry.asked) == 1


def test_metrics_over_a_span_have_a_step(place: Place) -> None:
    place.ada.sees("/resources/one/metrics/query_range?query=up&start=1767200000&end=1767225000")
    assert place.asked()[1] == {
        "query": 'up{resource_id="one"}',
        "start": "1767200000",
        "end": "1767225000",
        "step": "100",
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{METRICS}/labels", ("/prometheus/api/v1/labels", "match[]", '{resource_id="one"}')),
        (
            f"{METRICS}/label/job/values?match[]=up",
            ("/prometheus/api/v1/label/job/values", "match[]", 'up{resource_id="one"}'),
        ),
        (
            f"{METRICS}/series?match[]=%7B%7D",
            ("/prometheus/api/v1/series", "match[]", '{resource_id="one"}'),
        ),
        (f"{LOGS}/labels", ("/loki/api/v1/labels", "query", '{resource_id="one"}')),
        (
            f"{LOGS}/label/job/values?query=%7Ba%3D%22b%22%7D",
            ("/loki/api/v1/label/job/values", "query", '{resource_id="one",a="b"}'),
        ),
        (f"{LOGS}/series", ("/loki/api/v1/series", "match[]", '{resource_id="one"}')),
    ],
)
def test_names_and_series_are_scoped_too(
    place: Place, path: str, expected: tuple[str, str, str]
) -> None:
    place.ada.sees(path)
    asked, parameters, tenant = place.asked()
    assert (asked, expected[1], parameters[expected[1]]) == expected
    assert tenant == "plant"


def test_several_selectors(place: Place) -> None:
    place.ada.sees(f"{METRICS}/series?match[]=up&match[]=down")
    query = place.telemetry.asked[-1].query
    selected = [text for name, text in query.parameters if name == "match[]"]
    assert selected == ['up{resource_id="one"}', 'down{resource_id="one"}']


def test_selectors_share_what_a_query_may_have(place: Place) -> None:
    """Else sixteen of them would cost as much as sixteen queries."""
    large = "a=~`(a|b){900}`"

    def told(*selectors: str) -> Any:
        form = "&".join(f"match[]={quote(one)}" for one in selectors).encode()
        return place.ada.post(f"{METRICS}/series", raw=form, headers=FORM)

    result = told(*(f"{{{large},b='c'}}" for _ in range(3)))
    assert refusal(result) == (400, "unsafe_query")
    (fault,) = result.json["errors"]
    assert (fault["pointer"], fault["position"]) == ("/match[]", 4)
    assert "10,000 parts" in fault["detail"]
    long = "a" * 4096
    result = told(long, "é" * 2048, "b")
    assert refusal(result) == (422, "validation_failed")
    (fault,) = result.json["errors"]
    assert fault["pointer"] == "/match[]"
    assert fault["detail"] == (
        "All selectors together have 8,192 bytes at most; these have 8,193."
    )
    assert place.telemetry.asked == []
    assert told(long, long).status_code == 200
    assert told(*[f"{{{large},b='c'}}"] * 2).status_code == 200


def test_grafana_posts_forms(place: Place) -> None:
    form = b"query=up+%2B+1&time=1767225000"
    result = place.ada.post(f"{METRICS}/query", raw=form, headers=FORM)
    assert result.status_code == 200
    assert place.asked()[1] == {"query": 'up{resource_id="one"} + 1', "time": "1767225000"}


@pytest.mark.parametrize("told", [{}, {"Content-Length": "99999999"}])
def test_a_form_has_64_kib_at_most(place: Place, told: dict[str, str]) -> None:
    around = "query=up%20%23"
    form = (around + "a" * (64 * 1024 - len(around))).encode()
    result = place.ada.post(f"{METRICS}/query", raw=form, headers=FORM)
    assert refusal(result) == (400, "unsafe_query"), "by its own length"
    result = place.ada.post(f"{METRICS}/query", raw=form + b"a", headers=FORM | told)
    assert refusal(result) == (413, "payload_too_large")
    assert "64 KiB" in result.json["detail"]
    assert place.telemetry.asked == []


@pytest.mark.parametrize(
    ("path", "form", "headers"),
    [
        ("?query=up", b"query=up", {}),
        ("", b"query=up&query=up", {}),
        ("", b"query=up&que%72y=up", {}),
        ("", b"query=%zz", {}),
        ("", b"query=%ff", {}),
        ("", b"query=\xff", {}),
        ("", b"query", {}),
        ("", b"query=up;time=1", {"Content-Type": "text/plain"}),
        ("", b'{"query": "up"}', {"Content-Type": "application/json"}),
        ("", b"query=up", {"Content-Type": f"{FORM['Content-Type']}; charset=utf-16"}),
        ("", b"query=up", {"Content-Encoding": "gzip"}),
        ("", b"query=up", {"Content-Type": "multipart/form-data; boundary=x"}),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(
    place: Place, path: str, form: bytes, headers: dict[str, str]
) -> None:
    result = place.ada.post(f"{METRICS}/query{path}", raw=form, headers=FORM | headers)
    assert refusal(result) == (400, "malformed_request")
    assert place.telemetry.asked == []


@pytest.mark.parametrize(
    "path",
    [
        f"{METRICS}/query?query=up&stats=all",
        f"{METRICS}/query?query=up&interval=5s",
        f"{LOGS}/query?query=up&timeout=5s",
        f"{METRICS}/query?query=up&X-Scope-OrgID=other",
        f"{LOGS}/labels?match[]=up",
    ],
)
def test_a_parameter_that_is_not_listed_is_refused(place: Place, path: str) -> None:
    assert refusal(place.ada.get(path)) == (400, "unknown_parameter")
    assert place.telemetry.asked == []


@pytest.mark.parametrize(
    "path",
    [
        f"{METRICS}/rules",
        f"{LOGS}/tail",
        f"{METRICS}/label/a-b/values",
        f"{METRICS}/admin/tsdb",
        f"{LOGS}/label/__tenant_id__/values",
        f"{METRICS}/label/__tenant_id__/values",
        f"{METRICS}/label/__embedded_queries__/values",
        f"{METRICS}/label/U____tenant__id__/values",
        f"{METRICS}/label/U______tenant__id____/values",
        f"{METRICS}/label/U___5f__5f_tenant_5F_id__005f__/values",
        f"{METRICS}/label/U___5f__a/values",
        f"{METRICS}/label/U__{'a' * 300}/values",
    ],
)
def test_what_is_not_listed_is_not_there(place: Place, path: str) -> None:
    assert refusal(place.ada.get(path)) == (404, "not_found")
    assert place.telemetry.asked == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{METRICS}/query?query=up&timeout=5s", {"timeout": "5"}),
        (f"{METRICS}/query_range?query=up&timeout=2h", {"timeout": "60"}),
        (f"{METRICS}/label/job/values?limit=0", {}),
        (f"{METRICS}/label/job/values?limit=40000", {"limit": "40000"}),
        (f"{METRICS}/label/__name__/values", {"match[]": '{resource_id="one"}'}),
        (f"{METRICS}/label/U______name____/values", {"match[]": '{resource_id="one"}'}),
        (f"{METRICS}/label/U__my_2e_label/values", {"match[]": '{resource_id="one"}'}),
        (f"{METRICS}/label/U__a_110000__5f_a/values", {"match[]": '{resource_id="one"}'}),
        (f"{LOGS}/query?query=vector(1)&direction=BACKWARD", {"direction": "backward"}),
        (f"{LOGS}/query_range?query=%7Ba%3D%22b%22%7D&interval=1m", {"interval": "60"}),
        (f"{LOGS}/labels?since=5m", {"start": f"{int(NOW) - 300}000000000"}),
        (f"{LOGS}/series?match=%7Ba%3D%22b%22%7D", {"match[]": '{resource_id="one",a="b"}'}),
    ],
)
def test_what_clients_send_is_understood(
    place: Place, path: str, expected: dict[str, str]
) -> None:
    place.ada.sees(path)
    sent = place.asked()[1]
    assert {name: sent[name] for name in expected} == expected
    assert ("limit" in sent) == ("limit" in expected)


def test_lines_have_their_own_labels_apart_for_who_asks_so(place: Place) -> None:
    place.ada.sees(f"{LOGS}/query_range?query=%7Ba%3D%22b%22%7D")
    headers = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
    place.ada.ask("GET", f"{LOGS}/query_range?query=%7Ba%3D%22b%22%7D", headers=headers)
    assert [one.categorized for one in place.telemetry.asked] == [False, True]


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (f"{METRICS}/query?query=up(", {"status": "error", "errorType": "bad_data"}),
        (f"{METRICS}/rules", {"status": "error", "errorType": "not_found"}),
        (f"{LOGS}/query_range?query=%7B", {}),
    ],
)
def test_grafana_can_show_what_is_refused(place: Place, path: str, more: dict[str, str]) -> None:
    plain = place.ada.get(path).json
    told = place.ada.client.simulate_get(
        f"{API}{path}",
        headers={"Authorization": f"Bearer {place.ada.token}", "User-Agent": "Grafana/12.1.0"},
    ).json
    said = told.pop("error" if METRICS in path else "message")
    assert plain["detail"] in said
    assert told == plain | more | {"request_id": told["request_id"]}


@pytest.mark.parametrize(
    ("path", "query", "position"),
    [
        (METRICS, "max_over_time(up[32d])", 17),
        (METRICS, "max_over_time(up[31d:1s])", 17),
        (METRICS, "max_over_time(up[800h:1m])", 17),
        (LOGS, 'rate({a="b"}[45d])', 13),
    ],
)
def test_a_range_is_not_longer_in_a_query(
    place: Place, path: str, query: str, position: int
) -> None:
    result = place.ada.get(f"{path}/query?query={quote(query)}")
    assert refusal(result) == (400, "unsafe_query")
    assert result.json["errors"][0]["position"] == position
    for shorter in ("31d", "31d:1m") if path == METRICS else ("31d",):
        asked = re.sub(r"\[.*\]", f"[{shorter}]", query)
        place.ada.sees(f"{path}/query?query={quote(asked)}")


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        (f"{METRICS}/query", ["/query"]),
        (f"{METRICS}/query?query=up&time=x", ["/time"]),
        (f"{METRICS}/query_range?query=up&start=1767225600&end=1767220000", ["/start"]),
        (f"{METRICS}/query_range?query=up&start=1&end=1767220000&step=5d", ["/start"]),
        (f"{METRICS}/query_range?query=up&step=100ms", ["/step"]),
        (f"{METRICS}/query_range?query=up&step=0", ["/step"]),
        (f"{LOGS}/query_range?query=x&limit=5001&direction=up", ["/limit", "/direction"]),
        (f"{LOGS}/query_range?query=x&limit=-1", ["/limit"]),
        (f"{LOGS}/query_range?query=x&start=1767225600000", ["/start"]),
        (f"{METRICS}/query?query=up&timeout=x", ["/timeout"]),
        ("/resources/one/logs?search=a&query=b", ["/search"]),
        ("/resources/one/logs?level=loud", ["/level"]),
        ("/resources/one/logs?since=1h&start=1767220000", ["/since"]),
    ],
)
def test_every_fault_is_told(place: Place, path: str, pointers: list[str]) -> None:
    result = place.ada.get(path)
    assert refusal(result) == (422, "validation_failed")
    assert [fault["pointer"] for fault in result.json["errors"]] == pointers
    assert place.telemetry.asked == []


def test_the_place_of_what_is_unsafe_is_told_and_remembered(place: Place) -> None:
    result = place.ada.get(f"{METRICS}/query?query=1%20%2B%20info(up)")
    assert refusal(result) == (400, "unsafe_query")
    (fault,) = result.json["errors"]
    assert (fault["pointer"], fault["position"]) == ("/query", 4)
    events = place.ada.sees("/organizations/acme/events?type=access.denied")["items"]
    assert [event["data"]["code"] for event in events] == ["unsafe_query"]
    assert "info()" in events[0]["data"]["reason"]
    assert place.telemetry.asked == []


def test_who_may_not_read_is_told_nothing_and_remembered(place: Place) -> None:
    eve = place.world.person("eve")
    eve.sees("/users/me")
    for path in (f"{METRICS}/query?query=up", "/resources/one/logs", f"{LOGS}/query?query=)"):
        assert refusal(eve.get(path)) == (404, "not_found")
    assert place.telemetry.asked == []
    events = place.ada.sees("/organizations/acme/events?type=access.denied")["items"]
    assert [event["data"]["code"] for event in events] == ["not_found"] * 3


def test_it_must_be_in_the_project_that_the_address_names(place: Place) -> None:
    place.ada.makes("/projects", {"id": "other", "name": "Other"})
    assert place.ada.get("/projects/plant/resources/one/logs").status_code == 200
    assert refusal(place.ada.get("/projects/other/resources/one/logs")) == (404, "not_found")


def test_what_is_being_deleted_can_be_read_and_what_is_deleted_cannot(place: Place) -> None:
    assert place.ada.delete("/resources/one").status_code == 202
    place.ada.sees("/resources/one/logs")
    robot = place.world.machine("robot")
    robot.sees("/users/me")
    place.world.grants(robot, "service-account-reconciler", "global")
    report = {"observed_generation": 1, "health": "Missing"}
    assert robot.put("/resources/one/status", report).status_code == 200
    assert refusal(place.ada.get("/resources/one/logs")) == (404, "not_found")


def test_nothing_of_the_client_passes(place: Place) -> None:
    headers = {
        "X-Scope-OrgID": "other|plant",
        "Cookie": "a=b",
        "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "X-Query-Tags": "x",
        "Accept-Encoding": "br, gzip",
    }
    place.ada.get(f"{METRICS}/query?query=up", headers=headers)
    outgoing = place.telemetry.asked[-1]
    assert outgoing.query.tenant == "plant"
    assert outgoing.compressed
    assert "0123456789abcdef0123456789abcdef" not in outgoing.trace


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("br;q=1.0", False),
        ("gzip;q=0", False),
        ("gzip ; q=0.000, br", False),
        ("x-gzipped", False),
    ],
)
def test_an_answer_is_packed_for_who_takes_it(
    place: Place, accepted: str, *, packed: bool
) -> None:
    place.ada.get(f"{METRICS}/query?query=up", headers={"Accept-Encoding": accepted})
    assert place.telemetry.asked[-1].compressed is packed


def test_without_a_backend_there_is_nothing_to_ask(place: Place) -> None:
    platform = evolve(
        place.world.platform, observability=Observability(backends=frozenset({Backend.LOGS}))
    )
    world = evolve(place.world, platform=platform).with_edge(proxy=Proxy(place.telemetry))
    ada, eve = world.person("ada"), world.person("eve")
    client = {"client": world.client}
    ada, eve = evolve(ada, **client), evolve(eve, **client)
    ada.sees("/resources/one/logs")
    result = ada.client.simulate_get(
        f"{API}{METRICS}/query",
        query_string="query=up",
        headers={"Authorization": f"Bearer {ada.token}"},
    )
    assert refusal(result) == (503, "not_configured")
    assert refusal(eve.get(f"{METRICS}/query?query=up")) == (404, "not_found")


def test_a_tenant_by_organization(place: Place) -> None:
    setup = evolve(place.world.platform.observability, tenant="org_id")
    platform = evolve(place.world.platform, observability=setup)
    world = evolve(place.world, platform=platform).with_edge(proxy=Proxy(place.telemetry))
    ada = evolve(world.person("ada"), client=world.client)
    ada.sees("/resources/one/logs")
    assert place.asked()[2] == "acme"


@pytest.mark.parametrize(
    ("status", "body", "expected", "said"),
    [
        (400, b"parse error at line 1, col 5: syntax error", (422, "validation_failed"), "syntax"),
        (
            422,
            (
                b'{"status":"error","errorType":"execution","error":"found duplicate series for '
                b'the match group {a=\\"b\\"} on the right"}'
            ),
            (422, "validation_failed"),
            "duplicate series",
        ),
        (
            422,
            (
                b'{"status":"error","errorType":"execution","error":"found duplicate series for '
                b'the match group {instance=\\"10.0.0.1:9100\\", tenant=\\"plant\\"} on the '
                b'right hand-side of the operation"}'
            ),
            (422, "validation_failed"),
            "The backend refuses this query: found duplicate series for the match group.",
        ),
        (
            400,
            b"execution: pipeline error: 'SampleExtractionErr' for series: '{pod=\"plant\"}'",
            (422, "validation_failed"),
            "The backend refuses this query: pipeline error.",
        ),
        (
            500,
            b"many-to-many matching not allowed: matching labels must be unique on one side",
            (422, "validation_failed"),
            "many-to-many matching not allowed.",
        ),
        (
            400,
            (
                b'{"status":"error","errorType":"bad_data","error":"invalid parameter '
                b'\\"query\\": 1:65: parse error: unexpected end of input"}'
            ),
            (422, "validation_failed"),
            "The backend refuses this query: unexpected end of input.",
        ),
        (400, b"parse error: tenant plant is not 10.0.0.1", (422, "validation_failed"), None),
        (400, b"parse error: x.go:12 goroutine 1", (422, "validation_failed"), None),
        (400, b"something else", (422, "validation_failed"), None),
    ],
)
def test_the_backends_words_are_told_where_they_speak_of_the_query(
    place: Place, status: int, body: bytes, expected: tuple[int, str], said: str | None
) -> None:
    place.answers(status, body)
    result = place.ada.get(f"{METRICS}/query?query=up")
    assert refusal(result) == expected
    if said is None:
        assert "The backend refuses this query. See" in result.text
        assert not any(word in result.text for word in ("plant", "10.0.0.1", ".go", "something"))
    else:
        assert said in result.text
        assert "plant" not in result.text


def fails(place: Place, answer: Answer | DomainError) -> tuple[int, str]:
    """Whatever a backend does, people are told nothing of what is inside of it."""

    def act(_: Outgoing) -> Answer:
        if isinstance(answer, DomainError):
            raise answer
        return answer

    place.telemetry.answer = act
    headers = {"Authorization": f"Bearer {place.ada.token}"}
    result = place.ada.client.simulate_get(
        f"{API}{METRICS}/query", query_string="query=up", headers=headers
    )
    assert "inside" not in result.text
    return refusal(result)


def test_a_backend_that_fails(place: Place) -> None:
    def said(status: int, body: bytes = b"inside", **more: Any) -> Answer:
        return Answer(status=status, beginning=body, **{"media_type": "text/html"} | more)

    upstream, slow = (502, "upstream_error"), (504, "upstream_timeout")
    assert fails(place, said(500)) == upstream
    assert fails(place, said(401)) == upstream
    assert fails(place, said(302)) == upstream
    assert fails(place, said(429)) == upstream
    assert fails(place, said(200)) == upstream
    assert fails(place, UpstreamError("x")) == upstream
    assert fails(place, OutcomeUnknown("x")) == slow
    assert fails(place, said(504)) == slow
    told = json.dumps({"status": "error", "errorType": "timeout", "error": "inside"}).encode()
    assert fails(place, said(503, told, media_type="application/json")) == slow


def test_what_is_packed_is_passed_on_as_it_is(place: Place) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b'{"status": "success"}') + packer.flush()
    place.answers(200, packed, media_type="application/json", compressed=True)
    result = place.ada.client.simulate_get(
        f"{API}{METRICS}/query",
        query_string="query=up",
        headers={"Authorization": f"Bearer {place.ada.token}", "Accept-Encoding": "gzip"},
    )
    assert result.headers["content-encoding"] == "gzip"
    assert result.content == packed


class Parts(Body):
    def __init__(self, *parts: bytes | DomainError) -> None:
        self.parts, self.is_closed = list(parts), False

    def read(self, is_wanted: Callable[[], bool]) -> bytes:
        part = self.parts.pop(0) if self.parts else b""
        if isinstance(part, DomainError):
            raise part
        return part

    def close(self) -> None:
        self.is_closed = True


def test_a_long_answer_is_passed_on_in_parts(place: Place) -> None:
    parts = Parts(b"b" * 10, b"c")
    place.answers(200, b"a", media_type="application/json", rest=parts)
    result = place.ada.get(f"{METRICS}/query?query=up")
    assert result.content == b"a" + b"b" * 10 + b"c"
    assert parts.is_closed


def test_a_long_answer_that_breaks_off_is_not_taken_for_all(place: Place) -> None:
    parts = Parts(b"b", UpstreamError("gone"))
    place.answers(200, b"a", media_type="application/json", rest=parts)
    with pytest.raises(ConnectionResetError):
        place.ada.get(f"{METRICS}/query?query=up")
    assert parts.is_closed


def of_each(of_each: int, at_once: int) -> dict[Backend, Turns]:
    return {one: Turns(of_each, at_once) for one in Backend}


class Standing(Telemetry):
    """Backends that never answer."""

    def __init__(self) -> None:
        self.futures: list[Future[Answer]] = []

    def has(self, backend: Backend) -> bool:
        return True

    def ask(self, outgoing: Outgoing) -> "Future[Answer]":
        self.futures.append(Future())
        return self.futures[-1]

    def close(self) -> None:
        """There is nothing to end."""


def test_a_query_that_takes_long_is_put_aside_and_asked_again(place: Place) -> None:
    standing = Standing()
    world = place.world.with_edge(proxy=Proxy(standing))
    ada = evolve(place.ada, client=world.client)
    form = b"query=up"
    with seated(Seat()), pytest.raises(Parked) as parked:
        ada.post(f"{METRICS}/query", raw=form, headers=FORM)
    standing.futures[0].set_result(
        Answer(status=200, media_type="application/json", beginning=b"{}")
    )
    assert parked.value.signal is standing.futures[0]
    # The body has been read, and cannot be read again.
    with seated(Seat(since=parked.value.since, carried=parked.value.carried)):
        assert ada.post(f"{METRICS}/query", raw=b"", headers=FORM).content == b"{}"
    assert len(standing.futures) == 1


def test_who_has_lost_the_permission_meanwhile_gets_nothing(place: Place) -> None:
    standing = Standing()
    world = place.world.with_edge(proxy=Proxy(standing))
    ada, grace = evolve(place.ada, client=world.client), world.person("grace")
    grace.sees("/users/me")
    role = {"user_id": grace.principal, "role_id": "Viewer"}
    held = ada.makes("/resources/one/rbac", role)["assignment_id"]
    with seated(Seat()), pytest.raises(Parked) as parked:
        grace.get(f"{METRICS}/query?query=up")
    assert ada.delete(f"/resources/one/rbac/{held}").status_code == 204
    with seated(Seat(since=parked.value.since, carried=parked.value.carried)):
        assert refusal(grace.get(f"{METRICS}/query?query=up")) == (404, "not_found")
    assert standing.futures[0].cancelled()


def test_an_answer_is_of_what_the_resource_is_now(place: Place) -> None:
    """Its project has gone to another organization meanwhile, and so has its tenant."""
    standing = Standing()
    setup = evolve(place.world.platform.observability, tenant="org_id")
    platform = evolve(place.world.platform, observability=setup)
    world = evolve(place.world, platform=platform).with_edge(proxy=Proxy(standing))
    ada = evolve(place.ada, client=world.client)
    ada.makes("/organizations", {"id": "other", "name": "Other"})
    with seated(Seat()), pytest.raises(Parked) as parked:
        ada.get(f"{METRICS}/query?query=up")
    assert ada.post("/projects/plant/move", {"org_id": "other"}).status_code == 200
    with (
        seated(Seat(since=parked.value.since, carried=parked.value.carried)),
        pytest.raises(Parked),
    ):
        ada.get(f"{METRICS}/query?query=up")
    before, after = standing.futures
    assert before.cancelled()
    assert not after.done()


def test_a_client_that_goes_away_ends_the_query(place: Place) -> None:
    standing = Standing()
    world = place.world.with_edge(proxy=Proxy(standing))
    ada = evolve(place.ada, client=world.client)
    with seated(Seat()), pytest.raises(Parked) as parked:
        ada.get(f"{METRICS}/query?query=up")
    headers = {"Authorization": f"Bearer {ada.token}"}
    with seated(Seat(since=AT_ONCE, carried=parked.value.carried)):
        result = ada.client.simulate_get(
            f"{API}{METRICS}/query", query_string="query=up", headers=headers
        )
    assert refusal(result) == (504, "upstream_timeout")
    assert standing.futures[0].cancelled()


def test_one_asks_only_so_much_at_once(place: Place) -> None:
    standing = Standing()
    world = place.world.with_edge(proxy=Proxy(standing, turns=of_each(2, 100)))
    ada, grace = evolve(place.ada, client=world.client), world.person("grace")
    grace.sees("/users/me")
    ada.makes("/resources/one/rbac", {"user_id": grace.principal, "role_id": "Viewer"})

    def asks(caller: Caller, seat: Seat) -> Parked:
        with seated(seat), pytest.raises(Parked) as parked:
            caller.get(f"{METRICS}/query?query=up")
        return parked.value

    first, _, third, fourth = (asks(ada, Seat()) for _ in range(4))
    asks(grace, Seat())
    assert len(standing.futures) == 3, "two of hers wait for their turn, and keep out nobody else"
    with seated(Seat()), pytest.raises(Parked):
        ada.get(f"{LOGS}/labels")
    assert len(standing.futures) == 4, "nor those that she asks of the other backend"
    assert third.signal is not None
    assert fourth.carried is not None
    fourth.carried.end()
    assert not third.signal.done()
    assert first.carried is not None
    first.carried.end()
    assert third.signal.done()
    asks(ada, Seat(since=third.since, carried=third.carried))
    assert len(standing.futures) == 5


def test_whose_turn_does_not_come_is_told_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxying, "TURN_WITHIN_S", 0.0)
    world = place.world.with_edge(proxy=Proxy(Standing(), turns=of_each(1, 100)))
    ada = evolve(place.ada, client=world.client)
    with seated(Seat()), pytest.raises(Parked):
        ada.get(f"{METRICS}/query?query=up")
    with seated(Seat()):
        result = ada.get(f"{METRICS}/query?query=up")
    assert refusal(result) == (429, "rate_limited")
    assert result.headers["retry-after"] == "1"


def test_long_answers_wait_for_their_turn_to_be_passed_on(place: Place) -> None:
    proxy = Proxy(place.telemetry, threads=2)
    world = place.world.with_edge(proxy=proxy)
    ada = evolve(place.ada, client=world.client)
    place.answers(200, b"a", media_type="application/json", rest=Parts(b"b"))
    somebody = "somebody"
    passing = proxy.passing[Backend.METRICS]
    turn = passing.ask(somebody)
    with seated(Seat()), pytest.raises(Parked) as parked:
        ada.get(f"{METRICS}/query?query=up")
    assert parked.value.signal is not None
    passing.leave(somebody, turn)
    assert parked.value.signal.done()
    with seated(Seat(since=parked.value.since, carried=parked.value.carried)):
        assert ada.get(f"{METRICS}/query?query=up").content == b"ab"
    assert len(place.telemetry.asked) == 1
    assert passing.ask(somebody).done(), "it has left"


def test_long_answers_of_one_backend_keep_out_none_of_the_other(place: Place) -> None:
    proxy = Proxy(place.telemetry, threads=2)
    world = place.world.with_edge(proxy=proxy)
    ada = evolve(place.ada, client=world.client)
    place.answers(200, b"a", media_type="application/json", rest=Parts(b"b"))
    proxy.passing[Backend.LOGS].ask(ada.principal)
    with seated(Seat()):
        assert ada.get(f"{METRICS}/query?query=up").content == b"ab"


def test_queries_of_a_backend_that_stands_still_keep_out_none_of_the_other(place: Place) -> None:
    standing = Standing()
    world = place.world.with_edge(proxy=Proxy(standing, turns=of_each(3, 3)))
    ada = evolve(place.ada, client=world.client)
    for _ in range(4):
        with seated(Seat()), pytest.raises(Parked):
            ada.get(f"{LOGS}/labels")
    assert len(standing.futures) == 3
    with seated(Seat()), pytest.raises(Parked) as parked:
        ada.get(f"{METRICS}/query?query=up")
    assert parked.value.signal is standing.futures[3]


@pytest.mark.parametrize(
    ("threads", "spare", "passing", "waits"),
    [
        (1, 0, 1, 1),
        (4, 0, 1, 1),
        (8, 0, 2, 1),
        (32, 0, 8, 4),
        (8, 32, 8, 16),
        (1, 2, 1, 1),
    ],
)
def test_the_shares_of_the_threads(threads: int, spare: int, passing: int, waits: int) -> None:
    """With the default of eight they leave one beside two exports."""
    proxy = Proxy(Standing(), threads=threads, spare=spare)
    assert {turns.at_once for turns in proxy.passing.values()} == {passing}
    taken = 0
    while proxy._threads_to_wait_in.acquire(blocking=False):
        taken += 1
    assert taken == waits
    if threads >= 8:
        together = waits + passing * len(Backend)
        assert together <= spare or together + EXPORTS < threads


def test_what_is_asked_again_keeps_its_id(place: Place) -> None:
    standing = Standing()
    world = place.world.with_edge(proxy=Proxy(standing))
    ada = evolve(place.ada, client=world.client)
    seat = Seat()
    with seated(seat), pytest.raises(Parked) as parked:
        ada.get(f"{METRICS}/query?query=up")
    done = Answer(status=200, media_type="application/json", beginning=b"{}")
    standing.futures[0].set_result(done)
    again = evolve(seat, since=parked.value.since, carried=parked.value.carried)
    with seated(again):
        result = ada.get(f"{METRICS}/query?query=up")
    assert result.headers["x-request-id"] == seat.request_id


def test_without_room_few_wait_in_threads(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no more can be put aside: the others are told to try again."""
    monkeypatch.setattr(proxying, "WITHOUT_ROOM_S", 1.0)
    proxy = Proxy(Standing(), threads=2)
    world = place.world.with_edge(proxy=proxy)
    ada = evolve(place.ada, client=world.client)
    told: list[tuple[int, str]] = []

    def ask() -> None:
        with seated(Seat(has_room=False)):
            result = ada.client.simulate_get(
                f"{API}{METRICS}/query",
                query_string="query=up",
                headers={"Authorization": f"Bearer {ada.token}"},
            )
        told.append(refusal(result))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [(429, "rate_limited")] * 2 + [(504, "upstream_timeout")]
