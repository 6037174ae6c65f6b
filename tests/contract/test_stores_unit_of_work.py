"""What a unit of work promises, whatever it is about."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    PERMISSIONS,
    ROLES,
    VIEWER,
    a_project,
    a_resource,
    a_user,
    add,
    an_answer,
    an_assignment,
    an_organization,
    keep,
    on,
)

OWNED = an_assignment(ALICE, OWNER, "organization acme")
VIEWED = an_assignment(BOB, VIEWER, "resource kettle", expires_at=NOW + HOUR)

WRITES: dict[str, Callable[[UnitOfWork], Any]] = {
    "organizations.add": lambda work: work.organizations.add(an_organization("other")),
    "organizations.replace": lambda work: work.organizations.replace(an_organization(name="New")),
    "projects.add": lambda work: work.projects.add(a_project("other")),
    "projects.replace": lambda work: work.projects.replace(a_project(org_id=None)),
    "resources.add": lambda work: work.resources.add(a_resource("other")),
    "resources.replace": lambda work: work.resources.replace(a_resource(status=Status.DELETED)),
    "users.put": lambda work: work.users.put(a_user(BOB, name="Robert")),
    "roles.synchronize": lambda work: work.roles.synchronize(ROLES[:4], PERMISSIONS[:4]),
    "assignments.add": lambda work: work.assignments.add(
        an_assignment(CAROL, EDITOR, "project web")
    ),
    "assignments.replace": lambda work: work.assignments.replace(
        evolve(OWNED, expires_at=NOW + HOUR)
    ),
    "assignments.remove": lambda work: work.assignments.remove(OWNED.assignment_id),
    "assignments.remove_below": lambda work: work.assignments.remove_below(on("project web")),
    "answers.keep": lambda work: work.answers.keep(ALICE, "new", an_answer(), NOW),
    "answers.forget": lambda work: work.answers.forget(NOW + HOUR),
}


@pytest.fixture
def furnished(units: UnitsOfWork) -> UnitsOfWork:
    keep(units, an_organization(), a_project(), a_resource(), OWNED, VIEWED)
    with units.begin() as work:
        work.answers.keep(ALICE, "old", an_answer(), NOW)
    return units


def picture(units: UnitsOfWork) -> list[object]:
    """Everything that is kept, as far as ``WRITES`` could have changed it."""

    def found(read: Callable[[Any], object], identity: object) -> object:
        try:
            return read(identity)
        except NotFound:
            return None

    with units.begin() as work:
        return [
            *(found(lambda i: work.organizations.with_standing(i, ALICE, NOW), OrganizationId(i))
              for i in ("acme", "other")),
            *(found(work.projects.get, ProjectId(i)) for i in ("web", "other")),
            *(found(work.resources.get, ResourceId(i)) for i in ("kettle", "other")),
            *(work.users.find(who) for who in (ALICE, BOB, CAROL)),
            work.roles.system(),
            work.roles.permissions(),
            work.assignments.of(None),
            *(work.answers.claim(ALICE, key, NOW - HOUR) for key in ("old", "new")),
        ]  # fmt: skip


def spoil(units: UnitsOfWork, write: Callable[[UnitOfWork], Any]) -> None:
    with units.begin() as work:
        write(work)
        raise ZeroDivisionError


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_clean_exit_commits(furnished: UnitsOfWork, write: Callable[[UnitOfWork], Any]) -> None:
    before = picture(furnished)
    with furnished.begin() as work:
        write(work)
    assert picture(furnished) != before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_an_exception_leaves_no_trace(
    furnished: UnitsOfWork, write: Callable[[UnitOfWork], Any]
) -> None:
    before = picture(furnished)
    with pytest.raises(ZeroDivisionError):
        spoil(furnished, write)
    assert picture(furnished) == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_view_cannot_write(furnished: UnitsOfWork, write: Callable[[UnitOfWork], Any]) -> None:
    before = picture(furnished)
    # Which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."), furnished.view() as work:
        write(work)
    assert picture(furnished) == before


def test_a_unit_of_work_sees_what_it_did(units: UnitsOfWork) -> None:
    with units.begin() as work:
        add(work, an_organization(), a_project())
        work.projects.replace(a_project(name="Changed"))
        assert work.projects.get(ProjectId("web")).name == "Changed"


def test_nobody_else_sees_it_before_it_is_committed(units: UnitsOfWork) -> None:
    with units.begin() as work:
        add(work, an_organization(), a_project())
        with units.view() as seen, pytest.raises(NotFound):
            seen.projects.get(ProjectId("web"))
    with units.view() as seen:
        assert seen.projects.get(ProjectId("web")) == a_project()


def test_a_refusal_that_was_caught_spoils_nothing(furnished: UnitsOfWork) -> None:
    with furnished.begin() as work:
        work.projects.add(a_project("first"))
        with pytest.raises(AlreadyExists):
            work.organizations.add(an_organization())
        with pytest.raises(AlreadyExists):
            work.projects.add(a_project())
        with pytest.raises(AlreadyExists):
            work.resources.add(a_resource())
        with pytest.raises(AlreadyExists):
            work.assignments.add(evolve(OWNED, assignment_id=VIEWED.assignment_id))
        work.projects.add(a_project("second"))
    with furnished.view() as work:
        ids = [project.project_id.value for project in work.projects.of(OrganizationId("acme"))]
    assert ids == ["first", "second", "web"]


def test_after_a_failure_the_next_one_works(units: UnitsOfWork) -> None:
    for _ in range(20):  # more often than any pool has connections
        with pytest.raises(ZeroDivisionError):
            spoil(units, WRITES["organizations.add"])
        with pytest.raises(ZeroDivisionError), units.view():
            raise ZeroDivisionError
    keep(units, an_organization("other"))


def test_holding_what_is_not_there_passes_over_it(furnished: UnitsOfWork) -> None:
    with furnished.begin() as work:
        work.access.hold(
            Scope.of(OrganizationId("nowhere")),
            Scope.of(ProjectId("nowhere")),
            Scope.of(ResourceId("nowhere")),
            on("organization acme"),
            on("global"),
        )
        work.access.hold()
        work.projects.add(a_project("other"))
    with furnished.view() as work:
        assert work.projects.get(ProjectId("other")) == a_project("other")


def test_a_tenant_can_be_held_twice_and_through_what_is_in_it(furnished: UnitsOfWork) -> None:
    with furnished.begin() as work:
        for scope in ("resource kettle", "project web", "organization acme", "project web"):
            work.access.hold(on(scope))
        work.projects.replace(a_project(name="Held"))
    with furnished.view() as work:
        assert work.projects.get(ProjectId("web")).name == "Held"
