"""People invited by e-mail, and signing in with the addresses that their tokens tell."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from attrs import frozen
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from ktrlplane.adapters.memory.clock import START
from ktrlplane.domain.ids import InvitationId
from ktrlplane.domain.services.invitations import resend_invitation, revoke_invitation
from ktrlplane.entrypoints.recognition import welcome
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.identity import Claims
from ktrlplane.ports.unit_of_work import UnitOfWork
from tests.stateful import doors
from tests.stateful.changes import Changes
from tests.stateful.ledger import Gain, Reach, Warrant, given_by
from tests.stateful.machine import place
from tests.stateful.oracle import MACHINES, Key
from tests.stateful.things import Scope
from tests.stateful.words import WHO, actors, addresses, people, scopes

T = TypeVar("T")


@frozen
class Watched(Transact):
    """Calls ``after`` once each unit of work is done."""

    after: Callable[[], None] = lambda: None

    def __call__(self, act: Callable[[UnitOfWork], T]) -> T:
        result = super().__call__(act)
        self.after()
        return result


class Inviting(Changes):
    @rule(
        who=people,
        address=st.none() | addresses,
        proven=st.sampled_from([True, True, False]),
        age=st.sampled_from([0, 0, 0, 2]),
    )
    def sign_in(self, who: str, address: str | None, age: int, *, proven: bool) -> None:
        """Perhaps with a new address, perhaps with a token that is older than another."""
        proven = proven and address is not None and who not in MACHINES
        issued = self.world.now - age
        claims = Claims(
            principal_id=WHO[who],
            email=address,
            email_verified=proven,
            name=None,
            is_service_account=who in MACHINES,
            issued_at=START + timedelta(hours=issued),
            expires_at=START + timedelta(hours=issued + 3),
        )
        doors.hear(self.world, who, address, issued, proven=proven)
        warrant = self.by_who_invited(who)
        watched = Watched(self.do.units, after=lambda: self.ledger.close(warrant))
        welcome(watched, claims, self.do.platform)
        doors.let_in(self.world, who)

    @precondition(lambda self: self.world.invitations)
    @rule(who=people, proven=st.sampled_from([True, True, False]), data=st.data())
    def sign_in_where_invited(self, who: str, data: st.DataObject, *, proven: bool) -> None:
        address = data.draw(st.sampled_from(sorted(self.world.invitations)))[0]
        self.sign_in(who, address, 0, proven=proven)

    def by_who_invited(self, who: str) -> Warrant:
        world = self.world
        waiting = {key: world.invitations[key] for key in doors.waiting_for(world, who)}

        def is_what_one_was_invited_to(before: Reach, gain: Gain) -> bool:
            return gain.who == who and any(
                scope in world.path(gain.scope)
                and gain.action in world.gives(role)
                and doors.is_open(world, invited)
                and given_by(invited.inviter)(before, gain)
                for (_, role, scope), invited in waiting.items()
            )

        return is_what_one_was_invited_to

    def draw_invitation(self, data: st.DataObject) -> tuple[Key, InvitationId]:
        """Mostly one that waits, or one that was once."""
        some = data.draw(st.sampled_from([self.world.invitations or self.invited, self.invited]))
        key = data.draw(st.sampled_from(sorted(some)))
        return key, self.invited[key]

    @precondition(lambda self: self.invited)
    @rule(who=actors, elsewhere=st.none() | scopes, data=st.data())
    def resend(self, who: str, elsewhere: Scope | None, data: st.DataObject) -> None:
        key, identity = self.draw_invitation(data)
        scope = elsewhere or key[2]
        who = self.choose(who, "manage_access", scope)
        refusal = doors.refusal_to_resend(self.world, who, key, scope)
        self.demand(refusal, resend_invitation, place(scope), identity, by=who)
        if refusal is None:
            doors.resend(self.world, key, who)

    @precondition(lambda self: self.invited)
    @rule(who=actors, elsewhere=st.none() | scopes, data=st.data())
    def revoke_invitation(self, who: str, elsewhere: Scope | None, data: st.DataObject) -> None:
        key, identity = self.draw_invitation(data)
        scope = elsewhere or key[2]
        who = self.choose(who, "manage_access", scope)
        refusal = self.world.refusal_to_manage(who, scope)
        if refusal is None and (key not in self.world.invitations or key[2] != scope):
            refusal = "NotFound"
        self.demand(refusal, revoke_invitation, place(scope), identity, by=who)
        if refusal is None:
            del self.world.invitations[key]
