from collections.abc import Iterable, Sequence
from datetime import datetime

from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.sight import (
    by_age,
    name_of,
    path_to,
    role_of,
    standing_on,
    unexpired_of,
    with_all_in,
)
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Action, Holder, RoleAssignment, Scope
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import AssignmentId, GroupId, PrincipalId, RoleId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.ports.access import Assignments, AssignmentView


class MemoryAssignments(Assignments):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.assignments

    def add(self, assignment: RoleAssignment) -> None:
        self._require_known(assignment)
        for held in self._rows.where(holder=assignment.holder):
            if held.role_id != assignment.role_id or held.scope != assignment.scope:
                continue
            if held.holds_at(assignment.created_at):
                raise AlreadyExists(
                    f"{held.holder} has this role on {held.scope} already; "
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
        for held in self._below(scope):
            self._rows.drop(held.assignment_id)

    def remove_on(self, scopes: Sequence[Scope]) -> None:
        for scope in scopes:
            for one in self._rows.where(scope=scope):
                self._rows.drop(one.assignment_id)

    def on(self, scope: Scope, at: datetime) -> Sequence[RoleAssignment]:
        return sorted(self._unexpired(scope, at), key=by_age)

    def of(self, holder: Holder | None) -> Sequence[RoleAssignment]:
        rows = self._rows
        return sorted(rows.all() if holder is None else rows.where(holder=holder), key=by_age)

    def with_role(self, role_id: RoleId) -> Sequence[RoleAssignment]:
        return sorted(self._rows.where(role=role_id), key=by_age)

    def of_below(self, holder: Holder, scope: Scope) -> Sequence[RoleAssignment]:
        inside = set(with_all_in(self._tables, scope))
        return [held for held in self.of(holder) if held.scope in inside]

    def lent_below(self, scope: Scope) -> Sequence[RoleAssignment]:
        lent = (
            held
            for held in self._below(scope)
            if held.group_id is not None or role_of(self._tables, held).org_id is not None
        )
        return sorted(lent, key=by_age)

    def view(self, path: Sequence[Scope], at: datetime, page: PageRequest) -> Page[AssignmentView]:
        return self._page((one for scope in path for one in self._unexpired(scope, at)), page)

    def reach(
        self,
        user_id: PrincipalId,
        at: datetime,
        page: PageRequest,
        *,
        manager: PrincipalId | None = None,
    ) -> Page[AssignmentView]:
        held = unexpired_of(self._tables, user_id, at)
        return self._page((one for one in held if self._is_managed(one, manager, at)), page)

    def _is_managed(self, held: RoleAssignment, manager: PrincipalId | None, at: datetime) -> bool:
        if manager is None:
            return True
        path = path_to(self._tables, held.scope)
        return path is not None and standing_on(self._tables, manager, path, at).may(
            Action.MANAGE_ACCESS
        )

    def _page(self, held: Iterable[RoleAssignment], page: PageRequest) -> Page[AssignmentView]:
        shown = by_time(held, page, lambda one: (one.created_at, one.assignment_id.value))
        return shown.showing([self._viewed(one) for one in shown.items])

    def _find(self, assignment_id: AssignmentId) -> RoleAssignment:
        assignment = self._rows.find(assignment_id)
        if assignment is None:
            raise NotFound(f"There is no assignment {assignment_id}.")
        return assignment

    def _below(self, scope: Scope) -> list[RoleAssignment]:
        scopes = with_all_in(self._tables, scope)
        return [held for each in scopes for held in self._rows.where(scope=each)]

    def _unexpired(self, scope: Scope, at: datetime) -> list[RoleAssignment]:
        return [held for held in self._rows.where(scope=scope) if held.holds_at(at)]

    def _require_known(self, assignment: RoleAssignment) -> None:
        holder = assignment.holder
        known = self._tables.groups if isinstance(holder, GroupId) else self._tables.users
        if known.find(holder) is None:
            raise ValueError(f"There is no {holder} to have a role.")
        if self._tables.roles.find(assignment.role_id) is None:
            raise ValueError(f"There is no role {assignment.role_id} to be had.")

    def _viewed(self, assignment: RoleAssignment) -> AssignmentView:
        tables, user_id, group_id = self._tables, assignment.user_id, assignment.group_id
        return AssignmentView(
            assignment=assignment,
            user=None if user_id is None else tables.users.find(user_id),
            group=None if group_id is None else tables.groups.find(group_id),
            role=role_of(tables, assignment),
            scope_name=name_of(tables, assignment.scope),
        )
