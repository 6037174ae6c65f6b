from datetime import timedelta

import pytest
from attrs import evolve

from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.projects import Project, ProjectStatus
from ktrlplane.ports.stores import ProjectFilter
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    keep,
    on,
)

WEB = ProjectId("web")
ACME = OrganizationId("acme")


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    """With two organizations, acme and other."""
    keep(units, an_organization(), an_organization("other"))
    return units


def read(units: UnitsOfWork, project_id: ProjectId = WEB) -> Project:
    with units.view() as work:
        return work.projects.get(project_id)


def replace(units: UnitsOfWork, project: Project) -> None:
    with units.begin() as work:
        work.projects.replace(project)


@pytest.mark.parametrize("org_id", ["acme", None])
def test_what_was_added_can_be_read(inside: UnitsOfWork, org_id: str | None) -> None:
    added = a_project(
        org_id=org_id,
        name='Ünïcode "quoted" \\ %_ 組織',
        status=ProjectStatus.DELETING,
        inherits_billing_from_org=True,
        created_at=NOW + timedelta(microseconds=1),
        updated_at=NOW + HOUR,
    )
    keep(inside, added)
    assert read(inside) == added
    with inside.view() as work:
        project, standing = work.projects.with_standing(WEB, ALICE, NOW)
    assert (project, standing.path, standing.grants) == (added, added.path, ())


def test_reading_it_tells_what_the_principal_holds_on_it_and_above(inside: UnitsOfWork) -> None:
    on_it = an_assignment(ALICE, VIEWER, "project web")
    above = an_assignment(ALICE, OWNER, "organization acme")
    beside = an_assignment(ALICE, OWNER, "project app")
    elsewhere = an_assignment(ALICE, OWNER, "organization other")
    theirs = an_assignment(BOB, OWNER, "project web")
    keep(inside, a_project(), a_project("app"), on_it, above, beside, elsewhere, theirs)
    with inside.view() as work:
        _, standing = work.projects.with_standing(WEB, ALICE, NOW)
    held = {grant.assignment_id for grant in standing.grants}
    assert held == {on_it.assignment_id, above.assignment_id}


def test_what_is_not_there_is_not_found(inside: UnitsOfWork) -> None:
    with inside.begin() as work:
        with pytest.raises(NotFound):
            work.projects.get(WEB)
        with pytest.raises(NotFound):
            work.projects.with_standing(WEB, ALICE, NOW)
        with pytest.raises(NotFound):
            work.projects.replace(a_project())


def test_a_project_is_in_an_organization_that_there_is(inside: UnitsOfWork) -> None:
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(inside, a_project(org_id="nowhere"))
    with pytest.raises(NotFound):
        read(inside)


def test_replacing_changes_this_one_alone(inside: UnitsOfWork) -> None:
    keep(inside, a_project(), a_project("app"))
    changed = a_project(
        name="Changed",
        status=ProjectStatus.DELETING,
        inherits_billing_from_org=True,
        updated_at=NOW + HOUR,
    )
    replace(inside, changed)
    assert read(inside) == changed
    assert read(inside, ProjectId("app")) == a_project("app")


@pytest.mark.parametrize("org_id", ["other", None])
def test_a_move_carries_the_resources_and_nothing_else_about_them(
    inside: UnitsOfWork, org_id: str | None
) -> None:
    gone = a_resource("gone", status=Status.DELETED)
    stays = a_resource("stays", "app")
    keep(inside, a_project(), a_project("app"), a_resource(), gone, stays)
    replace(inside, a_project(org_id=org_id))
    target = None if org_id is None else OrganizationId(org_id)
    with inside.view() as work:
        moved = work.resources.get(ResourceId("kettle"))
        assert moved == evolve(a_resource(), org_id=target)
        assert work.resources.get(ResourceId("gone")).org_id == target
        assert work.resources.get(ResourceId("stays")) == stays
        _, standing = work.resources.with_standing(ResourceId("kettle"), ALICE, NOW)
        assert standing.path == moved.path


def test_a_move_moves_what_is_inherited(inside: UnitsOfWork) -> None:
    keep(inside, a_project(), a_resource())
    keep(inside, an_assignment(ALICE, OWNER, "organization acme"))
    keep(inside, an_assignment(BOB, OWNER, "organization other"))
    replace(inside, a_project(org_id="other"))
    with inside.view() as work:
        asked = [(who, on("resource kettle")) for who in (ALICE, BOB)]
        alice, bob = work.access.standings(asked, NOW)
    assert alice is not None
    assert bob is not None
    assert (len(alice.grants), len(bob.grants)) == (0, 1)


def test_an_id_that_is_taken_is_refused_and_nothing_changes(inside: UnitsOfWork) -> None:
    keep(inside, a_project())
    with pytest.raises(AlreadyExists):
        keep(inside, a_project(org_id=None, name="Usurper"))
    assert read(inside) == a_project()


def test_a_deleted_one_can_be_read_by_who_has_standing_above_and_its_id_stays_taken(
    inside: UnitsOfWork,
) -> None:
    keep(inside, a_project(), an_assignment(ALICE, OWNER, "organization acme"))
    tombstone = a_project(status=ProjectStatus.DELETED, updated_at=NOW + HOUR)
    replace(inside, tombstone)
    with inside.view() as work:
        project, standing = work.projects.with_standing(WEB, ALICE, NOW)
        asked = work.access.standings([(ALICE, on("project web"))], NOW)
        listed = work.projects.readable_by(ALICE, NOW, PageRequest(), ProjectFilter())
    assert (project, len(standing.grants)) == (tombstone, 1)
    assert asked == [standing]
    assert list(listed.items) == []
    with pytest.raises(AlreadyExists):
        keep(inside, a_project())


def test_those_of_an_organization_are_the_ones_not_deleted_by_id(inside: UnitsOfWork) -> None:
    keep(
        inside,
        a_project("b"),
        a_project("c", status=ProjectStatus.DELETED),
        a_project("a-b", status=ProjectStatus.DELETING),
        a_project("a0"),
        a_project("d", "other"),
        a_project("e", None),
    )
    with inside.view() as work:
        ids = [project.project_id.value for project in work.projects.of(ACME)]
        assert work.projects.of(OrganizationId("nowhere")) == []
    assert ids == ["a-b", "a0", "b"]


def test_emptied_are_the_deleting_ones_without_a_resource_that_is_left(
    inside: UnitsOfWork,
) -> None:
    deleting = ProjectStatus.DELETING
    keep(
        inside,
        a_project("empty", None, status=deleting),
        a_project("done", status=deleting),
        a_project("alive"),
        a_project("deleted", status=ProjectStatus.DELETED),
        a_project("busy", status=deleting),
        a_project("also-empty", status=deleting),
        a_resource("r-1", "done", status=Status.DELETED),
        a_resource("r-2", "busy", status=Status.DELETED),
        a_resource("r-3", "busy", status=Status.DELETING),
    )
    with inside.view() as work:
        ids = [project.project_id.value for project in work.projects.emptied("", 10)]
        first = [project.project_id.value for project in work.projects.emptied("", 2)]
        following = [project.project_id.value for project in work.projects.emptied(ids[0], 2)]
        named = [ProjectId(name) for name in ("empty", "done", "alive", "deleted", "busy", "no")]
        among = [project.project_id.value for project in work.projects.emptied_among(named)]
        assert work.projects.emptied_among([]) == []
    assert ids == ["also-empty", "done", "empty"]
    assert first == ids[:2]
    assert following == ids[1:]
    assert among == ["done", "empty"]
