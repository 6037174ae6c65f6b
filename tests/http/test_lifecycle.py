"""What happens to resources over HTTP: requests, reports, and what became of them."""

from typing import Any, Final

import pytest

from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, faults, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("plant")]

RESOURCES: Final = "/projects/plant/resources"
ONE: Final = "/resources/one"


@pytest.fixture
def robot(world: World, ada: Caller) -> Caller:
    ada.makes(RESOURCES, world.wish("one"))
    robot = world.machine("reconciler")
    robot.sees("/users/me")
    world.grants(robot, "service-account-reconciler", "global *")
    return robot


def report(robot: Caller, health: str = "Healthy", generation: int = 1, **more: Any) -> Any:
    body = {"observed_generation": generation, "health": health, **more}
    answer = robot.put(f"{ONE}/status", body)
    assert answer.status_code == 200, answer.json
    return answer.json


def test_a_report_says_what_became_of_the_resource_and_no_more(ada: Caller, robot: Caller) -> None:
    told = report(robot, message="All is well.", access_url="https://one.example.com")
    assert told["status"] == "Running"
    assert "settings_json" not in told
    assert "name" not in told
    one = ada.sees(ONE)
    assert {name: one[name] for name in told} == told
    assert (one["status_reason"], one["access_url"]) == (
        "All is well.",
        "https://one.example.com",
    )
    assert refusal(robot.get(ONE)) == (404, "not_found")


def test_conditions_go_in_as_they_come_out(ada: Caller, robot: Caller) -> None:
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "Starting",
        "message": "One of two instances is there.",
        "last_transition_at": "2026-01-01T00:00:00Z",
    }
    report(robot, "Progressing", conditions=[condition])
    assert ada.sees(ONE)["conditions"] == [condition]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"/health": "required", "/observed_generation": "required"}),
        (
            {"observed_generation": -1, "health": "Splendid", "colour": "red"},
            {"/colour": "unknown_field", "/health": "enum", "/observed_generation": "invalid"},
        ),
        (
            {"observed_generation": 9, "health": "Healthy"},
            {"/observed_generation": "unknown_generation"},
        ),
        (
            {"observed_generation": 1, "health": "Healthy", "access_url": "javascript:alert(1)"},
            {"/access_url": "invalid"},
        ),
        *(
            (
                {"observed_generation": 1, "health": "Healthy", "access_url": url},
                {"/access_url": "invalid"},
            )
            for url in (
                "https://bank.example@evil.example/",
                "http://[::1",
                'https://x/"><script>',
                "https://x/%zz",
                "https:///x",
                "https://x y",
            )
        ),
        (
            {
                "observed_generation": 1,
                "health": "Healthy",
                "conditions": [{"type": "Ready"}, {"type": "x" * 300, "status": "True"}],
            },
            {"/conditions/0/status": "required", "/conditions/1/type": "invalid"},
        ),
        (
            {
                "observed_generation": 1,
                "health": "Healthy",
                "conditions": [{"type": f"A{number}", "status": "True"} for number in range(33)],
            },
            {"/conditions": "invalid"},
        ),
    ],
)
def test_a_report_that_cannot_be_is_refused_with_all_that_is_wrong(
    robot: Caller, body: Any, expected: dict[str, str]
) -> None:
    assert faults(robot.put(f"{ONE}/status", body)) == expected


@pytest.mark.parametrize(
    "url",
    ["https://one.example.com", "http://[::1]:8080/a/b?c=d#e", "https://x/@a/%20(b);c=d,'e'"],
)
def test_what_a_browser_may_follow_is_an_address(ada: Caller, robot: Caller, url: str) -> None:
    report(robot, access_url=url)
    assert ada.sees(ONE)["access_url"] == url


def test_if_match_is_heeded_in_a_report(ada: Caller, robot: Caller) -> None:
    body = {"observed_generation": 1, "health": "Healthy"}
    stale = robot.put(f"{ONE}/status", body, headers={"If-Match": '"stale"'})
    assert refusal(stale) == (412, "precondition_failed")
    tag = ada.get(ONE).headers["etag"]
    assert robot.put(f"{ONE}/status", body, headers={"If-Match": tag}).status_code == 200


def test_a_message_without_end_is_kept_as_far_as_there_is_room(ada: Caller, robot: Caller) -> None:
    report(robot, "Degraded", message="x" * 5000)
    assert ada.sees(ONE)["error_message"] == "x" * 4096


def test_rest_and_return(ada: Caller, robot: Caller) -> None:
    report(robot)
    resting = ada.post(f"{ONE}/suspend").json
    assert (resting["status"], resting["holds"], resting["generation"]) == (
        "Suspended",
        ["request"],
        2,
    )
    assert ada.post(f"{ONE}/suspend").json == resting
    assert report(robot, "Healthy", 2)["status"] == "Suspended"
    assert ada.post(f"{RESOURCES}/one/resume").json["status"] == "Updating"
    assert refusal(ada.post(f"{ONE}/resume")) == (409, "invalid_transition")
    assert report(robot, "Healthy", 2)["status"] == "Updating"
    assert report(robot, "Healthy", 3)["status"] == "Running"


def test_another_try(ada: Caller, robot: Caller) -> None:
    refused = ada.post(f"{ONE}/retry")
    assert refusal(refused) == (409, "invalid_transition")
    assert "Creating" in refused.json["detail"]
    stalled = [{"type": "Stalled", "status": "True"}]
    assert report(robot, "Degraded", conditions=stalled)["status"] == "Failed"
    assert ada.post(f"{ONE}/retry").json["status"] == "Updating"
    assert report(robot, "Healthy", 2)["status"] == "Running"


def test_a_request_heeds_what_its_caller_has_seen(ada: Caller, robot: Caller) -> None:
    tag = ada.get(ONE).headers["etag"]
    report(robot)
    answer = ada.post(f"{ONE}/suspend", headers={"If-Match": tag})
    assert refusal(answer) == (412, "precondition_failed")


def test_the_history_tells_who_did_what_and_what_changed(
    world: World, ada: Caller, robot: Caller
) -> None:
    report(robot)
    ada.patch(ONE, {"name": "Renamed"})
    ada.delete(ONE)
    report(robot, "Missing")
    story = ada.sees(f"{ONE}/history")["items"][::-1]
    assert [(one["from_status"], one["to_status"]) for one in story] == [
        (None, "Creating"),
        ("Creating", "Running"),
        ("Running", "Deleting"),
        ("Deleting", "Deleted"),
    ]
    assert [one["actor"] for one in story] == [
        {"type": "user", "id": "auth0|ada"},
        {"type": "service_account", "id": "reconciler@clients"},
    ] * 2
    assert {one["resource_id"] for one in story} == {"one"}
    assert story == ada.sees(f"{RESOURCES}/one/history")["items"][::-1]
    page = ada.sees(f"{ONE}/history", query="limit=3&include_total=true")
    assert page["items"] == story[:0:-1]
    assert page["total"] == 4
    rest = ada.sees(f"{ONE}/history", query=f"limit=3&cursor={page['next_cursor']}")
    assert rest["items"] == story[:1]
    assert refusal(robot.get(f"{ONE}/history")) == (404, "not_found")
    assert refusal(ada.get("/projects/other/resources/one/history")) == (404, "not_found")


def test_what_changed_is_told_by_its_pointer(world: World, ada: Caller, robot: Caller) -> None:
    others = [tier.sku for tier in world.kind.offered() if tier.sku != world.tier.sku]
    if not others:
        pytest.skip("the catalog's first type has one tier")
    changed = ada.patch(ONE, {"sku": others[0]})
    assert changed.status_code == 200
    newest = ada.sees(f"{ONE}/history", query="limit=1")["items"][0]
    assert (newest["generation"], newest["to_status"]) == (2, "Creating")
    sku = {"pointer": "/sku", "before": world.tier.sku, "after": others[0], "omitted": False}
    assert newest["changes"][0] == sku
