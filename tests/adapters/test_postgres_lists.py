"""What lists read: a page costs what is on it, wherever it is."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ktrlplane.adapters.postgres import project_lists, resource_lists
from ktrlplane.adapters.postgres.lists import Shape, shape_of, span
from ktrlplane.adapters.postgres.migrate import Migrations
from ktrlplane.adapters.postgres.pool import Pool, open_pool
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.domain.paging import Cursor, PageRequest, Sort, time_key
from tests.builders import ALICE, NOW, people
from tests.postgres import Databases

pytestmark = pytest.mark.postgres

# Two organizations that Alice holds and one that she does not, with 3,000 resources each.
FURNISH = """
    INSERT INTO ktrlplane.organizations (org_id, name)
    SELECT 'org-' || o, 'Org ' || o FROM generate_series(1, 3) o;

    INSERT INTO ktrlplane.projects (project_id, org_id, name, created_at)
    SELECT 'p-' || o || '-' || p, 'org-' || o, 'Project ' || p,
        timestamptz '2025-01-01Z' + make_interval(mins => p)
    FROM generate_series(1, 3) o, generate_series(1, 500) p;

    INSERT INTO ktrlplane.resources (resource_id, project_id, org_id, name, type, created_at)
    SELECT 'r-' || o || '-' || r, 'p-' || o || '-' || r % 500 + 1, 'org-' || o,
        'Resource ' || r, 'Acme.Kettle', timestamptz '2025-01-01Z' + make_interval(mins => r)
    FROM generate_series(1, 3) o, generate_series(1, 3000) r;

    INSERT INTO ktrlplane.role_assignments
        (assignment_id, user_id, role_id, scope_type, scope_id)
    SELECT 'a-' || o, 'auth0|alice', role_id, 'organization', 'org-' || o
    FROM generate_series(1, 2) o, ktrlplane.roles WHERE name = 'Viewer';
"""


@pytest.fixture(scope="module")
def furnished(databases: Databases) -> Iterator[Pool]:
    """A database of its own: what other tests delete would be in the way of its indexes."""
    url = databases.make_database()
    Migrations(url).apply()
    with open_pool(url) as pool:
        people(PostgresUnitsOfWork(pool))
        with pool.connection() as connection:
            connection.execute(FURNISH)
            connection.execute("VACUUM ANALYZE")
        yield pool


def plan_of(pool: Pool, query: bytes, page: PageRequest) -> dict[str, Any]:
    values = {"principal": ALICE, "at": NOW, "text": "nothing", "type": "Acme.Pot", **span(page)}
    with pool.connection() as connection:
        (row,) = connection.execute(
            b"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + query, values
        ).fetchall()
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for below in plan.get("Plans", ()) for node in nodes(below))]


def blocks(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def resources(shape: Shape) -> bytes:
    return resource_lists.page_query(shape, in_a_project=False)


def projects(shape: Shape) -> bytes:
    return project_lists.page_query(shape, in_an_org=False)


MIDDLE = {
    Sort.CREATED_AT: Cursor("2025-01-01T04:10:00.000000Z", "m"),
    Sort.CREATED_AT_DESCENDING: Cursor("2025-01-01T04:10:00.000000Z", "m"),
    Sort.NAME: Cursor("resource 2000", "m"),
    Sort.NAME_DESCENDING: Cursor("resource 2000", "m"),
}


@pytest.mark.parametrize("sort", list(Sort))
def test_a_page_of_resources_costs_the_same_anywhere(furnished: Pool, sort: Sort) -> None:
    pages = [PageRequest(sort=sort), PageRequest(sort=sort, after=MIDDLE[sort])]
    first, later = (
        plan_of(furnished, resources(shape_of(page, alive=True)), page) for page in pages
    )
    assert first["Actual Rows"] == later["Actual Rows"] == 51
    assert blocks(later) <= blocks(first) * 1.5
    for plan in (first, later):
        read = sum(
            node["Actual Rows"] * node["Actual Loops"]
            for node in nodes(plan)
            if node.get("Relation Name") == "resources"
        )
        assert read <= 2 * 51 + 2 + 51, "the first rows of each part, and the page"


@pytest.mark.parametrize("sort", list(Sort))
def test_a_page_of_projects_reads_no_more_than_it_shows(furnished: Pool, sort: Sort) -> None:
    page = PageRequest(sort=sort)
    plan = plan_of(furnished, projects(shape_of(page)), page)
    read = sum(
        node["Actual Rows"] * node["Actual Loops"]
        for node in nodes(plan)
        if node.get("Relation Name") == "projects"
    )
    assert plan["Actual Rows"] == 51
    assert read <= 2 * 51 + 2 + 51


def test_what_a_filter_drops_is_never_fetched(furnished: Pool) -> None:
    page = PageRequest()
    plan = plan_of(furnished, resources(shape_of(page, alive=True, type=1, text=1)), page)
    scans = [node for node in nodes(plan) if node.get("Relation Name") == "resources"]
    assert plan["Actual Rows"] == 0
    assert blocks(plan) < 200, "6,000 rows are in more blocks than that"
    assert not [node for node in scans if node["Node Type"] == "Seq Scan"]


def test_every_query_is_one_that_the_driver_remembers() -> None:
    """Beyond 4 kB it takes each apart anew, every time."""
    every = {"alive": 1, "status": 1, "type": 1, "sku": 1, "text": 1}
    shape = shape_of(PageRequest(after=Cursor(time_key(NOW), "x")), **every)
    queries = [
        *(resource_lists.page_query(shape, in_a_project=within) for within in (True, False)),
        *(resource_lists.count_query(shape, in_a_project=within) for within in (True, False)),
    ]
    assert max(map(len, queries)) <= 4096


def test_the_operator_can_look_inside_settings(furnished: Pool) -> None:
    settings = json.dumps({"zz": 1, "a": {"b": [1.50, "x"]}})
    with furnished.connection() as connection:
        connection.execute(
            "UPDATE ktrlplane.resources SET settings_text = %s WHERE resource_id = 'r-1-1'",
            (settings,),
        )
        (row,) = connection.execute(
            "SELECT settings_json -> 'a' -> 'b' ->> 1, settings_json @> '{\"zz\": 1}'"
            " FROM ktrlplane.resources WHERE resource_id = 'r-1-1'"
        ).fetchall()
    assert row == ("x", True)


def test_a_table_keeps_its_promises_when_written_by_hand(furnished: Pool) -> None:
    for statement in (
        "UPDATE ktrlplane.resources SET status = 'Sleeping'",
        "UPDATE ktrlplane.resources SET settings_text = '[]'",
        "UPDATE ktrlplane.resources SET project_id = 'nowhere'",
        "UPDATE ktrlplane.projects SET status = 'Sleeping'",
        "UPDATE ktrlplane.organizations SET purchase_policy = 'anybody'",
        "UPDATE ktrlplane.role_assignments SET scope_type = 'galaxy'",
        "DELETE FROM ktrlplane.organizations",
        "DELETE FROM ktrlplane.users",
    ):
        with furnished.connection() as connection, pytest.raises(psycopg.IntegrityError):
            connection.execute(statement.encode())
