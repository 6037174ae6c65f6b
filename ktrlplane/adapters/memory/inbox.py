from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Final

from attrs import evolve

from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.reports import REST, Addressee, Inbox, InboxCount, Refused, Waiting

_numbers: Final = count(1)


class MemoryInbox(Inbox):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.reports
        self._refused = tables.refused_reports

    def put(
        self,
        resource_id: str,
        health: str,
        *,
        observed_generation: int | None = None,
        message: str | None = None,
        access_url: str | None = None,
    ) -> None:
        wanted = self._resource(resource_id)
        self._rows.put(
            Waiting(
                report_id=next(_numbers),
                resource_id=resource_id[:253],
                health=health[:64],
                observed_generation=observed_generation,
                message=message and message[:4096],
                access_url=access_url and access_url[:2048],
                generation=None if wanted is None else wanted.generation,
                was_deleting=wanted is not None and wanted.status is Status.DELETING,
            )
        )

    def _resource(self, resource_id: str) -> Resource | None:
        try:
            return self._tables.resources.find(ResourceId(resource_id))
        except ValueError:
            return None

    def waiting(self, after: str, limit: int) -> Sequence[Addressee]:
        names = {row.resource_id for row in self._rows.all() if row.resource_id > after}
        return [self._addressee(name) for name in sorted(names)[:limit]]

    def _addressee(self, name: str) -> Addressee:
        resource = self._resource(name)
        tenant = None if resource is None else resource.path[0]
        return Addressee(resource_id=name, tenant=tenant)

    def take(self, about: Sequence[str], *, each: int, limit: int) -> Sequence[Waiting]:
        taken = [row for name in about for row in self._about(name)[:each]][:limit]
        for one in taken:
            self._rows.drop(one.report_id)
        return taken

    def _about(self, name: str) -> Sequence[Waiting]:
        return sorted(self._rows.where(resource=name), key=_number)

    def refuse(self, reports: Sequence[tuple[Waiting, str]], at: datetime) -> None:
        for report, code in reports:
            self._refuse(report, code, at)

    def refuse_unknown(self, about: Sequence[str], code: str, at: datetime, limit: int) -> int:
        unknown = [name for name in about if self._resource(name) is None]
        taken = self.take(unknown, each=limit, limit=limit)
        self.refuse([(one, code) for one in taken], at)
        return len(taken)

    def sum_up_refused(self, kinds: int) -> int:
        latest = [one for one in self.refused(len(self._refused.all())) if not _is_rest(one)]
        gone = latest[kinds:]
        for one in gone:
            self._refused.drop(_kind(one))
            rest = evolve(one, resource_id=REST, health=REST, message=None)
            known = self._refused.find(_kind(rest))
            self._refused.put(rest if known is None else _together(known, rest))
        return len(gone)

    def _refuse(self, report: Waiting, code: str, at: datetime) -> None:
        key = report.resource_id, report.health, code
        known = self._refused.find(key) or Refused(
            resource_id=report.resource_id,
            health=report.health,
            code=code,
            message=None,
            times=0,
            first_at=at,
            last_at=at,
        )
        self._refused.put(
            evolve(
                known,
                times=known.times + 1,
                message=report.message,
                last_at=max(known.last_at, at),
            )
        )

    def refused(self, limit: int) -> Sequence[Refused]:
        ordered = sorted(
            self._refused.all(), key=lambda row: (row.resource_id, row.health, row.code)
        )
        return sorted(ordered, key=lambda row: row.last_at, reverse=True)[:limit]

    def count(self) -> InboxCount:
        return InboxCount(
            waiting=len(list(self._rows.all())),
            refused=sum(row.times for row in self._refused.all()),
        )

    def forget_refused(self, before: datetime) -> int:
        gone = [row for row in self._refused.all() if row.last_at < before]
        for row in gone:
            self._refused.drop(_kind(row))
        return len(gone)


def _kind(one: Refused) -> tuple[str, str, str]:
    return one.resource_id, one.health, one.code


def _is_rest(one: Refused) -> bool:
    return (one.resource_id, one.health) == (REST, REST)


def _together(known: Refused, other: Refused) -> Refused:
    return evolve(
        known,
        message=None,
        times=known.times + other.times,
        first_at=min(known.first_at, other.first_at),
        last_at=max(known.last_at, other.last_at),
    )


def _number(row: Waiting) -> int:
    return row.report_id
