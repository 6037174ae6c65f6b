"""Things come, move and go, and are read and listed meanwhile."""

from datetime import timedelta
from itertools import product

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from ktrlplane.adapters.memory.clock import START
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.services import moves, organizations, projects, resources
from ktrlplane.domain.services.deletions import due_deletions, end_emptied_project, end_resource
from ktrlplane.domain.services.operator import OperatorGrant, operator_grant
from tests.builders import on
from tests.stateful.machine import Machine
from tests.stateful.oracle import GRACE, Refusal, Scope
from tests.stateful.words import (
    LISTS,
    READERS,
    WHO,
    actors,
    everywhere,
    lasts,
    moment,
    names,
    organization_ids,
    organization_or_none,
    people,
    places,
    project_ids,
    resource_ids,
    roles,
    scopes,
    told,
)


class Changes(Machine):
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

    @rule(who=actors, name=project_ids, where=places, called=names)
    def create_project(self, who: str, name: str, where: str | None, called: str) -> None:
        scope = ("project", name)
        who = self.choose(who, "write", ("organization", where or ""))
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

    @rule(who=actors, name=resource_ids, where=project_ids, called=names)
    def create_resource(self, who: str, name: str, where: str, called: str) -> None:
        scope = ("resource", name)
        who = self.choose(who, "write", ("project", where))
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

    @rule(who=actors, name=project_ids, where=places)
    def move_project(self, who: str, name: str, where: str | None) -> None:
        who = self.choose(who, "delete", ("project", name))
        refusal = self.world.refusal(who, ("project", name), "delete")
        if refusal is None and where is not None:
            refusal = self.world.refusal(who, ("organization", where), "write")
        goes = refusal is None and self.world.projects[name][0] != where
        if goes and where is None and not self.world.lasting_owners(("project", name)):
            refusal = "LastOwner"
        elif goes and self.world.is_over(("project", name)):
            refusal = "InvalidTransition"
        command = moves.MoveProject(org_id=organization_or_none(where))
        move = moves.move_project
        self.demand(refusal, move, ProjectId(name), command, by=who)
        if refusal is None:
            _, called, status = self.world.projects[name]
            self.world.projects[name] = where, called, status

    @rule(who=actors, name=organization_ids, cascade=st.booleans())
    def delete_organization(self, who: str, name: str, *, cascade: bool) -> None:
        who = self.choose(who, "delete", ("organization", name))
        refusal = self.world.refusal(who, ("organization", name), "delete")
        if refusal is None and not cascade and self.world.active_projects(name):
            refusal = "NotEmpty"
        delete, org_id = organizations.delete_organization, OrganizationId(name)
        self.demand(refusal, delete, org_id, cascade=cascade, by=who)
        if refusal is None:
            self.world.delete_organization(name)

    @rule(who=actors, name=project_ids, cascade=st.booleans())
    def delete_project(self, who: str, name: str, *, cascade: bool) -> None:
        scope = ("project", name)
        who = self.choose(who, "delete", scope)
        refusal = self.world.refusal(who, scope, "delete")
        begins = refusal is None and not self.world.is_over(scope)
        if begins and not cascade:
            alive = [r for r in self.world.inside(name) if not self.world.is_over(("resource", r))]
            refusal = "NotEmpty" if alive else None
        delete, project_id = projects.delete_project, ProjectId(name)
        self.demand(refusal, delete, project_id, cascade=cascade, by=who)
        if begins and refusal is None:
            self.world.delete_project(name)

    @rule(who=actors, name=resource_ids)
    def delete_resource(self, who: str, name: str) -> None:
        scope = ("resource", name)
        who = self.choose(who, "delete", scope)
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
