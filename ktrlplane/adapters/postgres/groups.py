from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import Listing, composed, count_of, searched, taken
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.users import USER_BESIDE, user_of
from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.groups import Group, GroupMember
from ktrlplane.domain.ids import GroupId, OrganizationId, PrincipalId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, cursor_of, time_key
from ktrlplane.ports.groups import Groups, MemberView

_COLUMNS: Final = SQL("group_id, org_id, name, description, created_at, updated_at")

_ADD: Final = """
    INSERT INTO ktrlplane.groups (group_id, org_id, name, description, created_at, updated_at)
    VALUES (
        %(group_id)s, %(org_id)s, %(name)s, %(description)s, %(created_at)s, %(updated_at)s
    )
"""

_GET: Final = composed(
    "SELECT {columns} FROM ktrlplane.groups WHERE group_id = %(group_id)s", columns=_COLUMNS
)

_REPLACE: Final = """
    UPDATE ktrlplane.groups
    SET name = %(name)s, description = %(description)s, updated_at = %(updated_at)s
    WHERE group_id = %(group_id)s
"""

# Members and assignments go with it.
_REMOVE: Final = """
    DELETE FROM ktrlplane.groups WHERE group_id = %(group_id)s RETURNING org_id
"""

_REMOVE_OF: Final = "DELETE FROM ktrlplane.groups WHERE org_id = %(org_id)s"

_OF: Final = Listing(
    columns=_COLUMNS,
    rows=SQL("SELECT * FROM ktrlplane.groups WHERE org_id = %(org_id)s"),
    identity=SQL("group_id"),
    filters={"text": SQL("(strpos(name_key, %(text)s) > 0 OR strpos(group_id, %(text)s) > 0)")},
)

_COUNT: Final = "SELECT count(*) AS total FROM ktrlplane.groups WHERE org_id = %(org_id)s"

_PUT_MEMBER: Final = """
    INSERT INTO ktrlplane.group_members (group_id, org_id, user_id, added_by, added_at)
    VALUES (%(group_id)s, %(org_id)s, %(user_id)s, %(added_by)s, %(added_at)s)
    ON CONFLICT DO NOTHING
"""

_REMOVE_MEMBER: Final = """
    DELETE FROM ktrlplane.group_members
    WHERE group_id = %(group_id)s AND user_id = %(user_id)s
"""

_LEAVE: Final = """
    DELETE FROM ktrlplane.group_members
    WHERE user_id = %(user_id)s AND org_id = %(org_id)s
"""

_MEMBERS: Final = SQL("""
    SELECT m.group_id, m.user_id, m.added_by, m.added_at, m.added_at AS created_at, {user}
    FROM ktrlplane.group_members m
    JOIN ktrlplane.users u USING (user_id)
    WHERE m.group_id = %(group_id)s
""").format(user=USER_BESIDE)

_MEMBER: Final = composed("{members} AND m.user_id = %(user_id)s", members=_MEMBERS)

_ALL_MEMBERS: Final = Listing(columns=SQL("*"), rows=_MEMBERS, identity=SQL("user_id"))

_MEMBER_IDS: Final = """
    SELECT user_id FROM ktrlplane.group_members WHERE group_id = %(group_id)s ORDER BY user_id
"""


class PostgresGroups(Groups):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, group: Group) -> None:
        self._session.change(_ADD, _values(group))

    def get(self, group_id: GroupId) -> Group:
        group = self._session.one(group_of, _GET, {"group_id": group_id})
        if group is None:
            raise _not_there(group_id)
        return group

    def replace(self, group: Group) -> None:
        if self._session.change(_REPLACE, _values(group)) == 0:
            raise _not_there(group.group_id)

    def remove(self, group_id: GroupId) -> None:
        removed = self._session.change_returning(_of, _REMOVE, {"group_id": group_id})
        if not removed:
            raise _not_there(group_id)
        self._session.touched(*removed)

    def remove_of(self, org_id: OrganizationId) -> None:
        self._session.change(_REMOVE_OF, {"org_id": org_id})
        self._session.touched(Scope.of(org_id))

    def of(
        self, org_id: OrganizationId, page: PageRequest, *, text: str | None = None
    ) -> Page[Group]:
        def place(row: Group) -> Cursor:
            return cursor_of(
                page.sort, name=row.name, created_at=row.created_at, identity=row.group_id.value
            )

        values = {"org_id": org_id, "text": None if text is None else searched(text)}
        return _OF.page(self._session, group_of, page, place, values)

    def count(self, org_id: OrganizationId) -> int:
        return count_of(self._session, _COUNT, {"org_id": org_id})

    def put_member(self, member: GroupMember) -> bool:
        group = self.get(member.group_id)
        values = {**_member_values(member), "org_id": group.org_id}
        is_new = self._session.change(_PUT_MEMBER, values) > 0
        self._session.touched(Scope.of(group.org_id))
        return is_new

    def remove_member(self, group_id: GroupId, user_id: PrincipalId) -> None:
        group = self.get(group_id)
        if self._session.change(_REMOVE_MEMBER, {"group_id": group_id, "user_id": user_id}) == 0:
            raise _no_member(group_id, user_id)
        self._session.touched(Scope.of(group.org_id))

    def member(self, group_id: GroupId, user_id: PrincipalId) -> MemberView:
        values = {"group_id": group_id, "user_id": user_id}
        view = self._session.one(_member_view, _MEMBER, values)
        if view is None:
            raise _no_member(group_id, user_id)
        return view

    def members(self, group_id: GroupId, page: PageRequest) -> Page[MemberView]:
        by_time = evolve(page, sort=page.sort.by_time)
        return _ALL_MEMBERS.page(
            self._session, _member_view, by_time, _place, {"group_id": group_id}
        )

    def member_ids(self, group_id: GroupId) -> Sequence[PrincipalId]:
        return self._session.all(_user_id, _MEMBER_IDS, {"group_id": group_id})

    def leave(self, user_id: PrincipalId, org_id: OrganizationId) -> None:
        self._session.change(_LEAVE, {"user_id": user_id, "org_id": org_id})
        self._session.touched(Scope.of(org_id))


def group_of(group_id: str, org_id: str, **columns: Any) -> Group:
    return Group(group_id=GroupId(group_id), org_id=OrganizationId(org_id), **columns)


def _of(org_id: str) -> Scope:
    return Scope.of(OrganizationId(org_id))


def _user_id(user_id: str) -> PrincipalId:
    return PrincipalId(user_id)


def _member_view(
    *, group_id: str, user_id: str, added_by: str | None, added_at: datetime, **columns: Any
) -> MemberView:
    return MemberView(
        member=GroupMember(
            group_id=GroupId(group_id),
            user_id=PrincipalId(user_id),
            added_by=None if added_by is None else PrincipalId(added_by),
            added_at=added_at,
        ),
        user=user_of(user_id, **taken(columns, "of_user_")),
    )


def _place(view: MemberView) -> Cursor:
    return Cursor(time_key(view.member.added_at), view.member.user_id.value)


def _not_there(group_id: GroupId) -> NotFound:
    return NotFound(f"There is no group {group_id}.")


def _no_member(group_id: GroupId, user_id: PrincipalId) -> NotFound:
    return NotFound(f"{user_id} is no member of the group {group_id}.")


def _values(group: Group) -> Mapping[str, object]:
    return {
        "group_id": group.group_id,
        "org_id": group.org_id,
        "name": group.name,
        "description": group.description,
        "created_at": group.created_at,
        "updated_at": group.updated_at,
    }


def _member_values(member: GroupMember) -> Mapping[str, object]:
    return {
        "group_id": member.group_id,
        "user_id": member.user_id,
        "added_by": member.added_by,
        "added_at": member.added_at,
    }
