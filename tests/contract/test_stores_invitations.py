"""Invitations, as every store keeps them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.access import Role
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import InvitationId, PrincipalId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    BOB,
    DAY,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    PERMISSIONS,
    ROLES,
    VIEWER,
    a_custom_role,
    a_project,
    a_resource,
    a_role,
    a_user,
    an_invitation,
    an_organization,
    keep,
    on,
)
from tests.contract.walking import walk

DORA = "dora@example.org"
NEVER = InvitationId("inv_never")
HELPER = a_custom_role("Helper", "read")
SCOPES = {"organization acme": "Acme", "project web": "Web", "resource kettle": "Kettle"}


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    """Organizations acme, with projects web with a kettle, app and a role of its own, and
    other; project solo alone."""
    keep(units, an_organization(), an_organization("other"), HELPER)
    keep(units, a_project(), a_project("app"), a_project("solo", None), a_resource())
    return units


def change(units: UnitsOfWork, act: Callable[[UnitOfWork], Any]) -> None:
    with units.begin() as work:
        act(work)


def sent_to(units: UnitsOfWork, email: str = DORA) -> list[Invitation]:
    with units.view() as work:
        return list(work.invitations.to(email))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("role", [VIEWER, HELPER], ids=lambda role: role.name)
def test_an_invitation_comes_with_its_inviter_its_role_and_the_name_of_its_scope(
    inside: UnitsOfWork, scope: str, role: Role
) -> None:
    tick = timedelta(microseconds=1)
    made = an_invitation(
        "Ünï+%_'@Example.ORG",
        role,
        scope,
        invited_by=BOB,
        created_at=NOW + tick,
        expires_at=NOW + DAY + tick,
        role_expires_at=NOW + HOUR + tick,
        sent_at=NOW + 2 * tick,
        mail_due_at=None,
        mail_attempts=3,
    )
    keep(inside, made)
    with inside.view() as work:
        view = work.invitations.get(made.invitation_id)
        assert work.invitations.of(on(scope), PageRequest()).items == [view]
        assert work.invitations.to(made.email) == [made]
    assert (view.invitation, view.inviter, view.role) == (made, a_user(BOB), role)
    assert view.scope_name == SCOPES[scope]


def test_what_is_not_there_is_not_found(inside: UnitsOfWork) -> None:
    missing: list[Callable[[UnitOfWork], Any]] = [
        lambda work: work.invitations.get(NEVER),
        lambda work: work.invitations.replace(an_invitation()),
        lambda work: work.invitations.remove(NEVER),
    ]
    for act in missing:
        with pytest.raises(NotFound):
            change(inside, act)
    change(inside, lambda work: work.invitations.remove_below(on("project nowhere")))
    change(inside, lambda work: work.invitations.remove_lent_below(on("project nowhere")))
    assert sent_to(inside) == []


@pytest.mark.parametrize(
    "made",
    [
        an_invitation(invited_by=PrincipalId("nobody")),
        an_invitation(role=a_role("Imagined")),
    ],
    ids=["by nobody", "to no role"],
)
def test_nobody_unknown_invites_and_to_no_role_that_is_not_there(
    inside: UnitsOfWork, made: Invitation
) -> None:
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(inside, made)
    assert sent_to(inside) == []


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("email", [DORA, "DORA@example.ORG"])
def test_the_same_again_is_refused_while_it_is_open(
    inside: UnitsOfWork, scope: str, email: str
) -> None:
    first = an_invitation(DORA, VIEWER, scope, expires_at=NOW + DAY, role_expires_at=NOW + DAY)
    keep(inside, first)
    last_moment = NOW + DAY - NOW.resolution
    with pytest.raises(AlreadyExists):
        keep(inside, an_invitation(email, VIEWER, scope, 2, created_at=last_moment))
    assert sent_to(inside) == [first]


@pytest.mark.parametrize("email", [DORA, "DORA@example.ORG"])
@pytest.mark.parametrize(
    "ends",
    [
        {"expires_at": NOW + HOUR},
        {"expires_at": NOW + DAY, "role_expires_at": NOW + HOUR},
    ],
    ids=["expired", "nothing to give"],
)
def test_one_that_is_no_longer_open_is_replaced(
    inside: UnitsOfWork, email: str, ends: dict[str, Any]
) -> None:
    old = an_invitation(DORA, VIEWER, "project web", 1, **ends)
    beside = an_invitation(DORA, EDITOR, "project web", 2, **ends)
    new = an_invitation(
        email,
        VIEWER,
        "project web",
        3,
        created_at=NOW + HOUR,
        invited_by=BOB,
        mail_due_at=NOW + HOUR,
    )
    keep(inside, old, beside, new)
    assert sent_to(inside) == [beside, new]
    with inside.view() as work, pytest.raises(NotFound):
        work.invitations.get(old.invitation_id)


def test_another_address_role_or_scope_is_not_the_same(inside: UnitsOfWork) -> None:
    different = [
        an_invitation(DORA, VIEWER, "project web", 1),
        an_invitation(DORA, EDITOR, "project web", 2),
        an_invitation(DORA, HELPER, "project web", 3),
        an_invitation(DORA, VIEWER, "project app", 4),
        an_invitation(DORA, VIEWER, "organization acme", 5),
    ]
    keep(inside, *different, an_invitation("dörte@example.org", VIEWER, "project web"))
    keep(inside, an_invitation("dÖrte@example.org", VIEWER, "project web", 6))
    assert sent_to(inside) == different


def test_replacing_changes_this_one_alone(inside: UnitsOfWork) -> None:
    one = an_invitation(DORA, VIEWER, "project web", 1)
    other = an_invitation(DORA, EDITOR, "project web", 2)
    keep(inside, one, other)
    again = one.sent_again(BOB, lasts=DAY, now=NOW + HOUR)
    sent = evolve(again, sent_at=NOW + HOUR, mail_due_at=None, mail_attempts=2)
    for changed in (again, sent):
        change(inside, lambda work: work.invitations.replace(changed))  # noqa: B023
        assert sent_to(inside) == [changed, other]
    with inside.view() as work:
        assert work.invitations.get(one.invitation_id).inviter == a_user(BOB)


def test_removing_takes_this_one_alone(inside: UnitsOfWork) -> None:
    one, other = an_invitation(DORA), an_invitation("else@example.org")
    keep(inside, one, other)
    change(inside, lambda work: work.invitations.remove(one.invitation_id))
    assert (sent_to(inside), sent_to(inside, other.email)) == ([], [other])


EVERYWHERE = (*SCOPES, "project app", "project solo", "organization other")


@pytest.mark.parametrize(
    ("below", "gone"),
    [
        ("organization acme", {*SCOPES, "project app"}),
        ("project web", {"project web", "resource kettle"}),
        ("resource kettle", {"resource kettle"}),
        ("project solo", {"project solo"}),
    ],
)
def test_remove_below_takes_all_to_a_scope_and_to_what_is_in_it(
    inside: UnitsOfWork, below: str, gone: set[str]
) -> None:
    for scope in EVERYWHERE:
        keep(inside, an_invitation(DORA, VIEWER, scope))
        keep(inside, an_invitation(DORA, HELPER, scope, expires_at=NOW + HOUR))
    lent = [one for one in sent_to(inside) if one.role_id == HELPER.role_id]
    below_it = {on(scope) for scope in gone}
    change(inside, lambda work: work.invitations.remove_lent_below(on(below)))
    left = sent_to(inside)
    assert len(left) == 2 * len(EVERYWHERE) - len(gone)
    assert {one.scope for one in lent} - {
        one.scope for one in left if one.role_id == HELPER.role_id
    } == below_it
    change(inside, lambda work: work.invitations.remove_below(on(below)))
    assert {one.scope for one in sent_to(inside)} == {on(scope) for scope in EVERYWHERE} - below_it


def test_remove_below_takes_those_to_what_ended(inside: UnitsOfWork) -> None:
    keep(inside, an_invitation(DORA, VIEWER, "resource kettle"))
    change(inside, lambda work: work.organizations.replace(an_organization().deleted(NOW)))
    change(inside, lambda work: work.invitations.remove_below(on("organization acme")))
    assert sent_to(inside) == []


def test_remove_on_takes_those_to_some_scopes_and_to_nothing_below(inside: UnitsOfWork) -> None:
    keep(inside, *(an_invitation(DORA, VIEWER, scope) for scope in EVERYWHERE))
    gone = {on("project web"), on("resource kettle")}
    change(inside, lambda work: work.invitations.remove_on([]))
    change(inside, lambda work: work.invitations.remove_on([*gone, on("resource no")]))
    assert {one.scope for one in sent_to(inside)} == {on(scope) for scope in EVERYWHERE} - gone


def test_those_to_a_role_go_with_it(inside: UnitsOfWork) -> None:
    kept = an_invitation(DORA, VIEWER, "project web")
    keep(inside, kept, an_invitation(DORA, HELPER, "project web"))
    change(inside, lambda work: work.roles.remove(HELPER.role_id))
    assert sent_to(inside) == [kept]


def test_those_to_a_role_that_the_catalog_no_longer_has_go_with_it(units: UnitsOfWork) -> None:
    former = a_role("Former", "read")
    with units.begin() as work:
        work.roles.synchronize([*ROLES, former], PERMISSIONS)
    keep(units, an_organization(), an_invitation(DORA, former))
    with units.begin() as work:
        work.roles.synchronize(ROLES, PERMISSIONS)
    assert sent_to(units) == []


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_a_scope_shows_its_own_by_time_those_no_longer_open_too(
    inside: UnitsOfWork, sort: Sort, limit: int
) -> None:
    made = [
        an_invitation(
            f"{number}@example.org",
            number=(number * 3) % 5,
            created_at=NOW + HOUR * (number // 2),
            expires_at=NOW + HOUR * number + DAY,
        )
        for number in range(5)
    ]
    keep(inside, *made, an_invitation(DORA, OWNER, "project web"))
    made.sort(key=lambda one: (one.created_at, one.invitation_id), reverse=sort.descending)
    page = PageRequest(limit=limit, sort=sort.by_time, include_total=True)
    with inside.view() as work:
        acme = on("organization acme")
        walked = walk(lambda page: work.invitations.of(acme, page), page)
        by_any = work.invitations.of(acme, PageRequest(limit=limit, sort=sort)).items
        assert work.invitations.of(acme, page).total == 5
        assert work.invitations.of(on("project app"), page).total == 0
    assert [view.invitation for view in walked] == made
    assert [view.invitation for view in by_any] == made[:limit]


def test_those_to_an_address_come_oldest_first_whatever_its_case(inside: UnitsOfWork) -> None:
    late = an_invitation(DORA, VIEWER, "project web", 1, created_at=NOW + HOUR)
    early = an_invitation("DORA@EXAMPLE.ORG", OWNER, "project web", 3, expires_at=NOW)
    also_early = an_invitation("Dora@example.org", EDITOR, "project web", 2)
    umlaut = an_invitation("dörte@example.org")
    keep(inside, late, early, also_early, umlaut)
    for email in (DORA, "dora@EXAMPLE.org"):
        assert sent_to(inside, email) == [also_early, early, late]
    assert sent_to(inside, "DöRTE@example.org") == [umlaut]
    for email in ("dÖrte@example.org", "dora@example.or_", "%", "", "dora"):
        assert sent_to(inside, email) == []
