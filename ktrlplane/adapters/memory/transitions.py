from collections.abc import Sequence
from datetime import datetime

from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.documents import size_of
from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.transitions import Transition
from ktrlplane.ports.reports import Transitions


class MemoryTransitions(Transitions):
    def __init__(self, tables: Tables) -> None:
        self._rows = tables.transitions

    def add(self, transitions: Sequence[Transition]) -> None:
        for one in transitions:
            self._rows.put(one)

    def of(self, resource_id: ResourceId, page: PageRequest) -> Page[Transition]:
        return by_time(self._rows.where(resource=resource_id), page, _place, _weight)


def _weight(one: Transition) -> int:
    return size_of([change.kept() for change in one.changes])


def _place(one: Transition) -> tuple[datetime, str]:
    return one.occurred_at, one.transition_id.value
