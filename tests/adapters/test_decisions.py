"""What is remembered of who may do what, and for how long."""

from collections.abc import Sequence
from datetime import datetime
from threading import Thread

import pytest
from attrs import define

from ktrlplane.adapters.postgres.decisions import BOUND_S, Decisions
from ktrlplane.domain.access import GLOBAL, Scope
from ktrlplane.domain.ids import AssignmentId, PrincipalId
from ktrlplane.domain.standings import Grant, Standing
from tests.builders import ALICE, BOB, EDITOR, HOUR, NOW, on

ACME, WEB, KETTLE = on("organization acme"), on("project web"), on("resource kettle")
PATHS = {
    ACME: (ACME,),
    WEB: (ACME, WEB),
    KETTLE: (ACME, WEB, KETTLE),
    GLOBAL: (GLOBAL,),
}


@define
class ByHand:
    """A clock, in seconds."""

    at: float = 100.0

    def __call__(self) -> float:
        return self.at


def a_grant(number: int = 1, expires_at: datetime | None = None, scope: Scope = ACME) -> Grant:
    return Grant(
        assignment_id=AssignmentId(f"asg_{number}"),
        role_id=EDITOR.role_id,
        scope=scope,
        permissions=EDITOR.permissions,
        expires_at=expires_at,
    )


def a_standing(scope: Scope = KETTLE, *grants: Grant) -> Standing:
    return Standing(PATHS[scope], grants)


@pytest.fixture
def clock() -> ByHand:
    return ByHand()


@pytest.fixture
def decisions(clock: ByHand) -> Decisions:
    """Of which everything is heard at present."""
    made = Decisions(100, now=clock)
    made.vouch(clock())
    return made


def remember(decisions: Decisions, who: PrincipalId = ALICE, scope: Scope = KETTLE) -> Standing:
    standing = a_standing(scope, a_grant())
    decisions.keep(who, standing, decisions.changes_known)
    return standing


def finds(decisions: Decisions, who: PrincipalId = ALICE, scope: Scope = KETTLE) -> bool:
    return decisions.find(who, scope, NOW) is not None


@pytest.mark.parametrize("scope", PATHS)
def test_what_was_found_is_found_again(decisions: Decisions, scope: Scope) -> None:
    standing = remember(decisions, scope=scope)
    assert decisions.find(ALICE, scope, NOW) == standing


def test_it_is_found_for_nobody_and_nothing_else(decisions: Decisions) -> None:
    remember(decisions)
    assert not finds(decisions, BOB)
    assert not finds(decisions, scope=WEB)
    assert not finds(decisions, scope=on("resource web"))


@pytest.mark.parametrize("changed", ["organization acme", "project web", "resource kettle", "*"])
def test_a_change_anywhere_on_the_path_ends_it(decisions: Decisions, changed: str) -> None:
    remember(decisions)
    decisions.changed([changed])
    assert not finds(decisions)


@pytest.mark.parametrize(
    "changed", ["organization web", "project acme", "resource other", "global *"]
)
def test_a_change_elsewhere_does_not(decisions: Decisions, changed: str) -> None:
    remember(decisions)
    decisions.changed([changed])
    assert finds(decisions)


def test_what_holds_at_global_scope_ends_with_a_change_there(decisions: Decisions) -> None:
    remember(decisions, scope=GLOBAL)
    decisions.changed(["organization acme"])
    assert finds(decisions, scope=GLOBAL)
    decisions.changed(["global *"])
    assert not finds(decisions, scope=GLOBAL)


def test_what_was_asked_before_a_change_and_answered_after_it_is_not_used(
    decisions: Decisions,
) -> None:
    before = decisions.changes_known
    decisions.changed(["project web"])
    decisions.keep(ALICE, a_standing(KETTLE, a_grant()), before)
    assert not finds(decisions)


def test_what_was_asked_after_a_change_is_used(decisions: Decisions) -> None:
    decisions.changed(["project web"])
    remember(decisions)
    assert finds(decisions)


def test_a_change_ends_only_what_was_asked_before_it(decisions: Decisions) -> None:
    remember(decisions, ALICE)
    decisions.changed(["project web"])
    remember(decisions, BOB)
    assert not finds(decisions, ALICE)
    assert finds(decisions, BOB)


def test_nothing_is_used_before_the_first_word_of_the_listener(clock: ByHand) -> None:
    decisions = Decisions(100, now=clock)
    remember(decisions)
    assert not finds(decisions)


def test_nothing_is_used_while_the_listener_is_late(decisions: Decisions, clock: ByHand) -> None:
    remember(decisions)
    clock.at += BOUND_S - 0.001
    assert finds(decisions)
    clock.at += 0.002
    assert not finds(decisions)
    decisions.vouch(clock())
    assert finds(decisions)


def test_to_forget_is_to_forget_what_is_being_asked_too(decisions: Decisions) -> None:
    remember(decisions, ALICE)
    before = decisions.changes_known
    decisions.forget()
    decisions.keep(BOB, a_standing(KETTLE, a_grant()), before)
    assert not finds(decisions, ALICE)
    assert not finds(decisions, BOB)
    remember(decisions, ALICE)
    assert finds(decisions, ALICE)


def test_a_grant_ends_in_the_moment_in_which_it_expires(decisions: Decisions) -> None:
    lasting, passing = a_grant(1), a_grant(2, NOW + HOUR)
    longer = a_grant(3, NOW + 2 * HOUR)
    standing = a_standing(KETTLE, lasting, passing, longer)
    decisions.keep(ALICE, standing, decisions.changes_known)

    def grants(at: datetime) -> Sequence[Grant]:
        found = decisions.find(ALICE, KETTLE, at)
        assert found is not None
        assert found.path == standing.path
        return found.grants

    just_before = datetime.fromtimestamp((NOW + HOUR).timestamp() - 0.001, NOW.tzinfo)
    assert grants(just_before) == (lasting, passing, longer)
    assert grants(NOW + HOUR) == (lasting, longer)
    assert grants(NOW + 3 * HOUR) == (lasting,)
    assert grants(NOW) == (lasting, passing, longer)


def test_the_last_used_stay_and_there_are_never_too_many(decisions: Decisions) -> None:
    often = remember(decisions, PrincipalId("often"))
    for number in range(1_000):
        remember(decisions, PrincipalId(f"user-{number}"))
        assert decisions.find(PrincipalId("often"), KETTLE, NOW) == often
    kept = [n for n in range(1_000) if finds(decisions, PrincipalId(f"user-{n}"))]
    assert 40 <= len(kept) <= 100
    assert 999 in kept


def test_of_too_many_changes_none_goes_unnoticed(decisions: Decisions) -> None:
    remember(decisions)
    decisions.changed(["project web"])
    for number in range(1_000):
        decisions.changed([f"organization org-{number}"])
    assert not finds(decisions)
    remember(decisions)
    assert finds(decisions)


def test_who_holds_very_much_is_not_remembered(decisions: Decisions) -> None:
    many = (a_grant(number) for number in range(101))
    decisions.keep(ALICE, a_standing(KETTLE, *many), decisions.changes_known)
    assert not finds(decisions)


@define
class Database:
    """Answers what is asked, and tells what that was. ``meanwhile`` is changed as it does."""

    decisions: Decisions
    asked: list[tuple[PrincipalId, Scope]]
    meanwhile: str | None = None

    def __call__(self, missing: Sequence[tuple[PrincipalId, Scope]]) -> Sequence[Standing | None]:
        self.asked += missing
        if self.meanwhile is not None:
            self.decisions.changed([self.meanwhile])
        return [a_standing(scope, a_grant()) if scope in PATHS else None for _, scope in missing]


@pytest.fixture
def database(decisions: Decisions) -> Database:
    return Database(decisions, [])


def ask(
    database: Database, *asked: tuple[PrincipalId, Scope], up_to_date: bool = True
) -> Sequence[Standing | None]:
    return database.decisions.answered(asked, NOW, database, lambda: up_to_date)


def test_only_what_is_missing_is_asked_for_and_the_order_is_kept(database: Database) -> None:
    nowhere = on("project nowhere")
    ask(database, (ALICE, WEB))
    database.asked.clear()
    asked = [(BOB, ACME), (ALICE, WEB), (ALICE, nowhere), (ALICE, KETTLE)]
    answers = ask(database, *asked)
    assert [None if s is None else s.scope for s in answers] == [ACME, WEB, None, KETTLE]
    assert database.asked == [(BOB, ACME), (ALICE, nowhere), (ALICE, KETTLE)]


def test_where_nothing_is_missing_nobody_is_asked(database: Database) -> None:
    ask(database, (ALICE, WEB), (BOB, ACME))
    database.asked.clear()
    ask(database, (BOB, ACME), (ALICE, WEB))
    assert database.asked == []


def test_all_that_is_asked_is_found_in_order_or_nothing(decisions: Decisions) -> None:
    web, acme = remember(decisions, ALICE, WEB), remember(decisions, BOB, ACME)
    asked = [(BOB, ACME), (ALICE, WEB), (BOB, ACME)]
    assert decisions.find_all(asked, NOW) == [acme, web, acme]
    assert decisions.find_all([], NOW) == []
    assert decisions.find_all([*asked, (BOB, WEB)], NOW) is None
    decisions.changed(["project web"])
    assert decisions.find_all(asked, NOW) is None
    assert decisions.find_all(asked[:1], NOW) == [acme]


def test_of_all_that_is_asked_nothing_is_found_while_the_listener_is_late(
    decisions: Decisions, clock: ByHand
) -> None:
    standing = remember(decisions)
    clock.at += BOUND_S - 0.001
    assert decisions.find_all([(ALICE, KETTLE)], NOW) == [standing]
    clock.at += 0.002
    assert decisions.find_all([(ALICE, KETTLE)], NOW) is None


def test_of_all_that_is_asked_no_grant_is_found_that_has_expired(decisions: Decisions) -> None:
    standing = a_standing(KETTLE, a_grant(1), a_grant(2, NOW + HOUR))
    decisions.keep(ALICE, standing, decisions.changes_known)
    asked = [(ALICE, KETTLE)]
    assert decisions.find_all(asked, NOW) == [standing]
    assert decisions.find_all(asked, NOW + HOUR) == [a_standing(KETTLE, a_grant(1))]


def test_what_is_not_there_is_asked_for_each_time(database: Database) -> None:
    nowhere = on("project nowhere")
    assert ask(database, (ALICE, nowhere)) == [None]
    ask(database, (ALICE, nowhere))
    assert database.asked == [(ALICE, nowhere)] * 2


def test_what_changes_while_it_is_asked_for_is_asked_for_again(database: Database) -> None:
    database.meanwhile = "organization acme"
    ask(database, (ALICE, WEB))
    database.meanwhile = None
    ask(database, (ALICE, WEB))
    ask(database, (ALICE, WEB))
    assert database.asked == [(ALICE, WEB)] * 2


def test_what_a_server_says_that_is_behind_is_not_remembered(database: Database) -> None:
    ask(database, (ALICE, WEB), up_to_date=False)
    ask(database, (ALICE, WEB))
    assert database.asked == [(ALICE, WEB)] * 2


def test_many_may_read_and_change_at_once(decisions: Decisions) -> None:
    """Each changes a scope of its own, and must not find what it knew before."""
    stale: list[str] = []

    def work(name: str) -> None:
        who, scope = PrincipalId(name), on(f"organization {name}")
        for number in range(300):
            standing = Standing((scope,), [a_grant(number, scope=scope)])
            decisions.keep(who, standing, decisions.changes_known)
            found = decisions.find(who, scope, NOW)
            if found is not None and found != standing:
                stale.append(f"{name} {number} is not what was kept last")
            decisions.changed([str(scope)])
            if decisions.find(who, scope, NOW) is not None:
                stale.append(f"{name} {number} outlived its change")

    threads = [Thread(target=work, args=(f"org-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stale == []
