"""A platform of some size, written by COPY."""

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg
from attrs import frozen
from psycopg.conninfo import conninfo_to_dict

from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.documents import Document
from ktrlplane.domain.roles import OWNER

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
VIEWER = "10000000-0001-0000-0000-000000000003"
EDITOR = "10000000-0001-0000-0000-000000000002"

OWNER_OF_ONE = "bench-owner"
"""Owner of one organization with a tenth of a thousandth of everything in it."""
AUDITOR = "bench-auditor"
"""Viewer of every organization, each by an assignment of its own."""


@frozen(kw_only=True)
class Size:
    organizations: int = 1_000
    projects: int = 10_000
    resources: int = 100_000
    assignments: int = 500_000
    users: int = 50_000


SMALL = Size(organizations=100, projects=200, resources=1_000, assignments=5_000, users=500)


def as_url(conninfo: str) -> str:
    """The same as an address, which settings take."""
    parts = conninfo_to_dict(conninfo)
    return f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"


def is_filled(url: str) -> bool:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT 1 FROM ktrlplane.users LIMIT 1").fetchone()
    return found is not None


def fill(url: str, size: Size, catalog: Catalog) -> None:
    """Into a migrated database whose roles are there."""
    rng = random.Random(1)
    with psycopg.connect(url) as connection:
        copy = _copier(connection)
        people = [f"user-{n}" for n in range(size.users)] + [OWNER_OF_ONE, AUDITOR]
        copy(
            "users (user_id, email, email_verified, name, claims_at)",
            ((p, f"{p}@example.com", True, p.title(), BEGAN) for p in people),
        )
        copy(
            "organizations (org_id, name, created_at, updated_at)",
            ((f"org-{n}", f"Organization {n}", *times_of(n)) for n in range(size.organizations)),
        )
        copy(
            "projects (project_id, org_id, name, created_at, updated_at)",
            (
                (f"project-{n}", f"org-{n % size.organizations}", f"Project {n}", *times_of(n))
                for n in range(size.projects)
            ),
        )
        copy(
            "resources (resource_id, project_id, org_id, name, type, sku, settings_text, status,"
            " created_at, updated_at)",
            _resources(size, catalog, rng),
        )
        copy(
            "role_assignments (assignment_id, user_id, role_id, scope_type, scope_id, assigned_by,"
            " created_at)",
            _assignments(size, rng),
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def times_of(number: int) -> tuple[datetime, datetime]:
    at = BEGAN + timedelta(seconds=number * 7)
    return at, at


def _copier(connection: psycopg.Connection[Any]) -> Callable[[str, Iterable[Any]], None]:
    def copy(table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY ktrlplane.{table} FROM STDIN") as writer,
        ):
            for row in rows:
                writer.write_row(row)

    return copy


def _resources(size: Size, catalog: Catalog, rng: random.Random) -> Iterator[tuple[Any, ...]]:
    made = []
    for kind in catalog.resource_types:
        for preset in kind.presets:
            filled = kind.schemas[preset.sku].with_defaults(preset.settings_json.value)
            made.append((kind.type, preset.sku, Document.of(filled).text))
    for n in range(size.resources):
        project = n % size.projects
        kind, sku, settings = rng.choice(made)
        yield (
            f"resource-{n}",
            f"project-{project}",
            f"org-{project % size.organizations}",
            f"Resource {n}",
            kind,
            sku,
            settings,
            rng.choice(("Running", "Running", "Running", "Creating", "Failed")),
            *times_of(n),
        )


def _assignments(size: Size, rng: random.Random) -> Iterator[tuple[Any, ...]]:
    seen = {(OWNER_OF_ONE, "organization", "org-7")}
    yield ("asg_owner", OWNER_OF_ONE, OWNER.role_id.value, "organization", "org-7", None, BEGAN)
    for n in range(size.organizations):
        yield (f"asg_audit{n}", AUDITOR, VIEWER, "organization", f"org-{n}", None, BEGAN)
    places = (
        ("organization", "org", size.organizations, 2),
        ("project", "project", size.projects, 5),
        ("resource", "resource", size.resources, 3),
    )
    weights = [place[3] for place in places]
    left = size.assignments - size.organizations - 1
    while left > 0:
        scope_type, stem, count, _ = rng.choices(places, weights)[0]
        user = f"user-{rng.randrange(size.users)}"
        where = f"{stem}-{rng.randrange(count)}"
        if (user, scope_type, where) in seen:
            continue
        seen.add((user, scope_type, where))
        role = rng.choice((VIEWER, VIEWER, EDITOR))
        yield (f"asg_{left}", user, role, scope_type, where, None, BEGAN)
        left -= 1
