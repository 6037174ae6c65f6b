"""What people read, list and ask about who may do what."""

from collections.abc import Sequence
from itertools import product

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import rule

from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.services.access import (
    Check,
    CheckPermissions,
    check_permissions,
    held_permissions,
)
from ktrlplane.domain.services.assignments import list_assignments, reachable
from ktrlplane.ports.access import AssignmentView
from tests.stateful.changes import Changes
from tests.stateful.invariants import ALL
from tests.stateful.machine import place
from tests.stateful.oracle import Key
from tests.stateful.things import Refusal, Scope
from tests.stateful.words import (
    ACTIONS,
    LISTS,
    READERS,
    WHO,
    actors,
    allowed_by,
    everywhere,
    people,
    scopes,
    told,
)

_ACTIONS = ["read", "write", "delete", "manage_access", "manage_billing", "escalate", *ACTIONS]


class Looking(Changes):
    @rule(limit=st.integers(1, 4), sort=st.sampled_from(Sort))
    def look_around(self, limit: int, sort: Sort) -> None:
        for who, (kind, service, filters, deleted) in product(WHO, LISTS):
            expected = self.world.listed(who, kind, deleted=deleted)
            page = PageRequest(limit=limit, sort=sort, include_total=True)
            found = []
            while True:
                listed = self.do(service, page, *filters, by=WHO[who])
                assert listed.total == len(expected)
                found += [told(item)[0] for item in listed.items]
                if listed.next is None:
                    break
                page = evolve(page, after=listed.next)
            assert sorted(found) == sorted(expected)

    @rule(who=actors, scope=scopes)
    def read(self, who: str, scope: Scope) -> None:
        kind, name = scope
        who = self.choose(who, "read", scope)
        service, identity = READERS[kind]
        refusal = self.world.refusal(who, scope)
        found = self.demand(refusal, service, identity(name), by=who)
        if found is not None:
            assert told(found) == self.world.told(scope)


class Asking(Looking):
    @rule(who=people, data=st.data())
    def check(self, who: str, data: st.DataObject) -> None:
        drawn = st.tuples(st.sampled_from(_ACTIONS), everywhere)
        asked = data.draw(st.lists(drawn, min_size=1, max_size=8))
        command = CheckPermissions(
            checks=tuple(
                Check(
                    action=ACTIONS.get(action, action),
                    scope_type=ScopeType(kind),
                    scope_id=name,
                    explain=True,
                )
                for action, (kind, name) in asked
            )
        )
        verdicts = self.do(check_permissions, command, by=WHO[who])
        for (action, scope), verdict in zip(asked, verdicts, strict=True):
            assert verdict.allowed is (action in self.world.held(who, scope))
            assert bool(verdict.via) is verdict.allowed

    @rule(who=people, whom=people, scope=everywhere)
    def ask_for_another(self, who: str, whom: str, scope: Scope) -> None:
        may = who == whom or "check_permissions_on_behalf_of" in self.world.held(
            who, ("global", "*")
        )
        refusal: Refusal = None if may else "Forbidden"
        asked = self.demand(
            refusal, held_permissions, place(scope), user_id=WHO[whom], action="read", by=who
        )
        if asked is not None:
            held = self.world.held(whom, scope)
            assert (allowed_by(asked.permissions), asked.allowed) == (held, "read" in held)

    @rule(who=actors, scope=scopes)
    def list_roles(self, who: str, scope: Scope) -> None:
        world, who = self.world, self.choose(who, "read", scope)
        refusal = world.refusal(who, scope)
        shown = self.demand(refusal, list_assignments, place(scope), ALL, by=who)
        if shown is not None:
            seen = {at for at in world.path(scope) if "read" in world.held(who, at)}
            assert self.keys_in(shown.items) == {
                key for key in world.roles if key[2] in seen and world.holds_still(key)
            }

    @rule(who=people, whom=people)
    def what_one_reaches(self, who: str, whom: str) -> None:
        world = self.world
        holders = {whom, *(group for group, members in world.groups.items() if whom in members)}
        reached = {key for key in world.roles if key[0] in holders and world.holds_still(key)}
        if who != whom:
            reached = {key for key in reached if "manage_access" in world.held(who, key[2])}
        refusal = None if reached or who == whom else "NotFound"
        shown = self.demand(refusal, reachable, WHO[whom], ALL, by=who)
        if shown is not None:
            assert self.keys_in(shown.items) == reached

    def keys_in(self, views: Sequence[AssignmentView]) -> set[Key]:
        return {self.key_of(view.assignment) for view in views}
