"""How many resources of a tier there may be: three of the tier few in a project, four in an
organization."""

import pytest
from attrs import evolve

from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import LimitExceeded
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.moves import MoveProject, move_project
from ktrlplane.domain.services.resources import (
    CreateResource,
    UpdateResource,
    create_resource,
    update_resource,
)
from tests.builders import ALICE, OWNER, a_project, a_resource, an_assignment, an_organization
from tests.platforms import Acting

ACME = OrganizationId("acme")


@pytest.fixture
def do(do: Acting) -> Acting:
    """With projects web and app in an organization, and solo in none, all of them Alice's."""
    do.keep(an_organization(), a_project(), a_project("app"), a_project("solo", None))
    do.keep(an_assignment(ALICE, OWNER, "organization acme"))
    do.keep(an_assignment(ALICE, OWNER, "project solo"))
    return do


def create(do: Acting, name: str, project: str = "web") -> Resource:
    command = CreateResource(id=ResourceId(name), name=name, type="Acme.Kettle", sku="few")
    return do(create_resource, ProjectId(project), command)


def end(do: Acting, resource: Resource) -> None:
    with do.arranging() as work:
        work.resources.replace(evolve(resource, status=Status.DELETED))


def few(name: str, project: str = "web", org: str | None = "acme", **but: object) -> Resource:
    return a_resource(name, project, org, sku="few", **but)


def test_a_project_has_no_more_than_its_cap(do: Acting) -> None:
    for name in "abc":
        create(do, name)
    with pytest.raises(LimitExceeded, match="There may be 3 of the tier few"):
        create(do, "d")


def test_an_organization_has_no_more_than_its_cap(do: Acting) -> None:
    for name, project in (("a", "web"), ("b", "web"), ("c", "app"), ("d", "app")):
        create(do, name, project)
    with pytest.raises(LimitExceeded, match="one organization; organization acme has 4"):
        create(do, "e")
    create(do, "f", "solo")


def test_a_cap_is_of_one_tier(do: Acting) -> None:
    do.keep(*[a_resource(name) for name in "abcd"])
    create(do, "e")


@pytest.mark.parametrize("status", [Status.DELETING, Status.DELETED])
def test_what_goes_makes_room(do: Acting, status: Status) -> None:
    do.keep(few("a"), few("b"), few("c", status=status))
    create(do, "d")


def test_what_is_suspended_takes_its_place(do: Acting) -> None:
    do.keep(few("a"), few("b"), few("c", status=Status.SUSPENDED))
    with pytest.raises(LimitExceeded):
        create(do, "d")


def test_a_change_of_tier_needs_room_in_the_new_one(do: Acting) -> None:
    do.keep(*[few(name) for name in "abc"], a_resource("kettle", sku="gold"))
    kettle, change = ResourceId("kettle"), UpdateResource(sku="few")
    with pytest.raises(LimitExceeded):
        do(update_resource, kettle, change, merge=True)
    end(do, few("a"))
    assert do(update_resource, kettle, change, merge=True).sku == "few"


def test_what_is_there_can_change_though_the_tier_is_full(do: Acting) -> None:
    do.keep(*[few(name) for name in "abcd"])  # more than the catalog allows by now
    change = UpdateResource(name="New", sku="few", settings_json={"litres": 7})
    changed = do(update_resource, ResourceId("a"), change, merge=True)
    assert (changed.name, changed.settings_json) == ("New", Document.of({"litres": 7}))


def move(do: Acting, project: str, org_id: OrganizationId | None) -> Project:
    return do(move_project, ProjectId(project), MoveProject(org_id=org_id))


def test_a_project_moves_where_there_is_room_for_all_that_is_in_it(do: Acting) -> None:
    do.keep(few("a", "solo", None), few("b", "solo", None), few("c"), few("d"), few("e"))
    do.keep(few("going", "solo", None, status=Status.DELETING))
    with pytest.raises(LimitExceeded, match="organization acme has 3 and 2 would come"):
        move(do, "solo", ACME)
    end(do, few("c"))
    assert move(do, "solo", ACME).org_id == ACME


def test_what_the_catalog_no_longer_has_moves_all_the_same(do: Acting) -> None:
    do.keep(a_resource("a", "solo", None, type="Acme.Gone"))
    do.keep(a_resource("b", "solo", None, sku="gone"))
    assert move(do, "solo", ACME).org_id == ACME
