from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import evolve

from ktrlplane.adapters.postgres import assignment_queries as queries
from ktrlplane.adapters.postgres.lists import count_of, page_of, shape_of, span
from ktrlplane.adapters.postgres.roles import role_of
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.users import user_of
from ktrlplane.domain.access import RoleAssignment, Scope, ScopeType
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import AssignmentId, PrincipalId, RoleId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, Sort, time_key
from ktrlplane.ports.stores import Assignments, AssignmentView


class PostgresAssignments(Assignments):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, assignment: RoleAssignment) -> None:
        if self._session.change(queries.ADD, _values(assignment)) == 0:
            raise AlreadyExists(
                f"{assignment.user_id} has this role on {assignment.scope} already; "
                "change that assignment instead."
            )

    def get(self, assignment_id: AssignmentId) -> AssignmentView:
        view = self._session.one(_view, queries.GET, {"assignment_id": assignment_id})
        if view is None:
            raise _not_there(assignment_id)
        return view

    def replace(self, assignment: RoleAssignment) -> None:
        if self._session.change(queries.REPLACE, _values(assignment)) == 0:
            raise _not_there(assignment.assignment_id)

    def remove(self, assignment_id: AssignmentId) -> None:
        if self._session.change(queries.REMOVE, {"assignment_id": assignment_id}) == 0:
            raise _not_there(assignment_id)

    def remove_below(self, scope: Scope) -> None:
        self._session.change(queries.REMOVE_BELOW, _scope_values(scope))

    def on(self, scope: Scope, at: datetime) -> Sequence[RoleAssignment]:
        return self._session.all(_assignment, queries.ON, {**_scope_values(scope), "at": at})

    def of(self, principal: PrincipalId | None) -> Sequence[RoleAssignment]:
        query = queries.OF_EVERYBODY if principal is None else queries.OF
        return self._session.all(_assignment, query, {"principal": principal})

    def view(self, path: Sequence[Scope], at: datetime, page: PageRequest) -> Page[AssignmentView]:
        by_time = _by_time(page)
        values = {
            "scope_types": [scope.scope_type.value for scope in path],
            "scope_ids": [scope.scope_id for scope in path],
            "at": at,
            **span(by_time),
        }
        rows = self._session.all(_view, queries.page_query(shape_of(by_time)), values)
        total = None
        if page.include_total:
            total = count_of(self._session, queries.COUNT, values)
        return page_of(rows, page, _place, total)


def _by_time(page: PageRequest) -> PageRequest:
    """Assignments have no name to be sorted by."""
    if not page.sort.by_name:
        return page
    back = page.sort.descending
    return evolve(page, sort=Sort.CREATED_AT_DESCENDING if back else Sort.CREATED_AT)


def _place(view: AssignmentView) -> Cursor:
    assignment = view.assignment
    return Cursor(time_key(assignment.created_at), assignment.assignment_id.value)


def _assignment(
    *,
    assignment_id: str,
    user_id: str,
    role_id: str,
    scope_type: str,
    scope_id: str,
    assigned_by: str | None,
    **columns: Any,
) -> RoleAssignment:
    return RoleAssignment(
        assignment_id=AssignmentId(assignment_id),
        user_id=PrincipalId(user_id),
        role_id=RoleId(role_id),
        scope=Scope(ScopeType(scope_type), scope_id),
        assigned_by=None if assigned_by is None else PrincipalId(assigned_by),
        **columns,
    )


def _view(user_id: str, role_id: str, scope_name: str, **columns: Any) -> AssignmentView:
    def taken(prefix: str) -> dict[str, Any]:
        names = [name for name in columns if name.startswith(prefix)]
        return {name.removeprefix(prefix): columns.pop(name) for name in names}

    return AssignmentView(
        user=user_of(user_id, **taken("of_user_")),
        role=role_of(role_id, **taken("of_role_")),
        assignment=_assignment(user_id=user_id, role_id=role_id, **columns),
        scope_name=scope_name,
    )


def _not_there(assignment_id: AssignmentId) -> NotFound:
    return NotFound(f"There is no assignment {assignment_id}.")


def _scope_values(scope: Scope) -> dict[str, object]:
    return {"scope_type": scope.scope_type, "scope_id": scope.scope_id}


def _values(assignment: RoleAssignment) -> Mapping[str, object]:
    return {
        "assignment_id": assignment.assignment_id,
        "principal_type": assignment.principal_type,
        "user_id": assignment.user_id,
        "role_id": assignment.role_id,
        **_scope_values(assignment.scope),
        "assigned_by": assignment.assigned_by,
        "created_at": assignment.created_at,
        "expires_at": assignment.expires_at,
    }
