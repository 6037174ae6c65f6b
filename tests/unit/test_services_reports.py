"""Reports of reconcilers, two ways with one rule (product.md R4.2, R4.3)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.access import GLOBAL
from ktrlplane.domain.errors import Forbidden, NotFound, PreconditionFailed, ValidationFailed
from ktrlplane.domain.ids import PrincipalId, ResourceId
from ktrlplane.domain.lifecycle import Health, Status
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.heeding import heed_reports, refuse_unknown, reported_on
from ktrlplane.domain.services.operator import OperatorGrant, operator_grant
from ktrlplane.domain.services.projects import delete_project
from ktrlplane.domain.services.reports import (
    ReportedCondition,
    ReportStatus,
    list_transitions,
    report_status,
)
from ktrlplane.domain.services.resources import (
    CreateResource,
    UpdateResource,
    create_resource,
    delete_resource,
    update_resource,
)
from ktrlplane.domain.transitions import Transition
from tests.builders import (
    ALICE,
    BOB,
    OWNER,
    ROBOT,
    VIEWER,
    a_project,
    an_assignment,
    an_organization,
    on,
)
from tests.platforms import Acting, a_platform, opened

KETTLE = ResourceId("kettle")


@pytest.fixture
def do(do: Acting) -> Acting:
    do.keep(an_organization(), a_project())
    do.keep(an_assignment(ALICE, OWNER, "organization acme"))
    do.keep(an_assignment(BOB, VIEWER, "organization acme"))
    command = CreateResource(id=KETTLE, name="Kettle", type="Acme.Kettle", sku="free")
    do(create_resource, a_project().project_id, command)
    return do


def empower(do: Acting, scope: Any = GLOBAL) -> None:
    command = OperatorGrant(principal=ROBOT, role="service-account-reconciler", scope=scope)
    do.alone(operator_grant, command)


def report(do: Acting, health: str, generation: int = 1, **more: Any) -> Resource:
    command = ReportStatus(observed_generation=generation, health=Health(health), **more)
    return do(report_status, KETTLE, command, by=ROBOT)


def put(do: Acting, health: str, about: str = "kettle", **more: Any) -> None:
    do.alone(lambda work, platform: work.inbox.put(about, health, **more))


def heed(do: Acting) -> None:
    with do.units.view() as work:
        about = reported_on(work, limit=100)
    do.alone(heed_reports, about)
    do.alone(refuse_unknown, [one.resource_id for one in about if one.tenant is None])


def kettle(do: Acting) -> Resource:
    with do.units.view() as work:
        return work.resources.get(KETTLE)


def told(do: Acting, by: PrincipalId = ALICE) -> list[Transition]:
    page = PageRequest(sort=Sort.CREATED_AT, limit=200)
    return list(do(list_transitions, KETTLE, page, by=by).items)


def refused(do: Acting) -> list[tuple[str, str, int]]:
    with do.units.view() as work:
        return sorted((one.resource_id, one.code, one.times) for one in work.inbox.refused(10))


@pytest.mark.parametrize(
    "scope", [GLOBAL, on("organization acme"), on("project web"), on("resource kettle")]
)
def test_a_reconciler_reports_where_it_may(do: Acting, scope: Any) -> None:
    empower(do, scope)
    reported = report(do, "Healthy", access_url="https://kettle.example.com")
    assert reported == kettle(do)
    assert (reported.status, reported.observed_generation) == (Status.RUNNING, 1)
    assert reported.access_url == "https://kettle.example.com"
    assert reported.updated_at == reported.created_at


def test_who_may_not_report_is_told_as_much_as_they_may_see(do: Acting) -> None:
    command = ReportStatus(observed_generation=1, health=Health.HEALTHY)
    with pytest.raises(NotFound):
        do(report_status, KETTLE, command, by=ROBOT)
    for who in (ALICE, BOB):
        with pytest.raises(Forbidden):
            do(report_status, KETTLE, command, by=who)
    empower(do)
    with pytest.raises(NotFound):
        do(report_status, ResourceId("nowhere"), command, by=ROBOT)
    assert kettle(do).status is Status.CREATING


def test_conditions_are_kept_as_they_are_told_until_they_are_told_anew(do: Acting) -> None:
    empower(do)
    ready = ReportedCondition(type="Ready", status="False", reason="Starting", message="1 of 2")
    report(do, "Progressing", conditions=(ready,))
    (kept,) = kettle(do).conditions
    assert (kept.type, kept.status, kept.reason, kept.message) == (
        "Ready",
        "False",
        "Starting",
        "1 of 2",
    )
    assert report(do, "Healthy").conditions == (kept,)
    assert report(do, "Healthy", conditions=()).conditions == ()


def test_a_generation_that_has_not_been_is_refused(do: Acting) -> None:
    empower(do)
    with pytest.raises(ValidationFailed) as refusal:
        report(do, "Healthy", 2)
    assert [fault.code for fault in refusal.value.faults] == ["unknown_generation"]


def test_what_became_of_a_resource_is_told_with_who_and_why(do: Acting) -> None:
    empower(do)
    report(do, "Healthy")
    do(
        update_resource,
        KETTLE,
        UpdateResource(sku="gold", settings_json={"litres": 3}),
        merge=True,
    )
    report(do, "Healthy")  # of the older generation
    report(do, "Degraded", 2, message="It leaks.")
    report(do, "Degraded", 2, message="It leaks.")
    do(delete_resource, KETTLE)
    report(do, "Missing", 2)
    story = [
        (
            one.from_status and one.from_status.value,
            one.to_status.value,
            one.generation,
            one.actor,
            one.reason,
        )
        for one in told(do)
    ]
    assert story == [
        (None, "Creating", 1, ALICE, None),
        ("Creating", "Running", 1, ROBOT, None),
        ("Running", "Updating", 2, ALICE, None),
        ("Updating", "Degraded", 2, ROBOT, "It leaks."),
        ("Degraded", "Deleting", 2, ALICE, None),
        ("Deleting", "Deleted", 2, ROBOT, None),
    ]
    changes = [(one.pointer, one.before, one.after) for one in told(do)[2].changes]
    assert changes == [("/sku", "free", "gold"), ("/settings_json/litres", 1, 3)]
    assert told(do, by=BOB) == told(do)
    with pytest.raises(NotFound):
        told(do, by=ROBOT)


def test_the_word_of_a_reconciler_ends_a_resource_its_roles_and_its_project(do: Acting) -> None:
    do.keep(an_assignment(BOB, VIEWER, "resource kettle"))
    do(delete_project, a_project().project_id, cascade=True)
    put(do, "Missing")
    heed(do)
    assert kettle(do).status is Status.DELETED
    with do.units.view() as work:
        assert work.projects.get(a_project().project_id).status is ProjectStatus.DELETED
        assert [one.scope for one in work.assignments.of(BOB)] == [on("organization acme")]


def test_missing_of_an_older_generation_does_not_end_what_is_leaving(do: Acting) -> None:
    """It may have been said while it was being made."""
    empower(do)
    do(update_resource, KETTLE, UpdateResource(sku="gold"), merge=True)
    do(delete_resource, KETTLE)
    assert report(do, "Missing", 1).status is Status.DELETING
    assert report(do, "Missing", 2).status is Status.DELETED


def test_a_report_heeds_what_its_reporter_has_seen(do: Acting) -> None:
    empower(do)
    command = ReportStatus(observed_generation=1, health=Health.HEALTHY)
    with pytest.raises(PreconditionFailed):
        do(report_status, KETTLE, command, as_seen=lambda _: False, by=ROBOT)
    assert kettle(do).status is Status.CREATING


def test_what_was_said_missing_before_it_was_to_go_does_not_end_it(do: Acting) -> None:
    put(do, "Missing")
    do(delete_resource, KETTLE)
    heed(do)
    assert kettle(do).status is Status.DELETING
    assert refused(do) == []


def test_the_inbox_is_heeded_in_its_order_and_once(do: Acting) -> None:
    for health in ("Progressing", "Healthy", "Degraded", "Healthy"):
        put(do, health, message=health)
    heed(do)
    heed(do)
    assert [one.to_status.value for one in told(do)] == [
        "Creating",
        "Running",
        "Degraded",
        "Running",
    ]
    assert {one.actor for one in told(do)[1:]} == {None}


def test_without_a_generation_the_one_counts_that_was_wanted_when_it_came(do: Acting) -> None:
    put(do, "Healthy")
    do(update_resource, KETTLE, UpdateResource(sku="gold"), merge=True)
    heed(do)
    assert (kettle(do).status, kettle(do).observed_generation) == (Status.CREATING, 1)
    put(do, "Healthy")
    heed(do)
    assert (kettle(do).status, kettle(do).observed_generation) == (Status.RUNNING, 2)


def test_what_cannot_be_heeded_is_counted_and_keeps_nothing_from_being_heeded(do: Acting) -> None:
    put(do, "Splendid")
    put(do, "Healthy", observed_generation=7)
    put(do, "Healthy", observed_generation=-3)
    put(do, "Healthy", about="nowhere")
    put(do, "Healthy", about="No label")
    put(do, "Healthy", about="No label")
    put(do, "Healthy")
    heed(do)
    assert kettle(do).status is Status.RUNNING
    assert refused(do) == [
        ("No label", "unknown_resource", 2),
        ("kettle", "unknown_generation", 1),
        ("kettle", "unknown_health", 1),
        ("nowhere", "unknown_resource", 1),
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from([*Health, "Splendid"]), st.none() | st.integers(-1, 3)),
        max_size=12,
    )
)
def test_both_ways_end_alike(said: list[tuple[str, int | None]]) -> None:
    """What is told to the inbox comes to what the same reports come to one by one."""
    platform = a_platform()
    one_by_one, together = (Acting(opened(platform=platform), platform) for _ in range(2))
    for do in (one_by_one, together):
        do.keep(an_organization(), a_project())
        do.keep(an_assignment(ALICE, OWNER, "organization acme"))
        command = CreateResource(id=KETTLE, name="Kettle", type="Acme.Kettle", sku="free")
        do(create_resource, a_project().project_id, command)
    empower(one_by_one)
    for health, generation in said:
        put(together, health, observed_generation=generation)
        if health in set(Health) and (generation is None or generation <= 1):
            report(one_by_one, health, max(0, 1 if generation is None else generation))
    heed(together)
    assert kettle(together) == kettle(one_by_one)
