"""Roles granted, changed, taken back and expired, while what they are on moves and goes."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.ids import AssignmentId
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.services.access import Check, CheckPermissions, check_permissions
from ktrlplane.domain.services.assignments import (
    ChangeAssignment,
    GrantRole,
    change_assignment,
    grant_role,
    list_assignments,
    revoke_assignment,
)
from ktrlplane.domain.services.operator import operator_revoke
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import on
from tests.stateful.changes import Changes
from tests.stateful.conftest import Runner
from tests.stateful.oracle import HIDDEN, ROLES, Refusal, Scope
from tests.stateful.words import (
    NAMES,
    WHO,
    actors,
    everywhere,
    moment,
    people,
    roles,
    scopes,
)

Key = tuple[str, str, Scope]

ACTIONS = {"boil": "Acme.Kettle:water/boil"}
"""What the oracle calls by a shorter name."""


class AccessMachine(Changes):
    def __init__(self, units: UnitsOfWork) -> None:
        super().__init__(units)
        self.known: dict[Key, AssignmentId] = {}
        """Every assignment that was ever met, the newest of each kind, gone or not."""

    def draw_assignment(self, data: st.DataObject) -> tuple[Key, AssignmentId]:
        """One that is there, an Owner's as likely as any other, or sometimes one that was."""
        with self.do.units.view() as work:
            for held in work.assignments.of(None):
                role = work.assignments.get(held.assignment_id).role.name
                scope = held.scope.scope_type.value, held.scope.scope_id
                self.known[NAMES[held.user_id], role, scope] = held.assignment_id
        owners = [key for key in self.world.roles if key[1] == "Owner"]
        some = data.draw(
            st.sampled_from([owners or self.world.roles, self.world.roles, self.known])
        )
        key = data.draw(st.sampled_from(sorted(some)))
        return key, self.known[key]

    @rule(
        who=actors,
        to=people,
        role=roles,
        scope=everywhere,
        lasts=st.sampled_from([None, 0, 1, 2, 30]),
    )
    def grant(self, who: str, to: str, role: str, scope: Scope, lasts: int | None) -> None:
        who = self.choose(who, "manage_access", scope)
        until = None if lasts is None else self.world.now + lasts
        key = to, role, scope
        refusal = self.refusal_to_grant(who, scope)
        if refusal is None and (role in HIDDEN or lasts == 0):
            refusal = "ValidationFailed"
        if refusal is None and not self.world.may_hand_out(who, role, scope):
            refusal = "Forbidden"
        if refusal is None and self.world.holds_still(key):
            refusal = "AlreadyExists"
        command = GrantRole(user_id=WHO[to], role_id=role, expires_at=moment(until))
        place = on(" ".join(scope))
        view = self.demand(refusal, grant_role, place, command, by=who)
        if view is not None:
            assert (view.user.user_id, view.role.name, view.assignment.scope) == (
                WHO[to],
                role,
                place,
            )
            self.world.roles[key] = until

    @precondition(lambda self: self.world.roles)
    @rule(who=actors, lasts=st.sampled_from([None, 1, 30]), data=st.data())
    def grant_again(self, who: str, lasts: int | None, data: st.DataObject) -> None:
        (to, role, scope), _ = self.draw_assignment(data)
        self.grant(who, to, role, scope, lasts)

    def refusal_to_grant(self, who: str, scope: Scope) -> Refusal:
        refusal = self.world.refusal_to_manage(who, scope)
        if refusal is None and self.world.is_over(scope):
            return "InvalidTransition"
        return refusal

    @precondition(lambda self: self.world.roles)
    @rule(who=actors, lasts=st.sampled_from([None, 0, 1, 30]), data=st.data())
    def change(self, who: str, lasts: int | None, data: st.DataObject) -> None:
        key, identity = self.draw_assignment(data)
        holder, role, scope = key
        who = self.choose(who, "manage_access", scope)
        until = None if lasts is None else self.world.now + lasts
        refusal = self.refusal_to_grant(who, scope)
        if refusal is None and not self.world.holds_still(key):
            refusal = "NotFound"
        if refusal is None and lasts == 0:
            refusal = "ValidationFailed"
        if refusal is None and not self.world.may_hand_out(who, role, scope):
            refusal = "Forbidden"
        if refusal is None and lasts is not None and self.world.is_last_owner(holder, role, scope):
            refusal = "LastOwner"
        command, place = ChangeAssignment(expires_at=moment(until)), on(" ".join(scope))
        self.demand(refusal, change_assignment, place, identity, command, by=who)
        if refusal is None:
            self.world.roles[key] = until

    @precondition(lambda self: self.world.roles)
    @rule(who=actors, elsewhere=scopes, data=st.data())
    def revoke(self, who: str, elsewhere: Scope, data: st.DataObject) -> None:
        key, identity = self.draw_assignment(data)
        holder, role, scope = key
        who = self.choose(who, "manage_access", scope)
        if data.draw(st.booleans()) and elsewhere != scope:
            refusal: Refusal = self.world.refusal_to_manage(who, elsewhere) or "NotFound"
            scope = elsewhere
        else:
            refusal = self.world.refusal_to_manage(who, scope)
            if refusal is None and not self.world.holds_still(key):
                refusal = "NotFound"
            if refusal is None and self.world.is_last_owner(holder, role, scope):
                refusal = "LastOwner"
        place = on(" ".join(scope))
        self.demand(refusal, revoke_assignment, place, identity, by=who)
        if refusal is None:
            del self.world.roles[key]

    @rule(who=people, role=st.sampled_from(["Owner", "Data Owner", "Viewer"]), scope=scopes)
    def operator_revokes(self, who: str, role: str, scope: Scope) -> None:
        key = who, role, scope
        refusal: Refusal = None if key in self.world.roles else "NotFound"
        if refusal is None and self.world.is_last_owner(who, role, scope):
            refusal = "LastOwner"
        place = on(" ".join(scope))
        self.demand(refusal, operator_revoke, WHO[who], role, place)
        if refusal is None:
            del self.world.roles[key]

    @rule(who=people, data=st.data())
    def check(self, who: str, data: st.DataObject) -> None:
        actions = sorted({action for held in ROLES.values() for action in held})
        drawn = st.tuples(st.sampled_from(actions), everywhere)
        asked = data.draw(st.lists(drawn, min_size=1, max_size=8))
        command = CheckPermissions(
            checks=tuple(
                Check(
                    action=ACTIONS.get(action, action),
                    scope_type=ScopeType(scope[0]),
                    scope_id=scope[1],
                    explain=True,
                )
                for action, scope in asked
            )
        )
        verdicts = self.do(check_permissions, command, by=WHO[who])
        for (action, scope), verdict in zip(asked, verdicts, strict=True):
            assert verdict.allowed is (action in self.world.held(who, scope))
            assert bool(verdict.via) is verdict.allowed

    @rule(who=actors, scope=scopes)
    def list_roles(self, who: str, scope: Scope) -> None:
        who = self.choose(who, "read", scope)
        refusal = self.world.refusal(who, scope)
        place, page = on(" ".join(scope)), PageRequest(limit=200)
        shown = self.demand(refusal, list_assignments, place, page, by=who)
        if shown is not None:
            assert {
                (view.user.user_id, view.role.name, view.assignment.scope) for view in shown.items
            } == {
                (WHO[holder], role, on(" ".join(where)))
                for holder, role, where in self.world.roles
                if where in self.world.path(scope)
                and "read" in self.world.held(who, where)
                and self.world.holds_still((holder, role, where))
            }


def test_access_is_as_the_oracle_says(run: Runner) -> None:
    run(AccessMachine)
