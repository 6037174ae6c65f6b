"""Databases of the system that KtrlPlane replaces."""

from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

HERE: Final = Path(__file__).parent

TABLES: Final = (
    "users",
    "organizations",
    "projects",
    "resources",
    "roles",
    "permissions",
    "role_permissions",
    "role_assignments",
    "billing_accounts",
)


def install(url: str) -> None:
    """What there is before anybody has signed in."""
    _run(url, (HERE / "schema_017.sql").read_bytes())


def fill(url: str) -> None:
    install(url)
    _run(url, (HERE / "content.sql").read_bytes())


def crowd(url: str, rows: int = 10_000) -> None:
    """As many users, resources and assignments more; of each three one is an invitation and of
    each seven assignments one hangs on nothing."""
    numbers = sql.SQL(_CROWD).format(rows=sql.Literal(rows))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(numbers)


_CROWD: Final = """
    WITH numbers AS (SELECT generate_series(1, {rows}) AS n), people AS (
        INSERT INTO ktrlplane.users (user_id, email, name)
        SELECT CASE n % 3 WHEN 0 THEN 'u' || n || '@example.com' ELSE 'auth0|' || n END,
            'u' || n || '@example.com', CASE n % 3 WHEN 0 THEN 'Invited User' ELSE 'U ' || n END
        FROM numbers
    ), things AS (
        INSERT INTO ktrlplane.resources (resource_id, project_id, name, type, settings_json)
        SELECT 'r-' || n, 'yard', 'R ' || n, 'Konnektr.Graph', jsonb_build_object('n', n)
        FROM numbers
    )
    INSERT INTO ktrlplane.role_assignments (
        assignment_id, user_id, role_id, scope_type, scope_id, assigned_by
    )
    SELECT gen_random_uuid(),
        CASE n % 3 WHEN 0 THEN 'u' || n || '@example.com' ELSE 'auth0|' || n END,
        '10000000-0001-0000-0000-000000000003', 'resource',
        CASE n % 7 WHEN 0 THEN 'gone-' ELSE 'r-' END || n, 'auth0|ada'
    FROM numbers
"""


def set_time_zone(url: str, zone: str) -> None:
    """Of whoever connects from now on."""
    name = sql.Identifier(str(conninfo_to_dict(url)["dbname"]))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET timezone = {}").format(name, zone))


def everything(url: str, schema: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the former system's tables, as text so that nothing is too odd to be read."""
    with psycopg.connect(url, autocommit=True) as connection:
        return {
            table: connection.execute(
                sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(
                    sql.Identifier(schema, table)
                )
            ).fetchall()
            for table in TABLES
        }


def _run(url: str, script: bytes) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script)
