"""What a unit of work promises of groups, roles, service accounts and invitations too."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.paging import PageRequest
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    HOUR,
    NOW,
    ROBOT,
    VIEWER,
    a_custom_role,
    a_group,
    a_member,
    a_project,
    a_service_account,
    a_user,
    an_assignment,
    an_invitation,
    an_organization,
    keep,
    on,
)

ACME = OrganizationId("acme")
CREW = a_group()
IDLE, HELPER = a_custom_role("Idle", "read"), a_custom_role("Helper", "read")
INVITED = an_invitation(role=IDLE, scope="project web")
LENT = an_assignment(CREW.group_id, HELPER, "project web")

Write = Callable[[UnitOfWork], Any]
WRITES: dict[str, Write] = {
    "groups.add": lambda work: work.groups.add(a_group("Staff")),
    "groups.replace": lambda work: work.groups.replace(evolve(CREW, name="New")),
    "groups.remove": lambda work: work.groups.remove(CREW.group_id),
    "groups.remove_of": lambda work: work.groups.remove_of(ACME),
    "groups.put_member": lambda work: work.groups.put_member(a_member(CREW, CAROL)),
    "groups.remove_member": lambda work: work.groups.remove_member(CREW.group_id, BOB),
    "groups.leave": lambda work: work.groups.leave(BOB, ACME),
    "roles.add": lambda work: work.roles.add(a_custom_role("New", "write")),
    "roles.replace": lambda work: work.roles.replace(
        a_custom_role("Helper", "write", role_id=HELPER.role_id)
    ),
    "roles.remove": lambda work: work.roles.remove(IDLE.role_id),
    "roles.remove_of": lambda work: work.roles.remove_of(OrganizationId("other")),
    "assignments.add": lambda work: work.assignments.add(
        an_assignment(CREW.group_id, VIEWER, "organization acme")
    ),
    "assignments.replace": lambda work: work.assignments.replace(
        evolve(LENT, expires_at=NOW + HOUR)
    ),
    "assignments.remove": lambda work: work.assignments.remove(LENT.assignment_id),
    "assignments.remove_below": lambda work: work.assignments.remove_below(on("project web")),
    "service_accounts.add": lambda work: work.service_accounts.add(a_service_account("new")),
    "service_accounts.remove": lambda work: work.service_accounts.remove(ACME, ROBOT),
    "service_accounts.remove_of": lambda work: work.service_accounts.remove_of(ACME),
    "invitations.add": lambda work: work.invitations.add(an_invitation("new@example.org")),
    "invitations.replace": lambda work: work.invitations.replace(
        INVITED.sent_again(BOB, lasts=HOUR, now=NOW)
    ),
    "invitations.remove": lambda work: work.invitations.remove(INVITED.invitation_id),
    "invitations.remove_below": lambda work: work.invitations.remove_below(on("project web")),
    "invitations.remove_lent_below": lambda work: work.invitations.remove_lent_below(
        on("organization acme")
    ),
    "invitations.take_mail": lambda work: work.invitations.take_mail(NOW, NOW + HOUR, 1),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@pytest.fixture
def furnished(units: UnitsOfWork) -> UnitsOfWork:
    new = a_user(a_service_account("new").user_id, name=None)
    keep(units, an_organization(), an_organization("other"), a_project(), new)
    keep(units, IDLE, HELPER, a_custom_role("Theirs", org_id="other"))
    keep(units, CREW, a_member(CREW), a_service_account(), LENT, INVITED)
    return units


def picture(units: UnitsOfWork) -> list[object]:
    """Everything that is kept, as far as ``WRITES`` could have changed it."""
    page = PageRequest()
    with units.begin() as work:
        groups = work.groups.of(ACME, page).items
        return [
            groups,
            *(work.groups.members(group.group_id, page).items for group in groups),
            *(work.roles.of(OrganizationId(org)) for org in ("acme", "other")),
            work.assignments.of(None),
            work.access.standings([(who, on("project web")) for who in (ALICE, BOB)], NOW),
            work.service_accounts.of(ACME, page).items,
            *(work.invitations.to(email) for email in (INVITED.email, "new@example.org")),
        ]


def spoil(units: UnitsOfWork, write: Write) -> None:
    with units.begin() as work:
        write(work)
        raise ZeroDivisionError


@each_write
def test_a_clean_exit_commits(furnished: UnitsOfWork, write: Write) -> None:
    before = picture(furnished)
    with furnished.begin() as work:
        write(work)
    assert picture(furnished) != before


@each_write
def test_an_exception_leaves_no_trace(furnished: UnitsOfWork, write: Write) -> None:
    before = picture(furnished)
    with pytest.raises(ZeroDivisionError):
        spoil(furnished, write)
    assert picture(furnished) == before


@each_write
def test_a_view_cannot_write(furnished: UnitsOfWork, write: Write) -> None:
    before = picture(furnished)
    # Which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."), furnished.view() as work:
        write(work)
    assert picture(furnished) == before


def _ended(units: UnitsOfWork) -> UnitOfWork:
    with units.begin() as work:
        return work


@each_write
def test_nothing_is_written_after_the_end(furnished: UnitsOfWork, write: Write) -> None:
    before = picture(furnished)
    work = _ended(furnished)
    with pytest.raises(Exception, match=r"."):
        write(work)
    assert picture(furnished) == before


@each_write
def test_nobody_else_sees_it_before_it_is_committed(furnished: UnitsOfWork, write: Write) -> None:
    def seen() -> list[object]:
        page = PageRequest()
        with furnished.view() as work:
            return [
                work.groups.of(ACME, page).items,
                work.groups.member_ids(CREW.group_id),
                *(work.roles.of(OrganizationId(org)) for org in ("acme", "other")),
                work.assignments.of(None),
                work.access.standings([(BOB, on("project web"))], NOW),
                work.service_accounts.of(ACME, page).items,
                *(work.invitations.to(email) for email in (INVITED.email, "new@example.org")),
            ]

    before = seen()
    with furnished.begin() as work:
        write(work)
        assert seen() == before
    assert seen() != before


def test_holding_an_address_harms_nobody(furnished: UnitsOfWork) -> None:
    before = picture(furnished)
    with furnished.begin() as work:
        work.access.hold(on("organization acme"))
        for email in ("dora@example.org", "DORA@example.org", "", "ünï@\0"):
            work.access.hold_address(email)
    assert picture(furnished) == before
