"""Nothing of another resource comes back, whatever is asked: through the whole application, of
Prometheus itself and of Loki's own engine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from attrs import field, frozen
from hypothesis import Phase, given, settings

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.adapters.telemetry import HttpTelemetry
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.entrypoints.http.proxying import Proxy
from tests.go_programs import CannotBuild
from tests.http.world import Caller, World, a_world
from tests.loki_server import loki
from tests.oracles import grammar
from tests.paying import free_of_charge
from tests.prometheus_server import NotInstalled, prometheus

AT: Final = 1_767_225_600
"""When the clock of a world begins."""
SECOND: Final = 1_000_000_000
OURS: Final = "ours"
THEIRS: Final = "theirs"
SECRET: Final = "s3cr3t"
"""In whatever belongs to the other resource."""
OTHER_NUMBER: Final = 987_654
bounded = settings(
    max_examples=400,
    derandomize=True,
    database=None,
    phases=set(Phase) - {Phase.explain},
)


@frozen
class Place:
    world: World = field(repr=False)
    ada: Caller = field(repr=False)

    def ask(self, path: str, *, maybe: int = 422, **parameters: Any) -> str:
        asked = urlencode(parameters, doseq=True)
        result = self.ada.client.simulate_get(
            f"/api/v1/resources/{OURS}/{path}",
            query_string=asked,
            headers={"Authorization": f"Bearer {self.ada.token}"},
        )
        assert result.status_code in {200, 422, maybe}, result.text
        return str(result.text)


@contextmanager
def _asking(backend: Backend, address: str) -> Iterator[Place]:
    telemetry = HttpTelemetry({backend: address})
    try:
        yield _place(telemetry)
    finally:
        telemetry.close()


def _place(telemetry: HttpTelemetry) -> Place:
    catalog = free_of_charge(load_catalog(default_catalog(), JsonSchemaValidator()))
    world = a_world(MemoryUnitsOfWork(), catalog).with_edge(proxy=Proxy(telemetry))
    ada = world.person("ada")
    ada.makes("/projects", {"id": "plant", "name": "Plant"})
    for name in (OURS, THEIRS):
        ada.makes("/projects/plant/resources", world.wish(name))
    return Place(world, ada)


def _metrics() -> dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[float, float]]]:
    """Of both, alike but for what must not be told."""
    found = {}
    times = [AT - 60 * minute for minute in range(30)]
    for resource, of, number in ((OURS, "plain", 1), (THEIRS, SECRET, OTHER_NUMBER)):
        for metric in ("up", "a:b", "http_requests_total", "sum", "offset", "by", "start"):
            for job in ("api", "a{b}", "x"):
                labels = {"resource_id": resource, "job": job, "a": of, "le": "1", "_x1": of}
                points = [(float(at), float(number)) for at in sorted(times)]
                found[metric, tuple(labels.items())] = points
        found[f"{of}_only", (("resource_id", resource), ("a", of))] = [(float(AT), float(number))]
    return found


@pytest.fixture(scope="module")
def metrics() -> Iterator[Place]:
    try:
        with prometheus(_metrics()) as address, _asking(Backend.METRICS, address) as place:
            yield place
    except NotInstalled as exc:
        pytest.skip(f"Nothing has metrics. {exc}")


def _streams() -> list[Any]:
    found = []
    for resource, of in ((OURS, "plain"), (THEIRS, SECRET)):
        for job in ("api", "a{b}", '"}', "#"):
            labels = {"resource_id": resource, "job": job, "a": of, "_x1": of, "rate": "1"}
            entries = [
                ((AT - 10 * n) * SECOND, json.dumps({"a": n, "of": of, "line": f"{of} {{x}} api"}))
                for n in range(20)
            ]
            found.append({"labels": labels, "entries": entries})
    return found


@pytest.fixture(scope="module")
def logs() -> Iterator[Place]:
    labels = {"resource_id": OURS, "a": SECRET}
    elsewhere: list[Any] = [{"labels": labels, "entries": [(AT * SECOND, SECRET)]}]
    try:
        with (
            loki({"plant": _streams(), "another": elsewhere}) as address,
            _asking(Backend.LOGS, address) as place,
        ):
            yield place
    except CannotBuild as exc:
        pytest.skip(f"Nothing has logs. {exc}")


def _betrays(told: str) -> bool:
    return SECRET in told or THEIRS in told or str(OTHER_NUMBER)[:3] in told


def test_what_is_there_is_found(metrics: Place, logs: Place) -> None:
    """Else nothing could be betrayed either."""
    told = json.loads(metrics.ask("metrics/query", query="up"))
    assert len(told["data"]["result"]) == 3
    told = json.loads(logs.ask("logs", since="10m"))
    # All but the newest of each stream: the end is not part of a span.
    assert sum(len(one["values"]) for one in told["data"]["result"]) == 76


ATTEMPTS: Final = (
    '{resource_id="theirs"}',
    'up{resource_id=~".+"} or up',
    '{__name__=~".+"}',
    'up{resource_id="ours"} or {resource_id!="ours",a=~".+"}',
    'label_replace(up, "resource_id", "theirs", "job", ".*")',
    "count by (resource_id, a) ({__name__=~'.+'})",
    'absent(up{resource_id="theirs"})',
    "sum(up) + on() group_left() count({a=~'.+'})",
    "topk(100, {__name__=~'.+'} @ end() offset 5m)",
    "max_over_time({a=~'.+'}[10m:1m])",
    "# {\nup # }\n",
    "up{a!='}{'} or {a='{resource_id=\"theirs\"}',job!=''}",
)


@pytest.mark.parametrize("query", ATTEMPTS)
def test_metrics_by_hand(metrics: Place, query: str) -> None:
    told = metrics.ask("metrics/query", query=query)
    assert SECRET not in told
    assert str(OTHER_NUMBER)[:3] not in told


@bounded
@given(query=grammar.promql())
def test_metrics_whatever_is_asked(metrics: Place, query: str) -> None:
    for path in ("metrics/query", "prometheus/api/v1/query_range"):
        told = metrics.ask(path, query=query, maybe=400)
        if '"status":"success"' in told.replace(" ", ""):
            assert SECRET not in told, query
            assert THEIRS not in told, query


def test_names_and_values_of_metrics(metrics: Place) -> None:
    for path in ("labels", "series", *(f"label/{n}/values" for n in ("__name__", "a", "job"))):
        for more in ({}, {"match[]": ['{a=~".+"}', "up"]}, {"match[]": '{resource_id="theirs"}'}):
            told = metrics.ask(f"prometheus/api/v1/{path}", start=AT - 3600, end=AT, **more)
            assert '"success"' in told
            assert not _betrays(told), (path, more)
    told = json.loads(metrics.ask("prometheus/api/v1/label/resource_id/values"))
    assert told["data"] == [OURS]


@bounded
@given(query=grammar.logql())
def test_logs_whatever_is_asked(logs: Place, query: str) -> None:
    for path in ("logs", "loki/api/v1/query"):
        told = logs.ask(path, query=query, maybe=400)
        if told.startswith('{"status":"success"'):
            assert SECRET not in told, query
            assert THEIRS not in told, query


@pytest.mark.parametrize(
    "query",
    [
        '{resource_id="theirs"}',
        '{resource_id=~".+"}',
        '{a=~".+"} | resource_id != ""',
        '{a=~".+"} |= "s3" or "x"',
        'sum by (a, resource_id) (count_over_time({a=~".+"}[10m]))',
        'count_over_time({a=~".+"}[10m]) or count_over_time({resource_id="theirs"}[10m])',
        'variants(count_over_time({a=~".+"}[10m])) of ({a=~".+"}[10m])',
        'label_replace(rate({a=~".+"}[10m]), "resource_id", "theirs", "a", ".*")',
        '{a=~".+"} | label_format resource_id="theirs" | drop a',
        '{job="\\"}"} # } or {',
    ],
)
def test_logs_by_hand(logs: Place, query: str) -> None:
    told = logs.ask("logs", query=query)
    assert SECRET not in told


def test_names_and_values_of_logs(logs: Place) -> None:
    for path in ("labels", *(f"label/{name}/values" for name in ("a", "job", "resource_id"))):
        for more in ({}, {"query": '{a=~".+"}'}, {"query": '{resource_id="theirs"}'}):
            told = logs.ask(f"loki/api/v1/{path}", start=AT - 3600, end=AT, **more)
            assert '"success"' in told
            assert not _betrays(told), (path, more)
    told = logs.ask("loki/api/v1/series", **{"match[]": ['{a=~".+"}', '{resource_id="theirs"}']})
    assert "plain" in told
    assert not _betrays(told)
