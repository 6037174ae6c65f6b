import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ktrlplane.adapters.postgres.migrate import DIRECTORY, Migrations
from ktrlplane.ports.database import CannotMigrate, DatabaseUnavailable
from tests.postgres import Databases

pytestmark = pytest.mark.postgres

LANDED = {
    "0001_tenancy": "ea9256325336e322b0d9adc083327fb7e33fe9f3b9b04b7af5a907d44e4c2104",
    "0002_access": "81a5e12b2e2f1c68f96ab864dc2280193dbcd2ddbdfd6223f6733066293be2e3",
    "0003_idempotency": "d015a1d764cd0d3980c49358a7b7dba78b8c78475ad52e90481c3102ab172283",
    "0004_tier_counts": "54e5a85798b4022f7b6a1a7a3d8696db5a696e1a0d452e47edc64dad9ce70545",
    "0005_groups": "474e360da9a5f108b3caa043c4cac4dfe03d717f4ecd92a269a5365743142e69",
    "0006_access_changes": "cb63c5ca616a361f8c94776e3ece5b812858516717e8ad230bcee590cc5decc7",
    "0007_lifecycle": "67802a060598240c3cc236db33e3a3570e3230408ae85f6ed21262910caa4d77",
    "0008_limit_overrides": "ab42a72b3da5e33e3fb17dfca2933267e2f485544df814cd3d79ef1dbde3a660",
    "0009_change_detection": "a50d99f34d26b43531c3e0cda77e9b41f80dcea5543476aff2ded7854aa37897",
    "0010_deletions_by_tenant": "c1569ad13d0825ea3026a7994299f19221294d7b9d1df7103c55bca6e5b39364",
    "0011_events": "37ca2c658395e1cb25f278c5f9546d7d46da2709c6ceb8ffcfc9ab6ae87656eb",
    "0012_audit_retention": "69e1f9b3f46d7cb18f5f27fb577bb044f061fe878bf4d815da60bdb593d307bf",
    "0013_webhooks": "32e7040a25efb2155c97fd6aa3fccba8c3ff282a20eecc631e7396725c3d0a60",
    "0014_notifications": "39dd2c91fcd0474c84cff093e988ab815064936e5203d1cd5bb09aaa7d5d1b7a",
    "0015_chain_heads": "2df5f2a0d4be09854e3a7199f180ab85135743c2e166a13aae44f86f0b0d22a5",
    "0016_billing": "a016244af85cd414050e32c6ba0128a2946718a26cf581f1b45966e527e68673",
    "0017_simulated_payments": "62108ce36aadf240249cb9c1ba20cdc6b1bd912c9db3602d3715d668c9232a40",
    "0018_trials": "4ae20a60deccd1d39232008bbe153e4c28b03fe7dc02dd20883b6826ae47a33c",
    "0019_unpriced": "3a090bddcb34b4ec8d7979ffb3cb80f369ac7f0344a13ed018816b1018e89cac",
    "0020_merchant": "69af2a0c0308b977e9f82531ee52ae21bcd1bf03a6130796e095d7b7f4390946",
}
"""What databases out there have had. Never change one: write another one."""


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_what_has_landed_stays_as_it_is() -> None:
    present = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in DIRECTORY.glob("*.sql")
    }
    assert present == LANDED


def test_an_empty_database_gets_all_of_them_in_order(fresh_database: str) -> None:
    migrations = Migrations(fresh_database)
    assert migrations.pending() == sorted(LANDED)
    assert migrations.apply() == sorted(LANDED)
    assert migrations.pending() == []


def test_a_second_time_there_is_nothing_to_do(fresh_database: str) -> None:
    Migrations(fresh_database).apply()
    assert Migrations(fresh_database).apply() == []


def test_looking_changes_nothing(fresh_database: str) -> None:
    Migrations(fresh_database).pending()
    Migrations(fresh_database).check()
    with psycopg.connect(fresh_database) as connection:
        row = connection.execute("SELECT to_regnamespace('ktrlplane')").fetchone()
    assert row == (None,)


@pytest.mark.parametrize("to", ["0002", "0002_access"])
def test_one_can_stop_on_the_way(fresh_database: str, to: str) -> None:
    migrations = Migrations(fresh_database)
    assert migrations.apply(to) == ["0001_tenancy", "0002_access"]
    assert migrations.pending() == sorted(LANDED)[2:]
    assert migrations.apply("0001") == []
    assert migrations.apply() == sorted(LANDED)[2:]


def test_there_is_no_stop_that_nobody_knows(fresh_database: str) -> None:
    with pytest.raises(CannotMigrate, match="There is no migration 9999; there are 0001_tenancy"):
        Migrations(fresh_database).apply("9999")


def test_processes_that_start_together_migrate_once(fresh_database: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: Migrations(fresh_database).apply(), range(4)))
    assert sorted(done) == [[], [], [], sorted(LANDED)]


def test_one_that_is_killed_in_the_middle_leaves_nothing_behind(fresh_database: str) -> None:
    Migrations(fresh_database).apply("0001")
    with psycopg.connect(fresh_database) as in_the_way:
        in_the_way.execute("LOCK TABLE ktrlplane.users IN ACCESS EXCLUSIVE MODE")
        program = (
            "import sys; from ktrlplane.adapters.postgres.migrate import Migrations;"
            " Migrations(sys.argv[1]).apply()"
        )
        victim = subprocess.Popen([sys.executable, "-c", program, fresh_database])
        wait_for_one_who_waits(fresh_database)
        victim.kill()
        victim.wait()
    assert Migrations(fresh_database).apply() == sorted(LANDED)[1:]


def wait_for_one_who_waits(url: str) -> None:
    """For somebody else's lock, inside a migration."""
    with psycopg.connect(url, autocommit=True, options="-c statement_timeout=30s") as connection:
        connection.execute("""
            DO $$ BEGIN
                WHILE NOT EXISTS (
                    SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                    WHERE NOT l.granted AND l.locktype = 'relation'
                        AND a.datname = current_database()
                ) LOOP
                    PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01);
                END LOOP;
            END $$
        """)


def test_one_that_fails_leaves_no_trace_and_says_why(fresh_database: str) -> None:
    Migrations(fresh_database).apply("0001")
    execute(fresh_database, "CREATE TABLE ktrlplane.roles (mine integer)")
    with pytest.raises(CannotMigrate, match='relation "roles" already exists'):
        Migrations(fresh_database).apply()
    assert Migrations(fresh_database).pending() == sorted(LANDED)[1:]
    execute(fresh_database, "DROP TABLE ktrlplane.roles")
    assert Migrations(fresh_database).apply() == sorted(LANDED)[1:]


def test_the_predecessors_database_is_left_alone(fresh_database: str) -> None:
    execute(fresh_database, "CREATE TABLE public.schema_migrations (version varchar PRIMARY KEY)")
    execute(fresh_database, "CREATE SCHEMA ktrlplane")
    execute(fresh_database, "CREATE TABLE ktrlplane.users (user_id varchar(255) PRIMARY KEY)")
    for refused in (Migrations(fresh_database).check, Migrations(fresh_database).apply):
        with pytest.raises(CannotMigrate, match="database of its own"):
            refused()


def test_a_database_of_a_newer_version_is_left_alone(fresh_database: str) -> None:
    Migrations(fresh_database).apply()
    execute(
        fresh_database,
        "INSERT INTO ktrlplane._yoyo_migration VALUES ('x', '9999_from_the_future', now())",
    )
    with pytest.raises(CannotMigrate, match="9999_from_the_future"):
        Migrations(fresh_database).check()


def test_a_database_that_cannot_hold_every_name_is_refused(databases: Databases) -> None:
    name = "kp_test_ascii"
    execute(databases.server_url, f"DROP DATABASE IF EXISTS {name}")
    execute(
        databases.server_url,
        f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0",
    )
    try:
        with pytest.raises(CannotMigrate, match=r"is encoded as SQL_ASCII, .*UTF8"):
            Migrations(make_conninfo(databases.server_url, dbname=name)).apply()
    finally:
        execute(databases.server_url, f"DROP DATABASE {name}")


def test_a_schema_made_by_somebody_with_more_rights_will_do(
    fresh_database: str, databases: Databases
) -> None:
    role = "kp_test_modest"
    execute(databases.server_url, f"DROP ROLE IF EXISTS {role}")
    execute(databases.server_url, f"CREATE ROLE {role}")
    execute(fresh_database, f"CREATE SCHEMA ktrlplane AUTHORIZATION {role}")
    try:
        modest = make_conninfo(fresh_database, options=f"-c role={role}")
        assert Migrations(modest).apply() == sorted(LANDED)
    finally:
        execute(fresh_database, f"DROP OWNED BY {role}")
        execute(databases.server_url, f"DROP ROLE {role}")


BEFORE_BILLING = """
    INSERT INTO ktrlplane.organizations (org_id, name) VALUES ('acme', 'Acme');
    INSERT INTO ktrlplane.projects (project_id, org_id, name, inherits_billing_from_org) VALUES
        ('plant', 'acme', 'Plant', true), ('mill', 'acme', 'Mill', false),
        ('solo', NULL, 'Solo', true), ('shed', NULL, 'Shed', false), ('gone', NULL, 'G', false);
    INSERT INTO ktrlplane.resources (resource_id, project_id, name, type, sku, stripe_price_id)
    VALUES ('a', 'plant', 'A', 'Acme.Kettle', 'gold', NULL),
        ('b', 'plant', 'B', 'Acme.Kettle', 'gold', 'price_1'),
        ('c', 'mill', 'C', 'Acme.Kettle', 'gold', NULL),
        ('d', 'solo', 'D', 'Acme.Kettle', 'gold', NULL),
        ('e', 'shed', 'E', 'Acme.Kettle', 'free', NULL),
        ('f', 'gone', 'F', 'Acme.Kettle', 'gold', NULL);
    UPDATE ktrlplane.resources SET created_at = '3000-01-01' WHERE resource_id = 'c';
    UPDATE ktrlplane.resources SET status = 'Deleting' WHERE resource_id = 'f';
    INSERT INTO ktrlplane.billing_accounts (billing_account_id, scope_type, scope_id)
    VALUES ('theirs', 'project', 'solo'), ('bill_project_shed', 'project', 'shed');
"""
SINCE_THEN = """
    INSERT INTO ktrlplane.resources (resource_id, project_id, name, type, sku)
    VALUES ('later', 'shed', 'L', 'Acme.Kettle', 'for-nothing');
    UPDATE ktrlplane.billing_accounts SET due_at = '4000-01-01';
"""


def test_what_is_from_before_billing_is_looked_at_by_who_pays_for_it(fresh_database: str) -> None:
    Migrations(fresh_database).apply("0015")
    execute(fresh_database, BEFORE_BILLING)
    Migrations(fresh_database).apply("0018")
    execute(fresh_database, SINCE_THEN)
    Migrations(fresh_database).apply()
    with psycopg.connect(fresh_database) as connection:
        marked = connection.execute(
            "SELECT resource_id FROM ktrlplane.resources WHERE came_unpriced ORDER BY 1"
        ).fetchall()
        due = connection.execute(
            "SELECT billing_account_id, scope_type, scope_id FROM ktrlplane.billing_accounts"
            " WHERE due_at <= now() ORDER BY 1"
        ).fetchall()
    assert marked == [("a",), ("c",), ("d",)]
    assert due == [
        ("bill_organization_acme", "organization", "acme"),
        ("bill_project_mill", "project", "mill"),
        ("theirs", "project", "solo"),
    ]


def as_url(url: str) -> str:
    """With everything that another parser might trip over."""
    known = {key: value for key, value in conninfo_to_dict(url).items() if value is not None}
    name, user = known.pop("dbname"), known.pop("user", "")
    known.setdefault("password", "p@ss/w:rd?%&#")
    parameters = "&".join(f"{key}={quoted(str(value))}" for key, value in known.items())
    return f"postgresql://{quoted(str(user))}@/{name}?{parameters}&keepalives_idle=30"


def quoted(text: str) -> str:
    return "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in text)


def test_whatever_libpq_takes_is_taken(fresh_database: str) -> None:
    Migrations(make_conninfo(fresh_database)).check()
    assert Migrations(as_url(fresh_database)).apply() == sorted(LANDED)


def test_a_database_that_is_not_there_is_told_of(databases: Databases) -> None:
    gone = make_conninfo(databases.server_url, dbname="kp_test_gone")
    with pytest.raises(DatabaseUnavailable):
        Migrations(gone).pending()


def test_the_url_is_not_shown() -> None:
    assert "secret" not in repr(Migrations("postgresql://user:secret@host/name"))
