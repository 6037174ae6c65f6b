from collections.abc import Sequence
from datetime import datetime

from ktrlplane.adapters.memory.lists import paged
from ktrlplane.adapters.memory.sight import by_age
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import RoleAssignment, Scope, ScopeType
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import (
    AssignmentId,
    OrganizationId,
    PrincipalId,
    ProjectId,
    ResourceId,
)
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.stores import Assignments, AssignmentView


class MemoryAssignments(Assignments):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.assignments

    def add(self, assignment: RoleAssignment) -> None:
        self._require_known(assignment)
        for held in self._rows.where(principal=assignment.user_id):
            if held.role_id != assignment.role_id or held.scope != assignment.scope:
                continue
            if held.holds_at(assignment.created_at):
                raise AlreadyExists(
                    f"{held.user_id} has this role on {held.scope} already; "
                    "change that assignment instead."
                )
            self._rows.drop(held.assignment_id)
        self._rows.put(assignment)

    def get(self, assignment_id: AssignmentId) -> AssignmentView:
        return self._viewed(self._find(assignment_id))

    def replace(self, assignment: RoleAssignment) -> None:
        self._find(assignment.assignment_id)
        self._require_known(assignment)
        self._rows.put(assignment)

    def remove(self, assignment_id: AssignmentId) -> None:
        self._find(assignment_id)
        self._rows.drop(assignment_id)

    def remove_below(self, scope: Scope) -> None:
        for each in self._with_all_in(scope):
            for held in self._rows.where(scope=each):
                self._rows.drop(held.assignment_id)

    def on(self, scope: Scope, at: datetime) -> Sequence[RoleAssignment]:
        return sorted(self._unexpired(scope, at), key=by_age)

    def of(self, principal: PrincipalId | None) -> Sequence[RoleAssignment]:
        rows = self._rows
        held = rows.all() if principal is None else rows.where(principal=principal)
        return sorted(held, key=by_age)

    def view(self, path: Sequence[Scope], at: datetime, page: PageRequest) -> Page[AssignmentView]:
        held = [one for scope in path for one in self._unexpired(scope, at)]
        shown = paged(held, page, _place)
        return Page(
            items=[self._viewed(one) for one in shown.items], next=shown.next, total=shown.total
        )

    def _find(self, assignment_id: AssignmentId) -> RoleAssignment:
        assignment = self._rows.find(assignment_id)
        if assignment is None:
            raise NotFound(f"There is no assignment {assignment_id}.")
        return assignment

    def _unexpired(self, scope: Scope, at: datetime) -> list[RoleAssignment]:
        return [held for held in self._rows.where(scope=scope) if held.holds_at(at)]

    def _require_known(self, assignment: RoleAssignment) -> None:
        if self._tables.users.find(assignment.user_id) is None:
            raise ValueError(f"There is no user {assignment.user_id} to have a role.")
        if self._tables.roles.find(assignment.role_id) is None:
            raise ValueError(f"There is no role {assignment.role_id} to be had.")

    def _with_all_in(self, scope: Scope) -> list[Scope]:
        match scope.scope_type:
            case ScopeType.ORGANIZATION:
                org_id = OrganizationId(scope.scope_id)
                projects = self._tables.projects.where(organization=org_id)
                inside = [Scope.of(project.project_id) for project in projects]
                return [scope, *(each for one in inside for each in self._with_all_in(one))]
            case ScopeType.PROJECT:
                project_id = ProjectId(scope.scope_id)
                resources = self._tables.resources.where(project=project_id)
                return [scope, *(Scope.of(resource.resource_id) for resource in resources)]
            case ScopeType.RESOURCE | ScopeType.GLOBAL:
                return [scope]

    def _viewed(self, assignment: RoleAssignment) -> AssignmentView:
        user = self._tables.users.find(assignment.user_id)
        role = self._tables.roles.find(assignment.role_id)
        assert user is not None, "nothing is assigned to nobody"
        assert role is not None, "a role stays while somebody holds it"
        return AssignmentView(
            assignment=assignment,
            user=user,
            role=role,
            scope_name=self._name_of(assignment.scope),
        )

    def _name_of(self, scope: Scope) -> str:
        thing: Organization | Project | Resource | None = None
        match scope.scope_type:
            case ScopeType.ORGANIZATION:
                thing = self._tables.organizations.find(OrganizationId(scope.scope_id))
            case ScopeType.PROJECT:
                thing = self._tables.projects.find(ProjectId(scope.scope_id))
            case ScopeType.RESOURCE:
                thing = self._tables.resources.find(ResourceId(scope.scope_id))
        return scope.scope_id if thing is None else thing.name


def _place(assignment: RoleAssignment) -> Cursor:
    return Cursor(time_key(assignment.created_at), assignment.assignment_id.value)
