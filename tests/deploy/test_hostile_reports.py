"""Whatever an object in the cluster says arrives as text, and nothing else happens."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrlplane.domain.reports import MAX_MESSAGE
from tests.deploy.hostile import TEXTS
from tests.deploy.reporting import Reporter, Told

pytestmark = pytest.mark.postgres

MESSAGES: Final = (
    *TEXTS,
    "'); DROP TABLE ktrlplane.resources; --",
    "'; DROP TABLE ktrlplane.resources; --",
    "\\'); DROP TABLE ktrlplane.resources; --",
    "', 'base64'), 'UTF8')); DROP TABLE ktrlplane.resources; --",
    "it's",
    "''",
    "\\",
    "\\\\'",
    "E'\\047'",
    "$$",
    "$1 $2",
    "$body$; DROP TABLE ktrlplane.resources; $body$",
    "/* ",
    "-- ",
    ";",
    "%s %(name)s :name ?",
    "{{ .Resource }}",
    "U&'\\0027'",
    "ü€😀",
)


def application(message: Any, **more: str) -> dict[str, Any]:
    """One that has been told to be so by anybody: by its name, its health, its address."""
    return {
        "kind": "Application",
        "metadata": {
            "name": more.get("name", "twins"),
            "annotations": {"konnektr.io/host": more.get("host", "example.com")},
        },
        "status": {
            "sync": {"status": "Synced"},
            "health": {"status": more.get("health", "Healthy"), "message": message},
        },
    }


def deployment(message: Any, **more: str) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {
            "name": more.get("name", "twins"),
            "annotations": {"konnektr.io/host": more.get("host", "example.com")},
            "generation": 1,
        },
        "spec": {},
        "status": {
            "observedGeneration": 1,
            "conditions": [
                {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": message}
            ],
        },
    }


@frozen
class Way:
    """One in which a report is made."""

    manifest: tuple[str, str]
    thing: Callable[..., dict[str, Any]]


WAYS: Final = [
    pytest.param(Way(("graph.yaml", "graph"), application), id="graph"),
    pytest.param(Way(("flow.yaml", "flow"), deployment), id="flow"),
    pytest.param(Way(("assembler.yaml", "assembler"), deployment), id="assembler"),
    pytest.param(Way(("compass.yaml", "compass"), deployment), id="compass"),
]


@pytest.fixture
def everything(reporter: Reporter) -> Any:
    """What is in the schema, except what has been reported."""

    def look() -> dict[str, list[Any]]:
        tables = reporter.owner.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'ktrlplane'"
        ).fetchall()
        return {
            table: reporter.owner.execute(
                f"SELECT t::text FROM ktrlplane.{table} t ORDER BY 1".encode()
            ).fetchall()
            for (table,) in tables
            if table != "reports"
        }

    return look


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("ada")
def test_a_hostile_message_arrives_as_it_is_and_nothing_else_happens(
    reporter: Reporter, everything: Any, way: Way
) -> None:
    before = everything()
    told = reporter.reports(*way.manifest, [way.thing(message) for message in MESSAGES])
    assert [one.message for one in told] == [message[:MAX_MESSAGE] for message in MESSAGES]
    assert everything() == before


@pytest.mark.parametrize("way", WAYS)
def test_every_other_text_is_as_harmless(reporter: Reporter, way: Way) -> None:
    texts = [text for text in MESSAGES if text]
    told = reporter.reports(
        *way.manifest, [way.thing("x", name=text, host=text, health=text) for text in texts]
    )
    assert [one.resource_id for one in told] == [text[:253] for text in texts]
    assert [one.access_url for one in told] == [f"https://{text}"[:2048] for text in texts]
    if way.thing is application:
        assert [one.health for one in told] == [text[:64] for text in texts]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("character", ["x", "'", "😀"])
def test_a_message_of_a_megabyte_arrives_as_far_as_it_is_kept(
    reporter: Reporter, way: Way, character: str
) -> None:
    (told,) = reporter.reports(*way.manifest, [way.thing(character * 2**20)])
    assert told.message == character * MAX_MESSAGE


@pytest.mark.parametrize("way", WAYS)
def test_nul_is_left_out_since_postgresql_cannot_keep_it(reporter: Reporter, way: Way) -> None:
    (told,) = reporter.reports(*way.manifest, [way.thing("\0a\0\0b\0", name="\0twins")])
    assert (told.message, told.resource_id) == ("ab", "twins")


@pytest.mark.parametrize(
    ("written", "arrived"),
    [
        (b'"\\ud800"', "\ufffd"),
        (b'"\\udc00\\ud800"', "\ufffd\ufffd"),
        (b'"a\xff\xfeb"', "a\ufffd\ufffdb"),
        (b'"\xc3("', "\ufffd("),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
        (b'"\xf4\x90\x80\x80"', "\ufffd\ufffd\ufffd\ufffd"),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_utf8_is_replaced(
    reporter: Reporter, way: Way, written: bytes, arrived: str
) -> None:
    given = json.dumps([way.thing("MESSAGE")]).encode().replace(b'"MESSAGE"', written)
    (told,) = reporter.run(reporter.cluster.renderer.reports_of(*way.manifest, given))
    assert told.message == arrived


def test_bytes_that_are_no_text_at_all_are_replaced_too(
    reporter: Reporter, tmp_path: Path
) -> None:
    """No object of Kubernetes has such; the SQL would be as safe."""
    (manifest,) = reporter.cluster.renderer.manifests("graph.yaml")
    template = manifest["spec"]["statusUpdateQueryTemplate"]
    spoilt = template.replace("{{- if dig", "{{- $message = b64dec `/w==` -}}\n{{- if dig", 1)
    assert spoilt != template
    manifest["spec"]["statusUpdateQueryTemplate"] = spoilt
    file = tmp_path / "spoilt.yaml"
    file.write_text(json.dumps(manifest))
    (told,) = reporter.reports(str(file), "graph", [application("")])
    assert told.message == "\ufffd"


@pytest.mark.parametrize("odd", [None, True, 3, 1.5, [], ["'"], {}, {"'": "'"}])
def test_a_message_that_is_no_text_becomes_one(reporter: Reporter, odd: Any) -> None:
    (told,) = reporter.reports("graph.yaml", "graph", [application(odd)])
    assert told.resource_id == "twins"


@given(message=st.text(st.characters(exclude_categories=["Cs"])))
@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_message_arrives_as_it_is(reporter: Reporter, message: str) -> None:
    told = reporter.reports("graph.yaml", "graph", [application(message)])[-1]
    assert told.message == message.replace("\0", "")


def test_an_operator_that_is_told_to_do_harm_may_not(
    reporter: Reporter, operator: psycopg.Connection[Any]
) -> None:
    """The text is the first wall; what the role may do is the second."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        operator.execute("DELETE FROM ktrlplane.resources")


def test_quote_and_squote_would_not_do(reporter: Reporter, tmp_path: Path) -> None:
    (manifest,) = reporter.cluster.renderer.manifests("graph.yaml")
    evil = "', 2, 'x'); SELECT ktrlplane.report_status('somebody-elses', 'Missing"
    manifest["spec"]["statusUpdateQueryTemplate"] = (
        "SELECT ktrlplane.report_status('twins', {{ .Resource.status.health.message | squote }})"
    )
    file = tmp_path / "unsafe.yaml"
    file.write_text(json.dumps(manifest))
    told = reporter.reports(str(file), "graph", [application(evil)])
    assert (
        Told(
            resource_id="somebody-elses",
            health="Missing",
            observed_generation=None,
            message=None,
            access_url=None,
        )
        in told
    )
