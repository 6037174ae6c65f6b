from collections.abc import Sequence

from ktrlplane.adapters.memory.lists import by_time, has_text, paged
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.groups import Group, GroupMember
from ktrlplane.domain.ids import GroupId, OrganizationId, PrincipalId
from ktrlplane.domain.paging import Page, PageRequest, cursor_of, name_key
from ktrlplane.ports.groups import Groups, MemberView


class MemoryGroups(Groups):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.groups
        self._members = tables.members

    def add(self, group: Group) -> None:
        if self._tables.organizations.find(group.org_id) is None:
            raise ValueError(f"There is no organization {group.org_id} to have a group.")
        self._require_new_name(group)
        self._rows.put(group)

    def get(self, group_id: GroupId) -> Group:
        group = self._rows.find(group_id)
        if group is None:
            raise NotFound(f"There is no group {group_id}.")
        return group

    def replace(self, group: Group) -> None:
        self.get(group.group_id)
        self._require_new_name(group)
        self._rows.put(group)

    def remove(self, group_id: GroupId) -> None:
        self.get(group_id)
        for member in self._members.where(group=group_id):
            self._members.drop((group_id, member.user_id))
        for held in self._tables.assignments.where(holder=group_id):
            self._tables.assignments.drop(held.assignment_id)
        self._rows.drop(group_id)

    def remove_of(self, org_id: OrganizationId) -> None:
        for group in self._rows.where(organization=org_id):
            self.remove(group.group_id)

    def of(
        self, org_id: OrganizationId, page: PageRequest, *, text: str | None = None
    ) -> Page[Group]:
        rows = (
            row
            for row in self._rows.where(organization=org_id)
            if has_text(text, row.name, row.group_id.value)
        )
        return paged(
            rows,
            page,
            lambda row: cursor_of(
                page.sort, name=row.name, created_at=row.created_at, identity=row.group_id.value
            ),
        )

    def count(self, org_id: OrganizationId) -> int:
        return len(self._rows.where(organization=org_id))

    def put_member(self, member: GroupMember) -> bool:
        if self._members.find((member.group_id, member.user_id)) is not None:
            return False
        self.get(member.group_id)
        if self._tables.users.find(member.user_id) is None:
            raise ValueError(f"There is no user {member.user_id} to be a member.")
        self._members.put(member)
        return True

    def remove_member(self, group_id: GroupId, user_id: PrincipalId) -> None:
        self._member(group_id, user_id)
        self._members.drop((group_id, user_id))

    def member(self, group_id: GroupId, user_id: PrincipalId) -> MemberView:
        return self._viewed(self._member(group_id, user_id))

    def members(self, group_id: GroupId, page: PageRequest) -> Page[MemberView]:
        rows = self._members.where(group=group_id)
        shown = by_time(rows, page, lambda row: (row.added_at, row.user_id.value))
        return shown.showing([self._viewed(row) for row in shown.items])

    def member_ids(self, group_id: GroupId) -> Sequence[PrincipalId]:
        return sorted(row.user_id for row in self._members.where(group=group_id))

    def leave(self, user_id: PrincipalId, org_id: OrganizationId) -> None:
        for member in self._members.where(user=user_id):
            if self.get(member.group_id).org_id == org_id:
                self._members.drop((member.group_id, user_id))

    def _member(self, group_id: GroupId, user_id: PrincipalId) -> GroupMember:
        member = self._members.find((group_id, user_id))
        if member is None:
            raise NotFound(f"{user_id} is no member of the group {group_id}.")
        return member

    def _viewed(self, member: GroupMember) -> MemberView:
        user = self._tables.users.find(member.user_id)
        assert user is not None, "users stay"
        return MemberView(member=member, user=user)

    def _require_new_name(self, group: Group) -> None:
        for other in self._rows.where(organization=group.org_id):
            same = name_key(other.name) == name_key(group.name)
            if same and other.group_id != group.group_id:
                raise AlreadyExists("Another group has this name; choose another one.")
