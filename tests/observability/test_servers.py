"""The backends that other tests ask: they have what they were given, and nothing else."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests

from tests.go_programs import CannotBuild
from tests.loki_server import loki
from tests.prometheus_server import NotInstalled, prometheus

NOW: Final = 1_750_000_000
DAY: Final = 86_400
SECOND: Final = 1_000_000_000
UP: Final = {"__name__": "up", "resource": "db"}


@pytest.fixture(scope="module")
def metrics() -> Iterator[str]:
    """Of two resources, of which one has words that need care."""
    series = {
        ("up", (("resource", "db"),)): [(NOW - 60, 1.0), (NOW, float("inf"))],
        ("up", (("resource", 'a"\\\n'),)): [(NOW, 3.0)],
        ("down", (("resource", "old"),)): [(NOW - 40 * DAY, 2.5)],
    }
    try:
        with prometheus(series) as address:
            yield f"{address}/prometheus/api/v1"
    except NotInstalled as exc:
        pytest.skip(f"Nothing has metrics. {exc}")


@pytest.fixture(scope="module")
def logs() -> Iterator[str]:
    def stream(entries: list[tuple[int, str]], **labels: str) -> dict[str, Any]:
        return {"labels": labels, "entries": entries}

    streams = {
        "acme": [
            stream([(NOW * SECOND, "late"), ((NOW - 60) * SECOND, "early")], resource="db"),
            stream([((NOW - 30) * SECOND, 'between "it"')], resource="web", level="warn"),
        ],
        "globex": [stream([(NOW * SECOND, "theirs")], resource="db", theirs="yes")],
    }
    try:
        with loki(streams) as address:
            yield f"{address}/loki/api/v1"
    except CannotBuild as exc:
        pytest.skip(f"Nothing has logs. {exc}")


def told(address: str, **parameters: object) -> Any:
    """What it says when it is asked by address and by form: the same."""
    given = {"start": NOW - 3600, "end": NOW + 1, **parameters}
    found = requests.get(address, given, timeout=10)
    assert found.status_code == 200, found.text
    posted = requests.post(address, given, timeout=10)
    assert posted.json()["data"] == found.json()["data"]
    return found.json()["data"]


def logged(address: str, tenant: str = "acme", **parameters: object) -> requests.Response:
    """What it says of a tenant, when it is asked by address and by form: the same."""
    given = {"start": (NOW - 3600) * SECOND, "end": (NOW + 1) * SECOND, **parameters}
    headers = {"X-Scope-OrgID": tenant}
    found = requests.get(address, given, headers=headers, timeout=10)
    posted = requests.post(address, given, headers=headers, timeout=10)
    assert (posted.status_code, posted.headers["Content-Type"]) == (
        found.status_code,
        found.headers["Content-Type"],
    )
    if found.ok:
        assert _without_statistics(posted.json()) == _without_statistics(found.json())
    return found


def _without_statistics(answer: dict[str, Any]) -> Any:
    data = answer.get("data")
    return data["result"] if isinstance(data, dict) else data


def lines(answer: requests.Response) -> list[str]:
    """The last first, as they are asked for where nothing is said."""
    assert answer.status_code == 200, answer.text
    streams = answer.json()["data"]["result"]
    return [line for _, line in sorted((e for s in streams for e in s["values"]), reverse=True)]


def test_metrics_are_there(metrics: str) -> None:
    found = told(f"{metrics}/query_range", query='up{resource="db"}', step=60, start=NOW - 60)
    values = [[NOW - 60, "1"], [NOW, "+Inf"]]
    assert found == {"resultType": "matrix", "result": [{"metric": UP, "values": values}]}


def test_metrics_are_there_at_one_moment(metrics: str) -> None:
    [found] = told(f"{metrics}/query", query="up offset -1m == 3", time=NOW - 60)["result"]
    assert found["metric"]["resource"] == 'a"\\\n'
    assert told(f"{metrics}/query", query="up == 3", time=NOW - 60)["result"] == []


def test_metrics_are_there_from_long_ago(metrics: str) -> None:
    then = NOW - 40 * DAY
    [found] = told(f"{metrics}/query", query="down", time=then)["result"]
    assert found["value"] == [then, "2.5"]
    assert told(f"{metrics}/query", query="down", time=NOW)["result"] == []
    [found] = told(f"{metrics}/query", query=f"down @ {then}", time=NOW)["result"]
    assert found["value"] == [NOW, "2.5"]


def test_names_and_values_of_labels_of_metrics(metrics: str) -> None:
    selected = {"match[]": 'up{resource="db"}'}
    assert told(f"{metrics}/labels", **selected) == ["__name__", "resource"]
    values = requests.get(f"{metrics}/label/resource/values", selected, timeout=10)
    assert values.json()["data"] == ["db"]
    values = requests.get(f"{metrics}/label/resource/values", timeout=10)
    assert values.json()["data"] == ['a"\\\n', "db", "old"]


def test_series_of_metrics(metrics: str) -> None:
    assert told(f"{metrics}/series", **{"match[]": 'up{resource="db"}'}) == [UP]


def test_a_bad_query_for_metrics(metrics: str) -> None:
    found = requests.get(f"{metrics}/query", {"query": "up{"}, timeout=10)
    assert (found.status_code, found.json()["errorType"]) == (400, "bad_data")
    assert "parse error" in found.json()["error"]


def test_lines_are_there(logs: str) -> None:
    found = logged(f"{logs}/query_range", query='{resource=~".+"}')
    assert lines(found) == ["late", 'between "it"', "early"]
    assert lines(logged(f"{logs}/query_range", query='{resource="db"}', limit=1)) == ["late"]
    one = logged(f"{logs}/query_range", query='{level="warn"} |= "it" | line_format "{{.level}}"')
    assert one.json()["status"] == "success"
    [stream] = one.json()["data"]["result"]
    assert stream == {
        "stream": {"resource": "web", "level": "warn"},
        "values": [[str((NOW - 30) * SECOND), "warn"]],
    }


def test_lines_of_streams_that_a_pipeline_makes_alike_stay_in_order(logs: str) -> None:
    query = '{resource=~".+"} | drop resource, level'
    [stream] = logged(f"{logs}/query_range", query=query).json()["data"]["result"]
    assert stream["stream"] == {}
    assert [line for _, line in stream["values"]] == ["late", 'between "it"', "early"]
    one = logged(f"{logs}/query_range", query=query, limit=1, direction="forward")
    assert lines(one) == ["early"]


def test_numbers_of_lines(logs: str) -> None:
    query = 'sum by (resource) (count_over_time({resource=~".+"}[5m]))'
    found = logged(f"{logs}/query", query=query, time=NOW * SECOND).json()["data"]
    assert found["resultType"] == "vector"
    counts = {one["metric"]["resource"]: one["value"] for one in found["result"]}
    assert counts == {"db": [NOW, "2"], "web": [NOW, "1"]}
    found = logged(f"{logs}/query_range", query=query, step=60).json()["data"]
    assert found["resultType"] == "matrix"


def test_names_and_values_of_labels_of_logs(logs: str) -> None:
    assert logged(f"{logs}/labels").json()["data"] == ["level", "resource"]
    assert logged(f"{logs}/labels", query='{resource="db"}').json()["data"] == ["resource"]
    values = f"{logs}/label/resource/values"
    assert logged(values).json()["data"] == ["db", "web"]
    assert logged(values, query='{level="warn"}').json()["data"] == ["web"]
    assert logged(values, start=(NOW - 40) * SECOND, end=(NOW - 20) * SECOND).json()["data"] == [
        "web"
    ]


def test_series_of_logs(logs: str) -> None:
    selected = {"match[]": ['{level="warn"}', '{resource="web"}']}
    found = logged(f"{logs}/series", **selected)
    assert found.json()["data"] == [{"resource": "web", "level": "warn"}]
    assert len(logged(f"{logs}/series").json()["data"]) == 2
    assert logged(f"{logs}/series", end=(NOW - 900) * SECOND).json()["data"] == []


@pytest.mark.parametrize("tenant", ["globex", "nobody"])
def test_what_one_tenant_has_no_other_sees(logs: str, tenant: str) -> None:
    seen = ["theirs"] if tenant == "globex" else []
    assert lines(logged(f"{logs}/query_range", tenant, query='{resource=~".+"}')) == seen
    values = logged(f"{logs}/label/resource/values", tenant).json()
    assert values.get("data", []) == (["db"] if seen else [])
    series = [{"resource": "db", "theirs": "yes"}] if seen else []
    assert logged(f"{logs}/series", tenant).json()["data"] == series


def test_a_header_may_name_two_tenants(logs: str) -> None:
    found = logged(f"{logs}/query_range", "acme|globex", query='{resource="db"}')
    assert sorted(lines(found)) == ["early", "late", "theirs"]
    names = logged(f"{logs}/labels", "acme|globex").json()["data"]
    assert names == ["__tenant_id__", "level", "resource", "theirs"]


def test_the_tenant_has_a_label_to_whoever_asks_for_it(logs: str) -> None:
    values = f"{logs}/label/__tenant_id__/values"
    assert logged(values).json()["data"] == ["acme"]
    assert logged(values, query='{resource="nothing"}').json()["data"] == ["acme"]


def test_a_number_needs_no_logs(logs: str) -> None:
    found = logged(f"{logs}/query", query="1 + 1", time=NOW * SECOND).json()["data"]
    assert found == {**found, "resultType": "scalar", "result": [NOW, "2"]}


def test_no_tenant_is_refused(logs: str) -> None:
    found = requests.get(f"{logs}/labels", timeout=10)
    assert (found.status_code, found.text.strip()) == (401, "no org id")


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("query_range", "{a=b}", "parse error at line 1, col 4: syntax error"),
        ("query_range", '{a=~".*"}', "queries require at least one regexp or equality matcher"),
        ("query", '{a="b"}', "log queries are not supported as an instant query type"),
        ("labels", '{a="b"', "parse error at line 1, col 7: syntax error"),
    ],
)
def test_a_bad_query_for_logs(logs: str, path: str, query: str, words: str) -> None:
    found = logged(f"{logs}/{path}", query=query)
    assert found.status_code == 400
    assert found.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert words in found.text


def test_a_bad_selector_of_series(logs: str) -> None:
    found = logged(f"{logs}/series", **{"match[]": "{a}"})
    assert found.status_code == 400
    assert found.text.startswith("parse error at line 1, col ")


def test_more_lines_than_loki_gives(logs: str) -> None:
    found = logged(f"{logs}/query_range", query='{a="b"}', limit=5001)
    assert found.status_code == 400
    assert found.text.startswith("max entries limit per query exceeded")
