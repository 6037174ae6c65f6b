from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.sight import name_of, with_all_in
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Role, Scope
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import InvitationId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.paging import Page, PageRequest, name_key
from ktrlplane.ports.invitations import Invitations, InvitationView


class MemoryInvitations(Invitations):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.invitations

    def add(self, invitation: Invitation) -> None:
        self._require_known(invitation)
        for other in self._rows.where(address=name_key(invitation.email)):
            if other.role_id != invitation.role_id or other.scope != invitation.scope:
                continue
            if other.is_open(invitation.created_at):
                raise AlreadyExists(
                    f"{other.email} is invited to this role on {other.scope} already; "
                    "send that invitation again instead."
                )
            self._rows.drop(other.invitation_id)
        self._rows.put(invitation)

    def get(self, invitation_id: InvitationId) -> InvitationView:
        return self._viewed(self._find(invitation_id))

    def replace(self, invitation: Invitation) -> None:
        self._find(invitation.invitation_id)
        self._require_known(invitation)
        self._rows.put(invitation)

    def remove(self, invitation_id: InvitationId) -> None:
        self._find(invitation_id)
        self._rows.drop(invitation_id)

    def remove_below(self, scope: Scope) -> None:
        for invitation in self._below(scope):
            self._rows.drop(invitation.invitation_id)

    def remove_on(self, scopes: Sequence[Scope]) -> None:
        for scope in scopes:
            for one in self._rows.where(scope=scope):
                self._rows.drop(one.invitation_id)

    def remove_lent_below(self, scope: Scope) -> None:
        for invitation in self._below(scope):
            if self._role(invitation).org_id is not None:
                self._rows.drop(invitation.invitation_id)

    def of(self, scope: Scope, page: PageRequest) -> Page[InvitationView]:
        rows = self._rows.where(scope=scope)
        shown = by_time(rows, page, _place)
        return shown.showing([self._viewed(row) for row in shown.items])

    def to(self, email: str) -> Sequence[Invitation]:
        return sorted(self._rows.where(address=name_key(email)), key=_place)

    def take_mail(self, at: datetime, until: datetime, limit: int) -> Sequence[InvitationView]:
        due = [
            (row.mail_due_at, row.invitation_id, row)
            for row in self._rows.all()
            if row.mail_due_at is not None and row.mail_due_at <= at and row.is_open(at)
        ]
        taken = [row for *_, row in sorted(due, key=lambda one: one[:2])[:limit]]
        for row in taken:
            attempts = row.mail_attempts + 1
            self._rows.put(evolve(row, mail_due_at=until, mail_attempts=attempts))
        return [self.get(row.invitation_id) for row in taken]

    def _find(self, invitation_id: InvitationId) -> Invitation:
        invitation = self._rows.find(invitation_id)
        if invitation is None:
            raise NotFound(f"There is no invitation {invitation_id}.")
        return invitation

    def _require_known(self, invitation: Invitation) -> None:
        if self._tables.users.find(invitation.invited_by) is None:
            raise ValueError(f"There is no {invitation.invited_by} to invite anybody.")
        if self._tables.roles.find(invitation.role_id) is None:
            raise ValueError(f"There is no role {invitation.role_id} to be invited to.")

    def _below(self, scope: Scope) -> list[Invitation]:
        scopes = with_all_in(self._tables, scope)
        return [row for each in scopes for row in self._rows.where(scope=each)]

    def _role(self, invitation: Invitation) -> Role:
        role = self._tables.roles.find(invitation.role_id)
        assert role is not None, "an invitation goes with its role"
        return role

    def _viewed(self, invitation: Invitation) -> InvitationView:
        inviter = self._tables.users.find(invitation.invited_by)
        assert inviter is not None, "users stay"
        return InvitationView(
            invitation=invitation,
            inviter=inviter,
            role=self._role(invitation),
            scope_name=name_of(self._tables, invitation.scope),
        )


def _place(invitation: Invitation) -> tuple[datetime, str]:
    return invitation.created_at, invitation.invitation_id.value
