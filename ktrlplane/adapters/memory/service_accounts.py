from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.users import ServiceAccount
from ktrlplane.ports.users import ServiceAccounts


class MemoryServiceAccounts(ServiceAccounts):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.service_accounts

    def add(self, account: ServiceAccount) -> None:
        if self._rows.find((account.org_id, account.user_id)) is not None:
            raise AlreadyExists(f"{account.client_id} is a service account here already.")
        if self._tables.organizations.find(account.org_id) is None:
            raise ValueError(f"There is no organization {account.org_id} to work with anybody.")
        if self._tables.users.find(account.user_id) is None:
            raise ValueError(f"There is no user {account.user_id} to work with.")
        self._rows.put(account)

    def get(self, org_id: OrganizationId, user_id: PrincipalId) -> ServiceAccount:
        account = self._rows.find((org_id, user_id))
        if account is None:
            raise NotFound(f"There is no service account {user_id} in organization {org_id}.")
        return account

    def remove(self, org_id: OrganizationId, user_id: PrincipalId) -> None:
        self.get(org_id, user_id)
        self._rows.drop((org_id, user_id))

    def of(self, org_id: OrganizationId, page: PageRequest) -> Page[ServiceAccount]:
        rows = self._rows.where(organization=org_id)
        return by_time(rows, page, lambda row: (row.created_at, row.user_id.value))

    def remove_of(self, org_id: OrganizationId) -> None:
        for account in self._rows.where(organization=org_id):
            self._rows.drop((org_id, account.user_id))
