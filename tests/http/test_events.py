"""The audit log over HTTP."""

import hashlib
import json
from datetime import timedelta
from typing import Any, Final

import pytest
import rfc8785

from ktrlplane.domain.audit import Link
from ktrlplane.domain.verification import Verification
from ktrlplane.entrypoints.http import streaming
from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, faults, ids, refusal

pytestmark = on_both_stores

ACME: Final = "/organizations/acme"
FIELDS: Final = {
    "event_id",
    "type",
    "version",
    "occurred_at",
    "actor",
    "org_id",
    "project_id",
    "resource_id",
    "request_id",
    "sequence",
    "data",
    "previous_hash",
    "hash",
}


@pytest.fixture
def acme(world: World, ada: Caller) -> Caller:
    """Ada, who has made an organization with two projects and a resource, a second apart."""
    for path, body in (
        ("/organizations", {"id": "acme", "name": "Acme"}),
        ("/projects", {"id": "plant", "name": "Plant", "org_id": "acme"}),
        ("/projects", {"id": "mill", "name": "Mill", "org_id": "acme"}),
        ("/projects/plant/resources", world.wish("one")),
    ):
        world.clock.advance(timedelta(seconds=10))
        ada.makes(path, body, headers={"X-Request-Id": "the-request"})
    return ada


def events(caller: Caller, path: str = ACME, query: str = "") -> list[dict[str, Any]]:
    """All of them, from pages of two."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = caller.sees(f"{path}/events?limit=2{query}{cursor}")
        assert 1 <= len(page["items"]) <= 2 or not found
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def lines(caller: Caller, path: str = ACME, query: str = "") -> list[str]:
    result = caller.get(f"{path}/events/export{query}")
    assert result.status_code == 200, result.text
    assert result.headers["content-type"] == "application/x-ndjson"
    assert "content-length" not in result.headers
    return result.text.splitlines()


def types(found: list[dict[str, Any]]) -> list[str]:
    return [one["type"] for one in found]


def test_an_event_is_what_is_hashed_and_its_hash(acme: Caller) -> None:
    newest, *older = events(acme)
    assert set(newest) == FIELDS
    assert newest["type"] == "resource.created"
    assert newest["actor"] == {"type": "user", "id": "auth0|ada"}
    assert newest["request_id"] == "the-request"
    ids_of_it = [newest[name] for name in ("org_id", "project_id", "resource_id")]
    assert ids_of_it == ["acme", "plant", "one"]
    assert newest["previous_hash"] == older[0]["hash"]
    assert [one["sequence"] for one in (newest, *older)] == list(range(len(older) + 1, 0, -1))
    rest = {name: value for name, value in newest.items() if name != "hash"}
    assert hashlib.sha256(rfc8785.dumps(rest)).hexdigest() == newest["hash"]


def test_one_event_is_read_by_its_id_and_never_changes(acme: Caller, world: World) -> None:
    newest = events(acme)[0]
    path = f"/events/{newest['event_id']}"
    first = acme.get(path)
    assert first.json == newest
    world.clock.advance(timedelta(minutes=1))
    known = {"If-None-Match": first.headers["etag"]}
    assert acme.get(path, headers=known).status_code == 304
    for unknown in ("evt_" + "0" * 32, "evt_1", "acme", "%00", "x" * 3000):
        assert refusal(acme.get(f"/events/{unknown}")) == (404, "not_found")


def test_every_scope_has_the_log_of_what_is_in_it(acme: Caller) -> None:
    whole = events(acme)
    assert events(acme, "/projects/plant") == [
        one for one in whole if one["project_id"] == "plant"
    ]
    one = [one for one in whole if one["resource_id"] == "one"]
    assert one
    assert events(acme, "/resources/one") == one
    assert events(acme, "/projects/plant/resources/one") == one
    assert refusal(acme.get("/projects/mill/resources/one/events")) == (404, "not_found")
    assert refusal(acme.get("/projects/mill/resources/one/events/export")) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "is_meant"),
    [
        ("type=project.created", lambda one: one["type"] == "project.created"),
        ("type=project.*", lambda one: one["type"].startswith("project.")),
        ("type=resource.*,organization.created", lambda one: one["type"][:2] in ("re", "or")),
        ("type=*", lambda _: True),
        ("type=nothing.known", lambda _: False),
        ("actor=auth0%7Cada", lambda one: one["actor"]["id"] == "auth0|ada"),
        ("actor=nobody", lambda _: False),
        ("since=2026-01-01T00:00:25Z", lambda one: one["occurred_at"][11:] >= "00:00:25"),
        ("until=2026-01-01T00:00:20Z", lambda one: one["occurred_at"][11:] < "00:00:20"),
        (
            "since=2026-01-01T01:00:25%2B01:00",
            lambda one: one["occurred_at"][11:] >= "00:00:25",
        ),
        ("project_id=plant", lambda one: one["project_id"] == "plant"),
        ("resource_id=one&type=*", lambda one: one["resource_id"] == "one"),
        ("project_id=mill&resource_id=one", lambda _: False),
    ],
)
def test_a_log_is_filtered(acme: Caller, query: str, is_meant: Any) -> None:
    expected = [one for one in events(acme) if is_meant(one)]
    assert events(acme, query=f"&{query}") == expected
    page = acme.sees(f"{ACME}/events?{query}&include_total=true&limit=1")
    assert page["total"] == len(expected)


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("type=", {"/type": "pattern"}),
        ("type=Project.created", {"/type": "pattern"}),
        ("type=project", {"/type": "pattern"}),
        ("type=*.created", {"/type": "pattern"}),
        ("type=project.created,", {"/type": "pattern"}),
        ("type=" + ",".join(["a.b"] * 21), {"/type": "too_many"}),
        ("since=yesterday", {"/since": "time"}),
        ("since=2026-01-01", {"/since": "time"}),
        ("until=2026-01-01T00:00:00", {"/until": "time"}),
        ("since=2026-01-01T01:00:25+01:00", {"/since": "time"}),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", {"/until": "range"}),
        ("project_id=No", {"/project_id": "pattern"}),
    ],
)
def test_what_is_wrong_with_a_filter_is_told(
    acme: Caller, query: str, fault: dict[str, str]
) -> None:
    assert faults(acme.get(f"{ACME}/events?{query}")) == fault


def test_the_plus_sign_of_a_zone_is_explained(acme: Caller) -> None:
    told = acme.get(f"{ACME}/events?since=2026-01-01T01:00:25+01:00")
    assert "%2B" in told.json["detail"]


def test_what_is_no_filter_there_is_told(acme: Caller) -> None:
    for path in (
        "/projects/plant/events?project_id=plant",
        "/resources/one/events?resource_id=one",
    ):
        assert refusal(acme.get(path)) == (400, "unknown_parameter")
    for path in (f"{ACME}/events/export?type=*", "/resources/one/events/export?after=1"):
        assert refusal(acme.get(path)) == (400, "unknown_parameter")


def test_who_may_not_read_is_told_nothing(world: World, acme: Caller) -> None:
    bob, eve = world.person("bob"), world.person("eve")
    for person in (bob, eve):
        person.sees("/users/me")
    acme.makes("/projects/plant/rbac", {"user_id": "auth0|bob", "role_id": "Viewer"})
    theirs = events(bob, "/projects/plant")
    assert "role_assignment.created" in types(theirs)
    hidden = [one for one in events(acme) if one["project_id"] != "plant"]
    assert hidden
    for caller, found in ((bob, hidden), (eve, events(acme))):
        for path in (ACME, "/projects/mill", ""):
            assert refusal(caller.get(f"{path}/events")) == (404, "not_found")
            assert refusal(caller.get(f"{path}/events/export")) == (404, "not_found")
        for one in found:
            assert refusal(caller.get(f"/events/{one['event_id']}")) == (404, "not_found")
    for one in theirs:
        assert bob.sees(f"/events/{one['event_id']}") == one


def test_who_runs_the_platform_reads_its_log_and_no_tenants(world: World, acme: Caller) -> None:
    olga = world.person("olga")
    olga.sees("/users/me")
    world.grants(olga, "Viewer", "global")
    found = events(olga, "")
    assert {"user.created", "catalog.updated"} <= set(types(found))
    assert all(one["org_id"] is None and one["project_id"] is None for one in found)
    assert [json.loads(line) for line in lines(olga, "")] == found[::-1]
    assert olga.sees(f"/events/{found[0]['event_id']}") == found[0]
    assert refusal(olga.get(f"{ACME}/events")) == (404, "not_found")
    assert refusal(acme.get("/events")) == (404, "not_found")


def test_what_is_gone_is_in_the_log_of_what_it_was_in(world: World, acme: Caller) -> None:
    assert acme.delete("/projects/mill").status_code == 202
    gone = events(acme, query="&project_id=mill")
    assert types(gone)[0] == "project.deleted"
    assert events(acme, "/projects/mill") == gone
    assert acme.sees(f"/events/{gone[0]['event_id']}") == gone[0]
    standalone = acme.makes("/projects", {"id": "alone", "name": "Alone"})
    assert standalone["org_id"] is None
    (event, *_) = events(acme, "/projects/alone")
    assert acme.delete("/projects/alone").status_code == 202
    assert refusal(acme.get("/projects/alone/events")) == (404, "not_found")
    assert refusal(acme.get(f"/events/{event['event_id']}")) == (404, "not_found")


# -- exports ----------------------------------------------------------------------------------


def is_whole(exported: list[str]) -> bool:
    links = [Link.read(line) for line in exported]
    return Verification.of_export(links[0]).fed(links).ended().finding is None


def test_an_export_is_the_log_from_its_beginning_on(acme: Caller) -> None:
    exported = lines(acme)
    assert [json.loads(line) for line in exported] == events(acme)[::-1]
    assert is_whole(exported)
    told = acme.get(f"{ACME}/events/export")
    last = json.loads(exported[-1])
    assert told.headers["ktrlplane-last-entry"] == f"{last['sequence']}:{last['hash']}"
    assert told.headers["cache-control"] == "private, no-store"


def test_one_goes_on_where_one_was(acme: Caller) -> None:
    exported = lines(acme)
    number = len(exported)
    assert lines(acme, query="?after=2") == exported[2:]
    assert is_whole(exported[2:])
    assert lines(acme, query=f"?after={number}") == []
    assert "ktrlplane-last-entry" not in acme.get(f"{ACME}/events/export?after={number}").headers
    assert acme.patch(ACME, {"name": "New"}).status_code == 200
    (more,) = lines(acme, query=f"?after={number}")
    assert is_whole([*exported, more])
    part = lines(acme, query="?since=2026-01-01T00:00:15Z&until=2026-01-01T00:00:35Z")
    assert is_whole(part)
    times = [json.loads(line)["occurred_at"] for line in part]
    assert "2026-01-01T00:00:15" < min(times) <= max(times) < "2026-01-01T00:00:35"
    assert 0 < len(part) < len(exported)


def test_what_happened_to_one_thing_is_exported_too(acme: Caller) -> None:
    for path in ("/projects/plant", "/resources/one", "/projects/plant/resources/one"):
        assert [json.loads(line) for line in lines(acme, path)] == events(acme, path)[::-1]
    told = acme.get("/projects/plant/events/export?after=1")
    assert faults(told) == {"/after": "no_chain"}
    acme.makes("/projects", {"id": "alone", "name": "Alone"})
    exported = lines(acme, "/projects/alone")
    assert is_whole(exported)
    assert lines(acme, "/projects/alone", "?after=1") == exported[1:]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("after=-1", {"/after": "range"}),
        ("after=x", {"/after": "type"}),
        ("after=99999999999999999999", {"/after": "range"}),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", {"/until": "range"}),
    ],
)
def test_what_is_wrong_with_a_part_is_told(
    acme: Caller, query: str, fault: dict[str, str]
) -> None:
    assert faults(acme.get(f"{ACME}/events/export?{query}")) == fault


def test_only_some_are_made_at_once(acme: Caller) -> None:
    path = f"{ACME}/events/export"
    for _ in range(2 * streaming.AT_ONCE):
        assert acme.ask("HEAD", path).status_code == 200
    for _ in range(2 * streaming.AT_ONCE):
        assert lines(acme)
    taken = [streaming._seats.acquire(blocking=False) for _ in range(streaming.AT_ONCE)]
    try:
        assert all(taken)
        told = acme.get(path)
        assert refusal(told) == (429, "rate_limited")
        assert int(told.headers["retry-after"]) > 0
    finally:
        streaming._seats.release(streaming.AT_ONCE)
    assert lines(acme)


# -- how long it is kept ----------------------------------------------------------------------


def test_an_owner_says_how_long_it_is_kept(acme: Caller) -> None:
    path = f"{ACME}/audit/retention"
    assert acme.sees(path) == {"days": None}
    before = acme.get(path).headers["etag"]
    assert acme.put(path, {"days": 90}).json == {"days": 90}
    assert acme.sees(path) == {"days": 90}
    assert types(events(acme))[0] == "audit.retention_updated"
    late = acme.put(path, {"days": 30}, headers={"If-Match": before})
    assert refusal(late) == (412, "precondition_failed")
    assert acme.put(f"{path}?validate_only=true", {"days": 30}).status_code == 200
    assert acme.put(path, {"days": None}).json == {"days": None}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, {"/days": "required"}),
        ({"days": 29}, {"/days": "invalid"}),
        ({"days": 3651}, {"/days": "invalid"}),
        ({"days": "90"}, {"/days": "type"}),
        ({"days": True}, {"/days": "type"}),
        ({"days": 90, "hours": 3}, {"/hours": "unknown_field"}),
    ],
)
def test_it_is_not_kept_for_any_time(acme: Caller, body: Any, fault: dict[str, str]) -> None:
    assert faults(acme.put(f"{ACME}/audit/retention", body)) == fault


def test_a_refusal_to_set_it_is_told_itself(world: World, acme: Caller) -> None:
    bob = world.person("bob")
    bob.sees("/users/me")
    acme.makes(f"{ACME}/rbac", {"user_id": "auth0|bob", "role_id": "Editor"})
    assert refusal(bob.put(f"{ACME}/audit/retention", {"days": 30})) == (403, "forbidden")
    denied = events(acme, query="&type=access.denied")
    assert [one["data"]["attempt"] for one in denied] == ["setAuditRetention"]
    assert ids({"items": denied}, "org_id") == ["acme"]
