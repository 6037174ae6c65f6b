"""What one user asks and says about access, as methods."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from ktrlplane.domain.access import PermissionEntry, Role
from ktrlplane.domain.ids import AssignmentId, GroupId, OrganizationId, PrincipalId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services import access, assignments, custom_roles, role_wishes
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.users import User
from ktrlplane.entrypoints.places import Place, id_of, id_or_none, scope_of
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.access import AssignmentView
from ktrlplane.ports.invitations import InvitationView

FIRST_PAGE: Final = PageRequest()


@frozen
class AccessSession:
    user: User
    _transact: Transact
    _platform: Platform

    @property
    def _by(self) -> dict[str, Any]:
        return {"actor": self.user.user_id, "platform": self._platform}

    def grant(
        self,
        role: str,
        *,
        on: Place,
        to: PrincipalId | str | None = None,
        email: str | None = None,
        group: GroupId | str | None = None,
        expires_at: datetime | None = None,
    ) -> AssignmentView | InvitationView:
        """``role`` is an id or a name. To a user named by id or by e-mail address, who is
        invited if the address is nobody's yet, or to a group."""
        scope = scope_of(on)
        command = assignments.GrantRole(
            user_id=id_or_none(PrincipalId, to),
            email=email,
            group_id=id_or_none(GroupId, group),
            role_id=role,
            expires_at=expires_at,
        )
        return self._transact(
            lambda work: assignments.grant_role(work, scope, command, **self._by)
        )

    def change_assignment(
        self, assignment_id: AssignmentId | str, *, on: Place, expires_at: datetime | None
    ) -> AssignmentView:
        scope, wanted = scope_of(on), id_of(AssignmentId, assignment_id)
        command = assignments.ChangeAssignment(expires_at=expires_at)
        return self._transact(
            lambda work: assignments.change_assignment(work, scope, wanted, command, **self._by)
        )

    def revoke(self, assignment_id: AssignmentId | str, *, on: Place) -> None:
        scope, wanted = scope_of(on), id_of(AssignmentId, assignment_id)
        self._transact(lambda work: assignments.revoke_assignment(work, scope, wanted, **self._by))

    def assignments(self, on: Place, page: PageRequest = FIRST_PAGE) -> Page[AssignmentView]:
        """Those on the place and those it inherits from above."""
        scope = scope_of(on)
        return self._transact.read(
            lambda work: assignments.list_assignments(work, scope, page, **self._by)
        )

    def permissions(self, on: Place, *, user: PrincipalId | str | None = None) -> access.Held:
        scope, subject = scope_of(on), id_or_none(PrincipalId, user)
        return self._transact.read(
            lambda work: access.held_permissions(work, scope, user_id=subject, **self._by)
        )

    def check(self, action: str, *, on: Place, user: PrincipalId | str | None = None) -> bool:
        """May ``user`` (oneself, if left out) do ``action``, such as ``read`` or
        ``Konnektr.Graph:models/read``, there?"""
        (verdict,) = self.check_all([question(action, on=on, user=user)])
        return verdict.allowed

    def check_all(self, checks: Iterable[access.Check]) -> Sequence[access.Verdict]:
        """In the order asked, in one unit of work."""
        command = access.CheckPermissions(checks=tuple(checks))
        return self._transact.read(
            lambda work: access.check_permissions(work, command, **self._by)
        )

    def roles(self) -> Sequence[Role]:
        return self._transact.read(access.list_roles)

    def role(self, id_or_name: str) -> Role:
        return self._transact.read(lambda work: access.read_role(work, id_or_name, **self._by))

    def known_permissions(self) -> Sequence[PermissionEntry]:
        return self._transact.read(access.list_permissions)

    def role_of(self, org_id: OrganizationId | str, id_or_name: str) -> Role:
        """One that can be granted in an organization."""
        org = id_of(OrganizationId, org_id)
        return self._transact.read(
            lambda work: custom_roles.read_custom_role(work, org, id_or_name, **self._by)
        )

    def create_role(
        self,
        org_id: OrganizationId | str,
        *,
        name: str,
        permissions: Sequence[str],
        display_name: str | None = None,
        description: str = "",
    ) -> Role:
        """``permissions`` are ``Product:action``, or actions of the control plane."""
        org = id_of(OrganizationId, org_id)
        command = role_wishes.CreateRole(
            name=name,
            permissions=tuple(permissions),
            display_name=display_name,
            description=description,
        )
        return self._transact(
            lambda work: custom_roles.create_role(work, org, command, **self._by)
        )

    def update_role(
        self,
        org_id: OrganizationId | str,
        id_or_name: str,
        *,
        name: str | None = None,
        permissions: Sequence[str] | None = None,
        display_name: str | None = None,
        description: str | None = None,
    ) -> Role:
        org = id_of(OrganizationId, org_id)
        command = role_wishes.UpdateRole(
            name=name,
            permissions=None if permissions is None else tuple(permissions),
            display_name=display_name,
            description=description,
        )
        return self._transact(
            lambda work: custom_roles.update_role(work, org, id_or_name, command, **self._by)
        )

    def delete_role(
        self, org_id: OrganizationId | str, id_or_name: str, *, cascade: bool = False
    ) -> None:
        org = id_of(OrganizationId, org_id)
        self._transact(
            lambda work: custom_roles.delete_role(
                work, org, id_or_name, cascade=cascade, **self._by
            )
        )

    def custom_roles(self, org_id: OrganizationId | str) -> Sequence[Role]:
        org = id_of(OrganizationId, org_id)
        return self._transact.read(
            lambda work: custom_roles.list_custom_roles(work, org, **self._by)
        )

    def reach(
        self, user: PrincipalId | str | None = None, page: PageRequest = FIRST_PAGE
    ) -> Page[AssignmentView]:
        """What ``user`` (oneself, if left out) can reach, and by what; of others where one
        manages access."""
        subject = id_or_none(PrincipalId, user) or self.user.user_id
        return self._transact.read(
            lambda work: assignments.reachable(work, subject, page, **self._by)
        )


def question(
    action: str, *, on: Place, user: PrincipalId | str | None = None, explain: bool = False
) -> access.Check:
    """For ``Session.check_all``; ``explain`` asks for the grants that allow it."""
    scope = scope_of(on)
    return access.Check(
        user_id=id_or_none(PrincipalId, user),
        scope_type=scope.scope_type,
        scope_id=scope.scope_id,
        action=action,
        explain=explain,
    )
