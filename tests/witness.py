"""Units of work in memory that insist on being told of every change (product.md R7.1)."""

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from attrs import evolve, fields

from ktrlplane.adapters.memory.tables import Table, Tables
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitOfWork, MemoryUnitsOfWork
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.webhooks import Webhook
from ktrlplane.ports.unit_of_work import UnitOfWork
from tests.event_schemas import faults_of

BOOKKEEPING: Final = frozenset(
    {
        "answers",
        "billing_accounts",  # what follows from it for people is told
        "payment_notices",
        "event_chains",
        "events",
        "job_runs",
        "letters",
        "notable",
        "notifications",
        "preferences",
        "refused_reports",
        "reports",
        "webhook_attempts",
        "webhook_deliveries",
        "transitions",  # the same again, for the resource's own history
    }
)
"""What the platform remembers for itself, or is told otherwise."""


class Untold(AssertionError):
    """Something changed and no event tells of it."""


class WitnessingUnits(MemoryUnitsOfWork):
    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        with super().begin() as work:
            yield work
            assert isinstance(work, MemoryUnitOfWork)
            draft = work.tables
            before, events = self._committed, _told(self._committed, draft)
            changed = {name for name in _names() if _differ(name, before, draft)}
            if changed and not events:
                raise Untold(f"Nothing tells that {', '.join(sorted(changed))} changed.")
            for entry in events:
                assert not (faults := faults_of(entry)), (entry.text, faults)

    @contextmanager
    def unwitnessed(self) -> Iterator[UnitOfWork]:
        """For tests that put things where they need them."""
        with super().begin() as work:
            yield work


def _names() -> list[str]:
    return [column.name for column in fields(Tables) if column.name not in BOOKKEEPING]


def _told(before: Tables, after: Tables) -> list[Entry]:
    known = {entry.event.event_id for entry in before.events.all()}
    return [entry for entry in after.events.all() if entry.event.event_id not in known]


def _differ(name: str, before: Tables, after: Tables) -> bool:
    one, other = getattr(before, name), getattr(after, name)
    return _rows(one) != _rows(other)


def _rows(table: Table[Any]) -> Mapping[Hashable, object]:
    return {key: _essence(row) for key, row in table._rows.items()}


def _essence(row: object) -> object:
    """Without what tells how far a mail has come, or how a receiver fares, or whether somebody has
    looked."""
    if isinstance(row, Invitation):
        return evolve(row, mail_due_at=None, mail_attempts=0, sent_at=None)
    if isinstance(row, Webhook):
        return evolve(row, failing_since=None)
    if isinstance(row, Resource):
        return evolve(row, came_unpriced=False)
    return row
