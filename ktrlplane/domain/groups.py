"""Groups of an organization: what is granted to one, all of its members have."""

from datetime import datetime
from typing import Self

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import GroupId, OrganizationId, PrincipalId
from ktrlplane.domain.naming import is_a_description, is_a_name


@frozen(kw_only=True)
class Group:
    group_id: GroupId
    org_id: OrganizationId
    name: str = field(validator=is_a_name)
    description: str = field(default="", validator=is_a_description)
    created_at: datetime
    updated_at: datetime

    @property
    def path(self) -> tuple[Scope, ...]:
        """To what it belongs to."""
        return (Scope.of(self.org_id),)

    def changed(self, *, name: str, description: str, now: datetime) -> Self:
        told = evolve(self, name=name, description=description)
        return self if told == self else evolve(told, updated_at=now)


@frozen(kw_only=True)
class GroupMember:
    group_id: GroupId
    user_id: PrincipalId
    added_by: PrincipalId | None
    added_at: datetime
