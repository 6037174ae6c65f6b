"""The product beside its oracle."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

import pytest
from attrs import evolve
from hypothesis.stateful import RuleBasedStateMachine

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Holder, RoleAssignment
from ktrlplane.domain.access import Scope as ProductScope
from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import AssignmentId, GroupId, InvitationId, PrincipalId, RoleId
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import a_role, on
from tests.platforms import CATALOG, Acting, a_platform, opened
from tests.stateful.ledger import Ledger, Reach, Warrant, given_by, nobody
from tests.stateful.oracle import OPEN_FOR, Key, World
from tests.stateful.things import GRACE, Refusal, Scope
from tests.stateful.words import EVERYWHERE, NAMES, WHO, allowed_by, hour_of

T = TypeVar("T")

STEWARD: Final = a_role("Steward", "read", "manage_access", display_order=13)
_CATALOG: Final = evolve(CATALOG, roles=(*CATALOG.roles, STEWARD))
_SYSTEM: Final = {role.role_id: role.name for role in _CATALOG.system_roles()}
_ASKED: Final = [(who, scope) for who in WHO for scope in EVERYWHERE]
_QUESTIONS: Final = [(WHO[who], on(" ".join(scope))) for who, scope in _ASKED]


class Rehearsed(Exception):
    """Ends a rehearsal. ``outcome`` is the name of the refusal, or None."""

    def __init__(self, outcome: str | None) -> None:
        self.outcome = outcome


class Machine(RuleBasedStateMachine):
    def __init__(self, units: UnitsOfWork) -> None:
        super().__init__()
        self.world = World()
        self.clock = ManualClock()
        platform = a_platform(
            clock=self.clock,
            catalog=_CATALOG,
            deletion_grace=timedelta(hours=GRACE),
            invitation_ttl=timedelta(hours=OPEN_FOR),
        )
        self.do = Acting(opened(units, platform), platform)
        # The newest of each that was ever met, gone or not.
        self.known: dict[Key, AssignmentId] = {}
        self.group_ids: dict[str, GroupId] = {}
        self.role_ids: dict[str, RoleId] = {}
        self.invited: dict[Key, InvitationId] = {}
        self.deletes = True
        """Whether organizations and projects are deleted: little is left afterwards."""
        self.ledger = Ledger(self.reach)

    def choose(self, who: str, action: str, scope: Scope) -> str:
        """A name, of one of ``actors``."""
        if who in WHO:
            return who
        able = [name for name in WHO if action in self.world.held(name, scope)]
        if who == "steward":
            bound = [name for name in able if "escalate" not in self.world.held(name, scope)]
            able = bound or able
        return able[-1 if who == "second" else 0] if able else "alice"

    def demand(
        self,
        refusal: Refusal,
        service: Callable[..., T],
        *args: Any,
        warrant: Warrant | None = None,
        **kwargs: Any,
    ) -> T | None:
        """That the service refuses in exactly this way, or gives a result. By ``warrant`` what
        people gain by it is given; it is the actor, unless it is something else.

        It is rehearsed first, in a unit of work that fails at its end: that tells the same
        and changes nothing, or the second time would be told something else.
        """
        with pytest.raises(Rehearsed) as rehearsed:
            self.rehearse(service, *args, **kwargs)
        assert rehearsed.value.outcome == refusal
        try:
            result = self.act(service, *args, **kwargs)
        except DomainError as refused:
            assert type(refused).__name__ == refusal  # noqa: PT017
            return None
        assert refusal is None
        self.ledger.close(warrant or (given_by(kwargs["by"]) if "by" in kwargs else nobody))
        return result

    def act(
        self, service: Callable[..., T], *args: Any, by: str | None = None, **kwargs: Any
    ) -> T:
        """By somebody, or by the platform itself."""
        if by is None:
            return self.do.alone(service, *args, **kwargs)
        return self.do(service, *args, by=WHO[by], **kwargs)

    def rehearse(
        self, service: Callable[..., T], *args: Any, by: str | None = None, **kwargs: Any
    ) -> None:
        asked = {} if by is None else {"actor": WHO[by]}
        with self.do.units.begin() as work:
            try:
                service(work, *args, platform=self.do.platform, **asked, **kwargs)
            except DomainError as refused:
                raise Rehearsed(type(refused).__name__) from refused
            raise Rehearsed(None)

    def reach(self) -> Reach:
        """What everybody reaches everywhere, as the product says."""
        with self.do.units.view(fresh=True) as work:
            standings = work.access.standings(_QUESTIONS, self.clock.now())
        return {
            asked: _reach_of(standing) for asked, standing in zip(_ASKED, standings, strict=True)
        }

    def key_of(self, held: RoleAssignment) -> Key:
        scope = held.scope.scope_type.value, held.scope.scope_id
        return self.name_of(held.holder), self.role_of(held.role_id), scope

    def name_of(self, holder: Holder) -> str:
        if isinstance(holder, PrincipalId):
            return NAMES[holder]
        return next(name for name, group_id in self.group_ids.items() if group_id == holder)

    def role_of(self, role_id: RoleId) -> str:
        known = _SYSTEM.get(role_id)
        return known or next(role for role, made in self.role_ids.items() if made == role_id)

    def holder(self, name: str) -> Holder:
        return WHO[name] if name in WHO else self.group_id(name)

    def group_id(self, group: str) -> GroupId:
        return self.group_ids.get(group, GroupId("grp_never"))

    def role_id(self, role: str) -> str:
        """By its name, if it is the platform's."""
        if "/" not in role:
            return role
        return self.role_ids.get(role, RoleId("role_never")).value


def _reach_of(standing: Standing | None) -> dict[str, int]:
    reached: dict[str, int] = {}
    if standing is not None:
        for grant in standing.grants:
            for action in allowed_by(grant.permissions):
                reached[action] = max(hour_of(grant.expires_at), reached.get(action, 0))
    return reached


def place(scope: Scope) -> ProductScope:
    return on(" ".join(scope))
