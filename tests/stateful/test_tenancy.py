"""Organizations, projects and resources: created, renamed, moved, deleted, read and listed."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ktrlplane.adapters.memory.clock import START
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.services import organizations, projects, resources
from ktrlplane.domain.services.operator import OperatorGrant, operator_grant
from tests.builders import on
from tests.stateful.conftest import Runner
from tests.stateful.machine import (
    WHO,
    Machine,
    names,
    organization_ids,
    people,
    project_ids,
    resource_ids,
    scopes,
)
from tests.stateful.oracle import HIDDEN, ROLES, Refusal, Scope


class Tenancy(Machine):
    @rule(who=people, name=organization_ids, called=names)
    def rename_organization(self, who: str, name: str, called: str) -> None:
        refusal = self.world.refusal(who, ("organization", name), "write")
        update, org_id = organizations.update_organization, OrganizationId(name)
        command = organizations.UpdateOrganization(name=called)
        self.demand(refusal, lambda: self.do(update, org_id, command, by=WHO[who]))
        if refusal is None:
            self.world.organizations[name] = called

    @rule(who=people, name=project_ids, called=names)
    def rename_project(self, who: str, name: str, called: str) -> None:
        refusal = self.world.refusal(who, ("project", name), "write")
        if refusal is None and self.world.is_over(("project", name)):
            refusal = "InvalidTransition"
        update, project_id = projects.update_project, ProjectId(name)
        command = projects.UpdateProject(name=called)
        self.demand(refusal, lambda: self.do(update, project_id, command, by=WHO[who]))
        if refusal is None:
            where, _, status = self.world.projects[name]
            self.world.projects[name] = where, called, status

    @rule(who=people, name=resource_ids, called=names)
    def rename_resource(self, who: str, name: str, called: str) -> None:
        refusal = self.world.refusal(who, ("resource", name), "write")
        if refusal is None and self.world.is_over(("resource", name)):
            refusal = "InvalidTransition"
        update, resource_id = resources.update_resource, ResourceId(name)
        command = resources.UpdateResource(name=called)
        self.demand(
            refusal, lambda: self.do(update, resource_id, command, merge=True, by=WHO[who])
        )
        if refusal is None:
            where, _, status = self.world.resources[name]
            self.world.resources[name] = where, called, status

    @rule(
        who=people,
        role=st.sampled_from(sorted(set(ROLES) - HIDDEN)),
        scope=scopes,
        hours=st.sampled_from([None, 1, 30]),
    )
    def operator_grants(self, who: str, role: str, scope: Scope, hours: int | None) -> None:
        until = None if hours is None else self.world.now + hours
        refusal: Refusal = None if self.world.path(scope) else "NotFound"
        if refusal is None and self.world.is_over(scope):
            refusal = "InvalidTransition"
        key = who, role, scope
        if refusal is None and self.world.holds_still(key):
            refusal = "AlreadyExists"
        command = OperatorGrant(
            principal=WHO[who],
            role=role,
            scope=on(" ".join(scope)),
            expires_at=None if until is None else START + timedelta(hours=until),
        )
        self.demand(refusal, lambda: self.do.alone(operator_grant, command))
        if refusal is None:
            self.world.roles[key] = until


def test_tenancy_is_as_the_oracle_says(run: Runner) -> None:
    run(Tenancy)
