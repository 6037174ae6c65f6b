"""Remembered decisions on PostgreSQL: every change is heard, and silence is never trusted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import psycopg
import pytest
from attrs import evolve

from ktrlplane.adapters.postgres.decisions import BOUND_S, Decisions
from ktrlplane.adapters.postgres.listening import Listener
from ktrlplane.adapters.postgres.pool import open_pool
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.domain.access import Action, Permission, Scope
from ktrlplane.domain.errors import NotFound, UpstreamError
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.standings import Standing
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.between import between
from tests.builders import (
    ALICE,
    BOB,
    HOUR,
    NOW,
    OWNER,
    PERMISSIONS,
    ROLES,
    VIEWER,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    keep,
    on,
    people,
)

pytestmark = pytest.mark.postgres

DEADLINE_S = 20.0
KETTLE = on("resource kettle")
ALICES = an_assignment(ALICE, OWNER, "organization acme")


class Remembering(PostgresUnitsOfWork):
    """Tells how often the database was asked."""

    borrowed = 0

    def live_connection(self) -> Any:
        self.borrowed += 1
        return super().live_connection()


@contextmanager
def remembering(url: str, listening_at: str | None = None) -> Iterator[Remembering]:
    listener = Listener(listening_at or url, Decisions(1_000))
    with open_pool(url, application_name="tests of decisions") as pool:
        try:
            yield Remembering(pool, listener)
        finally:
            listener.close()


def until(is_so: Callable[[], bool], what: str) -> float:
    """How long it took, in seconds."""
    began, looking = time.monotonic(), Event()
    while not is_so():
        assert time.monotonic() < began + DEADLINE_S, f"in vain waited for: {what}"
        looking.wait(0.01)
    return time.monotonic() - began


def standing(units: UnitsOfWork, who: PrincipalId, scope: Scope = KETTLE) -> Standing | None:
    with units.view() as work:
        return work.access.standings([(who, scope)], NOW)[0]


def holds(units: UnitsOfWork, who: PrincipalId = ALICE, scope: Scope = KETTLE) -> bool:
    found = standing(units, who, scope)
    return found is not None and bool(found.grants)


def is_remembered(units: Remembering, who: PrincipalId = ALICE, scope: Scope = KETTLE) -> bool:
    """Whether it is by now that it has been asked."""
    standing(units, who, scope)
    before = units.borrowed
    standing(units, who, scope)
    return units.borrowed == before


def by_hand(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def here(migrated_database: str, postgres_units: UnitsOfWork) -> Iterator[Remembering]:
    """Where Alice is remembered as the owner of acme, in which there is a kettle."""
    keep(people(postgres_units), an_organization(), an_organization("other"))
    keep(postgres_units, a_project(), a_resource(), ALICES)
    with remembering(migrated_database) as units:
        until(lambda: is_remembered(units), "being remembered")
        yield units


@pytest.fixture
def url(migrated_database: str) -> str:
    return migrated_database


def test_what_is_remembered_costs_no_connection(here: Remembering) -> None:
    def asks_nobody() -> bool:
        before = here.borrowed
        assert holds(here)
        return here.borrowed == before

    until(asks_nobody, "an answer without the database")


def is_known(units: UnitsOfWork, who: PrincipalId = ALICE, scope: Scope = KETTLE) -> bool:
    """Whether it is told without asking anybody."""
    return units.remembered([(who, scope)], NOW) is not None


def test_what_is_remembered_is_told_without_a_unit_of_work(here: Remembering) -> None:
    asked = [(ALICE, KETTLE), (ALICE, on("project web"))]
    with here.view() as work:
        expected = work.access.standings(asked, NOW)
    before = here.borrowed
    until(lambda: here.remembered(asked, NOW) == expected, "both being told")
    assert here.remembered([*asked, (BOB, KETTLE)], NOW) is None
    assert here.borrowed == before


def test_a_change_by_plain_sql_ends_what_is_told_without_a_unit_of_work(
    here: Remembering, url: str
) -> None:
    until(lambda: is_known(here), "being told")
    by_hand(url, "DELETE FROM ktrlplane.role_assignments")
    assert until(lambda: not is_known(here), "the end of it") < BOUND_S + 1.0


def test_one_s_own_change_ends_what_is_told_without_a_unit_of_work(here: Remembering) -> None:
    until(lambda: is_known(here), "being told")
    with here.begin() as work:
        remove(work)
        assert is_known(here)  # to others nothing has changed yet
    assert not is_known(here)


def test_nothing_is_told_where_nobody_listens(here: Remembering, url: str) -> None:
    until(lambda: is_known(here), "being told by others")
    with open_pool(url) as pool:
        units = PostgresUnitsOfWork(pool)
        assert holds(units)
        assert not is_known(units)


def test_who_wants_to_know_for_certain_asks_the_database(here: Remembering) -> None:
    before = here.borrowed
    with here.view(fresh=True) as work:
        assert work.access.standings([(ALICE, KETTLE)], NOW)[0] is not None
    assert here.borrowed == before + 1


def test_a_unit_of_work_that_changes_something_decides_on_the_database(
    here: Remembering, url: str
) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        with here.begin() as work:
            by_hand(url, "DELETE FROM ktrlplane.role_assignments")
            found = work.access.standings([(ALICE, KETTLE)], NOW)[0]
    assert found is not None
    assert found.grants == ()


# Each changes what Alice may do with the kettle, or what the kettle is in.
BY_HAND = {
    "an assignment taken away": "DELETE FROM ktrlplane.role_assignments",
    "an assignment that expires": (
        "UPDATE ktrlplane.role_assignments SET expires_at = '2000-01-01Z'"
    ),
    "an assignment of another": "UPDATE ktrlplane.role_assignments SET user_id = 'auth0|bob'",
    "an assignment elsewhere": "UPDATE ktrlplane.role_assignments SET scope_id = 'other'",
    "all assignments taken away": "TRUNCATE ktrlplane.role_assignments",
    "a role with less in it": "UPDATE ktrlplane.roles SET permissions = '{}'",
    "a project that moved": "UPDATE ktrlplane.projects SET org_id = 'other'",
    "a resource that moved": "UPDATE ktrlplane.resources SET org_id = 'other'",
    "a resource that is gone": "DELETE FROM ktrlplane.resources",
}


@pytest.mark.parametrize("change", BY_HAND.values(), ids=BY_HAND)
def test_a_change_by_plain_sql_is_seen_within_a_second(
    here: Remembering, url: str, change: str
) -> None:
    until(lambda: is_remembered(here, ALICE, on("project web")), "being remembered")

    def seen() -> list[Standing | None]:
        return [standing(here, ALICE, scope) for scope in (KETTLE, on("project web"))]

    before = seen()
    by_hand(url, change)
    # The bound, and time for a machine that is busy with other tests.
    assert until(lambda: seen() != before, change) < BOUND_S + 1.0


def test_what_is_in_a_deleted_organization_is_seen_to_be_gone(here: Remembering, url: str) -> None:
    acme = on("organization acme")
    until(lambda: is_remembered(here, ALICE, acme), "being remembered")
    by_hand(url, "UPDATE ktrlplane.organizations SET deleted_at = now()")
    until(lambda: standing(here, ALICE, acme) is None, "the end of acme")


def test_a_new_grant_is_seen(here: Remembering, url: str) -> None:
    until(lambda: is_remembered(here, BOB), "being remembered as nobody")
    with open_pool(url) as pool:
        keep(PostgresUnitsOfWork(pool), an_assignment(BOB, VIEWER, "project web"))
    until(lambda: holds(here, BOB), "the new grant")


def heard_of(url: str, statement: str) -> set[str]:
    """The scopes that a statement tells of."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("LISTEN ktrlplane_access")
        by_hand(url, statement)
        by_hand(url, "NOTIFY ktrlplane_access, 'the end'")
        heard = set()
        for notification in connection.notifies(timeout=DEADLINE_S):
            if notification.payload == "the end":
                return heard
            heard.add(notification.payload)
    raise AssertionError("nothing is heard")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ktrlplane.resources SET name = 'Urn', status = 'Running'",
        "UPDATE ktrlplane.projects SET name = 'Net', org_id = org_id",
        "UPDATE ktrlplane.organizations SET name = 'Ace'",
        "UPDATE ktrlplane.roles SET display_name = 'The ' || name",
        "UPDATE ktrlplane.role_assignments SET expires_at = now() WHERE false",
        "INSERT INTO ktrlplane.projects (project_id, name) VALUES ('new', 'New')",
    ],
)
def test_what_changes_nothing_about_access_is_not_told(
    here: Remembering, url: str, change: str
) -> None:
    assert heard_of(url, change) == set()


def test_many_scopes_are_told_as_everything(here: Remembering, url: str) -> None:
    with_many = (
        "INSERT INTO ktrlplane.role_assignments"
        " (assignment_id, user_id, role_id, scope_type, scope_id)"
        " SELECT 'asg_' || n, 'auth0|bob', role_id, 'organization', 'org-' || n % {}"
        " FROM generate_series(1, 1000) n, (SELECT role_id FROM ktrlplane.roles"
        " WHERE name = '{}') role ON CONFLICT DO NOTHING"
    )
    few = heard_of(url, with_many.format(100, "Viewer"))
    assert few == {f"organization org-{n}" for n in range(100)}
    assert heard_of(url, with_many.format(101, "Editor")) == {"*"}


def test_groups_and_roles_of_an_organization_are_told_as_that_and_as_where_they_hold(
    here: Remembering, url: str
) -> None:
    by_hand(
        url,
        "INSERT INTO ktrlplane.groups (group_id, org_id, name) VALUES ('grp_1', 'acme', 'Staff')",
    )
    by_hand(
        url,
        "INSERT INTO ktrlplane.roles (role_id, name, display_name, org_id)"
        " VALUES ('role_1', 'stirrer', 'Stirrer', 'acme')",
    )
    assert heard_of(
        url,
        "INSERT INTO ktrlplane.role_assignments"
        " (assignment_id, group_id, role_id, scope_type, scope_id)"
        " VALUES ('asg_1', 'grp_1', 'role_1', 'project', 'web')",
    ) == {"project web"}
    join = (
        "INSERT INTO ktrlplane.group_members (group_id, org_id, user_id)"
        " VALUES ('grp_1', 'acme', 'auth0|bob')"
    )
    acme, both = {"organization acme"}, {"organization acme", "project web"}
    assert heard_of(url, join) == acme
    assert heard_of(url, "UPDATE ktrlplane.group_members SET user_id = 'auth0|carol'") == acme
    assert heard_of(url, "DELETE FROM ktrlplane.group_members") == acme
    by_hand(url, join)
    widen = "UPDATE ktrlplane.roles SET permissions = '{Acme.Kettle:*}' WHERE role_id = 'role_1'"
    assert heard_of(url, widen) == both
    assert heard_of(url, widen) == set()
    assert heard_of(url, "DELETE FROM ktrlplane.groups") == both


def test_a_change_of_the_platforms_roles_is_told_as_everything(
    here: Remembering, url: str
) -> None:
    change = "UPDATE ktrlplane.roles SET permissions = '{}' WHERE name = 'Viewer'"
    assert heard_of(url, change) == {"*"}


# -- one's own changes -------------------------------------------------------------------------


def remove(work: UnitOfWork) -> None:
    work.assignments.remove(ALICES.assignment_id)


def change_role(work: UnitOfWork) -> None:
    work.assignments.replace(evolve(ALICES, expires_at=NOW - HOUR))


def remove_below(work: UnitOfWork) -> None:
    work.assignments.remove_below(on("organization acme"))


def remove_on(work: UnitOfWork) -> None:
    work.assignments.remove_on([ALICES.scope])


def move_project(work: UnitOfWork) -> None:
    work.projects.replace(a_project(org_id="other"))


@pytest.mark.parametrize("change", [remove, change_role, remove_below, remove_on, move_project])
def test_who_made_a_change_sees_it_at_once(
    here: Remembering, change: Callable[[UnitOfWork], None]
) -> None:
    for _ in range(5):
        until(lambda: is_remembered(here), "being remembered")
        with here.begin() as work:
            change(work)
        assert not holds(here)
        with here.begin() as work:
            work.projects.replace(a_project())
            work.assignments.remove_below(on("organization acme"))
            work.assignments.add(ALICES)
        assert holds(here)


def test_who_changed_the_platforms_roles_sees_it_at_once(here: Remembering) -> None:
    reads = Permission.control_plane(Action.READ)
    for roles, may in (((evolve(OWNER, permissions=()),), False), (ROLES, True)):
        until(lambda: is_remembered(here), "being remembered")
        with here.begin() as work:
            work.roles.synchronize(roles, PERMISSIONS)
        found = standing(here, ALICE)
        assert found is not None
        assert found.holds(reads) is may


def test_what_was_rolled_back_is_seen_by_nobody(here: Remembering) -> None:
    def remove_and_fail(work: UnitOfWork) -> None:
        remove(work)
        assert holds(here)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Transact(here)(remove_and_fail)
    assert holds(here)


def test_what_may_have_been_committed_is_looked_at_again(here: Remembering, url: str) -> None:
    until(lambda: is_remembered(here), "being remembered")

    def remove_and_lose(work: UnitOfWork) -> None:
        remove(work)
        by_hand(
            url,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'tests of decisions'",
        )

    with pytest.raises(UpstreamError, match="not known"):
        Transact(here)(remove_and_lose)
    before = here.borrowed
    assert Transact(here).read(lambda work: work.access.standings([(ALICE, KETTLE)], NOW)[0])
    assert here.borrowed > before


# -- expiry, and what stands beside a standing --------------------------------------------------


def test_a_remembered_grant_ends_when_it_expires(here: Remembering, url: str) -> None:
    soon = evolve(ALICES, expires_at=NOW + HOUR)
    with here.begin() as work:
        work.assignments.replace(soon)
    until(lambda: is_remembered(here), "being remembered")
    before = here.borrowed
    with here.view() as work:
        earlier, later = (
            work.access.standings([(ALICE, KETTLE)], NOW + timedelta(minutes=minutes))[0]
            for minutes in (59, 60)
        )
    assert here.borrowed == before
    assert earlier is not None
    assert later is not None
    assert (len(earlier.grants), len(later.grants)) == (1, 0)


def test_a_thing_is_read_anew_and_its_standing_remembered(here: Remembering, url: str) -> None:
    def read() -> tuple[list[str], list[Standing]]:
        with here.view() as work:
            found: list[Any] = [
                work.organizations.with_standing(OrganizationId("acme"), ALICE, NOW),
                work.projects.with_standing(ProjectId("web"), ALICE, NOW),
                work.resources.with_standing(ResourceId("kettle"), ALICE, NOW),
            ]
        return [thing.name for thing, _ in found], [standing for _, standing in found]

    names, standings = read()
    assert names == ["Acme", "Web", "Kettle"]
    assert [str(standing.scope) for standing in standings] == [
        "organization acme",
        "project web",
        "resource kettle",
    ]
    for table in ("organizations", "projects", "resources"):
        by_hand(url, f"UPDATE ktrlplane.{table} SET name = upper(name)")
    assert read() == (["ACME", "WEB", "KETTLE"], standings)


def test_a_thing_that_moved_is_never_shown_by_the_standing_of_its_former_place(
    here: Remembering, url: str
) -> None:
    with here.view() as work:
        assert work.resources.with_standing(ResourceId("kettle"), ALICE, NOW)[1].grants
        by_hand(
            url,
            "UPDATE ktrlplane.resources SET org_id = 'other';"
            " UPDATE ktrlplane.projects SET org_id = 'other'",
        )
        resource, of_resource = work.resources.with_standing(ResourceId("kettle"), ALICE, NOW)
        project, of_project = work.projects.with_standing(ProjectId("web"), ALICE, NOW)
    assert (of_resource.path, of_project.path) == (resource.path, project.path)
    assert (of_resource.grants, of_project.grants) == ((), ())


def test_a_thing_that_is_gone_is_not_there_whatever_is_remembered(
    here: Remembering, url: str
) -> None:
    until(lambda: is_remembered(here, ALICE, on("organization acme")), "being remembered")
    with here.view() as work:
        by_hand(url, "UPDATE ktrlplane.organizations SET deleted_at = now()")
        with pytest.raises(NotFound):
            work.organizations.with_standing(OrganizationId("acme"), ALICE, NOW)


# -- the listener ------------------------------------------------------------------------------


def cut_listeners(url: str) -> None:
    by_hand(
        url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'ktrlplane changes'",
    )


def test_what_changes_while_nobody_listens_is_seen_too(here: Remembering, url: str) -> None:
    for _ in range(3):
        until(lambda: is_remembered(here), "being remembered")
        cut_listeners(url)
        by_hand(url, "DELETE FROM ktrlplane.role_assignments")
        assert until(lambda: not holds(here), "the change") < BOUND_S + 1.0
        keep(here, ALICES)


def test_after_the_listener_was_cut_there_is_memory_again(here: Remembering, url: str) -> None:
    cut_listeners(url)
    until(lambda: is_remembered(here), "being remembered")


def test_while_the_listener_hears_nothing_nothing_remembered_is_used(
    here: Remembering, url: str
) -> None:
    with between(url) as line, remembering(url, line.url) as units:
        until(lambda: is_remembered(units), "being remembered")
        line.is_open.clear()
        by_hand(url, "DELETE FROM ktrlplane.role_assignments")
        assert until(lambda: not holds(units), "the change") < BOUND_S + 1.0
        assert not is_remembered(units)
        line.is_open.set()
        until(lambda: is_remembered(units), "being remembered again")


def test_nothing_is_remembered_where_connections_are_shared(
    here: Remembering, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A pooler takes the word of one client's server for another's, and loses what it is told
    while it has no client."""
    with between(url, renumbers=True) as line, remembering(url, line.url) as units:
        until(lambda: line.clients > 1 or is_remembered(units), "being found out")
        assert not is_remembered(units)
    said = [record for record in caplog.records if record.name.endswith(".listening")]
    assert {record.getMessage() for record in said} == {"decisions_not_remembered"}
    assert "shares connections" in vars(said[0])["reason"]


def test_a_server_that_is_away_hinders_nobody_from_closing(url: str) -> None:
    listener = Listener("host=192.0.2.1 connect_timeout=30", Decisions(10))
    listener.want()
    began = time.monotonic()
    listener.close()
    assert time.monotonic() - began < DEADLINE_S


def test_who_never_wanted_to_know_has_no_connection_to_close() -> None:
    Listener("host=192.0.2.1", Decisions(10)).close()
