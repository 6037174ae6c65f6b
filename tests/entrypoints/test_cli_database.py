from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ktrlplane.adapters.postgres.migrate import DIRECTORY
from ktrlplane.adapters.system import SystemClock
from tests.entrypoints.conftest import Ktrlplane, Outcome, sentences
from tests.postgres import Databases, as_url

pytestmark = pytest.mark.postgres

VIEWER = ("--role", "Viewer", "--scope-type", "global")
STEPS = sorted(path.stem for path in DIRECTORY.glob("*.sql"))


@pytest.fixture
def on_database(ktrlplane: Ktrlplane, fresh_database: str) -> Ktrlplane:
    url = as_url(fresh_database)

    def call(*arguments: str, **variables: str) -> Outcome:
        return ktrlplane(*arguments, DATABASE_URL=url, **variables)

    return call


@pytest.fixture
def on_current(on_database: Ktrlplane) -> Ktrlplane:
    assert on_database("migrate").status == 0
    return on_database


def rows(outcome: Outcome) -> list[list[str]]:
    return [line.split() for line in outcome.out.splitlines()[1:]]


def test_migrate_tells_what_is_to_be_done_does_it_and_has_nothing_left(
    on_database: Ktrlplane,
) -> None:
    asked = on_database("migrate", "--check")
    assert asked.status == 1
    assert asked.out.splitlines() == [f"pending: {step}" for step in STEPS]
    first = on_database("migrate", "--to", "0001")
    assert first.status == 0
    assert first.out.splitlines()[:2] == [f"applied: {STEPS[0]}", f"pending: {STEPS[1]}"]
    rest = on_database("migrate")
    assert rest.out.splitlines()[0] == f"applied: {STEPS[1]}"
    for again in (on_database("migrate"), on_database("migrate", "--check")):
        assert (again.status, again.out) == (0, "The database is at the current schema.\n")


def test_what_is_to_be_done_is_told_as_far_as_one_asks(on_database: Ktrlplane) -> None:
    asked = on_database("migrate", "--check", "--to", "0001")
    assert (asked.status, asked.out) == (1, f"pending: {STEPS[0]}\n")
    on_database("migrate", "--to", "0002")
    asked = on_database("migrate", "--check", "--to", "0001")
    assert (asked.status, asked.out) == (0, "The database is at 0001 or further.\n")


@pytest.mark.parametrize("check", [(), ("--check",)])
@pytest.mark.parametrize("before", [(), ("migrate",)])
def test_a_version_that_is_not_there_is_one_sentence(
    on_database: Ktrlplane, before: tuple[str, ...], check: tuple[str, ...]
) -> None:
    if before:
        on_database(*before)
    outcome = on_database("migrate", "--to", "9999", *check)
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "9999" in said


@pytest.mark.parametrize(
    "arguments", [("worker",), ("grants",), ("grant", "--principal", "ada", *VIEWER)]
)
def test_what_works_on_the_data_wants_the_current_schema(
    on_database: Ktrlplane, arguments: tuple[str, ...]
) -> None:
    outcome = on_database(*arguments)
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "ktrlplane migrate" in said


def test_what_is_granted_is_listed_until_it_is_revoked(on_current: Ktrlplane) -> None:
    expires = SystemClock().now().replace(microsecond=0) + timedelta(days=1)
    assert on_current("grant", "--principal", "auth0|ada", *VIEWER).status == 0
    hidden = ("--role", "service-account-meter", "--scope-type", "global")
    until = ("--expires-at", expires.isoformat())
    assert on_current("grant", "--principal", "meter@clients", *hidden, *until).status == 0
    assert rows(on_current("grants")) == [
        ["auth0|ada", "Viewer", "global", "*", "never"],
        [
            *("meter@clients", "service-account-meter", "global", "*"),
            f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        ],
    ]
    assert len(rows(on_current("grants", "--principal", "auth0|ada"))) == 1
    assert on_current("revoke", "--principal", "meter@clients", *hidden).status == 0
    assert len(rows(on_current("grants"))) == 1


def test_who_grants_to_somebody_who_never_called_is_told_once(on_current: Ktrlplane) -> None:
    outcome = on_current("grant", "--principal", "robot", *VIEWER)
    assert outcome.status == 0
    assert "Nobody has called as robot yet" in outcome.err
    meter = ("--role", "service-account-meter", "--scope-type", "global")
    assert on_current("grant", "--principal", "robot", *meter).err == ""


def test_who_grants_what_people_have_at_global_scope_is_told_what_that_is(
    on_current: Ktrlplane,
) -> None:
    _, said = sentences(on_current("grant", "--principal", "auth0|ada", *VIEWER))
    assert "nothing in any organization" in said


def test_an_empty_database_is_told_from_an_old_one(on_database: Ktrlplane) -> None:
    (said,) = sentences(on_database("grants"))
    assert "is empty" in said
    on_database("migrate", "--to", "0001")
    (said,) = sentences(on_database("grants"))
    assert "not at the current schema" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("grant", "--role", "King", "--scope-type", "global"), "no such role"),
        (("grant", "--role", "Viewer", "--scope-type", "project", "--scope-id", "p"), "project p"),
        (("revoke", *VIEWER), "does not have the role"),
        (("grant", *VIEWER, "--expires-at", "2001-01-01T00:00:00Z"), "in the future"),
    ],
)
def test_what_cannot_be_granted_or_revoked_is_one_sentence(
    on_current: Ktrlplane, arguments: tuple[str, ...], told: str
) -> None:
    outcome = on_current(*arguments, "--principal", "ada")
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert told in said


@pytest.mark.parametrize("command", ["grant", "revoke"])
def test_a_database_that_only_reads_is_one_sentence(
    on_current: Ktrlplane, fresh_database: str, command: str
) -> None:
    assert on_current("grant", "--principal", "bob", *VIEWER).status == 0
    name = conninfo_to_dict(fresh_database)["dbname"]
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    outcome = on_current(command, "--principal", "ada" if command == "grant" else "bob", *VIEWER)
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "read-only" in said
    assert on_current("grants").status == 0


@pytest.fixture
def modest(on_current: Ktrlplane, fresh_database: str, databases: Databases) -> Iterator[str]:
    """The address of a current database for a user without any rights."""
    role = "kp_test_powerless"
    with psycopg.connect(databases.server_url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {role}")
        connection.execute(f"CREATE ROLE {role}")
    yield as_url(make_conninfo(fresh_database, options=f"-crole={role}"))
    with psycopg.connect(databases.server_url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize("arguments", [("migrate", "--check"), ("grants",), ("migrate",)])
def test_who_may_not_even_look_is_not_told_of_migrating(
    ktrlplane: Ktrlplane, modest: str, arguments: tuple[str, ...]
) -> None:
    outcome = ktrlplane(*arguments, DATABASE_URL=modest)
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "does not let its user see" in said
    assert "permission denied" in said


def test_who_may_look_and_no_more_is_told_in_one_sentence(
    ktrlplane: Ktrlplane, modest: str, fresh_database: str
) -> None:
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("GRANT USAGE ON SCHEMA ktrlplane TO kp_test_powerless")
        connection.execute("GRANT SELECT ON ktrlplane._yoyo_migration TO kp_test_powerless")
    outcome = ktrlplane("grants", DATABASE_URL=modest)
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "give it rights" in said
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("DROP OWNED BY kp_test_powerless")


def test_granting_twice_is_refused(on_current: Ktrlplane) -> None:
    assert on_current("grant", "--principal", "ada", *VIEWER).status == 0
    outcome = on_current("grant", "--principal", "ada", *VIEWER)
    assert outcome.status == 1
    assert len(sentences(outcome)) == 1


# -- limits -------------------------------------------------------------------------------------

OVERRIDE = (
    *("limits", "override", "--scope-type", "organization", "--scope-id", "acme"),
    *("--type", "Konnektr.Graph", "--sku", "free", "--reason", "As agreed"),
)


@pytest.fixture
def with_acme(on_current: Ktrlplane, fresh_database: str) -> Ktrlplane:
    with psycopg.connect(fresh_database) as connection:
        connection.execute(
            "INSERT INTO ktrlplane.organizations (org_id, name, created_at, updated_at)"
            " VALUES ('acme', 'Acme', now(), now())"
        )
    return on_current


def test_limits_are_overridden_listed_and_lifted(with_acme: Ktrlplane) -> None:
    made = with_acme(*OVERRIDE, "--maximum", "none")
    assert (made.status, made.err) == (0, "")
    assert made.out.startswith("overridden: resources of Konnektr.Graph free at most none on ")
    (row,) = rows(with_acme("limits", "list"))
    assert row[1:7] == ["organization", "acme", "Konnektr.Graph", "free", "resources", "none"]
    assert " ".join(row[7:]) == "further notice command line As agreed"
    later = with_acme(*OVERRIDE, "--maximum", "7", "--expires-at", "2999-01-31T12:00:00Z")
    assert later.status == 0
    (row,) = rows(
        with_acme("limits", "list", "--scope-type", "organization", "--scope-id", "acme")
    )
    assert row[6:8] == ["7", "2999-01-31T12:00:00Z"]
    assert with_acme("limits", "lift", row[0]).out == (
        "lifted: resources of Konnektr.Graph free at most 7 on organization acme\n"
    )
    assert rows(with_acme("limits", "list")) == []
    assert [row[6] for row in rows(with_acme("limits", "list", "--all"))] == ["none", "7"]
    assert all("(over)" in row for row in rows(with_acme("limits", "list", "--all")))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*OVERRIDE, "--maximum", "many"), "Write a whole number from 0 on, or none."),
        ((*OVERRIDE, "--maximum", "9" * 16), "A maximum is 0 to"),
        (("limits", "list", "--scope-id", "acme"), "--scope-type and --scope-id go together."),
        (("limits", "lift", "no id"), "An id has 1 to 255"),
    ],
)
def test_a_limit_that_cannot_be_is_wrong_usage(
    on_current: Ktrlplane, arguments: tuple[str, ...], told: str
) -> None:
    outcome = on_current(*arguments)
    assert outcome.status == 2
    (said,) = sentences(outcome)
    assert told in said


def test_limits_of_what_is_not_there_are_told(on_current: Ktrlplane) -> None:
    outcome = on_current(*OVERRIDE, "--maximum", "1", "--limit", "moons")
    assert outcome.status == 1
    assert len(sentences(outcome)) == 2
    assert on_current("limits", "lift", "ovr_none").status == 1
