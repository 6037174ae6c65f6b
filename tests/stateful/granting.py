"""Roles granted, changed, taken back and expired; owners who go."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from ktrlplane.domain.ids import AssignmentId
from ktrlplane.domain.services.assignments import (
    ChangeAssignment,
    GrantRole,
    change_assignment,
    grant_role,
    revoke_assignment,
)
from ktrlplane.domain.services.operator import operator_revoke
from ktrlplane.ports.invitations import InvitationView
from tests.stateful import doors
from tests.stateful.changes import Changes
from tests.stateful.machine import place
from tests.stateful.oracle import HIDDEN, Key
from tests.stateful.things import Refusal, Scope
from tests.stateful.words import (
    ADDRESSES,
    GROUPS,
    WHO,
    actors,
    gifts,
    moment,
    people,
    scopes,
)


class Granting(Changes):
    def draw_assignment(self, data: st.DataObject) -> tuple[Key, AssignmentId]:
        """One that is there, an Owner's as likely as any other, or sometimes one that was."""
        with self.do.units.view() as work:
            for held in work.assignments.of(None):
                self.known[self.key_of(held)] = held.assignment_id
        owners = [key for key in self.world.roles if key[1] == "Owner"]
        some = data.draw(
            st.sampled_from([owners or self.world.roles, self.world.roles, self.known])
        )
        key = data.draw(st.sampled_from(sorted(some)))
        return key, self.known[key]

    @rule(who=actors, gift=gifts([*WHO, *GROUPS, *ADDRESSES]), lasts=st.sampled_from([None, 0, 9]))
    def grant(self, who: str, gift: Key, lasts: int | None) -> None:
        """To somebody, to a group, or to whoever has an e-mail address."""
        world, (to, role, scope) = self.world, gift
        who = self.choose(who, "manage_access", scope)
        until = None if lasts is None else world.now + lasts
        refusal, key = world.refusal_to_grant(who, scope), self.key_for(to, role, scope)
        if refusal is None and not self.can_be_granted(who, to, role, scope, lasts):
            refusal = "ValidationFailed"
        if refusal is None and not world.may_give(who, world.gives(role), scope):
            refusal = "Forbidden"
        if refusal is None and self.is_given(key):
            refusal = "AlreadyExists"
        command = GrantRole(
            user_id=WHO.get(to),
            email=to if is_address(to) else None,
            group_id=self.group_id(to) if to.startswith("@") else None,
            role_id=self.role_id(role),
            expires_at=moment(until),
        )
        view = self.demand(refusal, grant_role, place(scope), command, by=who)
        if isinstance(view, InvitationView):
            number = view.invitation.invitation_id
            self.invited[key] = number
            doors.invite(world, key, who, until, number.value)
        elif view is not None:
            assert self.key_of(view.assignment) == key
            world.roles[key] = until

    def key_for(self, to: str, role: str, scope: Scope) -> Key:
        if is_address(to):
            to = next(iter(doors.owners_of(self.world, to)), to.lower())
        return to, role, scope

    def can_be_granted(
        self, who: str, to: str, role: str, scope: Scope, lasts: int | None
    ) -> bool:
        world = self.world
        if to.startswith("@") and not world.knows(who, to, scope):
            return False
        if is_address(to) and len(doors.owners_of(world, to)) > 1:
            return False
        return lasts != 0 and world.knows_role(who, role, scope)

    def is_given(self, key: Key) -> bool:
        if is_address(key[0]):
            invited = self.world.invitations.get(key)
            return invited is not None and doors.is_open(self.world, invited)
        return self.world.holds_still(key)

    @precondition(lambda self: self.world.roles)
    @rule(who=actors, lasts=st.sampled_from([None, 1, 30]), data=st.data())
    def grant_again(self, who: str, lasts: int | None, data: st.DataObject) -> None:
        self.grant(who, self.draw_assignment(data)[0], lasts)

    @precondition(lambda self: self.world.roles)
    @rule(who=actors, lasts=st.sampled_from([None, 0, 1, 30]), data=st.data())
    def change(self, who: str, lasts: int | None, data: st.DataObject) -> None:
        world, (key, identity) = self.world, self.draw_assignment(data)
        holder, role, scope = key
        who = self.choose(who, "manage_access", scope)
        until = None if lasts is None else world.now + lasts
        refusal = world.refusal_to_grant(who, scope)
        if refusal is None and not world.holds_still(key):
            refusal = "NotFound"
        if refusal is None and lasts == 0:
            refusal = "ValidationFailed"
        if refusal is None and not self.may_last(who, key, until):
            refusal = "Forbidden"
        if refusal is None and lasts is not None and world.is_last_owner(holder, role, scope):
            refusal = "LastOwner"
        command = ChangeAssignment(expires_at=moment(until))
        self.demand(refusal, change_assignment, place(scope), identity, command, by=who)
        if refusal is None:
            world.roles[key] = until

    def may_last(self, who: str, key: Key, until: int | None) -> bool:
        """Who manages access may shorten anything; to let it last is to give it."""
        world, (_, role, scope), now = self.world, key, self.world.roles[key]
        is_longer = now is not None and (until is None or until > now)
        may_give = world.may_give(who, world.gives(role), scope)
        return role not in HIDDEN and (may_give or not is_longer)

    @precondition(lambda self: self.world.roles)
    @rule(who=actors, elsewhere=scopes, data=st.data())
    def revoke(self, who: str, elsewhere: Scope, data: st.DataObject) -> None:
        key, identity = self.draw_assignment(data)
        who = self.choose(who, "manage_access", key[2])
        if data.draw(st.booleans()) and elsewhere != key[2]:
            refusal: Refusal = self.world.refusal_to_manage(who, elsewhere) or "NotFound"
            self.demand(refusal, revoke_assignment, place(elsewhere), identity, by=who)
        else:
            self.take(key, identity, who)

    def take(self, key: Key, identity: AssignmentId, who: str) -> None:
        refusal = self.world.refusal_to_manage(who, key[2])
        if refusal is None and not self.world.holds_still(key):
            refusal = "NotFound"
        if refusal is None and self.world.is_last_owner(*key):
            refusal = "LastOwner"
        self.demand(refusal, revoke_assignment, place(key[2]), identity, by=who)
        if refusal is None:
            del self.world.roles[key]

    @rule(scope=scopes, data=st.data())
    def owners_go(self, scope: Scope, data: st.DataObject) -> None:
        """All of them, each taken out by one of them, as if all had asked at once."""
        with self.do.units.view() as work:
            held = {self.key_of(one): one.assignment_id for one in work.assignments.of(None)}
        owners = sorted(key for key in held if key[1:] == ("Owner", scope))
        takers = sorted(key[0] for key in owners if key[0] in WHO)
        if takers:
            for key in data.draw(st.permutations(owners)):
                self.take(key, held[key], data.draw(st.sampled_from(takers)))

    @rule(who=people, scope=scopes, data=st.data())
    def somebody_stands_in(self, who: str, scope: Scope, data: st.DataObject) -> None:
        """As an owner until tomorrow, and the others would go."""
        self.operator_grants((who, "Owner", scope), 24)
        self.owners_go(scope, data)

    @precondition(lambda self: self.world.roles)
    @rule(gift=st.none() | gifts([*WHO, *GROUPS]), data=st.data())
    def operator_revokes(self, gift: Key | None, data: st.DataObject) -> None:
        key = who, role, scope = gift or self.draw_assignment(data)[0]
        refusal: Refusal = None if key in self.world.roles else "NotFound"
        if refusal is None and self.world.is_last_owner(who, role, scope):
            refusal = "LastOwner"
        asked = self.holder(who), self.role_id(role), place(scope)
        self.demand(refusal, operator_revoke, *asked)
        if refusal is None:
            del self.world.roles[key]


def is_address(to: str) -> bool:
    return "@" in to and not to.startswith("@")
