from collections.abc import Collection, Sequence
from datetime import datetime

from ktrlplane.adapters.memory.sight import path_to, standing_on
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.access import Access


class MemoryAccess(Access):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def standings(
        self, asked: Sequence[tuple[PrincipalId, Scope]], at: datetime
    ) -> Sequence[Standing | None]:
        return [self._standing(principal, scope, at) for principal, scope in asked]

    def _standing(self, principal: PrincipalId, scope: Scope, at: datetime) -> Standing | None:
        path = path_to(self._tables, scope)
        return None if path is None else standing_on(self._tables, principal, path, at)

    # A unit of work has all tenants to itself from its beginning.

    def hold(self, *scopes: Scope, patience_s: float | None = None) -> None:
        pass

    def hold_free(self, *tenants: Scope) -> Collection[Scope]:
        return tenants

    def hold_address(self, email: str) -> None:
        pass
