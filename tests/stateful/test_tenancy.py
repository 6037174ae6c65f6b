"""Organizations, projects and resources: created, renamed, moved, deleted, read and listed."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.services import organizations, projects, resources
from tests.stateful.asking import Looking
from tests.stateful.conftest import Runner
from tests.stateful.words import (
    WHO,
    actors,
    everywhere,
    gifts,
    lasts,
    names,
    organization_ids,
    project_ids,
    resource_ids,
)


class Tenancy(Looking):
    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.begin_with_something()
        given = st.tuples(gifts(list(WHO), everywhere), lasts)
        for gift, lasting in data.draw(st.lists(given, max_size=8)):
            self.operator_grants(gift, lasting)

    @rule(who=actors, name=organization_ids, called=names)
    def rename_organization(self, who: str, name: str, called: str) -> None:
        who = self.choose(who, "write", ("organization", name))
        refusal = self.world.refusal(who, ("organization", name), "write")
        update, org_id = organizations.update_organization, OrganizationId(name)
        command = organizations.UpdateOrganization(name=called)
        self.demand(refusal, update, org_id, command, by=who)
        if refusal is None:
            self.world.organizations[name] = called

    @rule(who=actors, name=project_ids, called=names)
    def rename_project(self, who: str, name: str, called: str) -> None:
        who = self.choose(who, "write", ("project", name))
        refusal = self.world.refusal(who, ("project", name), "write")
        if refusal is None and self.world.is_over(("project", name)):
            refusal = "InvalidTransition"
        update, project_id = projects.update_project, ProjectId(name)
        command = projects.UpdateProject(name=called)
        self.demand(refusal, update, project_id, command, by=who)
        if refusal is None:
            where, _, status = self.world.projects[name]
            self.world.projects[name] = where, called, status

    @rule(who=actors, name=resource_ids, called=names)
    def rename_resource(self, who: str, name: str, called: str) -> None:
        who = self.choose(who, "write", ("resource", name))
        refusal = self.world.refusal(who, ("resource", name), "write")
        if refusal is None and self.world.is_over(("resource", name)):
            refusal = "InvalidTransition"
        update, resource_id = resources.update_resource, ResourceId(name)
        command = resources.UpdateResource(name=called)
        self.demand(refusal, update, resource_id, command, merge=True, by=who)
        if refusal is None:
            where, _, status = self.world.resources[name]
            self.world.resources[name] = where, called, status


def test_tenancy_is_as_the_oracle_says(run: Runner) -> None:
    run(Tenancy, share=2)
