from collections.abc import Sequence
from typing import Any

import pytest

from ktrlplane.domain.lifecycle import Status
from ktrlplane.ports.reports import REST, InboxCount, Refused, Waiting
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import HOUR, NOW, a_project, a_resource, an_organization, keep, on

INJECTED = "'); DROP TABLE ktrlplane.resources; --"


@pytest.fixture
def units(units: UnitsOfWork) -> UnitsOfWork:
    keep(
        units,
        an_organization(),
        a_project(),
        a_resource(generation=3),
        a_resource("toaster", status=Status.DELETING),
    )
    return units


def put(units: UnitsOfWork, resource_id: str, health: str = "Healthy", **more: Any) -> None:
    with units.begin() as work:
        work.inbox.put(resource_id, health, **more)


def waiting(units: UnitsOfWork, after: str = "", limit: int = 10) -> list[str]:
    with units.view() as work:
        return [one.resource_id for one in work.inbox.waiting(after, limit)]


def take(units: UnitsOfWork, resource_id: str, limit: int = 10) -> list[Waiting]:
    with units.begin() as work:
        return list(take_in(work, resource_id, limit))


def take_in(work: UnitOfWork, resource_id: str, limit: int) -> Sequence[Waiting]:
    return work.inbox.take([resource_id], each=limit, limit=limit)


def refused(units: UnitsOfWork, limit: int = 10) -> list[Refused]:
    with units.view() as work:
        return list(work.inbox.refused(limit))


def test_a_report_is_kept_with_what_was_wanted_when_it_came(units: UnitsOfWork) -> None:
    put(units, "kettle", "Degraded", observed_generation=2, message="m", access_url="https://u")
    put(units, "toaster", "Missing")
    put(units, "nowhere", "Splendid")
    (kettle,), (toaster,), (nowhere,) = (
        take(units, name) for name in ("kettle", "toaster", "nowhere")
    )
    assert (kettle.observed_generation, kettle.message, kettle.access_url) == (2, "m", "https://u")
    assert (kettle.health, kettle.generation, kettle.was_deleting) == ("Degraded", 3, False)
    assert (toaster.observed_generation, toaster.generation, toaster.was_deleting) == (
        None,
        1,
        True,
    )
    assert (nowhere.health, nowhere.generation, nowhere.was_deleting) == ("Splendid", None, False)


def test_nothing_that_is_said_is_an_error(units: UnitsOfWork) -> None:
    put(units, INJECTED, INJECTED, message=INJECTED, access_url=INJECTED)
    put(units, "", "", observed_generation=-(2**63), message="", access_url="")
    put(units, "x" * 10_000, "y" * 10_000, message="z" * 10_000, access_url="u" * 10_000)
    (injected,) = take(units, INJECTED)
    assert (injected.health, injected.message, injected.access_url) == (INJECTED,) * 3
    (empty,) = take(units, "")
    assert empty.observed_generation == -(2**63)
    (endless,) = take(units, "x" * 253)
    assert [len(text or "") for text in (endless.health, endless.message, endless.access_url)] == [
        64,
        4096,
        2048,
    ]


def refuse(units: UnitsOfWork, resource_id: str, code: str, at: Any, health: str = "Ok") -> None:
    put(units, resource_id, health, message=f"{resource_id} {code}")
    with units.begin() as work:
        taken = work.inbox.take([resource_id], each=1, limit=1)
        work.inbox.refuse([(one, code) for one in taken], at)


def test_whom_reports_wait_about_comes_in_the_order_of_ids(units: UnitsOfWork) -> None:
    for name in ("toaster", "kettle", "toaster", "nowhere", "Nowhere", "kettle", "\u00e9", "~"):
        put(units, name)
    ordered = ["Nowhere", "kettle", "nowhere", "toaster", "~", "\u00e9"]
    assert waiting(units) == ordered
    assert waiting(units, limit=2) == ordered[:2]
    assert waiting(units, after="kettle", limit=2) == ordered[2:4]
    assert waiting(units, after="kettl") == ordered[1:]
    assert waiting(units, after=ordered[-1]) == []


def test_whom_reports_wait_about_comes_with_its_tenant(units: UnitsOfWork) -> None:
    keep(units, a_project("solo", None), a_resource("alone", "solo", None))
    for name in ("kettle", "alone", "nowhere"):
        put(units, name)
    with units.view() as work:
        found = {one.resource_id: one.tenant for one in work.inbox.waiting("", 10)}
    assert found == {
        "kettle": on("organization acme"),
        "alone": on("project solo"),
        "nowhere": None,
    }


def test_what_is_taken_is_gone_and_the_oldest_go_first(units: UnitsOfWork) -> None:
    for health in ("Progressing", "Degraded", "Healthy"):
        put(units, "kettle", health)
    put(units, "toaster")
    assert [one.health for one in take(units, "kettle", 2)] == ["Progressing", "Degraded"]
    assert [one.health for one in take(units, "kettle")] == ["Healthy"]
    assert take(units, "kettle") == []
    assert waiting(units) == ["toaster"]


def test_what_is_taken_by_who_fails_is_there_again(units: UnitsOfWork) -> None:
    put(units, "kettle")
    with pytest.raises(RuntimeError), units.begin() as work:  # noqa: PT012
        assert len(work.inbox.take(["kettle"], each=10, limit=10)) == 1
        raise RuntimeError
    assert len(take(units, "kettle")) == 1


def test_what_is_refused_is_counted_and_the_latest_come_first(units: UnitsOfWork) -> None:
    for name, code, hours in (("a", "x", 0), ("b", "x", 1), ("a", "x", 2), ("a", "y", 1)):
        put(units, name, "Healthy", message=f"{name} {hours}")
        with units.begin() as work:
            (one,) = work.inbox.take([name], each=1, limit=1)
            work.inbox.refuse([(one, code)], NOW + hours * HOUR)
    found = [
        (one.resource_id, one.code, one.times, one.message, one.first_at, one.last_at)
        for one in refused(units)
    ]
    assert found == [
        ("a", "x", 2, "a 2", NOW, NOW + 2 * HOUR),
        ("a", "y", 1, "a 1", NOW + HOUR, NOW + HOUR),
        ("b", "x", 1, "b 1", NOW + HOUR, NOW + HOUR),
    ]
    assert refused(units, 1) == refused(units)[:1]


def test_what_did_not_come_again_is_forgotten(units: UnitsOfWork) -> None:
    for name, hours in (("a", 0), ("b", 2)):
        refuse(units, name, "x", NOW + hours * HOUR)
    with units.begin() as work:
        assert work.inbox.forget_refused(NOW + HOUR) == 1
    assert [one.resource_id for one in refused(units)] == ["b"]


def test_what_waits_and_what_was_refused_is_counted(units: UnitsOfWork) -> None:
    with units.view() as work:
        assert work.inbox.count() == InboxCount(waiting=0, refused=0)
    for name in ("a", "a", "b", "a"):
        put(units, name)
    with units.begin() as work:
        taken = (*take_in(work, "a", 2), *take_in(work, "b", 1))
        work.inbox.refuse([(one, "x") for one in taken], NOW)
    with units.view() as work:
        assert work.inbox.count() == InboxCount(waiting=1, refused=3)


def test_who_is_named_first_is_taken_first_and_no_more_than_was_asked(units: UnitsOfWork) -> None:
    for name in ("kettle", "toaster", "kettle", "other", "kettle", "toaster"):
        put(units, name, f"{name} {len(waiting(units))}")
    with units.begin() as work:
        taken = work.inbox.take(["toaster", "kettle", "nowhere"], each=2, limit=3)
    assert [one.resource_id for one in taken] == ["toaster", "toaster", "kettle"]
    assert [one.report_id for one in taken[:2]] == sorted(one.report_id for one in taken[:2])
    with units.begin() as work:
        left = work.inbox.take(["kettle", "toaster", "other"], each=1, limit=10)
    assert [one.resource_id for one in left] == ["kettle", "other"]
    assert [one.resource_id for one in take(units, "kettle")] == ["kettle"]


def test_many_are_refused_at_once(units: UnitsOfWork) -> None:
    for message in ("first", "last"):
        put(units, "a", message=message)
    put(units, "b")
    with units.begin() as work:
        taken = work.inbox.take(["a", "b"], each=2, limit=10)
        work.inbox.refuse([(one, "x") for one in taken], NOW)
        work.inbox.refuse([], NOW)
    found = [(one.resource_id, one.times, one.message) for one in refused(units)]
    assert found == [("a", 2, "last"), ("b", 1, None)]


def test_what_is_said_about_nothing_is_counted_and_the_rest_stays(units: UnitsOfWork) -> None:
    refuse(units, "nowhere", "x", NOW, "Healthy")
    for name, message in (("nowhere", "1"), ("No label", "2"), ("nowhere", "3"), ("kettle", "4")):
        put(units, name, message=message)
    with units.begin() as work:
        names = ["No label", "kettle", "nowhere", "unheard-of"]
        assert work.inbox.refuse_unknown(names, "x", NOW + HOUR, 10) == 3
    found = [
        (one.resource_id, one.health, one.times, one.message, one.first_at)
        for one in refused(units)
    ]
    assert found == [
        ("No label", "Healthy", 1, "2", NOW + HOUR),
        ("nowhere", "Healthy", 3, "3", NOW),
    ]
    assert waiting(units) == ["kettle"]


def test_of_what_is_said_about_nothing_no_more_is_taken_than_was_asked(units: UnitsOfWork) -> None:
    for name in ("a", "a", "b", "c"):
        put(units, name)
    taken = []
    for _ in range(3):
        with units.begin() as work:
            taken.append(work.inbox.refuse_unknown(["a", "b", "c"], "x", NOW, 3))
    assert taken == [3, 1, 0]
    assert sum(one.times for one in refused(units)) == 4


def test_only_the_latest_kinds_of_refusals_are_told_apart(units: UnitsOfWork) -> None:
    for hours, (name, code) in enumerate([("a", "x"), ("b", "x"), ("c", "y"), ("d", "x")]):
        refuse(units, name, code, NOW + hours * HOUR)

    def sum_up(kinds: int) -> int:
        with units.begin() as work:
            return work.inbox.sum_up_refused(kinds)

    def kinds() -> list[tuple[Any, ...]]:
        return [
            (one.resource_id, one.health, one.code, one.times, one.message)
            for one in refused(units)
        ]

    assert sum_up(4) == 0
    assert sum_up(2) == 2
    assert kinds() == [
        ("d", "Ok", "x", 1, "d x"),
        ("c", "Ok", "y", 1, "c y"),
        (REST, REST, "x", 2, None),
    ]
    assert sum_up(2) == 0
    assert sum_up(0) == 2
    assert kinds() == [(REST, REST, "x", 3, None), (REST, REST, "y", 1, None)]
    (rest, _) = refused(units)
    assert (rest.first_at, rest.last_at) == (NOW, NOW + 3 * HOUR)
    with units.view() as work:
        assert work.inbox.count().refused == 4
