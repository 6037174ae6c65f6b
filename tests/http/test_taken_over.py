"""The API on what was taken over from the former system: all of it can be read, and changed as
if it had been made here."""

import re
from collections.abc import Iterator
from itertools import product

import pytest

from ktrlplane.adapters.postgres.migrate import Migrations
from ktrlplane.adapters.postgres.pool import open_pool
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.http.world import Caller, World
from tests.postgres import Databases
from tests.predecessor.content import fill
from tests.predecessor.rows import an_adoption

pytestmark = pytest.mark.postgres

RESOURCES = {"twins": "plant", "graph": "yard", "flow": "lab", "loom": "shed"}
READ = {200, 404, 422}
"""An address may name a thing in another one's place, and a search wants more than that."""


@pytest.fixture
def units(databases: Databases) -> Iterator[UnitsOfWork]:
    url = databases.make_database()
    fill(url)
    Migrations(url).apply(adoption=an_adoption())
    with open_pool(url) as pool:
        yield PostgresUnitsOfWork(pool)
    databases.drop_database(url)


@pytest.fixture
def heir(world: World) -> Caller:
    """Owner of everything."""
    heir = world.person("heir")
    heir.sees("/users/me")
    for organization in ("acme", "globex-inc", "orphaned"):
        world.grants(heir, "Owner", f"organization {organization}")
    world.grants(heir, "Owner", "project shed")
    return heir


def test_all_of_it_can_be_read(heir: Caller) -> None:
    (invitation,) = heir.sees("/projects/plant/invitations")["items"]
    known = {
        "org_id": ["acme", "globex-inc", "orphaned"],
        "project_id": ["plant", "yard", "quiet", "lab", "shed"],
        "resource_id": list(RESOURCES),
        "role_id": ["weaver", "billing"],
        "user_id": ["auth0%7Cada", "auth0%7Cgrace"],
        "assignment_id": ["a-04", "a-07"],
        "invitation_id": [invitation["invitation_id"]],
    }
    seen = set()
    for operation in OPERATIONS:
        names = re.findall(r"{(\w+)}", operation.path)
        if operation.method != "GET" or operation.public or not set(names) <= set(known):
            continue
        for values in product(*(known[name] for name in names)):
            path = operation.path.format(**dict(zip(names, values, strict=True)))
            result = heir.get(path)
            assert result.status_code in READ, (path, result.text)
            if result.status_code == 200:
                seen.add(path)
    there = {f"/resources/{one}" for one in RESOURCES}
    there |= {f"/projects/{project}/resources/{one}" for one, project in RESOURCES.items()}
    there |= {f"{path}/history" for path in there}
    there |= {f"/projects/{one}/rbac" for one in known["project_id"]}
    there |= {"/organizations/globex-inc", "/resources/loom/rbac", "/roles/weaver"}
    there |= {
        "/projects/plant/rbac/a-04",
        f"/projects/plant/invitations/{invitation['invitation_id']}",
    }
    assert there <= seen


def test_a_resource_goes_on_living(world: World, heir: Caller) -> None:
    assert heir.sees("/resources/twins")["type"] == "Konnektr.Graph"
    reconciler = world.machine("reconciler")
    world.grants(reconciler, "service-account-reconciler", "global")
    for one, before in (("twins", "Running"), ("flow", "Creating"), ("loom", "Degraded")):
        assert heir.sees(f"/resources/{one}")["status"] == before
        report = {"health": "Healthy", "observed_generation": 1}
        assert reconciler.put(f"/resources/{one}/status", report).status_code == 200
        assert heir.sees(f"/resources/{one}")["status"] == "Running"
        assert heir.post(f"/resources/{one}/suspend").status_code == 200
        assert heir.delete(f"/resources/{one}").status_code == 202
        moves = heir.sees(f"/resources/{one}/history")["items"]
        assert {None, before} <= {move["from_status"] for move in moves}


def test_what_the_catalog_does_not_have_can_be_renamed_and_not_reshaped(heir: Caller) -> None:
    assert heir.patch("/resources/loom", {"name": "Loom 2"}).status_code == 200
    refused = heir.patch("/resources/loom", {"settings_json": {"threads": 2}})
    assert refused.status_code == 422


def test_who_was_invited_can_be_sent_the_mail_that_nobody_sent(heir: Caller) -> None:
    (invitation,) = heir.sees("/projects/plant/invitations")["items"]
    assert invitation["sent_at"] is None
    path = f"/projects/plant/invitations/{invitation['invitation_id']}/resend"
    assert heir.post(path).status_code == 200


def test_a_role_that_nobody_has_any_more_can_be_taken_back(heir: Caller) -> None:
    held = heir.sees("/organizations/acme/rbac")["items"]
    (of_before,) = [one for one in held if one["role"]["name"] == "Billing Manager (former)"]
    assert heir.delete(f"/organizations/acme/rbac/{of_before['assignment_id']}").status_code == 204
