"""Webhooks over HTTP: who may have to do with them, and that nothing secret is shown twice."""

import json
from ipaddress import ip_network
from typing import Any, Final

import pytest
from attrs import evolve

from ktrlplane.domain.addresses import Reach
from ktrlplane.domain.ids import WebhookId
from ktrlplane.domain.services.sending import Sent, claim_deliveries, settle_deliveries
from ktrlplane.domain.webhook_deliveries import WebhookAttempt
from tests.builders import HOUR
from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, faults, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

URL: Final = "https://hooks.example.org/in?key=hidden-key"
HOOKS: Final = "/organizations/acme/webhooks"
WISH: Final = {"url": URL, "event_types": ["project.*", "group.created"]}
KEY: Final = {"Idempotency-Key": "once"}


@pytest.fixture
def made(ada: Caller) -> dict[str, Any]:
    return dict(ada.makes(HOOKS, WISH))


@pytest.fixture
def path(made: dict[str, Any]) -> str:
    return f"/webhooks/{made['webhook_id']}"


def deliver(world: World, status: int | None) -> int:
    """Whatever is due, with what receivers answer, if they do. How many there were."""
    platform = world.platform
    with world.units.begin() as work:
        work.events.add([])
        due = claim_deliveries(work, each=100, limit=100, busy={}, lease=HOUR, platform=platform)
        sent = [
            Sent(
                due=one,
                attempt=WebhookAttempt(
                    number=one.delivery.attempts + 1,
                    attempted_at=platform.now(),
                    response_status=status,
                    failure="refused_address" if status is None else None,
                    response_body="<b>so</b>",
                    duration_ms=7,
                ),
            )
            for one in due
        ]
        settle_deliveries(work, sent, platform=platform)
    return len(due)


def deliveries(caller: Caller, path: str, query: str = "") -> list[dict[str, Any]]:
    return list(caller.sees(f"{path}/deliveries?limit=200&{query}")["items"])


@pytest.mark.parametrize(("scope", "scope_id"), [("organization", "acme"), ("project", "plant")])
def test_a_webhook_is_answered_whole_and_with_its_secret_once(
    ada: Caller, scope: str, scope_id: str
) -> None:
    result = ada.post(f"/{scope}s/{scope_id}/webhooks", {**WISH, "description": "Ours."})
    assert result.status_code == 201
    made = result.json
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "webhook_id": made["webhook_id"],
        "scope_type": scope,
        "scope_id": scope_id,
        "url": URL,
        "event_types": ["project.*", "group.created"],
        "unknown_event_types": [],
        "description": "Ours.",
        "status": "enabled",
        "disabled_reason": None,
        "failing_since": None,
        "previous_secret_until": None,
        "created_by": ada.principal,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    assert result.headers["location"] == f"/api/v1/webhooks/{made['webhook_id']}"
    assert ada.sees(f"/webhooks/{made['webhook_id']}") == made
    assert ada.sees(f"/{scope}s/{scope_id}/webhooks")["items"] == [made]


def test_the_secret_is_never_shown_again(ada: Caller, made: dict[str, Any], path: str) -> None:
    rotated = ada.post(f"{path}/rotate-secret")
    assert rotated.status_code == 200
    assert rotated.json["previous_secret_until"] == "2026-01-02T00:00:00Z"
    assert rotated.json["secret"] != made["secret"]
    ada.patch(path, {"url": "https://other.example.org/hidden-path"})
    ada.patch(path, {"status": "paused"})
    ada.post(f"{path}/test")
    shown = [
        ada.get(path).text,
        ada.get(HOOKS).text,
        ada.get(f"{path}/deliveries").text,
        ada.patch(path, {"description": "Other"}).text,
        ada.post(f"{path}/test").text,
    ]
    log = ada.get("/organizations/acme/events?limit=200").text
    shown += [log, ada.get("/organizations/acme/events/export").text]
    for secret in (made["secret"], rotated.json["secret"]):
        assert not [text for text in shown if secret in text or secret[6:] in text]
    for hidden in ("hidden-key", "hidden-path", "whsec_"):
        assert hidden not in log


def test_what_changes_of_it_is_told_with_the_origin_of_its_url_alone(
    ada: Caller, made: dict[str, Any], path: str
) -> None:
    ada.patch(path, {"url": "https://hooks.example.org/other"})
    ada.patch(path, {"status": "paused"})
    ada.post(f"{path}/rotate-secret")
    ada.post(f"{path}/test")
    ada.delete(path)
    events = ada.sees("/organizations/acme/events?type=webhook.*")["items"][::-1]
    assert [event["type"] for event in events] == [
        *("webhook.created", "webhook.updated", "webhook.updated", "webhook.secret_rotated"),
        *("webhook.test", "webhook.deleted"),
    ]
    created, moved, paused, rotated, test, deleted = (event["data"] for event in events)
    told = {
        "webhook_id": made["webhook_id"],
        "scope_type": "organization",
        "scope_id": "acme",
        "url": "https://hooks.example.org",
        "event_types": ["project.*", "group.created"],
        "description": "",
        "status": "enabled",
        "disabled_reason": None,
        "previous_secret_until": None,
        "created_by": ada.principal,
    }
    assert created["after"] == told
    origin = {"url": "https://hooks.example.org"}
    assert (moved["before"], moved["after"]) == (origin, origin)
    assert paused["after"] == {"status": "paused"}
    assert rotated["after"] == {"previous_secret_until": "2026-01-02T00:00:00.000000Z"}
    assert test == {"subject": created["subject"]}
    assert deleted["before"]["status"] == "paused"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, {"/url": "required", "/event_types": "required"}),
        ({**WISH, "url": 1}, {"/url": "type"}),
        ({**WISH, "event_types": []}, {"/event_types": "invalid"}),
        ({**WISH, "event_types": "*"}, {"/event_types": "type"}),
        ({**WISH, "event_types": ["resource"]}, {"/event_types": "invalid"}),
        ({**WISH, "event_types": ["*"] * 51}, {"/event_types": "invalid"}),
        ({**WISH, "event_types": [1]}, {"/event_types/0": "type"}),
        ({**WISH, "description": "x" * 1001}, {"/description": "invalid"}),
        ({**WISH, "secret": "whsec_mine"}, {"/secret": "unknown_field"}),
        ({**WISH, "status": "paused"}, {"/status": "unknown_field"}),
        ({**WISH, "url": "http://hooks.example.org/"}, {"/url": "https_required"}),
        ({**WISH, "url": "https://127.0.0.1/"}, {"/url": "address_refused"}),
        ({**WISH, "url": "https://169.254.169.254/"}, {"/url": "address_refused"}),
        ({**WISH, "url": "https://[::ffff:10.0.0.1]/"}, {"/url": "address_refused"}),
        ({**WISH, "url": "https://localhost/"}, {"/url": "address_refused"}),
        ({**WISH, "url": "https://a:b@hooks.example.org/"}, {"/url": "url_credentials"}),
        ({**WISH, "url": "https://hooks.example.org/#x"}, {"/url": "url_fragment"}),
        ({**WISH, "url": "ftp://hooks.example.org/"}, {"/url": "url_scheme"}),
        ({**WISH, "url": "https://hooks.example.org:5432/"}, {"/url": "url_port"}),
        ({**WISH, "url": "https://hooks.example.org/" + "x" * 2048}, {"/url": "max_length"}),
        ({**WISH, "url": ""}, {"/url": "url_scheme"}),
    ],
)
def test_what_is_wrong_with_a_wish_is_told(
    ada: Caller, body: dict[str, Any], told: dict[str, str]
) -> None:
    result = ada.post(HOOKS, body)
    assert faults(result) == told
    assert "a:b" not in result.text
    assert ada.sees(HOOKS)["items"] == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"url": "https://10.0.0.1/"}, {"/url": "address_refused"}),
        ({"url": ""}, {"/url": "url_scheme"}),
        ({"event_types": []}, {"/event_types": "invalid"}),
        ({"status": "disabled"}, {"/status": "enum"}),
        ({"secret": "whsec_mine"}, {"/secret": "unknown_field"}),
    ],
)
def test_what_is_wrong_with_a_change_is_told(
    ada: Caller, path: str, body: dict[str, Any], told: dict[str, str]
) -> None:
    before = ada.sees(path)
    assert faults(ada.patch(path, body)) == told
    assert ada.sees(path) == before


def test_an_operator_can_open_a_network(world: World, ada: Caller) -> None:
    opened = evolve(world.platform, webhook_reach=Reach((ip_network("127.0.0.0/8"),)))
    there = evolve(world, platform=opened).with_edge()
    caller = Caller(there.client, ada.principal, ada.token)
    wish = {**WISH, "url": "http://127.0.0.1:8080/"}
    assert ada.post(HOOKS, wish).status_code == 422
    assert caller.post(HOOKS, wish).status_code == 201


def test_a_webhook_can_be_changed_as_it_was_seen(ada: Caller, path: str) -> None:
    tag = ada.get(path).headers["etag"]
    body = {"url": "https://else.example.org/", "event_types": ["*", "*"], "status": "paused"}
    changed = ada.patch(path, body, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert {name: changed.json[name] for name in body} == {**body, "event_types": ["*"]}
    assert changed.headers["etag"] == ada.get(path).headers["etag"]
    stale = {"If-Match": tag}
    for answer in (
        ada.patch(path, {"description": "x"}, headers=stale),
        ada.delete(path, headers=stale),
    ):
        assert refusal(answer) == (412, "precondition_failed")
    assert ada.patch(path, {"status": "enabled"}).json["status"] == "enabled"
    assert ada.delete(path).status_code == 204
    assert refusal(ada.get(path)) == (404, "not_found")
    assert refusal(ada.delete(path)) == (404, "not_found")


def test_who_may_not_manage_access_has_nothing_to_do_with_webhooks(
    world: World, ada: Caller, path: str
) -> None:
    test = ada.post(f"{path}/test").json
    delivery = f"{path}/deliveries/{test['delivery_id']}"
    asked: list[tuple[str, str, Any]] = [
        ("POST", HOOKS, WISH),
        ("GET", HOOKS, None),
        ("GET", path, None),
        ("PATCH", path, {"description": "x"}),
        ("DELETE", path, None),
        ("POST", f"{path}/test", None),
        ("POST", f"{path}/rotate-secret", None),
        ("POST", f"{path}/recover", {"since": "2026-01-01T00:00:00Z"}),
        ("GET", f"{path}/deliveries", None),
        ("GET", delivery, None),
        ("POST", f"{delivery}/redeliver", None),
    ]
    for name, role, status in (
        *(("stranger", None, 404), ("viewer", "Viewer", 403), ("editor", "Editor", 403)),
    ):
        caller = world.person(name)
        caller.sees("/users/me")
        if role is not None:
            ada.makes("/organizations/acme/rbac", {"user_id": caller.principal, "role_id": role})
        for method, address, body in asked:
            more = {} if body is None else {"body": body}
            told = caller.ask(method, address, **more)
            assert told.status_code == status, (name, method, address)
            assert "hidden-key" not in told.text
    owner = world.person("owner")
    owner.sees("/users/me")
    ada.makes("/projects/plant/rbac", {"user_id": owner.principal, "role_id": "Owner"})
    assert owner.get(path).status_code == 404
    assert len(deliveries(ada, path)) == 1


def test_types_that_are_not_there_are_taken_and_named(ada: Caller, path: str) -> None:
    wanted = ["resource.created", "resuorce.*", "webhook.created", "budget.reached", "*"]
    changed = ada.patch(path, {"event_types": wanted}).json
    assert changed["event_types"] == wanted
    assert changed["unknown_event_types"] == ["resuorce.*", "budget.reached"]
    chosen = [{"event_type": one} for one in wanted]
    told = ada.put("/notifications/preferences", {"preferences": chosen}).json
    assert sorted(told["unknown_event_types"]) == ["budget.reached", "resuorce.*"]


def test_a_slip_of_who_may_do_it_is_no_refusal(world: World, ada: Caller, path: str) -> None:
    assert ada.post(f"{path}/deliveries/dlv_none/redeliver").status_code == 404
    assert ada.sees("/organizations/acme/events?type=access.denied")["items"] == []
    viewer = world.person("viewer")
    viewer.sees("/users/me")
    ada.makes("/organizations/acme/rbac", {"user_id": viewer.principal, "role_id": "Viewer"})
    assert viewer.post(f"{path}/deliveries/dlv_none/redeliver").status_code == 403
    assert len(ada.sees("/organizations/acme/events?type=access.denied")["items"]) == 1


def test_who_is_refused_is_remembered_where_the_webhook_is(
    world: World, ada: Caller, path: str
) -> None:
    stranger = world.person("stranger")
    stranger.sees("/users/me")
    assert stranger.post(f"{path}/rotate-secret").status_code == 404
    (event,) = ada.sees("/organizations/acme/events?type=access.denied")["items"]
    assert event["data"]["attempt"] == "rotateWebhookSecret"


def test_nobody_reaches_the_deliveries_of_others_through_a_webhook_of_their_own(
    world: World, ada: Caller, path: str
) -> None:
    test = ada.post(f"{path}/test").json
    eve = world.person("eve")
    eve.makes("/organizations", {"id": "evil", "name": "Evil"})
    hers = eve.makes("/organizations/evil/webhooks", WISH)
    theirs = f"/webhooks/{hers['webhook_id']}/deliveries/{test['delivery_id']}"
    assert refusal(eve.get(theirs)) == (404, "not_found")
    assert refusal(eve.post(f"{theirs}/redeliver")) == (404, "not_found")
    other = ada.makes("/projects/plant/webhooks", WISH)
    mine = f"/webhooks/{other['webhook_id']}/deliveries/{test['delivery_id']}"
    assert refusal(ada.get(mine)) == (404, "not_found")
    assert ada.sees(f"{path}/deliveries/{test['delivery_id']}")["status"] == "pending"


@pytest.mark.parametrize("name", ["x" * 300, "%00", "whk_1", "dlv_1", "..", "%F0%9F%98%80"])
def test_what_is_no_id_is_not_found(ada: Caller, path: str, name: str) -> None:
    assert refusal(ada.get(f"/webhooks/{name}")) == (404, "not_found")
    assert refusal(ada.get(f"{path}/deliveries/{name}")) == (404, "not_found")


def test_what_happens_is_on_its_way(world: World, ada: Caller, path: str) -> None:
    ada.makes("/projects", {"id": "lab", "name": "Lab", "org_id": "acme"})
    ada.makes("/projects", {"id": "shed", "name": "Shed"})
    ada.makes("/organizations/acme/groups", {"name": "Crew"})
    ada.patch("/organizations/acme", {"name": "Acme 2"})
    types = [one["event_type"] for one in deliveries(ada, path)]
    assert sorted(types) == ["group.created", "project.created"]
    (one,) = deliveries(ada, path, "type=project.*")
    event = ada.sees(f"/events/{one['event_id']}")
    assert event["data"]["subject"]["project_id"] == "lab"
    assert one["next_attempt_at"] == one["created_at"]
    assert (one["status"], one["attempt_count"], one["last_attempt"]) == ("pending", 0, None)
    assert deliver(world, 503) == 2
    failed = ada.sees(f"{path}/deliveries/{one['delivery_id']}")
    (attempt,) = failed.pop("attempts")
    assert (
        attempt
        == failed["last_attempt"]
        == {
            "number": 1,
            "attempted_at": "2026-01-01T00:00:00Z",
            "response_status": 503,
            "failure": None,
            "failure_detail": None,
            "response_body": "<b>so</b>",
            "duration_ms": 7,
        }
    )
    assert deliveries(ada, path, "type=project.*") == [failed]
    assert len(deliveries(ada, path, "status=pending")) == 2
    assert deliveries(ada, path, "status=delivered") == []
    assert ada.sees(path)["failing_since"] == "2026-01-01T00:00:00Z"


def test_a_delivery_can_be_asked_for_again(world: World, ada: Caller, path: str) -> None:
    test = ada.post(f"{path}/test")
    assert test.status_code == 202
    one = f"{path}/deliveries/{test.json['delivery_id']}"
    shown = ada.sees(one)
    assert shown.pop("attempts") == []
    assert shown == test.json
    assert test.json["event_type"] == "webhook.test"
    deliver(world, 200)
    assert ada.sees(one)["status"] == "delivered"
    again = ada.post(f"{one}/redeliver")
    assert (again.status_code, again.json["status"]) == (202, "pending")
    assert deliver(world, 204) == 1
    assert [each["response_status"] for each in ada.sees(one)["attempts"]] == [200, 204]


def test_it_is_told_why_there_was_no_answer(world: World, ada: Caller, path: str) -> None:
    test = ada.post(f"{path}/test").json
    deliver(world, None)
    (attempt,) = ada.sees(f"{path}/deliveries/{test['delivery_id']}")["attempts"]
    assert (attempt["response_status"], attempt["failure"]) == (None, "refused_address")
    assert attempt["failure_detail"].startswith("The URL leads to an address where webhooks may")


def test_what_passed_by_is_recovered(world: World, ada: Caller, path: str) -> None:
    ada.post(f"{path}/test")
    deliver(world, 410)
    gone = ada.sees(path)
    assert (gone["status"], gone["disabled_reason"]) == ("disabled", "gone")
    ada.makes("/organizations/acme/groups", {"name": "Crew"})
    (test,) = deliveries(ada, path)
    since = {"since": "2026-01-01T00:00:00Z"}
    for address, body in (
        (f"{path}/recover", since),
        (f"{path}/test", None),
        (f"{path}/deliveries/{test['delivery_id']}/redeliver", None),
    ):
        more = {} if body is None else {"body": body}
        assert refusal(ada.ask("POST", address, **more)) == (409, "conflict")
    ada.patch(path, {"status": "enabled"})
    assert ada.sees(path)["disabled_reason"] is None
    rehearsed = ada.post(f"{path}/recover?validate_only=true", since)
    recovered = ada.post(f"{path}/recover", since)
    assert recovered.status_code == 202
    # The test, the group, and the project Plant, which was there before.
    assert recovered.json == rehearsed.json == {"deliveries": 3}
    assert ada.post(f"{path}/recover", since).json == {"deliveries": 0}
    assert deliver(world, 200) == 3
    old = {"since": "2025-12-01T23:59:59Z"}
    assert faults(ada.post(f"{path}/recover", old)) == {"/since": "range"}
    assert faults(ada.post(f"{path}/recover", {"since": "today"})) == {"/since": "time"}


def test_a_paused_webhook_keeps_what_happens_until_it_is_enabled(
    world: World, ada: Caller, path: str
) -> None:
    ada.patch(path, {"status": "paused"})
    ada.makes("/organizations/acme/groups", {"name": "Crew"})
    assert deliver(world, 200) == 0
    ada.patch(path, {"status": "enabled"})
    assert deliver(world, 200) == 1


def test_the_same_request_twice_makes_one_webhook(ada: Caller) -> None:
    first, second = (ada.post(HOOKS, WISH, headers=KEY) for _ in range(2))
    assert first.json == second.json
    assert second.headers["idempotency-replayed"] == "true"
    assert len(ada.sees(HOOKS)["items"]) == 1
    rotate = f"/webhooks/{first.json['webhook_id']}/rotate-secret"
    headers = {"Idempotency-Key": "again"}
    one, other = (ada.post(rotate, headers=headers).json for _ in range(2))
    assert one == other


def test_there_are_fifty_at_most(ada: Caller) -> None:
    for _ in range(50):
        ada.makes("/projects/plant/webhooks", WISH)
    assert refusal(ada.post("/projects/plant/webhooks", WISH)) == (403, "limit_exceeded")
    ada.makes(HOOKS, WISH)
    first = ada.sees("/projects/plant/webhooks?limit=20&include_total=true")
    assert (len(first["items"]), first["total"]) == (20, 50)


def test_nothing_is_added_to_a_project_on_its_way_out(ada: Caller) -> None:
    ada.makes("/projects/plant/webhooks", {**WISH, "event_types": ["*"]})
    assert ada.delete("/projects/plant?cascade=true").status_code == 202
    answer = ada.post("/projects/plant/webhooks", WISH)
    assert answer.status_code in (404, 409)


def test_a_webhook_moves_with_its_project(world: World, ada: Caller) -> None:
    made = ada.makes("/projects/plant/webhooks", {**WISH, "event_types": ["project.*"]})
    ada.makes("/organizations", {"id": "other", "name": "Other"})
    ada.post("/projects/plant/move", {"org_id": "other"})
    path = f"/webhooks/{made['webhook_id']}"
    assert ada.sees(path)["scope_id"] == "plant"
    ada.patch("/projects/plant", {"name": "Works"})
    assert "project.updated" in [one["event_type"] for one in deliveries(ada, path)]


def test_what_is_answered_to_nobody_holds_no_url(world: World, ada: Caller, path: str) -> None:
    with world.units.view() as work:
        webhook = work.webhooks.find(WebhookId(path.rpartition("/")[2]))
    assert webhook is not None
    assert "hidden-key" not in repr(webhook)
    assert "hidden-key" not in json.dumps(ada.sees("/organizations/acme/events")["items"])
