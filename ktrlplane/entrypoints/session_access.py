"""What one user asks and says about access, as methods."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from ktrlplane.domain.access import PermissionEntry, Role
from ktrlplane.domain.ids import AssignmentId, PrincipalId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services import access, assignments
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.users import User
from ktrlplane.entrypoints.places import Place, id_of, id_or_none, scope_of
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.stores import AssignmentView

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
        expires_at: datetime | None = None,
    ) -> AssignmentView:
        """``role`` is an id or a name. To a user named by id or by verified e-mail address."""
        scope = scope_of(on)
        command = assignments.GrantRole(
            user_id=id_or_none(PrincipalId, to), email=email, role_id=role, expires_at=expires_at
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
        return self._transact.read(lambda work: access.read_role(work, id_or_name))

    def known_permissions(self) -> Sequence[PermissionEntry]:
        return self._transact.read(access.list_permissions)


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
