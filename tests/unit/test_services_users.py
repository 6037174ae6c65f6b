from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.errors import NotFound, ValidationFailed
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services.users import (
    is_up_to_date,
    read_me,
    recognize,
    search_users,
)
from ktrlplane.domain.users import User
from ktrlplane.ports.identity import Claims
from tests.builders import (
    ALICE,
    BOB,
    DAY,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_project,
    a_resource,
    a_user,
    an_assignment,
    an_organization,
)
from tests.platforms import Acting

DORA = PrincipalId("auth0|dora")


def says(**but: Any) -> Claims:
    known: dict[str, Any] = {
        "principal_id": DORA,
        "email": "dora@example.org",
        "email_verified": True,
        "name": "Dora",
        "is_service_account": False,
        "issued_at": NOW,
        "expires_at": NOW + DAY,
    }
    return Claims(**known | but)


def met(do: Acting, claims: Claims) -> User:
    user = do.alone(recognize, claims)
    with do.units.view() as work:
        assert work.users.find(claims.principal_id) == user
        assert is_up_to_date(work, claims, platform=do.platform)
    return user


def test_a_first_call_adds_the_user(do: Acting) -> None:
    with do.units.view() as work:
        assert not is_up_to_date(work, says(), platform=do.platform)
    assert met(do, says()) == a_user(DORA)


def test_the_same_word_again_writes_nothing(do: Acting, clock: ManualClock) -> None:
    known = met(do, says())
    clock.advance(HOUR)
    again = says(issued_at=NOW + HOUR)
    with do.units.view() as work:  # where writing raises
        assert recognize(work, again, platform=do.platform) == known


def test_newer_word_counts(do: Acting, clock: ManualClock) -> None:
    known = met(do, says())
    clock.advance(HOUR)
    told = met(do, says(name="Theodora", email="t@x", email_verified=False, issued_at=NOW + HOUR))
    assert told == evolve(
        known,
        name="Theodora",
        email="t@x",
        email_verified=False,
        claims_at=NOW + HOUR,
        updated_at=NOW + HOUR,
    )


def test_older_word_does_not(do: Acting) -> None:
    known = met(do, says())
    assert met(do, says(name="Formerly", issued_at=NOW - timedelta(seconds=1))) == known


def test_what_a_token_leaves_out_stays(do: Acting) -> None:
    known = met(do, says())
    silent = says(email=None, email_verified=False, name=None, issued_at=NOW + HOUR)
    assert met(do, silent) == known


def test_who_signed_in_as_a_machine_once_is_one_from_then_on(do: Acting) -> None:
    met(do, says(principal_id=DORA))
    machine = says(
        principal_id=DORA,
        email=None,
        email_verified=False,
        is_service_account=True,
        issued_at=NOW + HOUR,
    )
    assert met(do, machine).is_service_account
    assert met(do, says(principal_id=DORA, issued_at=NOW + 2 * HOUR)).is_service_account


def test_a_machine_is_known_as_one(do: Acting) -> None:
    machine = PrincipalId("meter@clients")
    claims = says(
        principal_id=machine,
        email=None,
        email_verified=False,
        name=None,
        is_service_account=True,
    )
    assert met(do, claims).is_service_account


def test_one_sees_at_a_glance_the_newest_of_what_one_can_read(do: Acting) -> None:
    for number in range(22):
        at = NOW + number * HOUR
        scope = f"organization o-{number}"
        do.keep(an_organization(f"o-{number}", created_at=at), an_assignment(ALICE, OWNER, scope))
    do.keep(a_project("web", "o-0"), a_project("app", "o-0", created_at=NOW + HOUR))
    do.keep(a_resource("r-1", "web", "o-0"), a_resource("r-2", "app", "o-0"))
    do.keep(a_project("solo", None), an_assignment(BOB, OWNER, "project solo"))
    glance = do(read_me)
    assert glance.user == a_user()
    assert [o.org_id.value for o in glance.organizations] == [f"o-{n}" for n in range(21, 1, -1)]
    assert [p.project_id.value for p in glance.projects] == ["app", "web"]
    counts = glance.organization_count, glance.project_count, glance.resource_count
    assert counts == (22, 2, 2)


def test_who_is_not_known_yet_is_not_found(do: Acting) -> None:
    with pytest.raises(NotFound):
        do(read_me, by=DORA)


def test_people_find_at_most_ten_of_those_they_share_something_with(do: Acting) -> None:
    do.keep(an_organization(), an_assignment(ALICE, VIEWER, "organization acme"))
    for number in range(12):
        user = a_user(PrincipalId(f"x|user-{number:02}"), name=f"User {number:02}")
        do.keep(user, an_assignment(user.user_id, VIEWER, "organization acme"))
    found = [user.name for user in do(search_users, "user")]
    assert found == [f"User {number:02}" for number in range(10)]
    assert do(search_users, "user", by=BOB) == []


@pytest.mark.parametrize("text", ["", "a", "ab"])
def test_a_search_has_at_least_three_characters(do: Acting, text: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        do(search_users, text)
    assert [(f.pointer, f.code) for f in refused.value.faults] == [("/q", "min_length")]
