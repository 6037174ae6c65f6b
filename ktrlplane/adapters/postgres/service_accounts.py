from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import Listing, composed
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.domain.users import ServiceAccount
from ktrlplane.ports.users import ServiceAccounts

_COLUMNS: Final = SQL("org_id, user_id, name, created_by, created_at")

_ADD: Final = """
    INSERT INTO ktrlplane.service_accounts (org_id, user_id, name, created_by, created_at)
    VALUES (%(org_id)s, %(user_id)s, %(name)s, %(created_by)s, %(created_at)s)
    ON CONFLICT DO NOTHING
"""

_ALL: Final = SQL(
    "SELECT {columns} FROM ktrlplane.service_accounts WHERE org_id = %(org_id)s"
).format(columns=_COLUMNS)

_GET: Final = composed("{all} AND user_id = %(user_id)s", all=_ALL)

_REMOVE: Final = """
    DELETE FROM ktrlplane.service_accounts WHERE org_id = %(org_id)s AND user_id = %(user_id)s
"""

_REMOVE_OF: Final = "DELETE FROM ktrlplane.service_accounts WHERE org_id = %(org_id)s"

_OF: Final = Listing(columns=_COLUMNS, rows=_ALL, identity=SQL("user_id"))


class PostgresServiceAccounts(ServiceAccounts):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, account: ServiceAccount) -> None:
        if self._session.change(_ADD, _values(account)) == 0:
            raise AlreadyExists(f"{account.client_id} is a service account here already.")

    def get(self, org_id: OrganizationId, user_id: PrincipalId) -> ServiceAccount:
        values = {"org_id": org_id, "user_id": user_id}
        account = self._session.one(_account, _GET, values)
        if account is None:
            raise _not_there(org_id, user_id)
        return account

    def remove(self, org_id: OrganizationId, user_id: PrincipalId) -> None:
        if self._session.change(_REMOVE, {"org_id": org_id, "user_id": user_id}) == 0:
            raise _not_there(org_id, user_id)

    def of(self, org_id: OrganizationId, page: PageRequest) -> Page[ServiceAccount]:
        by_time = evolve(page, sort=page.sort.by_time)
        return _OF.page(self._session, _account, by_time, _place, {"org_id": org_id})

    def remove_of(self, org_id: OrganizationId) -> None:
        self._session.change(_REMOVE_OF, {"org_id": org_id})


def _account(
    org_id: str, user_id: str, name: str, created_by: str | None, created_at: datetime
) -> ServiceAccount:
    return ServiceAccount(
        org_id=OrganizationId(org_id),
        user_id=PrincipalId(user_id),
        name=name,
        created_by=None if created_by is None else PrincipalId(created_by),
        created_at=created_at,
    )


def _place(account: ServiceAccount) -> Cursor:
    return Cursor(time_key(account.created_at), account.user_id.value)


def _not_there(org_id: OrganizationId, user_id: PrincipalId) -> NotFound:
    return NotFound(f"There is no service account {user_id} in organization {org_id}.")


def _values(account: ServiceAccount) -> Mapping[str, object]:
    return {
        "org_id": account.org_id,
        "user_id": account.user_id,
        "name": account.name,
        "created_by": account.created_by,
        "created_at": account.created_at,
    }
