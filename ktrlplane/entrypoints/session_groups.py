"""What one user does with groups, invitations and service accounts, as methods."""

from attrs import frozen

from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import GroupId, InvitationId, OrganizationId, PrincipalId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services import group_members, groups, invitations, service_accounts
from ktrlplane.domain.users import ServiceAccount, principal_of
from ktrlplane.entrypoints.places import Place, id_of, scope_of
from ktrlplane.entrypoints.session_access import FIRST_PAGE
from ktrlplane.entrypoints.session_billing import BillingSession
from ktrlplane.ports.groups import MemberView
from ktrlplane.ports.invitations import InvitationView


@frozen
class GroupSession(BillingSession):
    def create_group(
        self, org_id: OrganizationId | str, *, name: str, description: str = ""
    ) -> Group:
        org = id_of(OrganizationId, org_id)
        command = groups.CreateGroup(name=name, description=description)
        return self._transact(lambda work: groups.create_group(work, org, command, **self._by))

    def group(self, group_id: GroupId | str) -> Group:
        wanted = id_of(GroupId, group_id)
        return self._transact.read(lambda work: groups.read_group(work, wanted, **self._by))

    def groups(
        self,
        org_id: OrganizationId | str,
        page: PageRequest = FIRST_PAGE,
        *,
        text: str | None = None,
    ) -> Page[Group]:
        org = id_of(OrganizationId, org_id)
        return self._transact.read(
            lambda work: groups.list_groups(work, org, page, text=text, **self._by)
        )

    def update_group(
        self, group_id: GroupId | str, *, name: str | None = None, description: str | None = None
    ) -> Group:
        wanted = id_of(GroupId, group_id)
        command = groups.UpdateGroup(name=name, description=description)
        return self._transact(lambda work: groups.update_group(work, wanted, command, **self._by))

    def delete_group(self, group_id: GroupId | str) -> None:
        wanted = id_of(GroupId, group_id)
        self._transact(lambda work: groups.delete_group(work, wanted, **self._by))

    def members(self, group_id: GroupId | str, page: PageRequest = FIRST_PAGE) -> Page[MemberView]:
        wanted = id_of(GroupId, group_id)
        return self._transact.read(
            lambda work: group_members.list_members(work, wanted, page, **self._by)
        )

    def add_member(self, group_id: GroupId | str, user: PrincipalId | str) -> MemberView:
        wanted, who = id_of(GroupId, group_id), id_of(PrincipalId, user)
        return self._transact(lambda work: group_members.put_member(work, wanted, who, **self._by))

    def remove_member(self, group_id: GroupId | str, user: PrincipalId | str) -> None:
        wanted, who = id_of(GroupId, group_id), id_of(PrincipalId, user)
        self._transact(lambda work: group_members.remove_member(work, wanted, who, **self._by))

    def invitations(self, on: Place, page: PageRequest = FIRST_PAGE) -> Page[InvitationView]:
        """Those to the place itself, expired ones too."""
        scope = scope_of(on)
        return self._transact.read(
            lambda work: invitations.list_invitations(work, scope, page, **self._by)
        )

    def resend(self, invitation_id: InvitationId | str, *, on: Place) -> InvitationView:
        scope, wanted = scope_of(on), id_of(InvitationId, invitation_id)
        return self._transact(
            lambda work: invitations.resend_invitation(work, scope, wanted, **self._by)
        )

    def revoke_invitation(self, invitation_id: InvitationId | str, *, on: Place) -> None:
        scope, wanted = scope_of(on), id_of(InvitationId, invitation_id)
        self._transact(lambda work: invitations.revoke_invitation(work, scope, wanted, **self._by))

    def register_service_account(
        self, org_id: OrganizationId | str, client_id: str, *, name: str
    ) -> ServiceAccount:
        org = id_of(OrganizationId, org_id)
        command = service_accounts.RegisterServiceAccount(client_id=client_id, name=name)
        return self._transact(
            lambda work: service_accounts.register_service_account(work, org, command, **self._by)
        )

    def service_accounts(
        self, org_id: OrganizationId | str, page: PageRequest = FIRST_PAGE
    ) -> Page[ServiceAccount]:
        org = id_of(OrganizationId, org_id)
        return self._transact.read(
            lambda work: service_accounts.list_service_accounts(work, org, page, **self._by)
        )

    def remove_service_account(self, org_id: OrganizationId | str, client_id: str) -> None:
        org, who = id_of(OrganizationId, org_id), principal_of(client_id)
        self._transact(
            lambda work: service_accounts.remove_service_account(work, org, who, **self._by)
        )
