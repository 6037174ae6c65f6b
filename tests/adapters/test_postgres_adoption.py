import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ktrlplane.adapters.postgres.adoption import predecessor
from ktrlplane.adapters.postgres.ledger import Ledger
from ktrlplane.adapters.postgres.migrate import DIRECTORY, Migrations
from ktrlplane.ports.adoption import TAKEN_OVER, Kind, Weight
from ktrlplane.ports.database import CannotMigrate, DatabaseUnavailable
from tests.postgres import Databases
from tests.predecessor.content import crowd, everything, fill, set_time_zone
from tests.predecessor.rows import an_adoption, found

pytestmark = pytest.mark.postgres

NUMBERED = sorted(path.stem for path in DIRECTORY.glob("*.sql"))
STEPS = [TAKEN_OVER, *(name for name in NUMBERED if name > TAKEN_OVER)]


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def asked(url: str, query: str) -> list[tuple]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def schemas(url: str) -> list[str]:
    rows = asked(url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ktrl%' ORDER BY 1")
    return [name for (name,) in rows]


def take_over(url: str, to: str | None = None) -> list[str]:
    return Migrations(url).apply(to, adoption=an_adoption())


@pytest.fixture(scope="module")
def taken_over(databases: Databases) -> str:
    """What the tests look at that change nothing."""
    url = databases.make_database()
    fill(url)
    set_time_zone(url, "Asia/Tokyo")
    take_over(url)
    return url


# -- what it does ------------------------------------------------------------------------------


def test_it_is_taken_over_whole_and_nothing_of_it_is_lost(former_database: str) -> None:
    before = everything(former_database, "ktrlplane")
    assert Migrations(former_database).pending() == STEPS
    assert take_over(former_database) == STEPS
    assert Migrations(former_database).pending() == []
    assert schemas(former_database) == ["ktrlplane", "ktrlplane_before"]
    assert everything(former_database, "ktrlplane_before") == before


def test_a_second_time_there_is_nothing_to_do(former_database: str) -> None:
    take_over(former_database)
    there = asked(former_database, "SELECT * FROM ktrlplane.role_assignments ORDER BY 1")
    for again in (take_over(former_database), Migrations(former_database).apply()):
        assert again == []
    assert asked(former_database, "SELECT * FROM ktrlplane.role_assignments ORDER BY 1") == there


def test_looking_tells_what_will_be_and_changes_nothing(former_database: str) -> None:
    migrations, before = Migrations(former_database), everything(former_database, "ktrlplane")
    assert migrations.adopted() is None
    expected = migrations.preview(an_adoption())
    assert schemas(former_database) == ["ktrlplane"]
    assert everything(former_database, "ktrlplane") == before
    take_over(former_database)
    assert migrations.adopted() == expected
    assert migrations.preview(an_adoption()) is None


def test_looking_needs_no_right_to_write(former_database: str) -> None:
    expected = Migrations(former_database).preview(an_adoption())
    reader = make_conninfo(former_database, options="-c default_transaction_read_only=on")
    assert Migrations(reader).preview(an_adoption()) == expected
    assert Migrations(reader).pending() == STEPS


def test_every_row_is_accounted_for(taken_over: str) -> None:
    report = Migrations(taken_over).adopted()
    assert report is not None
    before = everything(taken_over, "ktrlplane_before")
    for tally in report.tallies:
        assert tally.rows == len(before[tally.kind.replace(" ", "_")])
    for kind, table in ((Kind.ORGANIZATIONS, "organizations"), (Kind.RESOURCES, "resources")):
        (kept,) = [tally.kept for tally in report.tallies if tally.kind is kind]
        assert asked(taken_over, f"SELECT count(*) FROM ktrlplane.{table}") == [(kept,)]


def test_what_is_not_kept_as_it_was_is_told(taken_over: str) -> None:
    report = Migrations(taken_over).adopted()
    assert report is not None
    assert {
        kind: found(report, kind, Weight.DROPPED)
        for kind in Kind
        if found(report, kind, Weight.DROPPED)
    } == {
        Kind.USERS: {"id": ("no one",), "invited_to_nothing": ("idle@example.com",)},
        Kind.ROLES: {"unused": ("unused (Unused)",)},
        Kind.ROLE_ASSIGNMENTS: {
            "cannot_sign_in": ("a-17",),
            "no_such_scope": ("a-14", "a-15", "a-16"),
            "twice": ("a-12",),
            "invitation_expired": ("a-18",),
        },
        Kind.BILLING_ACCOUNTS: {"no_such_scope": ("bill_gone (subscription sub_gone)",)},
    }
    assert found(report, Kind.ORGANIZATIONS, Weight.NOTED) == {
        "id": ("Globex_Inc -> globex-inc",),
        "no_owner": ("orphaned",),
        "name": ("globex-inc",),
    }
    assert found(report, Kind.PROJECTS, Weight.NOTED) == {
        "no_owner": ("shed",),
        "status": ("quiet (Archived)", "shed (None)"),
        "nobody_pays": ("lab",),
    }
    assert found(report, Kind.RESOURCES, Weight.NOTED) == {
        "status": ("flow (Brewing)",),
        "settings": ("twins",),
        "type": ("loom (Acme.Loom)",),
        "access_url": ("flow",),
    }
    assert found(report, Kind.ROLES, Weight.NOTED) == {
        "not_in_catalog": ("billing (Billing Manager (former))", "weaver (Weaver)")
    }
    assert not report.in_the_way()


def test_times_are_utc_wherever_the_database_thinks_it_is(taken_over: str) -> None:
    rows = asked(
        taken_over,
        "SELECT created_at, updated_at FROM ktrlplane.users WHERE user_id = 'auth0|ada'"
        " UNION ALL SELECT created_at, updated_at FROM ktrlplane.resources"
        " WHERE resource_id = 'twins'"
        " UNION ALL SELECT created_at, expires_at FROM ktrlplane.role_assignments"
        " WHERE assignment_id IN ('a-05', 'a-06') ORDER BY 1 DESC, 2",
    )
    assert rows == [
        (
            datetime(2024, 5, 1, 10, tzinfo=UTC),
            datetime(2024, 5, 2, 11, 0, 0, 123456, tzinfo=UTC),
        ),
        (datetime(2024, 2, 29, 23, 30, tzinfo=UTC), datetime(2024, 3, 1, 0, 30, tzinfo=UTC)),
        (datetime(2024, 1, 10, 9, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)),
        (datetime(2024, 1, 10, 9, tzinfo=UTC), None),
    ]


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "0044-03-15 BC", "290000-01-01"])
def test_a_time_that_no_calendar_has_is_in_nobodys_way(former_database: str, moment: str) -> None:
    for table in ("users", "organizations", "projects", "resources", "billing_accounts"):
        execute(
            former_database,
            f"UPDATE ktrlplane.{table} SET created_at = '{moment}', updated_at = '{moment}'",
        )
    execute(
        former_database,
        f"UPDATE ktrlplane.role_assignments SET created_at = '{moment}', expires_at = '{moment}'",
    )
    take_over(former_database)
    ends = {
        end
        for (end,) in asked(former_database, "SELECT expires_at FROM ktrlplane.role_assignments")
    }
    is_past = moment in {"-infinity", "0044-03-15 BC"}
    assert ends == {datetime(1970, 1, 1, tzinfo=UTC) if is_past else None}
    for table in ("users", "organizations", "projects", "resources", "billing_accounts"):
        assert asked(
            former_database,
            f"SELECT count(*) FROM ktrlplane.{table} WHERE created_at < now() - interval '1 hour'"
            " OR created_at > now() OR updated_at <> created_at",
        ) == [(0,)]


def test_settings_are_to_the_letter_what_they_were(taken_over: str) -> None:
    rows = asked(
        taken_over,
        "SELECT r.settings_text = b.settings_json::text, r.settings_json = b.settings_json"
        " FROM ktrlplane.resources r JOIN ktrlplane_before.resources b USING (resource_id)"
        " WHERE resource_id IN ('twins', 'graph')",
    )
    assert rows == [(True, True), (True, True)]


def test_who_pays_is_what_costs_nobody_anything_unasked(taken_over: str) -> None:
    rows = asked(
        taken_over,
        "SELECT project_id FROM ktrlplane.projects WHERE inherits_billing_from_org ORDER BY 1",
    )
    assert rows == [("quiet",), ("yard",)]


def test_what_nobody_has_paid_for_is_looked_at(former_database: str) -> None:
    """Also where nobody there has ever paid for anything."""
    execute(former_database, "DELETE FROM ktrlplane.billing_accounts WHERE scope_id = 'lab'")
    take_over(former_database)
    assert asked(
        former_database, "SELECT resource_id FROM ktrlplane.resources WHERE came_unpriced"
    ) == [("flow",)]
    due = "SELECT due_at <= now() FROM ktrlplane.billing_accounts WHERE scope_id = 'lab'"
    assert asked(former_database, due) == [(True,)]


def test_the_history_of_each_resource_begins_with_what_it_was(taken_over: str) -> None:
    rows = asked(
        taken_over,
        "SELECT resource_id, from_status, to_status, actor FROM ktrlplane.resource_transitions"
        " ORDER BY 1",
    )
    assert rows == [
        ("flow", None, "Creating", None),
        ("graph", None, "Running", None),
        ("loom", None, "Degraded", None),
        ("twins", None, "Running", None),
    ]


def test_ten_thousand_rows_of_each_kind_are_as_few(former_database: str) -> None:
    crowd(former_database)
    take_over(former_database)
    assert asked(
        former_database,
        "SELECT (SELECT count(*) FROM ktrlplane.users),"
        " (SELECT count(*) FROM ktrlplane.resources),"
        " (SELECT count(*) FROM ktrlplane.role_assignments),"
        " (SELECT count(*) FROM ktrlplane.invitations)",
    ) == [(4 + 6667, 4 + 10_000, 10 + 5715, 2 + 2857)]


# -- where it stops ----------------------------------------------------------------------------


@pytest.mark.parametrize(("to", "done"), [("0003", []), ("0007", [TAKEN_OVER])])
def test_there_is_no_stop_on_the_way(former_database: str, to: str, done: list[str]) -> None:
    assert Migrations(former_database).pending(to) == done
    assert take_over(former_database, to) == done
    assert Migrations(former_database).pending() == STEPS[len(done) :]


def test_it_is_not_done_by_the_way(former_database: str) -> None:
    migrations = Migrations(former_database)
    for refused in (migrations.apply, lambda: migrations.apply("0001")):
        with pytest.raises(CannotMigrate, match="ktrlplane migrate --check"):
            refused()
    assert schemas(former_database) == ["ktrlplane"]


MOMENTS = {
    "set aside": (predecessor, "set_aside"),
    "after a numbered step": (Ledger, "apply_one"),
    "copied": (predecessor, "write"),
    "written down": (predecessor, "fill"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_who_looks_meanwhile_finds_the_one_or_the_other_and_never_nothing(
    former_database: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A reconciler that found the tables empty would tear down whatever runs."""
    owner, name = MOMENTS[moment]
    really, seen = getattr(owner, name), []

    def looking(*arguments: object) -> object:
        done = really(*arguments)
        seen.extend(asked(former_database, "SELECT count(*) FROM ktrlplane.projects"))
        return done

    monkeypatch.setattr(owner, name, looking)
    take_over(former_database)
    assert set(seen) == {(5,)}
    assert asked(former_database, "SELECT count(*) FROM ktrlplane.projects") == [(5,)]


PROGRAM = """
import sys
from ktrlplane.adapters.postgres.migrate import Migrations
from tests.predecessor.rows import an_adoption
print(*Migrations(sys.argv[1]).apply(adoption=an_adoption()))
"""

DYING = """
import os, signal, sys
from tests.adapters.test_postgres_adoption import MOMENTS
from ktrlplane.adapters.postgres.ledger import Ledger

def killed(_):
    os.kill(os.getpid(), signal.SIGKILL)

def cut_off(connection):
    connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

def broken(_):
    raise RuntimeError("broken")

owner, name = {**MOMENTS, "committed": (Ledger, "commit")}[sys.argv[2]]
really, ending = getattr(owner, name), {"killed": killed, "cut off": cut_off, "broken": broken}

def dying(first, *others):
    done = really(first, *others)
    ending[sys.argv[3]](getattr(first, "connection", first))
    return done

setattr(owner, name, dying)
"""


def starting(url: str, *arguments: str) -> subprocess.Popen[str]:
    program = DYING + PROGRAM if arguments else PROGRAM
    return subprocess.Popen(
        [sys.executable, "-c", program, url, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", ["killed", "cut off", "broken"])
def test_what_ends_inside_has_not_begun(former_database: str, moment: str, how: str) -> None:
    before = everything(former_database, "ktrlplane")
    victim = starting(former_database, moment, how)
    out, error = victim.communicate()
    assert victim.returncode != 0
    assert not out
    last = {"killed": "", "cut off": "DatabaseUnavailable", "broken": "RuntimeError: broken"}[how]
    assert last in (error.strip().splitlines() or [""])[-1]
    assert Migrations(former_database).pending() == STEPS
    assert schemas(former_database) == ["ktrlplane"]
    assert everything(former_database, "ktrlplane") == before
    assert take_over(former_database) == STEPS
    assert asked(former_database, "SELECT count(*) FROM ktrlplane.role_assignments") == [(10,)]


def test_what_ends_when_it_is_done_is_done(former_database: str) -> None:
    victim = starting(former_database, "committed", "killed")
    victim.communicate()
    assert victim.returncode == -signal.SIGKILL
    assert TAKEN_OVER not in Migrations(former_database).pending()
    take_over(former_database)
    assert asked(former_database, "SELECT count(*) FROM ktrlplane.role_assignments") == [(10,)]


def who_waits(url: str) -> int:
    """For somebody else's lock: its process in the server."""
    query = """
        SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE NOT l.granted AND l.locktype = 'relation' AND a.datname = current_database()
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(3000):
            row = connection.execute(query).fetchone()
            if row is not None:
                return int(row[0])
            connection.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waits")


def test_processes_that_start_together_take_over_once(former_database: str) -> None:
    processes = [starting(former_database) for _ in range(3)]
    told = [process.communicate() for process in processes]
    assert [error for _, error in told] == ["", "", ""]
    assert sorted(out.split() for out, _ in told) == [[], [], STEPS]
    assert asked(former_database, "SELECT count(*) FROM ktrlplane.users") == [(4,)]


@pytest.mark.parametrize("answered", range(1, 8))
def test_who_is_overtaken_while_looking_is_not_refused(
    former_database: str, answered: int
) -> None:
    class Overtaken(psycopg.Connection[Any]):
        left = answered

        def execute(self, *args: Any, **kwargs: Any) -> Any:
            cursor = super().execute(*args, **kwargs)
            self.left -= 1
            if self.left == 0:
                take_over(former_database)
            return cursor

    with Overtaken.connect(former_database, autocommit=True) as connection:
        predecessor.is_found(connection)  # says either: who goes on looks again, alone
        assert connection.left <= 0
    assert take_over(former_database) == []


def test_who_is_still_writing_is_waited_for(former_database: str) -> None:
    with psycopg.connect(former_database) as writing:
        writing.execute("UPDATE ktrlplane.users SET name = 'Late' WHERE user_id = 'auth0|ada'")
        waiting = starting(former_database)
        who_waits(former_database)
    assert waiting.communicate() == (f"{' '.join(STEPS)}\n", "")
    rows = asked(former_database, "SELECT name FROM ktrlplane.users WHERE user_id = 'auth0|ada'")
    assert rows == [("Late",)]


def test_who_writes_for_too_long_is_told_of(
    former_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predecessor, "PATIENCE", "50ms")
    with psycopg.connect(former_database) as writing:
        writing.execute("UPDATE ktrlplane.users SET name = 'Late' WHERE user_id = 'auth0|ada'")
        with pytest.raises(CannotMigrate, match="Stop it"):
            take_over(former_database)
    assert schemas(former_database) == ["ktrlplane"]


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM public.schema_migrations WHERE version > '012'", "at version 012 .* to 017"),
        ("INSERT INTO public.schema_migrations VALUES ('018')", "its version is 018"),
        ("DELETE FROM public.schema_migrations", "its version is unknown"),
        ("ALTER TABLE ktrlplane.resources DROP COLUMN sku", "resources.sku is not as"),
        (
            "ALTER TABLE ktrlplane.users ALTER created_at TYPE timestamptz",
            "users.created_at is not as",
        ),
        ("DROP TABLE ktrlplane.role_permissions", "role_permissions.role_id is not as"),
        ("CREATE SCHEMA ktrlplane_before", "ktrlplane_before already"),
    ],
)
def test_what_is_not_version_017_is_refused_in_a_sentence(
    former_database: str, statement: str, told: str
) -> None:
    execute(former_database, statement)
    before = schemas(former_database)
    migrations = Migrations(former_database)
    for refused in (
        migrations.check,
        migrations.pending,
        migrations.apply,
        lambda: migrations.preview(an_adoption()),
        lambda: take_over(former_database),
    ):
        with pytest.raises(CannotMigrate, match=told):
            refused()
    assert schemas(former_database) == before


BAD_ID = "INSERT INTO ktrlplane.projects (project_id, name) VALUES ('3d_Plant', 'x')"
BAD_SETTINGS = """
    UPDATE ktrlplane.resources SET settings_json = '[1]' WHERE resource_id = 'twins'
"""


@pytest.mark.parametrize(
    ("statement", "told", "cure"),
    [
        (BAD_ID, "projects 3d_Plant", "DELETE FROM {}.projects WHERE project_id = '3d_Plant'"),
        (BAD_SETTINGS, "resources twins", "UPDATE {}.resources SET settings_json = '{{}}'"),
    ],
)
def test_what_is_in_the_way_is_told_before_anything_is_changed(
    former_database: str, statement: str, told: str, cure: str
) -> None:
    execute(former_database, statement)
    report = Migrations(former_database).preview(an_adoption())
    assert report is not None
    assert report.in_the_way()
    with pytest.raises(CannotMigrate, match=f"{told}. Nothing was changed"):
        take_over(former_database)
    assert schemas(former_database) == ["ktrlplane"]
    execute(former_database, cure.format("ktrlplane"))
    assert take_over(former_database) == STEPS


def test_a_database_of_ours_is_ours_whatever_lies_beside_it(fresh_database: str) -> None:
    Migrations(fresh_database).apply()
    fill_beside(fresh_database)
    assert Migrations(fresh_database).pending() == []
    assert Migrations(fresh_database).preview(an_adoption()) is None
    assert take_over(fresh_database) == []


def fill_beside(url: str) -> None:
    execute(url, "ALTER SCHEMA ktrlplane RENAME TO ours")
    fill(url)
    execute(url, "ALTER SCHEMA ktrlplane RENAME TO ktrlplane_before")
    execute(url, "ALTER SCHEMA ours RENAME TO ktrlplane")


def test_a_database_that_is_lost_on_the_way_is_told_of(former_database: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        Migrations(make_conninfo(former_database, port=1)).preview(an_adoption())


# -- who may -----------------------------------------------------------------------------------

ROLE = "kp_test_landlord"


@pytest.fixture
def landlord(databases: Databases, former_database: str) -> Sequence[str]:
    """The address of the database for a modest user, who has to be given something yet."""
    execute(databases.server_url, f"DROP ROLE IF EXISTS {ROLE}")
    execute(databases.server_url, f"CREATE ROLE {ROLE}")
    yield make_conninfo(former_database, options=f"-c role={ROLE}")
    execute(former_database, f"DROP OWNED BY {ROLE} CASCADE")
    execute(databases.server_url, f"DROP ROLE {ROLE}")


def give(url: str, *, database: bool, schema: bool) -> None:
    tables = " ".join(
        f"ALTER TABLE ktrlplane.{table} OWNER TO {ROLE};" for table in everything(url, "ktrlplane")
    )
    execute(url, f"{tables} GRANT SELECT ON public.schema_migrations TO {ROLE}")
    execute(url, f"GRANT USAGE ON SCHEMA ktrlplane TO {ROLE}")
    if schema:
        execute(url, f"ALTER SCHEMA ktrlplane OWNER TO {ROLE}")
    if database:
        execute(url, f"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {ROLE}',"
                     " current_database()); END $$")  # fmt: skip


def test_its_owner_needs_to_be_no_superuser(former_database: str, landlord: str) -> None:
    give(former_database, database=True, schema=True)
    assert take_over(landlord) == STEPS
    assert Migrations(landlord).adopted() is not None


@pytest.mark.parametrize(("database", "schema"), [(True, False), (False, True)])
def test_who_does_not_own_it_is_told_so_before_anything_is_changed(
    former_database: str, landlord: str, *, database: bool, schema: bool
) -> None:
    give(former_database, database=database, schema=schema)
    with pytest.raises(CannotMigrate, match="takes its owner"):
        take_over(landlord)
    assert schemas(former_database) == ["ktrlplane"]


def test_who_may_not_even_look_is_told_so(former_database: str, landlord: str) -> None:
    with pytest.raises(CannotMigrate, match="permission denied"):
        Migrations(landlord).pending()


# -- afterwards --------------------------------------------------------------------------------

GUIDE = Path(__file__).parents[2] / "docs" / "operations" / "migration.md"


def from_the_guide(section: str) -> str:
    """The statements that it has there."""
    _, _, after = GUIDE.read_text(encoding="utf-8").partition(f"\n## {section}\n")
    _, _, block = after.partition("```sql\n")
    return "\n".join(line.strip() for line in block.partition("```")[0].splitlines())


def test_the_guides_look_for_what_is_missing_finds_nothing(taken_over: str) -> None:
    queries = from_the_guide("Checking").strip().splitlines()
    assert [asked(taken_over, query) for query in queries] == [[], []]


def test_one_can_go_back_and_come_again(former_database: str) -> None:
    before = everything(former_database, "ktrlplane")
    take_over(former_database)
    execute(former_database, from_the_guide("Going back"))
    assert everything(former_database, "ktrlplane") == before
    assert take_over(former_database) == STEPS


def test_what_was_set_aside_can_be_dropped(former_database: str) -> None:
    take_over(former_database)
    execute(former_database, from_the_guide("Dropping the old schema"))
    assert schemas(former_database) == ["ktrlplane"]
    assert Migrations(former_database).pending() == []
    assert Migrations(former_database).adopted() is not None
