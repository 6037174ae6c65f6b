"""The life of a resource (product.md R4.1, R4.2): by a second account of it, and by its laws."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import InvalidTransition, ValidationFailed
from ktrlplane.domain.lifecycle import (
    ASKED,
    ENDED,
    MOVES,
    REPORTED,
    SETTLED,
    Health,
    Hold,
    Request,
    Status,
)
from ktrlplane.domain.reports import STALLED_CONDITION, Condition, Report
from ktrlplane.domain.resources import Resource
from tests.builders import HOUR, NOW, a_resource

LATER = NOW + HOUR
ALIVE = [status for status in Status if status not in ENDED]
OVER = sorted(ENDED)
LEAKS = "It leaks."

# Rows are statuses, in the order of Status but for the two that are over; a dot stays.
BY_HEALTH = """
              Healthy  Progressing  Degraded  Suspended  Missing  Unknown
    Creating  Running  .            Degraded  Suspended  .        .
    Running   .        Updating     Degraded  Suspended  Failed   .
    Updating  Running  .            Degraded  Suspended  Failed   .
    Degraded  Running  Updating     .         Suspended  Failed   .
    Failed    Running  Updating     Degraded  Suspended  .        .
    Suspended Running  Updating     Degraded  .          Failed   .
    Deleting  .        .            .         .          Deleted  .
    Deleted   .        .            .         .          .        .
"""
EXPECTED = {
    (Status(row.split()[0]), health): Status(cell if cell != "." else row.split()[0])
    for row in BY_HEALTH.strip().splitlines()[1:]
    for health, cell in zip(Health, row.split()[1:], strict=True)
}

statuses = st.sampled_from(list(Status))
reports = st.builds(
    Report,
    observed_generation=st.integers(0, 4),
    health=st.sampled_from(list(Health)),
    message=st.none() | st.just(LEAKS),
    access_url=st.none() | st.just("https://one.example.com"),
    conditions=st.none()
    | st.just(())
    | st.just((Condition(type="Stalled", status="True"),))
    | st.just((Condition(type="Ready", status="False"),)),
)
holds = st.sampled_from([(), (Hold.PAYMENT,), (Hold.REQUEST,), (Hold.PAYMENT, Hold.REQUEST)])


@st.composite
def resources(draw: st.DrawFn) -> Resource:
    generation = draw(st.integers(1, 4))
    held = draw(holds)
    return a_resource(
        status=Status.SUSPENDED if held else draw(statuses),
        holds=held,
        generation=generation,
        observed_generation=draw(st.integers(0, generation)),
    )


def said(resource: Resource, health: Health, **more: object) -> Resource:
    return resource.reported(
        Report(observed_generation=resource.generation, health=health, **more)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("health", Health)
def test_a_report_leads_where_the_other_account_says(status: Status, health: Health) -> None:
    assert said(a_resource(status=status), health).status is EXPECTED[status, health]


@pytest.mark.parametrize("status", Status)
def test_a_reconciler_that_gives_up_has_failed(status: Status) -> None:
    stalled = (Condition(type="Stalled", status="True"),)
    after = said(a_resource(status=status), Health.DEGRADED, conditions=stalled, message=LEAKS)
    if status in ENDED or status is Status.SUSPENDED:
        assert after.status is (status if status in ENDED else Status.SUSPENDED)
    else:
        assert (after.status, after.error_message) == (Status.FAILED, LEAKS)


@pytest.mark.parametrize("message", [None, "", "The report says so."])
def test_what_its_condition_says_of_giving_up_is_told_where_the_report_says_nothing(
    message: str | None,
) -> None:
    others = Condition(type="Ready", status="True", message="Ready")
    stalled = Condition(type="Stalled", status="True", message=LEAKS)
    after = said(
        a_resource(status=Status.UPDATING),
        Health.DEGRADED,
        conditions=(others, stalled),
        message=message,
    )
    told = message or LEAKS
    assert (after.status, after.status_reason, after.error_message) == (Status.FAILED, told, told)
    again = said(after, Health.DEGRADED, conditions=(evolve(stalled, message=None),))
    assert again.error_message == told


def test_a_condition_that_is_not_so_says_nothing() -> None:
    going_on = Condition(type="Stalled", status="False", message=LEAKS)
    after = said(a_resource(status=Status.UPDATING), Health.DEGRADED, conditions=(going_on,))
    assert (after.status, after.error_message) == (Status.DEGRADED, None)


def test_nothing_leaves_deleted_and_only_deleting_leads_there() -> None:
    assert MOVES[Status.DELETED] == frozenset()
    assert [status for status in Status if Status.DELETED in MOVES[status]] == [Status.DELETING]
    assert MOVES[Status.DELETING] == {Status.DELETED}


def test_the_tables_know_every_request_and_every_word_and_all_can_be_left_but_the_end() -> None:
    assert set(ASKED) == set(Request)
    assert set(REPORTED) == set(Health)
    assert set(MOVES) == set(Status)
    assert all(Status.DELETING in MOVES[status] for status in ALIVE)
    assert {"Running", "Degraded", "Failed", "Suspended", "Deleted"} == SETTLED


@given(resources(), reports)
def test_whatever_is_reported_the_table_has_it_and_nothing_wanted_changes(
    before: Resource, report: Report
) -> None:
    if report.observed_generation > before.generation:
        with pytest.raises(ValidationFailed):
            before.reported(report)
        return
    after = before.reported(report)
    assert after.status is before.status or after.status in MOVES[before.status]
    wanted = ("sku", "settings_json", "name", "generation", "holds", "updated_at", "created_at")
    assert {name: getattr(after, name) for name in wanted} == {
        name: getattr(before, name) for name in wanted
    }
    assert after.observed_generation >= before.observed_generation


@given(resources(), reports)
def test_a_report_told_twice_is_told_once(before: Resource, report: Report) -> None:
    if report.observed_generation <= before.generation:
        once = before.reported(report)
        assert once.reported(report) == once


@given(resources(), reports)
def test_a_report_about_an_older_generation_moves_nothing(
    before: Resource, report: Report
) -> None:
    if report.observed_generation < before.generation:
        assert before.reported(report).status is before.status


@given(resources(), st.lists(reports, max_size=8))
def test_late_reports_change_nothing(before: Resource, some: list[Report]) -> None:
    newest = before
    for report in some:
        if report.observed_generation <= newest.generation:
            newest = newest.reported(report)
    for report in some:
        if report.observed_generation < newest.observed_generation:
            assert newest.reported(report) == newest


@given(resources(), reports)
def test_who_is_held_stays_suspended_whatever_is_seen(before: Resource, report: Report) -> None:
    if before.holds and report.observed_generation <= before.generation:
        assert before.reported(report).status is Status.SUSPENDED


@pytest.mark.parametrize(
    ("status", "after"),
    [
        (Status.RUNNING, Status.UPDATING),
        (Status.DEGRADED, Status.UPDATING),
        (Status.FAILED, Status.UPDATING),
        (Status.UPDATING, Status.UPDATING),
        (Status.CREATING, Status.CREATING),
        (Status.SUSPENDED, Status.SUSPENDED),
    ],
)
def test_new_wishes_begin_a_generation(status: Status, after: Status) -> None:
    resource = a_resource(status=status)
    for sku, settings in (("gold", resource.settings_json), ("free", Document.of({"litres": 2}))):
        changed = resource.changed(name="New", sku=sku, settings=settings, now=LATER)
        assert (changed.generation, changed.status, changed.updated_at) == (2, after, LATER)
        assert (changed.name, changed.sku, changed.settings_json) == ("New", sku, settings)


@pytest.mark.parametrize("status", ALIVE)
def test_a_new_name_is_nothing_to_reconcile(status: Status) -> None:
    resource = a_resource(status=status)
    changed = resource.changed(
        name="New", sku=resource.sku, settings=resource.settings_json, now=LATER
    )
    assert changed == evolve(resource, name="New")


@pytest.mark.parametrize("status", OVER)
def test_what_is_over_is_asked_for_nothing(status: Status) -> None:
    resource = a_resource(status=status)
    for refused in (
        lambda: resource.changed(
            name="New", sku="gold", settings=resource.settings_json, now=LATER
        ),
        lambda: resource.renamed("New"),
        lambda: resource.suspended(Hold.REQUEST, LATER),
        lambda: resource.resumed(Hold.REQUEST, LATER),
        lambda: resource.retried(LATER),
    ):
        with pytest.raises(InvalidTransition):
            refused()
    assert resource.deleting(LATER) is resource


def test_a_report_from_before_a_change_does_not_end_it() -> None:
    running = a_resource(status=Status.RUNNING, observed_generation=1)
    changed = running.changed(name="N", sku="gold", settings=running.settings_json, now=LATER)
    old = Report(observed_generation=1, health=Health.HEALTHY)
    assert changed.reported(old).status is Status.UPDATING
    assert said(changed, Health.HEALTHY).status is Status.RUNNING
    assert said(changed, Health.HEALTHY).reported(old) == said(changed, Health.HEALTHY)


@pytest.mark.parametrize("status", [one for one in ALIVE if one is not Status.SUSPENDED])
def test_who_suspends_and_resumes_begins_generations(status: Status) -> None:
    resting = a_resource(status=status).suspended(Hold.REQUEST, LATER)
    assert (resting.status, resting.generation, resting.holds) == (
        Status.SUSPENDED,
        2,
        (Hold.REQUEST,),
    )
    assert resting.suspended(Hold.REQUEST, LATER + HOUR) == resting
    back = resting.resumed(Hold.REQUEST, LATER + HOUR)
    assert (back.status, back.generation, back.holds) == (Status.UPDATING, 3, ())
    assert back.status_reason is None
    late = Report(observed_generation=2, health=Health.SUSPENDED)
    assert back.reported(late).status is Status.UPDATING


def test_what_is_held_twice_comes_back_once_nothing_holds_it() -> None:
    held = a_resource(status=Status.RUNNING).suspended(Hold.REQUEST, NOW)
    held = held.suspended(Hold.PAYMENT, LATER)
    assert (held.generation, held.holds) == (2, (Hold.PAYMENT, Hold.REQUEST))
    unpaid = held.resumed(Hold.REQUEST, LATER)
    assert (unpaid.status, unpaid.generation) == (Status.SUSPENDED, 2)
    with pytest.raises(InvalidTransition, match="until it is paid for again"):
        unpaid.resumed(Hold.REQUEST, LATER)
    assert unpaid.resumed(Hold.PAYMENT, LATER).status is Status.UPDATING


def test_what_a_reconciler_suspended_by_itself_can_be_resumed() -> None:
    seen = said(a_resource(status=Status.RUNNING), Health.SUSPENDED)
    assert (seen.status, seen.holds) == (Status.SUSPENDED, ())
    assert said(seen, Health.HEALTHY).status is Status.RUNNING
    assert seen.resumed(Hold.REQUEST, LATER).status is Status.UPDATING


@pytest.mark.parametrize("status", ALIVE)
def test_only_what_is_not_well_is_tried_again(status: Status) -> None:
    resource = a_resource(status=status)
    if status in {Status.FAILED, Status.DEGRADED}:
        retried = resource.retried(LATER)
        assert (retried.status, retried.generation) == (Status.UPDATING, 2)
        assert retried.updated_at == LATER
        return
    with pytest.raises(InvalidTransition, match="tried again"):
        resource.retried(LATER)


def test_what_went_wrong_is_told_until_it_is_well() -> None:
    ill = said(a_resource(status=Status.RUNNING), Health.DEGRADED, message=LEAKS)
    assert (ill.status_reason, ill.error_message) == (LEAKS, LEAKS)
    assert said(ill, Health.UNKNOWN).error_message == LEAKS
    well = said(ill, Health.HEALTHY)
    assert (well.status_reason, well.error_message) == (None, None)


def test_an_address_that_is_not_told_again_stays() -> None:
    there = said(a_resource(), Health.HEALTHY, access_url="https://one.example.com")
    assert said(there, Health.DEGRADED).access_url == "https://one.example.com"


@pytest.mark.parametrize("status", Status)
def test_only_what_is_deleting_ends_without_a_word(status: Status) -> None:
    resource = a_resource(status=status)
    if status is Status.DELETING:
        assert resource.ended().status is Status.DELETED
        return
    with pytest.raises(InvalidTransition):
        resource.ended()


def stalled(*others: str) -> tuple[Condition, ...]:
    said = (STALLED_CONDITION, *others)
    return tuple(Condition(type=name, status="True") for name in said)


def test_who_says_nothing_of_having_given_up_has_not() -> None:
    """What else was observed stays, until something is said of it."""
    known = a_resource(status=Status.FAILED, conditions=stalled("Ready"))
    better = known.reported(Report(observed_generation=1, health=Health.HEALTHY))
    assert (better.status, better.conditions) == (Status.RUNNING, stalled("Ready")[1:])
    told = Report(observed_generation=1, health=Health.HEALTHY, conditions=stalled())
    assert known.reported(told).conditions == stalled()


def test_what_went_wrong_is_not_said_of_what_is_tried_again() -> None:
    failed = a_resource(status=Status.FAILED, error_message="Disk full", status_reason="Disk full")
    assert failed.retried(LATER).error_message is None
    assert failed.deleting(LATER).error_message is None
    updating = a_resource(status=Status.UPDATING, error_message="Disk full")
    changed = updating.changed(name="N", sku="gold", settings=updating.settings_json, now=LATER)
    assert changed.error_message == "Disk full"


def test_what_is_to_be_seen_is_always_the_newest() -> None:
    """Even where the clock of another server was ahead."""
    ahead = a_resource(updated_at=LATER + HOUR)
    for changed in (
        ahead.changed(name="N", sku="gold", settings=ahead.settings_json, now=LATER),
        ahead.suspended(Hold.REQUEST, LATER),
        ahead.deleting(LATER),
    ):
        assert changed.updated_at > ahead.updated_at
