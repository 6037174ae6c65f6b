from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.users import User
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    DATA_OWNER,
    HOUR,
    NOW,
    OWNER,
    ROBOT,
    VIEWER,
    a_project,
    a_resource,
    a_user,
    an_assignment,
    an_organization,
    keep,
)

DORA = PrincipalId("auth0|dora")


def find(units: UnitsOfWork, user_id: PrincipalId) -> User | None:
    with units.view() as work:
        return work.users.find(user_id)


@pytest.mark.parametrize(
    "user",
    [
        a_user(DORA, name="Dörte \\ 'O''Hara' %_"),
        a_user(DORA, email=None, email_verified=False, name=None),
        a_user(PrincipalId("m@clients"), email=None, email_verified=False, name="Machine"),
        a_user(
            PrincipalId("weird|!\"#$%&'()*+,/:;<=>?[]^`{}~"),
            created_at=NOW + timedelta(microseconds=1),
            updated_at=NOW + HOUR,
            claims_at=NOW + 2 * HOUR,
        ),
    ],
    ids=str,
)
def test_what_was_put_is_found(units: UnitsOfWork, user: User) -> None:
    keep(units, user)
    assert find(units, user.user_id) == user


def test_a_stranger_is_not_found(units: UnitsOfWork) -> None:
    assert find(units, DORA) is None
    assert find(units, PrincipalId("AUTH0|ALICE")) is None


@pytest.mark.parametrize("later", [timedelta(0), timedelta(microseconds=1), HOUR])
def test_word_that_is_not_older_replaces(units: UnitsOfWork, later: timedelta) -> None:
    newer = a_user(
        name="Alicia",
        email="alicia@example.org",
        email_verified=False,
        claims_at=NOW + later,
        updated_at=NOW + HOUR,
    )
    keep(units, newer)
    assert find(units, ALICE) == newer
    assert find(units, BOB) == a_user(BOB)


def test_older_word_changes_nothing(units: UnitsOfWork) -> None:
    keep(units, a_user(name="Formerly", claims_at=NOW - timedelta(microseconds=1)))
    assert find(units, ALICE) == a_user()


@pytest.mark.parametrize(
    ("email", "found"),
    [
        ("alice@example.org", ["auth0|alice"]),
        ("ALICE@Example.ORG", ["auth0|alice"]),
        ("twin@example.org", ["auth0|twin-a", "auth0|twin-b"]),
        ("liar@example.org", []),
        ("machine@example.org", []),
        ("ärger@example.org", ["auth0|umlaut"]),
        ("Ärger@example.org", []),
        ("%@example.org", []),
        ("alice@example.or_", []),
        ("", []),
    ],
)
def test_people_are_found_by_their_verified_address(
    units: UnitsOfWork, email: str, found: list[str]
) -> None:
    keep(
        units,
        a_user(PrincipalId("auth0|twin-b"), email="Twin@example.org"),
        a_user(PrincipalId("auth0|twin-a"), email="twin@EXAMPLE.org"),
        a_user(PrincipalId("auth0|liar"), email="liar@example.org", email_verified=False),
        a_user(PrincipalId("m@clients"), email="machine@example.org"),
        a_user(PrincipalId("auth0|umlaut"), email="ärger@example.org"),
    )
    with units.view() as work:
        assert [user.user_id.value for user in work.users.with_email(email)] == found


def search(
    units: UnitsOfWork, text: str, *, at: datetime = NOW, limit: int = 10
) -> Sequence[str | None]:
    with units.view() as work:
        return [user.name for user in work.users.search(ALICE, at, text, limit)]


@pytest.fixture
def shared(units: UnitsOfWork) -> UnitsOfWork:
    """Organization acme with projects web (with a kettle) and app; project solo alone."""
    keep(units, an_organization(), an_organization("other"))
    keep(units, a_project(), a_project("app"), a_project("solo", None))
    keep(units, a_resource(), a_resource("toaster", "solo", None))
    return units


@pytest.mark.parametrize(
    ("mine", "theirs", "seen"),
    [
        ("organization acme", "organization acme", True),
        ("organization acme", "project web", True),
        ("organization acme", "resource kettle", False),
        ("organization acme", "organization other", False),
        ("organization acme", "project solo", False),
        ("project web", "organization acme", True),
        ("project web", "project web", True),
        ("project web", "project app", False),
        ("project web", "resource kettle", False),
        ("project solo", "project solo", True),
        ("project solo", "organization acme", False),
        ("resource kettle", "organization acme", False),
        ("resource kettle", "project web", False),
        ("resource kettle", "project app", False),
        ("resource kettle", "resource kettle", False),
        ("resource toaster", "project solo", False),
        ("global", "organization acme", False),
        ("global", "global", False),
        ("organization acme", "global", False),
    ],
)
def test_people_find_those_they_share_an_organization_or_project_with(
    shared: UnitsOfWork, mine: str, theirs: str, *, seen: bool
) -> None:
    keep(shared, an_assignment(ALICE, VIEWER, mine), an_assignment(BOB, DATA_OWNER, theirs))
    assert ("Bob" in search(shared, "bob")) is seen


def test_who_shares_nothing_finds_nobody(shared: UnitsOfWork) -> None:
    keep(shared, an_assignment(BOB, OWNER, "organization acme"))
    assert search(shared, "a") == []


def test_an_expired_role_shares_nothing(shared: UnitsOfWork) -> None:
    scope = "organization acme"
    keep(shared, an_assignment(ALICE, VIEWER, scope, expires_at=NOW + 2 * HOUR))
    keep(shared, an_assignment(BOB, OWNER, scope, expires_at=NOW + HOUR))
    assert search(shared, "bob") == ["Bob"]
    assert search(shared, "bob", at=NOW + HOUR) == []
    assert search(shared, "alice", at=NOW + HOUR) == ["Alice"]
    assert search(shared, "alice", at=NOW + 2 * HOUR) == []


def test_machines_are_not_found(shared: UnitsOfWork) -> None:
    keep(shared, a_user(ROBOT, name="Robot", claims_at=NOW + HOUR))
    keep(shared, *(an_assignment(who, OWNER, "project web") for who in (ALICE, ROBOT)))
    assert search(shared, "o") == ["Alice"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("50%", ["50% Off"]),
        ("%", ["50% Off"]),
        ("_", ["Snake_Case"]),
        ("\\", ["Back\\slash"]),
        ("'", ["O'Hara"]),
        ("snake_case", ["Snake_Case"]),
        ("SNAKE@", ["Snake_Case"]),
        ("é", ["Émile and é"]),
        ("É", ["Émile and é"]),
        ("émile", []),
        ("EXAMPLE", ["50% Off", "Alice", "Back\\slash", "O'Hara", "Snake_Case", "Émile and é"]),
    ],
)
def test_text_has_no_wildcards_and_ignores_the_case_of_ascii_letters(
    shared: UnitsOfWork, text: str, found: list[str]
) -> None:
    names = {
        "off": "50% Off",
        "snake": "Snake_Case",
        "back": "Back\\slash",
        "ohara": "O'Hara",
        "emile": "Émile and é",
    }
    keep(shared, an_assignment(ALICE, OWNER, "project web"))
    for number, (short, name) in enumerate(names.items()):
        user = a_user(PrincipalId(f"auth0|{short}"), name=name)
        keep(shared, user, an_assignment(user.user_id, VIEWER, "project web", number))
    assert search(shared, text) == found


def test_people_come_by_name_then_id_each_once_and_no_more_than_asked_for(
    shared: UnitsOfWork,
) -> None:
    named = [("1", "beta"), ("2", "Alpha"), ("3", "ALPHA"), ("4", None), ("5", "Zeta")]
    keep(shared, an_assignment(ALICE, OWNER, "organization acme"))
    for short, name in named:
        user = a_user(PrincipalId(f"x|{short}"), name=name)
        keep(shared, user)
        keep(shared, an_assignment(user.user_id, VIEWER, "organization acme"))
        keep(shared, an_assignment(user.user_id, OWNER, "project web"))
    with shared.view() as work:
        found = [user.user_id.value for user in work.users.search(ALICE, NOW, "@example", 10)]
        first = [user.user_id.value for user in work.users.search(ALICE, NOW, "@example", 3)]
    assert found == ["auth0|alice", "x|2", "x|3", "x|1", "x|5", "x|4"]
    assert first == found[:3]
