from datetime import timedelta

import pytest
from attrs import evolve

from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import OrganizationId, ProjectId
from ktrlplane.domain.organizations import Organization, PurchasePolicy
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    HOUR,
    NOW,
    OWNER,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    keep,
    on,
)

ACME = OrganizationId("acme")


def read(units: UnitsOfWork, org_id: OrganizationId = ACME) -> tuple[Organization, Standing]:
    with units.view() as work:
        return work.organizations.with_standing(org_id, ALICE, NOW)


def test_what_was_added_can_be_read(units: UnitsOfWork) -> None:
    added = an_organization(
        name='Ünïcode "quoted" \\ %_ 組織',
        purchase_policy=PurchasePolicy.PROJECT_OWNERS,
        created_at=NOW + timedelta(microseconds=123456),
        updated_at=NOW + HOUR,
    )
    keep(units, added)
    assert read(units) == (added, Standing((on("organization acme"),), []))


def test_reading_it_tells_what_the_principal_holds_on_it(units: UnitsOfWork) -> None:
    mine = an_assignment(ALICE, OWNER, "organization acme")
    other = an_assignment(ALICE, OWNER, "organization other")
    theirs = an_assignment(BOB, OWNER, "organization acme")
    keep(units, an_organization(), an_organization("other"), mine, other, theirs)
    _, standing = read(units)
    assert [grant.assignment_id for grant in standing.grants] == [mine.assignment_id]


def test_what_is_not_there_is_not_found(units: UnitsOfWork) -> None:
    with pytest.raises(NotFound):
        read(units)
    with pytest.raises(NotFound), units.begin() as work:
        work.organizations.replace(an_organization())


def test_replacing_changes_this_one_alone(units: UnitsOfWork) -> None:
    other = an_organization("other")
    keep(units, an_organization(), other)
    changed = an_organization(
        name="Changed",
        purchase_policy=PurchasePolicy.PROJECT_OWNERS,
        updated_at=NOW + HOUR,
    )
    with units.begin() as work:
        work.organizations.replace(changed)
    assert read(units)[0] == changed
    assert read(units, other.org_id)[0] == other


def test_an_id_that_is_taken_is_refused_and_nothing_changes(units: UnitsOfWork) -> None:
    keep(units, an_organization())
    with pytest.raises(AlreadyExists):
        keep(units, an_organization(name="Usurper"))
    assert read(units)[0].name == "Acme"


def test_ids_of_other_kinds_are_free(units: UnitsOfWork) -> None:
    keep(units, an_organization("same"), a_project("same", "same"))
    keep(units, a_resource("same", "same", "same"))
    with units.view() as work:
        assert work.projects.get(ProjectId("same")).org_id == OrganizationId("same")


def test_nobody_finds_a_deleted_one_and_its_id_is_never_used_again(units: UnitsOfWork) -> None:
    keep(units, an_organization(), an_assignment(ALICE, OWNER, "organization acme"))
    with units.begin() as work:
        work.organizations.replace(an_organization().deleted(NOW))
    with pytest.raises(NotFound):
        read(units)
    with pytest.raises(NotFound), units.begin() as work:
        work.organizations.replace(an_organization(name="Revived"))
    with pytest.raises(AlreadyExists):
        keep(units, an_organization())
    with units.view() as work:
        page = PageRequest(include_total=True)
        listed = work.organizations.readable_by(ALICE, NOW, page)
        assert (list(listed.items), listed.total) == ([], 0)
        assert work.access.standings([(ALICE, on("organization acme"))], NOW) == [None]


def test_a_name_may_be_used_twice(units: UnitsOfWork) -> None:
    twin = evolve(an_organization("other"), name="Acme")
    keep(units, an_organization(), twin)
    assert read(units, twin.org_id)[0].name == read(units)[0].name
