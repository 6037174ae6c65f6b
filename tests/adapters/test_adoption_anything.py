"""Whatever the former system's tables hold, it is judged whole, and what is kept fits together."""

from collections import Counter
from datetime import datetime, timedelta

from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrlplane.adapters.postgres.adoption.theirs import (
    TheirAssignment,
    TheirBillingAccount,
    TheirOrganization,
    TheirProject,
    TheirResource,
    TheirRole,
    TheirUser,
)
from ktrlplane.ports.adoption import Kind
from tests.builders import NOW
from tests.predecessor.rows import EDITOR, OWNER, SEEDED, VIEWER, becoming

# As PostgreSQL gives text: without NUL and without halves of surrogate pairs.
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=70)
id_ = st.sampled_from(["a", "b", "c-1", "A", "a_b", "a b", "1a", "ø", "x" * 64, "a@x.org"]) | text
role = st.sampled_from([OWNER, EDITOR, VIEWER, "king"]) | id_
scope_type = st.sampled_from(["global", "organization", "project", "resource", "planet"])
moment = st.none() | st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=NOW.tzinfo)
)
soon = st.none() | st.integers(-5, 5).map(lambda days: NOW + timedelta(days=days))
maybe = st.none() | text
times = {"created_at": moment, "updated_at": moment}
address = st.sampled_from(["a@x.org", "A@x.org", "b@x.org", "not an address"]) | text

users = st.builds(
    TheirUser, user_id=id_, email=address, name=st.just("Invited User") | maybe, **times
)
placeholders = address.map(
    lambda one: TheirUser(
        user_id=one, email=one, name="Invited User", created_at=None, updated_at=None
    )
)
organizations = st.builds(TheirOrganization, org_id=id_, name=text, **times)
projects = st.builds(
    TheirProject, project_id=id_, org_id=st.none() | id_, name=text, status=maybe, **times
)
resources = st.builds(
    TheirResource,
    resource_id=id_,
    project_id=id_,
    name=text,
    type=st.sampled_from(["Konnektr.Graph", "Konnektr.DigitalTwins"]) | text,
    status=st.sampled_from(["Running", "Healthy"]) | maybe,
    settings_text=st.sampled_from([None, "null", "{}", "[]", '{"a": 1.0}', "oops"]),
    error_message=maybe,
    access_url=maybe,
    sku=st.sampled_from(["free", "standard"]) | text,
    stripe_price_id=maybe,
    **times,
)
roles = st.builds(
    TheirRole,
    role_id=id_,
    name=text,
    display_name=maybe,
    description=maybe,
    is_hidden=st.none() | st.booleans(),
    display_order=st.none() | st.integers(-9, 9),
    permissions=st.lists(st.sampled_from(["Konnektr.KtrlPlane:*", "X:y/*", "a:b:c"])),
)
assignments = st.builds(
    TheirAssignment,
    assignment_id=id_,
    user_id=id_ | address,
    role_id=role,
    scope_type=scope_type,
    scope_id=id_,
    assigned_by=st.none() | id_,
    created_at=moment,
    expires_at=soon,
)
accounts = st.builds(
    TheirBillingAccount,
    billing_account_id=id_,
    scope_type=scope_type,
    scope_id=id_,
    stripe_customer_id=maybe,
    stripe_subscription_id=maybe,
    **times,
)


def unique(rows, key):
    return st.lists(rows, max_size=6, unique_by=key)


@st.composite
def databases(draw):
    """Ids are unique, and what the former system referred to by a foreign key is there."""
    made = draw(unique(organizations, lambda one: one.org_id))
    of_orgs = st.sampled_from([None, *(one.org_id for one in made)])
    within = draw(unique(projects, lambda one: one.project_id))
    within = [evolve(one, org_id=draw(of_orgs)) for one in within]
    inside = draw(unique(resources, lambda one: one.resource_id)) if within else []
    of_projects = st.sampled_from([one.project_id for one in within] or [""])
    inside = [evolve(one, project_id=draw(of_projects)) for one in inside]
    seeded = {one.role_id for one in SEEDED}
    extra = [
        one for one in draw(unique(roles, lambda one: one.role_id)) if one.role_id not in seeded
    ]
    return [
        *draw(unique(users | placeholders, lambda one: one.user_id)),
        *made,
        *within,
        *inside,
        *extra,
        *draw(unique(assignments, lambda one: one.assignment_id)),
        *draw(unique(accounts, lambda one: one.billing_account_id)),
    ]


KINDS = {
    TheirUser: Kind.USERS,
    TheirOrganization: Kind.ORGANIZATIONS,
    TheirProject: Kind.PROJECTS,
    TheirResource: Kind.RESOURCES,
    TheirRole: Kind.ROLES,
    TheirAssignment: Kind.ROLE_ASSIGNMENTS,
    TheirBillingAccount: Kind.BILLING_ACCOUNTS,
}


@given(databases())
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_every_row_is_accounted_for_and_what_is_kept_fits_together(rows) -> None:
    ours = becoming(*rows)
    there = Counter(KINDS[type(row)] for row in rows) + Counter({Kind.ROLES: len(SEEDED)})
    assert {one.kind: one.rows for one in ours.report.tallies} == {
        kind: there[kind] for kind in Kind
    }
    for tally in ours.report.tallies:
        told = [one for one in ours.report.findings if one.kind is tally.kind]
        assert tally.dropped == sum(len(one.ids) for one in told if one.weight == "dropped")

    user_ids = {one.user_id for one in ours.users}
    role_ids = {one.role_id for one in ours.roles}
    org_ids = {one.org_id for one in ours.organizations}
    project_ids = {one.project_id for one in ours.projects}
    assert len(org_ids) == len(ours.organizations)
    assert len({one.name for one in ours.roles}) == len(role_ids) == len(ours.roles)
    assert {one.org_id for one in ours.projects} <= {*org_ids, None}
    assert {one.project_id for one in ours.resources} <= project_ids
    scopes = {"*", *map(str, org_ids), *map(str, project_ids)}
    scopes |= {str(one.resource_id) for one in ours.resources}
    for one in ours.assignments:
        assert one.holder in user_ids
        assert one.role_id in role_ids
        assert one.assigned_by in {*user_ids, None}
        assert one.scope.scope_id in scopes
    for one in ours.invitations:
        assert one.invited_by in user_ids
        assert one.role_id in role_ids
        assert one.is_open(NOW)
    once = [(one.holder, one.role_id, one.scope) for one in ours.assignments]
    assert len(set(once)) == len(once)
    asked = [(one.email.lower(), one.role_id, one.scope) for one in ours.invitations]
    assert len(set(asked)) == len(asked)
    assert {one.scope.scope_id for one in ours.billing_accounts} <= scopes
    assert becoming(*rows) == ours
