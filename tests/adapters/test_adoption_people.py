from datetime import UTC, datetime

import pytest

from ktrlplane.domain.ids import PrincipalId
from ktrlplane.ports.adoption import Kind
from tests.builders import DAY, NOW
from tests.predecessor.rows import (
    CHECKER,
    EDITOR,
    OWNER,
    THEN,
    TTL,
    VIEWER,
    becoming,
    dropped,
    held,
    invited,
    noted,
    their_organization,
    their_project,
    their_resource,
    their_role,
    their_user,
)

ADA = their_user("ada")
ACME = their_organization("acme")
ADA_OWNS = held("ada", OWNER)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def tally(ours, kind):
    (one,) = [tally for tally in ours.report.tallies if tally.kind is kind]
    return one.kept, one.invited, one.dropped


def test_who_has_signed_in_is_kept_and_has_proven_nothing_yet() -> None:
    (user,) = becoming(ADA).users
    assert (user.user_id.value, user.email, user.name) == ("ada", "ada@example.com", "Ada")
    assert not user.email_verified
    assert user.claims_at == EPOCH
    assert (user.created_at, user.updated_at) == (THEN, THEN)


def test_a_client_is_a_service_account_and_its_id_no_address() -> None:
    (user,) = becoming(their_user("robot@clients", email="robot@clients", name="")).users
    assert user.is_service_account
    assert (user.email, user.name) == (None, None)


def test_users_who_share_an_address_stay_two() -> None:
    ours = becoming(their_user("a", email="X@example.com"), their_user("b", email="x@example.com"))
    assert [user.email for user in ours.users] == ["X@example.com", "x@example.com"]


def test_an_id_that_no_token_has_is_dropped_with_what_it_held() -> None:
    strange = their_user("ada lovelace", email="ada@example.com")
    ours = becoming(strange, ACME, held("ada lovelace", OWNER))
    assert not ours.users
    assert not ours.assignments
    assert dropped(ours, Kind.USERS) == {"id": ("ada lovelace",)}
    assert list(dropped(ours, Kind.ROLE_ASSIGNMENTS)) == ["cannot_sign_in"]


def test_times_that_were_never_said_are_now_or_the_other_one() -> None:
    never = their_user("a", created_at=None, updated_at=None)
    partly = their_user("b", created_at=None)
    first, second = becoming(never, partly).users
    assert (first.created_at, first.updated_at) == (NOW, NOW)
    assert (second.created_at, second.updated_at) == (THEN, THEN)


# -- who was only invited ----------------------------------------------------------------------


def test_who_was_only_invited_is_no_user_but_is_invited_still() -> None:
    waiting = held("bob@x.org", EDITOR, assigned_by="ada", expires_at=NOW + 30 * DAY)
    ours = becoming(ADA, invited("bob@x.org"), ACME, ADA_OWNS, waiting)
    assert [user.user_id.value for user in ours.users] == ["ada"]
    (invitation,) = ours.invitations
    assert invitation.email == "bob@x.org"
    assert invitation.invited_by == PrincipalId("ada")
    assert (invitation.role_id.value, str(invitation.scope)) == (EDITOR, "organization acme")
    assert (invitation.created_at, invitation.expires_at) == (THEN, NOW + TTL)
    assert invitation.role_expires_at == NOW + 30 * DAY
    assert tally(ours, Kind.USERS) == (1, 1, 0)
    assert tally(ours, Kind.ROLE_ASSIGNMENTS) == (1, 1, 0)


def test_nobody_gets_a_mail_by_it() -> None:
    ours = becoming(ADA, invited("bob@x.org"), ACME, ADA_OWNS, held("bob@x.org", EDITOR))
    (invitation,) = ours.invitations
    assert (invitation.mail_due_at, invitation.sent_at) == (None, None)


@pytest.mark.parametrize(
    "real",
    [
        their_user("bob@x.org", email="bob@x.org", name="Bob"),
        their_user("auth0|bob", email="bob@x.org", name="Invited User"),
        their_user("bob@clients", email="bob@clients", name="Invited User"),
    ],
)
def test_only_who_is_all_placeholder_was_only_invited(real) -> None:
    assert len(becoming(real).users) == 1


def test_one_who_granted_and_is_no_owner_any_more_gives_way_to_an_owner() -> None:
    """Accepting asks what the inviter may do at that time."""
    waiting = held("bob@x.org", EDITOR, "project plant", assigned_by="eve")
    ours = becoming(
        ADA, their_user("eve"), invited("bob@x.org"), ACME, their_project(org_id="acme"),
        ADA_OWNS, waiting,
    )  # fmt: skip
    assert [one.invited_by.value for one in ours.invitations] == ["ada"]


def test_an_owner_further_down_who_granted_is_who_invites() -> None:
    waiting = held("bob@x.org", EDITOR, "project plant", assigned_by="eve")
    ours = becoming(
        ADA, their_user("eve"), invited("bob@x.org"), ACME, their_project(org_id="acme"),
        ADA_OWNS, held("eve", OWNER, "project plant"), waiting,
    )  # fmt: skip
    assert [one.invited_by.value for one in ours.invitations] == ["eve"]


@pytest.mark.parametrize(
    "owner",
    [
        held("eve", OWNER, expires_at=NOW),
        held("robot@clients", OWNER),
        held("zoe@x.org", OWNER, assigned_by="zoe@x.org"),
        held("eve", EDITOR),
    ],
)
def test_without_an_owner_or_who_granted_it_nobody_invites(owner) -> None:
    people = their_user("eve"), their_user("robot@clients"), invited("zoe@x.org")
    ours = becoming(*people, invited("bob@x.org"), ACME, owner, held("bob@x.org", EDITOR))
    assert not ours.invitations
    assert (
        held("bob@x.org", EDITOR).assignment_id
        in (dropped(ours, Kind.ROLE_ASSIGNMENTS)["nobody_invites"])
    )
    assert "bob@x.org" in dropped(ours, Kind.USERS)["invited_to_nothing"]


def test_who_granted_it_invites_where_there_is_no_owner_at_all() -> None:
    ours = becoming(
        their_user("eve"), invited("b@x.org"), ACME, held("b@x.org", EDITOR, assigned_by="eve")
    )
    assert [one.invited_by.value for one in ours.invitations] == ["eve"]


@pytest.mark.parametrize(
    ("address", "role_id", "scope", "but", "code"),
    [
        ("b@x.org", CHECKER, "organization acme", {}, "not_by_invitation"),
        ("b@x.org", EDITOR, "global ", {"assigned_by": "ada"}, "not_by_invitation"),
        ("b@x.org", EDITOR, "organization acme", {"expires_at": NOW}, "invitation_expired"),
        ("b b@x.org", EDITOR, "organization acme", {}, "no_mail"),
        ("b@x.org", EDITOR, "organization nowhere", {}, "no_such_scope"),
        ("b@x.org", "king", "organization acme", {}, "no_such_role"),
    ],
)
def test_what_cannot_be_had_by_invitation_is_dropped(address, role_id, scope, but, code) -> None:
    row = held(address, role_id, scope, **but)
    ours = becoming(ADA, invited(address), ACME, ADA_OWNS, row)
    assert not ours.invitations
    assert dropped(ours, Kind.ROLE_ASSIGNMENTS) == {code: (row.assignment_id,)}
    assert dropped(ours, Kind.USERS) == {"invited_to_nothing": (address,)}


def test_one_address_in_two_spellings_is_invited_once() -> None:
    rows = held("Bob@x.org", EDITOR), held("bob@X.org", EDITOR), held("bob@X.org", VIEWER)
    ours = becoming(ADA, invited("Bob@x.org"), invited("bob@X.org"), ACME, ADA_OWNS, *rows)
    assert sorted((one.email, one.role_id.value) for one in ours.invitations) == [
        ("Bob@x.org", EDITOR),
        ("bob@X.org", VIEWER),
    ]
    assert dropped(ours, Kind.ROLE_ASSIGNMENTS) == {"twice": (rows[1].assignment_id,)}
    assert tally(ours, Kind.USERS) == (1, 2, 0)


# -- who has what ------------------------------------------------------------------------------


def test_a_role_stays_with_who_has_it() -> None:
    row = held("ada", VIEWER, "resource twins", assigned_by="eve", expires_at=NOW - DAY)
    ours = becoming(ADA, their_user("eve"), their_project(), their_resource(), row)
    (kept,) = ours.assignments
    assert kept.assignment_id.value == row.assignment_id
    assert (str(kept.scope), kept.expires_at) == ("resource twins", NOW - DAY)
    assert (kept.assigned_by, kept.created_at) == (PrincipalId("eve"), THEN)


@pytest.mark.parametrize("granter", ["bob@x.org", "nobody", None])
def test_who_granted_and_never_came_is_not_named(granter) -> None:
    row = held("ada", VIEWER, assigned_by=granter)
    assert becoming(ADA, invited("bob@x.org"), ACME, row).assignments[0].assigned_by is None


@pytest.mark.parametrize("scope", ["global ", "global *", "global ktrlplane"])
def test_the_global_scope_has_one_name(scope) -> None:
    ours = becoming(their_user("m@clients"), held("m@clients", CHECKER, scope))
    assert [str(one.scope) for one in ours.assignments] == ["global *"]


def test_of_one_role_at_one_scope_that_which_lasts_is_kept() -> None:
    brief = held("ada", CHECKER, "global ", expires_at=NOW + DAY, assignment_id="a")
    ever = held("ada", CHECKER, "global *", assignment_id="b")
    longer = held("ada", CHECKER, "global all", expires_at=NOW + 2 * DAY, assignment_id="c")
    ours = becoming(ADA, brief, ever, longer)
    assert [one.assignment_id.value for one in ours.assignments] == ["b"]
    assert dropped(ours, Kind.ROLE_ASSIGNMENTS) == {"twice": ("c", "a")}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (held("ghost", EDITOR), "no_such_user"),
        (held("ada", "king"), "no_such_role"),
        (held("ada", EDITOR, "project gone"), "no_such_scope"),
        (held("ada", EDITOR, "resource acme"), "no_such_scope"),
        (held("ada", EDITOR, "galaxy acme"), "no_such_scope"),
    ],
)
def test_what_hangs_on_nothing_is_dropped_and_told(row, code) -> None:
    ours = becoming(ADA, ACME, ADA_OWNS, row)
    assert [one.role_id.value for one in ours.assignments] == [OWNER]
    assert dropped(ours, Kind.ROLE_ASSIGNMENTS) == {code: (row.assignment_id,)}
    assert tally(ours, Kind.ROLE_ASSIGNMENTS) == (1, 0, 1)


def test_an_assignments_id_that_cannot_be_is_another_one() -> None:
    (kept,) = becoming(ADA, ACME, held("ada", OWNER, assignment_id="a b")).assignments
    assert kept.assignment_id.value.startswith("asg_")


# -- roles -------------------------------------------------------------------------------------


def test_the_catalogs_roles_are_as_the_catalog_has_them() -> None:
    ours = becoming(ADA, ACME, ADA_OWNS)
    (owner,) = [role for role in ours.roles if role.role_id.value == OWNER]
    assert "Konnektr.KtrlPlane:escalate" in map(str, owner.permissions)


def test_a_role_of_their_own_stays_while_somebody_has_it_and_goes_when_nobody_does() -> None:
    used = their_role(
        "gardener", permissions=["Konnektr.KtrlPlane:read", "Konnektr.Graph:query/*"]
    )
    ours = becoming(ADA, ACME, ADA_OWNS, used, their_role("idle"), held("ada", "gardener"))
    (role,) = [role for role in ours.roles if role.name == "Gardener"]
    assert [str(one) for one in role.permissions] == used.permissions
    assert (role.is_system, role.is_hidden, role.display_name) == (True, False, "Gardener")
    assert noted(ours, Kind.ROLES) == {"not_in_catalog": ("gardener (Gardener)",)}
    assert dropped(ours, Kind.ROLES) == {"unused": ("idle (Idle)",)}


def test_what_only_operators_give_is_not_in_peoples_lists() -> None:
    row = their_role("spy", permissions=["Konnektr.KtrlPlane:check_permissions_on_behalf_of"])
    ours = becoming(ADA, ACME, ADA_OWNS, row, held("ada", "spy"))
    (role,) = [role for role in ours.roles if role.name == "Spy"]
    assert role.is_hidden
    assert noted(ours, Kind.ROLES) == {"hidden": ("spy (Spy)",)}


def a_role_of_theirs(**but):
    ours = becoming(
        their_user("ada"), their_organization(), their_role("r", name="R", **but), held("ada", "r")
    )
    (role,) = (one for one in ours.roles if one.role_id.value == "r")
    return role, noted(ours, Kind.ROLES)


def actions(role):
    return [str(one).removeprefix("Konnektr.KtrlPlane:") for one in role.permissions]


def test_every_action_is_every_one_that_the_former_system_had() -> None:
    written = ("Konnektr.Graph:query/*", "Konnektr.KtrlPlane:*", "Konnektr.KtrlPlane:read")
    role, told = a_role_of_theirs(permissions=written)
    assert actions(role) == [
        "Konnektr.Graph:query/*",
        "read",
        "write",
        "delete",
        "manage_access",
        "manage_billing",
        "check_permissions_on_behalf_of",
    ]
    assert role.is_hidden
    assert told == {"hidden": ("r (R)",), "all_actions": ("r (R)",)}


@pytest.mark.parametrize(
    "odd",
    [
        ":read",
        "Konnektr.KtrlPlane: read",
        "Konnektr.KtrlPlane:read ",
        " Konnektr.KtrlPlane:read",
        "*:*",
        "*:read",
        "Konnektr.KtrlPlane:",
        "Konnektr.Graph:models*",
        "Konnektr.Graph:*/read",
        "A:B:read",
        "Konnektr.KtrlPlane:escalate",
        "Konnektr.KtrlPlane:report_status",
        "Konnektr.KtrlPlane:read/*",
        "\n",
        "",
    ],
)
def test_permissions_that_mean_nothing_are_left_out_and_told(odd) -> None:
    role, told = a_role_of_theirs(permissions=("Konnektr.KtrlPlane:read", odd))
    assert actions(role) == ["read"]
    assert not role.is_hidden
    assert told == {"not_in_catalog": ("r (R)",), "permissions": (f"r (R): {odd!r}",)}


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ({"display_name": "A\x1b[2JB"}, ("A [2JB", "")),
        ({"display_name": "\x00"}, ("R", "")),
        ({"display_name": "x" * 300}, ("x" * 255, "")),
        ({"description": "One\nTwo\tThree\u202e"}, ("R", "One\nTwo Three")),
        ({"description": "x" * 2000}, ("R", "x" * 1000)),
    ],
)
def test_words_about_roles_are_put_right_like_other_names(words, kept) -> None:
    role, told = a_role_of_theirs(**words)
    assert (role.display_name, role.description) == kept
    assert told == {"not_in_catalog": ("r (R)",), "words": ("r (R)",)}


def test_words_about_roles_that_are_right_stay() -> None:
    role, told = a_role_of_theirs(display_name="Röle 1", description=" One\n\nTwo ")
    assert (role.display_name, role.description) == ("Röle 1", " One\n\nTwo ")
    assert told == {"not_in_catalog": ("r (R)",)}


def test_names_and_ids_of_roles_do_not_meet_those_of_the_catalog() -> None:
    rows = (
        their_role("billing", name="Billing Manager"),
        their_role("billing 2", name="Billing Manager (former)"),
        their_role("billing 3", name=" "),
    )
    held_too = [held("ada", row.role_id) for row in rows]
    ours = becoming(ADA, ACME, ADA_OWNS, *rows, *held_too)
    names = [role.name for role in ours.roles]
    assert len(set(names)) == len(names)
    assert {one.role_id for one in ours.assignments} <= {role.role_id for role in ours.roles}
    assert len(ours.assignments) == 4


# -- owners ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        held("ada", EDITOR),
        held("ada", OWNER, expires_at=NOW + DAY),
        held("robot@clients", OWNER),
        held("bob@x.org", OWNER, assigned_by="ada"),
        held("ada", OWNER, "project plant"),
    ],
)
def test_an_organization_without_a_lasting_owner_is_told_of(row) -> None:
    people = ADA, their_user("robot@clients"), invited("bob@x.org")
    ours = becoming(*people, ACME, their_project(org_id="acme"), row)
    assert noted(ours, Kind.ORGANIZATIONS) == {"no_owner": ("acme",)}


def test_so_is_a_project_that_stands_alone_and_no_other() -> None:
    projects = their_project("alone"), their_project("owned"), their_project("in", org_id="acme")
    ours = becoming(ADA, ACME, ADA_OWNS, *projects, held("ada", OWNER, "project owned"))
    assert noted(ours, Kind.PROJECTS) == {"no_owner": ("alone",)}
    assert not noted(ours, Kind.ORGANIZATIONS)
