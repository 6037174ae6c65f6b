from collections.abc import Sequence
from datetime import datetime

from ktrlplane.adapters.postgres import inbox_queries as queries
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.standings import scope_of
from ktrlplane.ports.reports import REST, Addressee, Inbox, InboxCount, Refused, Waiting


class PostgresInbox(Inbox):
    def __init__(self, session: Session) -> None:
        self._session = session

    def put(
        self,
        resource_id: str,
        health: str,
        *,
        observed_generation: int | None = None,
        message: str | None = None,
        access_url: str | None = None,
    ) -> None:
        values = {
            "resource_id": resource_id,
            "health": health,
            "observed_generation": observed_generation,
            "message": message,
            "access_url": access_url,
        }
        self._session.change(queries.PUT, values)

    def waiting(self, after: str, limit: int) -> Sequence[Addressee]:
        return self._session.all(_addressee, queries.WAITING, {"after": after, "limit": limit})

    def take(self, about: Sequence[str], *, each: int, limit: int) -> Sequence[Waiting]:
        places = {name: place for place, name in enumerate(about)}
        values = {"about": list(about), "each": each, "limit": limit}
        taken = self._session.change_returning(Waiting, queries.TAKE, values)
        return sorted(taken, key=lambda one: (places[one.resource_id], one.report_id))

    def refuse(self, reports: Sequence[tuple[Waiting, str]], at: datetime) -> None:
        if not reports:
            return
        values = {
            "about": [one.resource_id for one, _ in reports],
            "healths": [one.health for one, _ in reports],
            "codes": [code for _, code in reports],
            "messages": [one.message for one, _ in reports],
            "at": at,
        }
        self._session.change(queries.REFUSE, values)

    def refuse_unknown(self, about: Sequence[str], code: str, at: datetime, limit: int) -> int:
        values = {"about": list(about), "code": code, "at": at, "each": limit}
        (taken,) = self._session.change_returning(_taken, queries.REFUSE_UNKNOWN, values)
        return taken

    def sum_up_refused(self, kinds: int) -> int:
        values = {"kinds": kinds, "rest": REST}
        (gone,) = self._session.change_returning(_gone, queries.SUM_UP, values)
        return gone

    def refused(self, limit: int) -> Sequence[Refused]:
        return self._session.all(Refused, queries.REFUSED, {"limit": limit})

    def count(self) -> InboxCount:
        (counted,) = self._session.all(InboxCount, queries.COUNT, {})
        return counted

    def forget_refused(self, before: datetime) -> int:
        return self._session.change(queries.FORGET, {"before": before})


def _addressee(resource_id: str, tenant: str | None) -> Addressee:
    return Addressee(resource_id=resource_id, tenant=None if tenant is None else scope_of(tenant))


def _taken(taken: int) -> int:
    return taken


def _gone(gone: int) -> int:
    return gone
