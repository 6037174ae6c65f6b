"""What goes over the wire of access in another form than the domain gives it."""

from datetime import datetime
from typing import Literal

from attrs import frozen

from ktrlplane.domain import invitations
from ktrlplane.domain.access import Role, ScopeType
from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import AssignmentId, GroupId, InvitationId, PrincipalId, RoleId
from ktrlplane.domain.users import User
from ktrlplane.ports.access import AssignmentView
from ktrlplane.ports.invitations import InvitationView


@frozen(kw_only=True)
class ShortUser:
    id: PrincipalId
    email: str | None
    name: str | None

    @classmethod
    def of(cls, user: User) -> "ShortUser":
        return cls(id=user.user_id, email=user.email, name=user.name)

    def unnamed(self) -> "ShortUser":
        return ShortUser(id=self.id, email=None, name=None)


@frozen(kw_only=True)
class ShortGroup:
    group_id: GroupId
    name: str

    @classmethod
    def of(cls, group: Group) -> "ShortGroup":
        return cls(group_id=group.group_id, name=group.name)


@frozen(kw_only=True)
class ShortRole:
    role_id: RoleId
    name: str
    display_name: str

    @classmethod
    def of(cls, role: Role) -> "ShortRole":
        return cls(role_id=role.role_id, name=role.name, display_name=role.display_name)


@frozen(kw_only=True)
class Assignment:
    """A role assignment as seen from a scope: directly on it, or inherited from above. It is
    a user's or a group's."""

    assignment_id: AssignmentId
    status: Literal["active"] = "active"
    principal_type: Literal["user", "group"]
    user_id: PrincipalId | None
    group_id: GroupId | None
    role_id: RoleId
    scope_type: ScopeType
    scope_id: str
    assigned_by: PrincipalId | None
    created_at: datetime
    expires_at: datetime | None
    user: ShortUser | None
    group: ShortGroup | None
    role: ShortRole
    inheritance_type: Literal["direct", "inherited"]
    inherited_from_scope_type: ScopeType | None = None
    inherited_from_scope_id: str | None = None
    inherited_from_name: str | None = None

    @classmethod
    def seen_from(cls, scope_type: ScopeType, view: AssignmentView) -> "Assignment":
        held = view.assignment
        direct = held.scope.scope_type is scope_type
        return cls(
            assignment_id=held.assignment_id,
            principal_type="user" if held.group_id is None else "group",
            user_id=held.user_id,
            group_id=held.group_id,
            role_id=held.role_id,
            scope_type=held.scope.scope_type,
            scope_id=held.scope.scope_id,
            assigned_by=held.assigned_by,
            created_at=held.created_at,
            expires_at=held.expires_at,
            user=None if view.user is None else ShortUser.of(view.user),
            group=None if view.group is None else ShortGroup.of(view.group),
            role=ShortRole.of(view.role),
            inheritance_type="direct" if direct else "inherited",
            inherited_from_scope_type=None if direct else held.scope.scope_type,
            inherited_from_scope_id=None if direct else held.scope.scope_id,
            inherited_from_name=None if direct else view.scope_name,
        )


def _mail(told: invitations.Invitation) -> Literal["due", "sent", "refused", "not_sent"]:
    if told.mail_due_at:
        return "due"
    if told.sent_at:
        return "sent"
    return "refused" if told.mail_attempts else "not_sent"


@frozen(kw_only=True)
class Invitation:
    """A role that waits for whoever proves that the address is theirs. ``expires_at`` is when
    the invitation does, ``role_expires_at`` when the role will. ``mail`` is how sending it goes,
    and refused where the address takes none. ``link`` may be passed on by
    hand; it gives nobody anything who cannot prove that."""

    invitation_id: InvitationId
    status: Literal["invited", "expired"]
    email: str
    role_id: RoleId
    scope_type: ScopeType
    scope_id: str
    scope_name: str
    invited_by: PrincipalId
    created_at: datetime
    expires_at: datetime
    role_expires_at: datetime | None
    sent_at: datetime | None
    mail: Literal["due", "sent", "refused", "not_sent"]
    link: str
    inviter: ShortUser
    role: ShortRole

    @classmethod
    def of(cls, view: InvitationView, *, origin: str, now: datetime) -> "Invitation":
        told = view.invitation
        return cls(
            invitation_id=told.invitation_id,
            status="invited" if told.is_open(now) else "expired",
            email=told.email,
            role_id=told.role_id,
            scope_type=told.scope.scope_type,
            scope_id=told.scope.scope_id,
            scope_name=view.scope_name,
            invited_by=told.invited_by,
            created_at=told.created_at,
            expires_at=told.expires_at,
            role_expires_at=told.role_expires_at,
            sent_at=told.sent_at,
            mail=_mail(told),
            link=told.link(origin),
            inviter=ShortUser.of(view.inviter),
            role=ShortRole.of(view.role),
        )


@frozen(kw_only=True)
class Reach:
    """What a user can reach by one assignment, their own or a group's: ``permissions`` at the
    scope and at all that is in it."""

    assignment_id: AssignmentId
    scope_type: ScopeType
    scope_id: str
    scope_name: str
    role: ShortRole
    permissions: tuple[str, ...]
    group: ShortGroup | None
    assigned_by: PrincipalId | None
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, view: AssignmentView) -> "Reach":
        held = view.assignment
        return cls(
            assignment_id=held.assignment_id,
            scope_type=held.scope.scope_type,
            scope_id=held.scope.scope_id,
            scope_name=view.scope_name,
            role=ShortRole.of(view.role),
            permissions=tuple(str(permission) for permission in view.role.permissions),
            group=None if view.group is None else ShortGroup.of(view.group),
            assigned_by=held.assigned_by,
            created_at=held.created_at,
            expires_at=held.expires_at,
        )
