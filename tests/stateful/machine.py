"""The product beside its oracle, and what must hold of both at any time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from attrs import evolve
from hypothesis.stateful import RuleBasedStateMachine, invariant

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import ProjectId, ResourceId
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import OWNER, ROBOT, a_role, on
from tests.platforms import CATALOG, Acting, a_platform, opened
from tests.stateful.oracle import GRACE, Refusal, Scope, World
from tests.stateful.words import NAMES, WHO, told

T = TypeVar("T")

STEWARD = a_role("Steward", "read", "manage_access", display_order=13)


class Rehearsed(Exception):
    """Ends a rehearsal. ``outcome`` is the name of the refusal, or None."""

    def __init__(self, outcome: str | None) -> None:
        self.outcome = outcome


class Machine(RuleBasedStateMachine):
    def __init__(self, units: UnitsOfWork) -> None:
        super().__init__()
        self.world = World()
        self.clock = ManualClock()
        catalog = evolve(CATALOG, roles=(*CATALOG.roles, STEWARD))
        platform = a_platform(
            clock=self.clock, catalog=catalog, deletion_grace=timedelta(hours=GRACE)
        )
        self.do = Acting(opened(units, platform), platform)

    def choose(self, who: str, action: str, scope: Scope) -> str:
        """A name, of one of ``actors``."""
        if who in WHO:
            return who
        able = [name for name in WHO if action in self.world.held(name, scope)]
        return able[0 if who == "first" else -1] if able else "alice"

    def demand(
        self, refusal: Refusal, service: Callable[..., T], *args: Any, **kwargs: Any
    ) -> T | None:
        """That the service refuses in exactly this way, or gives a result.

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

    @invariant()
    def a_person_remains_owner(self) -> None:
        """Of every organization and of every project that stands alone (R1.6)."""
        alone = [
            name
            for name, (where, _, status) in self.world.projects.items()
            if where is None and status != "Deleted"
        ]
        scopes = [f"organization {name}" for name in self.world.organizations]
        with self.do.units.view() as work:
            for scope in [*scopes, *(f"project {name}" for name in alone)]:
                assert any(
                    held.role_id == OWNER.role_id and held.expires_at is None
                    for held in work.assignments.on(on(scope), self.clock.now())
                    if held.user_id != ROBOT
                )

    @invariant()
    def what_is_kept_is_as_told(self) -> None:
        """Expired roles too: what is gone leaves nothing that could revive."""
        world = self.world
        with self.do.units.view() as work:
            for name in world.projects:
                found: Project | Resource = work.projects.get(ProjectId(name))
                assert told(found) == world.told(("project", name))
            for name in world.resources:
                found = work.resources.get(ResourceId(name))
                assert told(found) == world.told(("resource", name))
            roles = {role.role_id: role.name for role in work.roles.system()}
            kept = [
                (NAMES[held.user_id], roles[held.role_id], str(held.scope))
                for held in work.assignments.of(None)
            ]
        assert sorted(kept) == sorted((who, role, " ".join(at)) for who, role, at in world.roles)
