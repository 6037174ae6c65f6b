"""Things come, move and go, and the operator gives roles on them."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from ktrlplane.adapters.memory.clock import START
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.services import moves, organizations, projects, resources
from ktrlplane.domain.services.deletions import (
    due_deletions,
    emptied_projects,
    end_emptied_project,
    end_resources,
)
from ktrlplane.domain.services.operator import OperatorGrant, operator_grant
from tests.stateful.invariants import Invariants
from tests.stateful.ledger import created_by, nobody, operator
from tests.stateful.machine import place
from tests.stateful.oracle import HIDDEN, Key
from tests.stateful.things import GRACE, Refusal
from tests.stateful.words import (
    GROUPS,
    WHO,
    actors,
    everywhere,
    gifts,
    lasts,
    moment,
    names,
    organization_ids,
    organization_or_none,
    people,
    places,
    project_ids,
    resource_ids,
)


class Changes(Invariants):
    def begin_with_something(self) -> None:
        self.create_organization("alice", "o-1", "same")
        self.create_organization("carol", "o-2", "same")
        self.create_project("alice", "p-1", "o-1", "same")
        self.create_project("bob", "p-2", None, "same")
        self.create_project("carol", "p-3", "o-2", "same")
        self.create_resource("alice", "r-1", "p-1", "same")
        self.create_resource("bob", "r-2", "p-2", "same")

    @rule(gift=gifts([*WHO, *GROUPS], everywhere), lasting=lasts)
    def operator_grants(self, gift: Key, lasting: int | None) -> None:
        world, (who, role, scope) = self.world, gift
        refusal: Refusal = None if world.path(scope) else "NotFound"
        if refusal is None and world.is_over(scope):
            refusal = "InvalidTransition"
        made = [one for one in (who, role) if "/" in one]
        if refusal is None and not all(world.lends(one, scope) for one in made):
            refusal = "ValidationFailed"
        if refusal is None and who.startswith("@") and role in HIDDEN:
            refusal = "ValidationFailed"
        if refusal is None and world.holds_still(gift):
            refusal = "AlreadyExists"
        until = None if lasting is None else world.now + lasting
        command = OperatorGrant(
            principal=self.holder(who),
            role=self.role_id(role),
            scope=place(scope),
            expires_at=moment(until),
        )
        self.demand(refusal, operator_grant, command, warrant=operator)
        if refusal is None:
            world.roles[gift] = until

    @rule(who=people, name=organization_ids, called=names)
    def create_organization(self, who: str, name: str, called: str) -> None:
        scope = ("organization", name)
        refusal = "AlreadyExists" if scope in self.world.used else None
        if who == "robot":
            refusal = "Forbidden"
        command = organizations.CreateOrganization(id=OrganizationId(name), name=called)
        create = organizations.create_organization
        warrant = created_by(who, scope, None)
        self.demand(refusal, create, command, by=who, warrant=warrant)
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
        above = None if where is None else ("organization", where)
        warrant = created_by(who, scope, above)
        self.demand(refusal, projects.create_project, command, by=who, warrant=warrant)
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
        create, inside = resources.create_resource, ProjectId(where)
        warrant = created_by(who, scope, ("project", where))
        self.demand(refusal, create, inside, command, by=who, warrant=warrant)
        if refusal is None:
            self.world.resources[name] = where, called, "Creating"
            self.world.create(who, scope)

    @rule(who=actors, name=project_ids, where=places)
    def move_project(self, who: str, name: str, where: str | None) -> None:
        who = self.choose(who, "delete", ("project", name))
        refusal = self.world.refusal_to_move(who, name, where)
        command = moves.MoveProject(org_id=organization_or_none(where))
        move = moves.move_project
        self.demand(refusal, move, ProjectId(name), command, by=who)
        if refusal is None:
            self.world.move(name, where)

    @precondition(lambda self: self.deletes)
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

    @precondition(lambda self: self.deletes)
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
            self.demand(None, end_resources, [ResourceId(name)])
            if self.world.resources[name][2] == "Deleting":
                self.world.end_resource(name)

    @rule(hours=st.sampled_from([1, 2, GRACE]))
    def time_passes(self, hours: int) -> None:
        self.world.now += hours
        self.clock.set(START + timedelta(hours=self.world.now))
        self.ledger.close(nobody)

    @rule()
    def end_what_is_due(self) -> None:
        with self.do.units.view() as work:
            due = due_deletions(work, tenants=100, platform=self.do.platform)
            assert emptied_projects(work, limit=100) == []
        named = [one.value for departing in due for one in departing.resource_ids]
        assert sorted(named) == sorted(self.world.due())
        for departing in due:
            self.demand(None, end_resources, departing.resource_ids)
            for one in departing.resource_ids:
                self.world.end_resource(one.value)
        for name in self.world.projects:
            self.demand(None, end_emptied_project, ProjectId(name))
