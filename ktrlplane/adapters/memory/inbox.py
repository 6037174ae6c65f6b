from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Final

from attrs import evolve

from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.reports import Inbox, InboxCount, Refused, Waiting

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

    def waiting(self, limit: int) -> Sequence[str]:
        ordered = sorted(self._rows.all(), key=_number)
        return list(dict.fromkeys(row.resource_id for row in ordered))[:limit]

    def take(self, resource_id: str, limit: int) -> Sequence[Waiting]:
        taken = sorted(self._rows.where(resource=resource_id), key=_number)[:limit]
        for one in taken:
            self._rows.drop(one.report_id)
        return taken

    def refuse(self, report: Waiting, code: str, at: datetime) -> None:
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
            self._refused.drop((row.resource_id, row.health, row.code))
        return len(gone)


def _number(row: Waiting) -> int:
    return row.report_id
