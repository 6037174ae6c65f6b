import json
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from ktrlplane.adapters.postgres.migrate import DIRECTORY
from ktrlplane.domain.ids import PrincipalId, ResourceId
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.services.reports import list_transitions
from ktrlplane.domain.transitions import Transition
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.ports.adoption import TAKEN_OVER
from ktrlplane.ports.database import CannotMigrate
from tests.entrypoints.conftest import Ktrlplane, Outcome, sentences
from tests.postgres import as_url

pytestmark = pytest.mark.postgres

NUMBERED = sorted(path.stem for path in DIRECTORY.glob("*.sql"))
STEPS = [TAKEN_OVER, *(name for name in NUMBERED if name > TAKEN_OVER)]


@pytest.fixture
def on_former(ktrlplane: Ktrlplane, former_database: str) -> Ktrlplane:
    url = as_url(former_database)

    def call(*arguments: str, **variables: str) -> Outcome:
        return ktrlplane(*arguments, DATABASE_URL=url, **variables)

    return call


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def counts(outcome: Outcome) -> dict[str, list[int]]:
    """Rows, kept, invited and dropped of each kind."""
    lines = outcome.out.split("\n\n")[0].splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("OF THE FORMER SYSTEM"))
    rows = [line.rsplit(maxsplit=4) for line in lines[start + 1 :]]
    return {kind: [int(number) for number in numbers] for kind, *numbers in rows}


COUNTS = {
    "users": [8, 4, 2, 2],
    "organizations": [3, 3, 0, 0],
    "projects": [5, 5, 0, 0],
    "resources": [4, 4, 0, 0],
    "roles": [10, 9, 0, 1],
    "role assignments": [18, 10, 2, 6],
    "billing accounts": [4, 3, 0, 1],
}


def test_check_tells_what_would_become_of_every_row(on_former: Ktrlplane) -> None:
    for _ in range(2):
        outcome = on_former("migrate", "--check")
        assert outcome.status == 1
        assert not outcome.err
        assert counts(outcome) == COUNTS
        assert "  3 role assignments (no_such_scope): On an organization," in outcome.out
        assert "    a-14, a-15, a-16\n" in outcome.out
        assert "    Globex_Inc -> globex-inc\n" in outcome.out
        assert outcome.out.splitlines()[-len(STEPS) :] == [f"pending: {step}" for step in STEPS]


def test_migrate_does_that_tells_it_and_has_nothing_left(on_former: Ktrlplane) -> None:
    outcome = on_former("migrate")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines()[: len(STEPS)] == [f"applied: {step}" for step in STEPS]
    assert counts(outcome) == COUNTS
    assert outcome.out.endswith("\nThe database is at the current schema.\n")
    for again in (on_former("migrate"), on_former("migrate", "--check")):
        assert (again.status, again.out) == (0, "The database is at the current schema.\n")


@pytest.mark.parametrize("moment", ["before", "with it", "after"])
def test_a_file_has_every_id(on_former: Ktrlplane, moment: str, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    if moment == "after":
        on_former("migrate")
    check = [] if moment == "with it" else ["--check"]
    on_former("migrate", *check, "--report", str(file))
    told = json.loads(file.read_text())
    assert [one["kept"] for one in told["tallies"]] == [kept for _, kept, _, _ in COUNTS.values()]
    dropped = {one["code"]: one["ids"] for one in told["findings"] if one["weight"] == "dropped"}
    assert dropped["invitation_expired"] == ["a-18"]


def test_a_file_that_cannot_be_written_is_one_sentence(
    on_former: Ktrlplane, tmp_path: Path
) -> None:
    outcome = on_former("migrate", "--check", "--report", str(tmp_path / "no" / "where"))
    (said,) = sentences(outcome)
    assert "cannot be written" in said
    assert outcome.status == 1


def test_long_lists_are_cut_and_odd_ids_do_nothing_to_a_terminal(
    on_former: Ktrlplane, former_database: str
) -> None:
    execute(
        former_database,
        "INSERT INTO ktrlplane.billing_accounts (billing_account_id, scope_type, scope_id)"
        " SELECT '0' || chr(27) || '[2J' || n, 'project', 'gone-' || n"
        " FROM generate_series(1, 20) n",
    )
    outcome = on_former("migrate", "--check")
    assert "\x1b" not in outcome.out
    assert "'0\\x1b[2J1', " in outcome.out
    assert "and 16 more\n" in outcome.out


def test_what_is_in_the_way_is_all_listed_and_one_sentence_refuses(
    on_former: Ktrlplane, former_database: str
) -> None:
    execute(
        former_database,
        "INSERT INTO ktrlplane.projects (project_id, name)"
        " SELECT 'Plant_' || n, 'x' FROM generate_series(1, 4) n",
    )
    outcome = on_former("migrate", "--check")
    assert outcome.status == 1
    assert "In the way, to be mended before anything can be done:\n  4 projects" in outcome.out
    outcome = on_former("migrate")
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "Plant_1, Plant_2, Plant_3 and others" in said


def test_an_older_version_is_one_sentence(on_former: Ktrlplane, former_database: str) -> None:
    execute(former_database, "DELETE FROM public.schema_migrations WHERE version = '017'")
    for arguments in (("migrate", "--check"), ("migrate",), ("grants",), ("worker",)):
        (said,) = sentences(on_former(*arguments))
        assert "at version 016" in said


@pytest.mark.parametrize("command", ["grants", "worker", "serve"])
def test_nothing_else_works_on_it_or_takes_it_over(
    on_former: Ktrlplane, former_database: str, command: str
) -> None:
    more = ("--port", "0") if command == "serve" else ()
    outcome = on_former(command, *more)
    lines = [line for line in outcome.err.splitlines() if line.startswith("ktrlplane: ")]
    assert outcome.status == 1
    assert len(lines) == 1
    assert "ktrlplane migrate --check" in lines[0]
    with pytest.raises(CannotMigrate), ControlPlane.postgres(former_database, migrate=True):
        raise AssertionError
    with pytest.raises(ValueError, match="not at the current schema"):
        ControlPlane.postgres(former_database).__enter__()
    assert on_former("migrate", "--check").status == 1


# -- the services on it ------------------------------------------------------------------------


def test_people_find_what_they_had_and_may_what_they_might(
    on_former: Ktrlplane, former_database: str
) -> None:
    on_former("migrate")
    with ControlPlane.postgres(former_database) as control:
        ada = control.sign_in("auth0|ada", email="ada@example.com", name="Ada")
        assert {one.name for one in ada.organizations().items} == {"Acme", "Globex Inc"}
        assert {one.project_id.value for one in ada.projects().items} == {
            "plant", "yard", "quiet", "lab",
        }  # fmt: skip
        twins = ada.resource("twins")
        graph = ada.resource("graph")
        assert ada.resources(type="Konnektr.DigitalTwins").items == [graph, twins]
        assert ada.check("write", on=twins)
        assert ada.update_resource("graph", name="Graph 2").name == "Graph 2"
        grace = control.sign_in("auth0|grace", email="grace@example.com")
        assert grace.check("read", on=twins)
        assert not grace.check("write", on=twins)  # what let her has expired
        assert grace.check("Konnektr.Graph:digitaltwins/read", on=twins)
        ada.grant("Editor", to="auth0|grace", on=ada.organization("acme"))
        assert grace.check("write", on=twins)
        machine = control.sign_in("graph@clients")
        assert machine.check("digitaltwins/read", on=twins, user="auth0|grace")


def test_who_was_invited_comes_in_with_a_proven_address_and_not_without(
    on_former: Ktrlplane, former_database: str
) -> None:
    on_former("migrate")
    with ControlPlane.postgres(former_database) as control:
        unproven = control.sign_in("auth0|eve", email="bob@example.com", email_verified=False)
        assert not unproven.projects().items
        bob = control.sign_in("auth0|bob", email="BOB@example.com")
        assert bob.check("write", on=bob.project("plant"))
        assert not bob.check("write", on=bob.project("yard"))  # a Viewer of the organization


def test_an_organization_that_lost_its_owners_gets_one_from_the_operator(
    on_former: Ktrlplane, former_database: str
) -> None:
    on_former("migrate")
    where = ("--scope-type", "organization", "--scope-id", "orphaned")
    assert on_former("grant", "--principal", "auth0|ada", "--role", "Owner", *where).status == 0
    with ControlPlane.postgres(former_database) as control:
        ada = control.sign_in("auth0|ada")
        assert ada.organization("orphaned").name == "Orphaned"


def history(control: ControlPlane, resource_id: ResourceId) -> Sequence[Transition]:
    reader, platform = PrincipalId("reader"), control.platform
    return control.transact.read(
        lambda work: list_transitions(
            work, resource_id, PageRequest(), actor=reader, platform=platform
        )
    ).items


def test_every_page_of_everything_can_be_read(on_former: Ktrlplane, former_database: str) -> None:
    on_former("migrate")
    assert len(on_former("grants").out.splitlines()) == 11
    with ControlPlane.postgres(former_database) as control:
        for organization in ("acme", "globex-inc", "orphaned"):
            control.grant("Owner", to="reader", on=f"organization:{organization}")
        control.grant("Owner", to="reader", on="project:shed")
        reader = control.sign_in("reader")
        for one in reader.resources().items:
            assert reader.resource(one.resource_id) == one
            assert one.settings_json.value is not None
            (beginning,) = history(control, one.resource_id)
            assert beginning.to_status is one.status
        assert len(reader.resources().items) == 4
        for scope in ("organization:acme", "project:shed", "project:plant"):
            reader.assignments(scope)
            reader.invitations(scope)
