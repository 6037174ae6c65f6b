"""Which invitations are due to be sent, as every store tells."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from attrs import evolve

from ktrlplane.domain.invitations import Invitation
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    a_project,
    an_invitation,
    an_organization,
    keep,
    people,
)

MINUTE = HOUR / 60


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    keep(units, an_organization(), a_project())
    return units


def take(units: UnitsOfWork, at: datetime = NOW, limit: int = 10) -> list[Invitation]:
    with units.begin() as work:
        views = work.invitations.take_mail(at, at + MINUTE, limit)
        assert [view.scope_name for view in views] == ["Acme"] * len(views)
        assert all(work.invitations.get(v.invitation.invitation_id) == v for v in views)
    return [view.invitation for view in views]


def due(number: int, at: datetime | None = NOW) -> Invitation:
    return an_invitation(f"{number}@example.org", number=number, mail_due_at=at)


def test_what_is_due_comes_once_until_it_is_due_again(inside: UnitsOfWork) -> None:
    made = due(1)
    keep(inside, made)
    assert take(inside, NOW - NOW.resolution) == []
    first = evolve(made, mail_due_at=NOW + MINUTE, mail_attempts=1)
    assert take(inside) == [first]
    assert take(inside, NOW + MINUTE - NOW.resolution) == []
    again = evolve(made, mail_due_at=NOW + 2 * MINUTE, mail_attempts=2)
    assert take(inside, NOW + MINUTE) == [again]


def test_the_longest_due_come_first_then_by_id_and_no_more_than_asked_for(
    inside: UnitsOfWork,
) -> None:
    hours = {5: 0, 1: 2, 4: 1, 3: 1, 2: 3}
    keep(inside, *(due(number, NOW + at * HOUR) for number, at in hours.items()))
    at = NOW + DAY
    assert [one.invitation_id.value for one in take(inside, at, 2)] == ["inv_0005", "inv_0003"]
    rest = [one.invitation_id.value for one in take(inside, at)]
    assert rest == ["inv_0004", "inv_0001", "inv_0002"]
    assert take(inside, at) == []


def test_what_is_not_open_or_not_due_is_not_sent(inside: UnitsOfWork) -> None:
    keep(
        inside,
        due(1, None),
        evolve(due(2), expires_at=NOW + HOUR),
        evolve(due(3), role_expires_at=NOW + HOUR),
        evolve(due(4), expires_at=NOW + HOUR + NOW.resolution, role_expires_at=NOW + DAY),
    )
    assert [one.invitation_id.value for one in take(inside, NOW + HOUR)] == ["inv_0004"]


def take_and_fail(units: UnitsOfWork) -> None:
    with units.begin() as work:
        assert work.invitations.take_mail(NOW, NOW + MINUTE, 10)
        raise ZeroDivisionError


def test_what_is_taken_and_not_kept_is_due_still(inside: UnitsOfWork) -> None:
    keep(inside, due(1))
    with pytest.raises(ZeroDivisionError):
        take_and_fail(inside)
    assert len(take(inside)) == 1


@contextmanager
def _taking(units: UnitsOfWork, limit: int) -> Iterator[list[str]]:
    with units.begin() as work:
        views = work.invitations.take_mail(NOW, NOW + MINUTE, limit)
        yield [view.invitation.invitation_id.value for view in views]


@pytest.mark.postgres
def test_who_asks_at_the_same_time_is_given_others(postgres_units: UnitsOfWork) -> None:
    """In memory nobody can: units of work come one after the other there."""
    units = people(postgres_units)
    keep(units, an_organization(), *(due(number) for number in range(5)))
    with _taking(units, 2) as mine, _taking(units, 2) as yours, _taking(units, 2) as theirs:
        assert [mine, yours, theirs] == [
            ["inv_0000", "inv_0001"],
            ["inv_0002", "inv_0003"],
            ["inv_0004"],
        ]
