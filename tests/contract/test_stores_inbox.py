from typing import Any

import pytest

from ktrlplane.domain.lifecycle import Status
from ktrlplane.ports.reports import InboxCount, Refused, Waiting
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import HOUR, NOW, a_project, a_resource, an_organization, keep

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


def waiting(units: UnitsOfWork, limit: int = 10) -> list[str]:
    with units.view() as work:
        return list(work.inbox.waiting(limit))


def take(units: UnitsOfWork, resource_id: str, limit: int = 10) -> list[Waiting]:
    with units.begin() as work:
        return list(work.inbox.take(resource_id, limit))


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


def test_who_waits_longest_comes_first(units: UnitsOfWork) -> None:
    for name in ("toaster", "kettle", "toaster", "nowhere", "kettle"):
        put(units, name)
    assert waiting(units) == ["toaster", "kettle", "nowhere"]
    assert waiting(units, 2) == ["toaster", "kettle"]


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
        assert len(work.inbox.take("kettle", 10)) == 1
        raise RuntimeError
    assert len(take(units, "kettle")) == 1


def test_what_is_refused_is_counted_and_the_latest_come_first(units: UnitsOfWork) -> None:
    for name, code, hours in (("a", "x", 0), ("b", "x", 1), ("a", "x", 2), ("a", "y", 1)):
        put(units, name, "Healthy", message=f"{name} {hours}")
        with units.begin() as work:
            (one,) = work.inbox.take(name, 1)
            work.inbox.refuse(one, code, NOW + hours * HOUR)
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
        put(units, name)
        with units.begin() as work:
            (one,) = work.inbox.take(name, 1)
            work.inbox.refuse(one, "x", NOW + hours * HOUR)
    with units.begin() as work:
        assert work.inbox.forget_refused(NOW + HOUR) == 1
    assert [one.resource_id for one in refused(units)] == ["b"]


def test_what_waits_and_what_was_refused_is_counted(units: UnitsOfWork) -> None:
    with units.view() as work:
        assert work.inbox.count() == InboxCount(waiting=0, refused=0)
    for name in ("a", "a", "b", "a"):
        put(units, name)
    with units.begin() as work:
        for one in (*work.inbox.take("a", 2), *work.inbox.take("b", 1)):
            work.inbox.refuse(one, "x", NOW)
    with units.view() as work:
        assert work.inbox.count() == InboxCount(waiting=1, refused=3)
