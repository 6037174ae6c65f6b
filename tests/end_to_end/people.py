"""People and a reconciler who keep a platform busy, and remember what they did."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import psycopg
from attrs import define, field

from ktrlplane import ControlPlane
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Profile
from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import requests
from ktrlplane.entrypoints.container.payments import simulated_customer
from ktrlplane.entrypoints.session import Session
from tests.end_to_end.lives import HEALTHS, REFUSED, Asked, Reported, Story
from tests.paying import give

REPORT: Final = b"SELECT ktrlplane.report_status(%s, %s, %s, %s)"
PACE_S: Final = 0.04
"""Between two things that somebody does, on average."""


@define
class Memory:
    """All that somebody did."""

    stories: list[Story] = field(factory=list)
    ended_projects: set[str] = field(factory=set)
    ended_organizations: set[str] = field(factory=set)
    invited: dict[str, str] = field(factory=dict)
    """The project or organization by address."""
    refused: Counter[tuple[str, str]] = field(factory=Counter)
    """Reports that nobody can heed whenever they are looked at, by health and code."""
    reports: int = 0
    operations: int = 0


@define
class Person:
    """Does one thing after the other, and knows of each whether it was done."""

    name: str
    control: ControlPlane
    reconciler: psycopg.Connection
    rng: random.Random
    memory: Memory = field(factory=Memory)
    me: Session = field(init=False)
    _number: int = 0

    def __attrs_post_init__(self) -> None:
        address = f"{self.name}@example.com"
        self.me = self.control.sign_in(self.name, email=address, name=self.name.capitalize())

    def work_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.project(stop)

    def project(self, stop: threading.Event) -> None:
        """From its beginning to its end, if it comes to one."""
        rng, number = self.rng, self._next()
        org = f"{self.name}-o{number}" if rng.random() < 0.3 else None
        project = f"{self.name}-p{number}"
        if org is not None:
            self._do(lambda: self.me.create_organization(id=org, name="O"))
        self._do(lambda: self.me.create_project(id=project, name="P", org_id=org))
        self.pay_for(ProjectId(project) if org is None else OrganizationId(org))
        self.invite(ProjectId(project), self.rng.randint(0, 2))
        if org is not None:
            self.invite(OrganizationId(org), self.rng.randint(0, 2))
        stories = [self.resource(project) for _ in range(rng.randint(1, 4))]
        for _ in range(10 * len(stories)):
            if stop.is_set():
                return
            self.live(rng.choice(stories))
            self.invite(ProjectId(project), int(rng.random() < 0.1))
            stop.wait(rng.expovariate(1 / PACE_S))
        self.end(project, org, stories)
        for story in stories * 2:
            self.report(story, "Missing")

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _do(self, act: Callable[[], Any]) -> Any:
        """Raises: DomainError."""
        self.memory.operations += 1
        return act()

    def pay_for(self, payer: ProjectId | OrganizationId) -> None:
        profile = Profile(scope=Scope.of(payer), name="P", email=f"{self.name}@example.com")
        customer_id = simulated_customer(self.control.container.payments(), profile)
        assert customer_id is not None
        give(self.control.transact.units, profile.scope, customer_id)

    def invite(self, to: ProjectId | OrganizationId, how_many: int) -> None:
        for _ in range(how_many):
            email = f"{self.name}-{self._next()}@example.org"
            self.memory.invited[email] = to.value
            self._do(lambda email=email: self.me.grant("Viewer", on=to, email=email))

    def resource(self, project: str) -> Story:
        story = Story(f"{self.name}-r{self._next()}", project)
        wish = {"name": "R", "type": "Konnektr.Graph", "sku": "standard"}
        self._do(lambda: self.me.create_resource(project, id=story.resource_id, **wish))
        self.memory.stories.append(story)
        return story

    def live(self, story: Story) -> None:
        """One thing happens to a resource."""
        what = self.rng.choices(
            ("report", "again", "change", "suspend", "resume", "retry", "delete"),
            (60, 10, 8, 4, 5, 4, 2),
        )[0]
        if what == "report":
            self.report(story, self.rng.choice(HEALTHS))
        elif what == "again":
            known = [one.health for one in story.reports if one.health in HEALTHS]
            self.report(story, known[-1] if known else "Healthy")
        else:
            self.ask(story, what)

    # -- the reconciler --------------------------------------------------------------------------

    def report(self, story: Story, health: str) -> None:
        """As often as not about the generation that is wanted, and sometimes nonsense."""
        now = self.seen(story)
        about = self.rng.choices(
            (None, now.generation, now.generation - 1, now.generation + 1000, -3),
            (40, 40, 12, 6, 2),
        )[0]
        kind = self.rng.random()
        if kind < 0.05:
            self._put(story.resource_id, "Splendid", about)
            self.memory.refused[story.resource_id, "unknown_health"] += 1
            health = "Splendid"
        elif kind < 0.1:
            self._put("nobodys", health, about)
            self.memory.refused["nobodys", "unknown_resource"] += 1
            return
        elif kind < 0.13:
            with self.reconciler.transaction(force_rollback=True):
                self._put(story.resource_id, health, about)
            self.memory.reports -= 1  # a batch that failed has said nothing
            return
        else:
            self._put(story.resource_id, health, about)
        story.events.append(Reported(health, about, now.generation, now.status == "Deleting"))

    def _put(self, resource_id: str, health: str, about: int | None) -> None:
        self.memory.reports += 1
        self.reconciler.execute(REPORT, (resource_id, health, about, f"It is {health}."))

    def seen(self, story: Story) -> Resource:
        """As the report finds it: nobody else asks anything of it meanwhile. Whether its grace
        period ends just now makes no difference, since nothing is Deleting twice."""
        resource_id = ResourceId(story.resource_id)
        return self.control.transact.read(lambda work: work.resources.get(resource_id))

    # -- people ----------------------------------------------------------------------------------

    def ask(self, story: Story, what: str) -> None:
        try:
            found = self._do(lambda: self._asked(story.resource_id, what))
        except DomainError:
            story.events.append(Asked(what, REFUSED))
        else:
            answer = str(found.status), found.generation, found.observed_generation
            story.events.append(Asked(what, answer))

    def _asked(self, resource_id: str, what: str) -> Resource:
        if what == "delete":
            return self.me.delete_resource(resource_id)
        if what == "change":
            cpu = self.rng.choice(["1", "2", "4"])
            return self._changed(resource_id, cpu)
        service = getattr(requests, f"{what}_resource")
        wanted, by = ResourceId(resource_id), self.me.user.user_id
        platform = self.control.platform
        found: Resource = self.control.transact(
            lambda work: service(work, wanted, actor=by, platform=platform)
        )
        return found

    def _changed(self, resource_id: str, cpu: str) -> Resource:
        """To something else than it was: what stays as it is begins no generation."""
        present = self.me.resource(resource_id).settings_json.value
        other = {"1": "2", "2": "4", "4": "1"}[cpu] if present["cpu"] == cpu else cpu
        return self.me.update_resource(resource_id, settings={"cpu": other})

    def end(self, project: str, org: str | None, stories: list[Story]) -> None:
        """All of it, a part of it, or nothing."""
        kind = self.rng.random()
        if org is not None and kind < 0.3:
            self._do(lambda: self.me.delete_organization(org, cascade=True))
            self.memory.ended_organizations.add(org)
        elif kind < 0.7:
            self._do(lambda: self.me.delete_project(project, cascade=True))
        else:
            return
        self.memory.ended_projects.add(project)
        for story in stories:
            story.events.append(Asked("delete", None))
