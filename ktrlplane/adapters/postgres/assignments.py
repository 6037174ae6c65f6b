from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import evolve

from ktrlplane.adapters.postgres import assignment_queries as queries
from ktrlplane.adapters.postgres import reach_queries
from ktrlplane.adapters.postgres.groups import group_of
from ktrlplane.adapters.postgres.lists import count_of, page_of, shape_of, span, taken
from ktrlplane.adapters.postgres.roles import role_of
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.users import user_of
from ktrlplane.domain.access import Holder, RoleAssignment, Scope, ScopeType
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import AssignmentId, GroupId, PrincipalId, RoleId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.ports.access import Assignments, AssignmentView


class PostgresAssignments(Assignments):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, assignment: RoleAssignment) -> None:
        if self._session.change(queries.ADD, _values(assignment)) == 0:
            raise AlreadyExists(
                f"{assignment.holder} has this role on {assignment.scope} already; "
                "change that assignment instead."
            )
        self._session.touched(assignment.scope)

    def get(self, assignment_id: AssignmentId) -> AssignmentView:
        view = self._session.one(_view, queries.GET, {"assignment_id": assignment_id})
        if view is None:
            raise _not_there(assignment_id)
        return view

    def replace(self, assignment: RoleAssignment) -> None:
        if self._session.change(queries.REPLACE, _values(assignment)) == 0:
            raise _not_there(assignment.assignment_id)
        self._session.touched(assignment.scope)

    def remove(self, assignment_id: AssignmentId) -> None:
        values = {"assignment_id": assignment_id}
        removed = self._session.change_returning(_scope, queries.REMOVE, values)
        if not removed:
            raise _not_there(assignment_id)
        self._session.touched(*removed)

    def remove_below(self, scope: Scope) -> None:
        values = _scope_values(scope)
        self._session.touched(
            *self._session.change_returning(_scope, queries.REMOVE_BELOW, values)
        )

    def remove_on(self, scopes: Sequence[Scope]) -> None:
        values = queries.scopes_values(scopes)
        gone = self._session.change_returning(_scope, queries.REMOVE_ON, values)
        self._session.touched(*gone)

    def on(self, scope: Scope, at: datetime) -> Sequence[RoleAssignment]:
        return self._session.all(_assignment, queries.ON, {**_scope_values(scope), "at": at})

    def of(self, holder: Holder | None) -> Sequence[RoleAssignment]:
        if holder is None:
            return self._session.all(_assignment, queries.OF_EVERYBODY, {})
        return self._session.all(_assignment, queries.OF, {"holder": holder_key(holder)})

    def with_role(self, role_id: RoleId) -> Sequence[RoleAssignment]:
        return self._session.all(_assignment, queries.WITH_ROLE, {"role_id": role_id})

    def of_below(self, holder: Holder, scope: Scope) -> Sequence[RoleAssignment]:
        values = {**_scope_values(scope), "holder": holder_key(holder)}
        return self._session.all(_assignment, queries.OF_BELOW, values)

    def lent_below(self, scope: Scope) -> Sequence[RoleAssignment]:
        return self._session.all(_assignment, queries.LENT_BELOW, _scope_values(scope))

    def view(self, path: Sequence[Scope], at: datetime, page: PageRequest) -> Page[AssignmentView]:
        by_time = evolve(page, sort=page.sort.by_time)
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

    def reach(
        self,
        user_id: PrincipalId,
        at: datetime,
        page: PageRequest,
        *,
        manager: PrincipalId | None = None,
    ) -> Page[AssignmentView]:
        by_time, managed = evolve(page, sort=page.sort.by_time), manager is not None
        values = {"principal": user_id, "manager": manager, "at": at, **span(by_time)}
        query = reach_queries.reach_query(shape_of(by_time), managed=managed)
        rows = self._session.all(_view, query, values)
        total = None
        if page.include_total:
            total = count_of(self._session, reach_queries.reach_count(managed=managed), values)
        return page_of(rows, page, _place, total)


def holder_key(holder: Holder) -> str:
    """As the column ``holder`` has it: no user's id has a space in it."""
    return f"group {holder}" if isinstance(holder, GroupId) else holder.value


def _place(view: AssignmentView) -> Cursor:
    assignment = view.assignment
    return Cursor(time_key(assignment.created_at), assignment.assignment_id.value)


def _scope(scope_type: str, scope_id: str) -> Scope:
    return Scope(ScopeType(scope_type), scope_id)


def _assignment(
    *,
    assignment_id: str,
    user_id: str | None,
    group_id: str | None,
    role_id: str,
    scope_type: str,
    scope_id: str,
    assigned_by: str | None,
    **columns: Any,
) -> RoleAssignment:
    return RoleAssignment(
        assignment_id=AssignmentId(assignment_id),
        holder=GroupId(group_id) if group_id is not None else PrincipalId(user_id or ""),
        role_id=RoleId(role_id),
        scope=_scope(scope_type, scope_id),
        assigned_by=None if assigned_by is None else PrincipalId(assigned_by),
        **columns,
    )


def _view(
    user_id: str | None, group_id: str | None, role_id: str, scope_name: str, **columns: Any
) -> AssignmentView:
    user, group = taken(columns, "of_user_"), taken(columns, "of_group_")
    return AssignmentView(
        user=None if user_id is None else user_of(user_id, **user),
        group=None if group_id is None else group_of(group_id, **group),
        role=role_of(role_id, **taken(columns, "of_role_")),
        assignment=_assignment(user_id=user_id, group_id=group_id, role_id=role_id, **columns),
        scope_name=scope_name,
    )


def _not_there(assignment_id: AssignmentId) -> NotFound:
    return NotFound(f"There is no assignment {assignment_id}.")


def _scope_values(scope: Scope) -> dict[str, object]:
    return {"scope_type": scope.scope_type, "scope_id": scope.scope_id}


def _values(assignment: RoleAssignment) -> Mapping[str, object]:
    return {
        "assignment_id": assignment.assignment_id,
        "user_id": assignment.user_id,
        "group_id": assignment.group_id,
        "role_id": assignment.role_id,
        **_scope_values(assignment.scope),
        "assigned_by": assignment.assigned_by,
        "created_at": assignment.created_at,
        "expires_at": assignment.expires_at,
    }
