"""What the state machines share: the product beside its oracle, and a look at both."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ktrlplane.adapters.memory.clock import START, ManualClock
from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import Page, PageRequest, Sort
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource, Status
from ktrlplane.domain.services import organizations, projects, resources
from ktrlplane.domain.services.deletions import due_deletions, end_emptied_project, end_resource
from ktrlplane.domain.services.operator import OperatorGrant, operator_grant
from ktrlplane.ports.stores import ProjectFilter, ResourceFilter
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import ALICE, BOB, CAROL, OWNER, ROBOT, a_role, on
from tests.platforms import CATALOG, Acting, a_platform, opened
from tests.stateful.oracle import GRACE, ROLES, Refusal, Scope, World

T = TypeVar("T")

WHO = {"alice": ALICE, "bob": BOB, "carol": CAROL, "robot": ROBOT}
# Few, so that the rules meet on the same things.
ORGANIZATIONS = ["o-1", "o-2"]
PROJECTS = ["p-1", "p-2", "p-3"]
RESOURCES = ["r-1", "r-2", "r-3"]
SCOPES: list[Scope] = [
    *(("organization", name) for name in ORGANIZATIONS),
    *(("project", name) for name in PROJECTS),
    *(("resource", name) for name in RESOURCES),
]

people = st.sampled_from(list(WHO))
organization_ids = st.sampled_from(ORGANIZATIONS)
project_ids = st.sampled_from(PROJECTS)
resource_ids = st.sampled_from(RESOURCES)
places = st.sampled_from([None, *ORGANIZATIONS])
scopes = st.sampled_from(SCOPES)
everywhere = scopes | st.just(("global", "*"))
roles = st.sampled_from(sorted(ROLES))
lasts = st.sampled_from([None, None, 1, 30])
"""Hours, or for good."""
names = st.sampled_from(["same", "Same", "other"])

STEWARD = a_role("Steward", "read", "manage_access", display_order=13)


READERS: dict[str, tuple[Callable[..., Any], Callable[[str], Any]]] = {
    "organization": (organizations.read_organization, OrganizationId),
    "project": (projects.read_project, ProjectId),
    "resource": (resources.read_resource, ResourceId),
}


LISTS: list[tuple[str, Callable[..., Page[Any]], list[Any], bool]] = [
    ("organization", organizations.list_organizations, [], False),
    ("project", projects.list_projects, [ProjectFilter()], False),
    ("resource", resources.list_resources, [ResourceFilter()], False),
    ("resource", resources.list_resources, [ResourceFilter(status=Status.DELETED)], True),
]
"""What is listed, how, with which filters, and whether that asks for Deleted ones."""


def moment(hour: int | None) -> datetime | None:
    return None if hour is None else START + timedelta(hours=hour)


def organization_or_none(name: str | None) -> OrganizationId | None:
    return None if name is None else OrganizationId(name)


def told(thing: Organization | Project | Resource) -> tuple[Any, ...]:
    """What the oracle knows of it, in its own order."""
    if isinstance(thing, Organization):
        return thing.org_id.value, thing.name
    org_id = thing.org_id and thing.org_id.value
    if isinstance(thing, Project):
        return thing.project_id.value, org_id, thing.name, thing.status.value
    place = thing.project_id.value
    return thing.resource_id.value, place, thing.name, thing.status.value, org_id


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

    @initialize(roles=st.lists(st.tuples(people, roles, everywhere, lasts), max_size=8))
    def begin_with_something(self, roles: list[tuple[str, str, Scope, int | None]]) -> None:
        self.create_organization("alice", "o-1", "same")
        self.create_organization("carol", "o-2", "same")
        self.create_project("alice", "p-1", "o-1", "same")
        self.create_project("bob", "p-2", None, "same")
        self.create_resource("alice", "r-1", "p-1", "same")
        self.create_resource("bob", "r-2", "p-2", "same")
        for who, role, scope, lasting in roles:
            self.operator_grants(who, role, scope, lasting)

    @rule(who=people, role=roles, scope=everywhere, lasting=lasts)
    def operator_grants(self, who: str, role: str, scope: Scope, lasting: int | None) -> None:
        key = who, role, scope
        refusal: Refusal = None if self.world.path(scope) else "NotFound"
        if refusal is None and self.world.is_over(scope):
            refusal = "InvalidTransition"
        if refusal is None and self.world.holds_still(key):
            refusal = "AlreadyExists"
        until = None if lasting is None else self.world.now + lasting
        command = OperatorGrant(
            principal=WHO[who], role=role, scope=on(" ".join(scope)), expires_at=moment(until)
        )
        self.demand(refusal, operator_grant, command)
        if refusal is None:
            self.world.roles[key] = until

    @rule(who=people, name=organization_ids, called=names)
    def create_organization(self, who: str, name: str, called: str) -> None:
        scope = ("organization", name)
        refusal = "AlreadyExists" if scope in self.world.used else None
        if who == "robot":
            refusal = "Forbidden"
        command = organizations.CreateOrganization(id=OrganizationId(name), name=called)
        create = organizations.create_organization
        self.demand(refusal, create, command, by=who)
        if refusal is None:
            self.world.organizations[name] = called
            self.world.create(who, scope)

    @rule(who=people, name=project_ids, where=places, called=names)
    def create_project(self, who: str, name: str, where: str | None, called: str) -> None:
        scope = ("project", name)
        if where is None:
            refusal: Refusal = "Forbidden" if who == "robot" else None
        else:
            refusal = self.world.refusal(who, ("organization", where), "write")
        if refusal is None and scope in self.world.used:
            refusal = "AlreadyExists"
        command = projects.CreateProject(
            id=ProjectId(name), name=called, org_id=organization_or_none(where)
        )
        self.demand(refusal, projects.create_project, command, by=who)
        if refusal is None:
            self.world.projects[name] = where, called, "Active"
            self.world.create(who, scope)

    @rule(who=people, name=resource_ids, where=project_ids, called=names)
    def create_resource(self, who: str, name: str, where: str, called: str) -> None:
        scope = ("resource", name)
        refusal = self.world.refusal(who, ("project", where), "write")
        if refusal is None and self.world.is_over(("project", where)):
            refusal = "InvalidTransition"
        if refusal is None and scope in self.world.used:
            refusal = "AlreadyExists"
        command = resources.CreateResource(
            id=ResourceId(name), name=called, type="Acme.Kettle", sku="free"
        )
        create, place = resources.create_resource, ProjectId(where)
        self.demand(refusal, create, place, command, by=who)
        if refusal is None:
            self.world.resources[name] = where, called, "Creating"
            self.world.create(who, scope)

    @rule(who=people, name=project_ids, where=places)
    def move_project(self, who: str, name: str, where: str | None) -> None:
        refusal = self.world.refusal(who, ("project", name), "delete")
        if refusal is None and where is not None:
            refusal = self.world.refusal(who, ("organization", where), "write")
        moves = refusal is None and self.world.projects[name][0] != where
        if moves and where is None and not self.world.lasting_owners(("project", name)):
            refusal = "LastOwner"
        elif moves and self.world.is_over(("project", name)):
            refusal = "InvalidTransition"
        command = projects.MoveProject(org_id=organization_or_none(where))
        move = projects.move_project
        self.demand(refusal, move, ProjectId(name), command, by=who)
        if refusal is None:
            _, called, status = self.world.projects[name]
            self.world.projects[name] = where, called, status

    @rule(who=people, name=organization_ids, cascade=st.booleans())
    def delete_organization(self, who: str, name: str, *, cascade: bool) -> None:
        refusal = self.world.refusal(who, ("organization", name), "delete")
        if refusal is None and not cascade and self.world.active_projects(name):
            refusal = "NotEmpty"
        delete, org_id = organizations.delete_organization, OrganizationId(name)
        self.demand(refusal, delete, org_id, cascade=cascade, by=who)
        if refusal is None:
            self.world.delete_organization(name)

    @rule(who=people, name=project_ids, cascade=st.booleans())
    def delete_project(self, who: str, name: str, *, cascade: bool) -> None:
        scope = ("project", name)
        refusal = self.world.refusal(who, scope, "delete")
        begins = refusal is None and not self.world.is_over(scope)
        if begins and not cascade:
            alive = [r for r in self.world.inside(name) if not self.world.is_over(("resource", r))]
            refusal = "NotEmpty" if alive else None
        delete, project_id = projects.delete_project, ProjectId(name)
        self.demand(refusal, delete, project_id, cascade=cascade, by=who)
        if begins and refusal is None:
            self.world.delete_project(name)

    @rule(who=people, name=resource_ids)
    def delete_resource(self, who: str, name: str) -> None:
        scope = ("resource", name)
        refusal = self.world.refusal(who, scope, "delete")
        delete, resource_id = resources.delete_resource, ResourceId(name)
        self.demand(refusal, delete, resource_id, by=who)
        if refusal is None and not self.world.is_over(scope):
            self.world.delete_resource(name)

    @rule(name=resource_ids)
    def end_resource(self, name: str) -> None:
        if name in self.world.resources:
            self.do.alone(end_resource, ResourceId(name))
            if self.world.resources[name][2] == "Deleting":
                self.world.end_resource(name)

    @rule(hours=st.sampled_from([1, 2, GRACE]))
    def time_passes(self, hours: int) -> None:
        self.world.now += hours
        self.clock.set(START + timedelta(hours=self.world.now))

    @rule()
    def end_what_is_due(self) -> None:
        with self.do.units.view() as work:
            ids, emptied = due_deletions(work, limit=100, platform=self.do.platform)
        assert sorted(one.value for one in ids) == sorted(self.world.due())
        assert list(emptied) == []
        for one in ids:
            self.do.alone(end_resource, one)
            self.world.end_resource(one.value)
        for name in self.world.projects:
            self.do.alone(end_emptied_project, ProjectId(name))

    @rule(who=people, limit=st.integers(1, 4), sort=st.sampled_from(Sort))
    def look_around(self, who: str, limit: int, sort: Sort) -> None:
        for kind, service, filters, deleted in LISTS:
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

    @rule(who=people, scope=scopes)
    def read(self, who: str, scope: Scope) -> None:
        kind, name = scope
        service, identity = READERS[kind]
        refusal = self.world.refusal(who, scope)
        found = self.demand(refusal, service, identity(name), by=who)
        if found is not None:
            assert told(found) == self.world.told(scope)

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
    def the_same_roles_are_left(self) -> None:
        """Expired ones too: what is gone leaves nothing that could revive."""
        with self.do.units.view() as work:
            kept = {
                (held.user_id, work.assignments.get(held.assignment_id).role.name, held.scope)
                for held in work.assignments.of(None)
            }
        assert kept == {
            (WHO[who], role, on(" ".join(scope))) for who, role, scope in self.world.roles
        }
