"""Caps of tiers, whatever is created, changed, moved, deleted and overridden in whatever order.

The oracle counts what it let in, by itself, and knows the rule in its simplest form: one more
fits where the newest thing that was said of the place allows it.
"""

from datetime import datetime, timedelta
from itertools import count
from typing import Final

from attrs import define, field
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.errors import LimitExceeded
from ktrlplane.domain.ids import OrganizationId, OverrideId, ProjectId, ResourceId
from ktrlplane.domain.services.limit_overrides import (
    OverrideLimit,
    lift_override,
    override_limit,
)
from ktrlplane.domain.services.moves import MoveProject, move_project
from ktrlplane.domain.services.resource_limits import read_limits
from ktrlplane.domain.services.resources import (
    CreateResource,
    UpdateResource,
    create_resource,
    delete_resource,
    update_resource,
)
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import ALICE, OWNER, a_project, an_assignment, an_organization
from tests.platforms import Acting, a_platform, opened
from tests.stateful.conftest import Runner

PROJECTS: Final = ("web", "app", "solo")
ORGANIZATIONS: Final = ("acme", "other")
SKUS: Final = ("few", "gold")
BY_TIER: Final = {("few", "project"): 3, ("few", "organization"): 4}
"""Of everything else there may be any number."""

projects, organizations, skus = map(st.sampled_from, (PROJECTS, ORGANIZATIONS, SKUS))
places = st.sampled_from(
    [("project", one) for one in PROJECTS] + [("organization", one) for one in ORGANIZATIONS]
)


@define
class Said:
    """The newest thing that the operator said of a place and a tier."""

    maximum: int | None
    until: datetime | None
    override_id: OverrideId


@define
class Oracle:
    homes: dict[str, str] = field(factory=lambda: {"web": "acme", "app": "acme", "solo": "other"})
    alive: dict[str, tuple[str, str]] = field(factory=dict)
    """The project and the tier of each resource."""
    said: dict[tuple[str, str, str], Said] = field(factory=dict)

    def maximum(self, place: tuple[str, str], sku: str, at: datetime) -> int | None:
        said = self.said.get((*place, sku))
        if said is not None and (said.until is None or at < said.until):
            return said.maximum
        return BY_TIER.get((sku, place[0]))

    def present(self, place: tuple[str, str], sku: str) -> int:
        kind, name = place
        return sum(
            1
            for project, tier in self.alive.values()
            if tier == sku and name == (project if kind == "project" else self.homes[project])
        )

    def fits(self, place: tuple[str, str], sku: str, more: int, at: datetime) -> bool:
        most = self.maximum(place, sku, at)
        return most is None or self.present(place, sku) + more <= most

    def has_room(self, project: str, sku: str, at: datetime) -> bool:
        places = (("project", project), ("organization", self.homes[project]))
        return all(self.fits(place, sku, 1, at) for place in places)


class Caps(RuleBasedStateMachine):
    def __init__(self, units: UnitsOfWork) -> None:
        super().__init__()
        platform = a_platform()
        self.do = Acting(opened(units, platform), platform)
        for org_id in ORGANIZATIONS:
            self.do.keep(an_organization(org_id))
            self.do.keep(an_assignment(ALICE, OWNER, f"organization {org_id}"))
        self.oracle = Oracle()
        for project, org_id in self.oracle.homes.items():
            self.do.keep(a_project(project, org_id))
        self.numbers = count()

    @property
    def now(self) -> datetime:
        return self.do.platform.now()

    @rule(project=projects, sku=skus)
    def create(self, project: str, sku: str) -> None:
        name = f"r{next(self.numbers)}"
        command = CreateResource(id=ResourceId(name), name=name, type="Acme.Kettle", sku=sku)
        if self._done(
            self.oracle.has_room(project, sku, self.now),
            lambda: self.do(create_resource, ProjectId(project), command),
        ):
            self.oracle.alive[name] = (project, sku)

    @precondition(lambda self: self.oracle.alive)
    @rule(data=st.data(), sku=skus)
    def change_tier(self, data: st.DataObject, sku: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.oracle.alive)))
        project, present = self.oracle.alive[name]
        fits = sku == present or self.oracle.has_room(project, sku, self.now)
        command = UpdateResource(sku=sku)
        if self._done(
            fits, lambda: self.do(update_resource, ResourceId(name), command, merge=True)
        ):
            self.oracle.alive[name] = (project, sku)

    @precondition(lambda self: self.oracle.alive)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.oracle.alive)))
        self.do(delete_resource, ResourceId(name))
        del self.oracle.alive[name]

    @rule(project=projects, org_id=organizations)
    def move(self, project: str, org_id: str) -> None:
        coming = {
            sku: self.oracle.present(("project", project), sku)
            for sku in SKUS
            if self.oracle.homes[project] != org_id
        }
        fits = all(
            self.oracle.fits(("organization", org_id), sku, more, self.now)
            for sku, more in coming.items()
            if more
        )
        command = MoveProject(org_id=OrganizationId(org_id))
        if self._done(fits, lambda: self.do(move_project, ProjectId(project), command)):
            self.oracle.homes[project] = org_id

    @rule(
        place=places,
        sku=skus,
        maximum=st.none() | st.integers(0, 6),
        hours=st.none() | st.integers(1, 4),
    )
    def override(
        self, place: tuple[str, str], sku: str, maximum: int | None, hours: int | None
    ) -> None:
        until = None if hours is None else self.now + timedelta(hours=hours)
        command = OverrideLimit(
            scope_type=ScopeType(place[0]),
            scope_id=place[1],
            type="Acme.Kettle",
            sku=sku,
            limit="resources",
            maximum=maximum,
            reason="R",
            expires_at=until,
        )
        made = self.do.alone(override_limit, command, actor=None)
        self.oracle.said[*place, sku] = Said(maximum, until, made.override_id)

    @precondition(lambda self: self.oracle.said)
    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.oracle.said)))
        self.do.alone(lift_override, self.oracle.said.pop(key).override_id, actor=None)

    @rule(hours=st.integers(1, 3))
    def wait(self, hours: int) -> None:
        clock = self.do.platform.clock
        assert isinstance(clock, ManualClock)
        clock.advance(timedelta(hours=hours))

    def _done(self, expected: bool, act: object) -> bool:  # noqa: FBT001
        assert callable(act)
        try:
            act()
        except LimitExceeded:
            assert not expected
            return False
        assert expected
        return True

    @invariant()
    def what_is_told_is_what_holds(self) -> None:
        for name, (project, sku) in self.oracle.alive.items():
            found = self.do(read_limits, ResourceId(name))
            told = {
                (str(one.scope.scope_type), one.scope.scope_id): (one.maximum, one.usage)
                for one in found.limits
                if one.limit == "resources"
            }
            places = (("project", project), ("organization", self.oracle.homes[project]))
            assert told == {
                place: (
                    self.oracle.maximum(place, sku, self.now),
                    self.oracle.present(place, sku),
                )
                for place in places
            }


def test_caps_are_as_the_oracle_says(run: Runner) -> None:
    run(Caps)
