from collections.abc import Sequence
from datetime import datetime

from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import OverrideId
from ktrlplane.domain.limits import LimitOverride
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.ports.limits import LimitOverrides


class MemoryLimitOverrides(LimitOverrides):
    def __init__(self, tables: Tables) -> None:
        self._rows = tables.limit_overrides

    def put(self, override: LimitOverride) -> None:
        same = self.unended([override.scope], override.type, override.sku)
        taken = (one for one in same if one.limit == override.limit)
        if override.ended_at is None and any(
            one.override_id != override.override_id for one in taken
        ):
            raise ValueError("There is one for this limit already; end that first.")
        self._rows.put(override)

    def get(self, override_id: OverrideId) -> LimitOverride:
        override = self._rows.find(override_id)
        if override is None:
            raise NotFound(f"There is no override {override_id}.")
        return override

    def unended(
        self,
        scopes: Sequence[Scope],
        type: str,  # noqa: A002
        sku: str,
    ) -> Sequence[LimitOverride]:
        found = (row for scope in scopes for row in self._rows.where(scope=scope))
        return [row for row in found if (row.type, row.sku, row.ended_at) == (type, sku, None)]

    def of(
        self, scope: Scope | None, page: PageRequest, at: datetime | None
    ) -> Page[LimitOverride]:
        rows = self._rows.all() if scope is None else self._rows.where(scope=scope)
        held = [row for row in rows if at is None or row.holds_at(at)]
        return by_time(held, page, lambda row: (row.created_at, row.override_id.value))
