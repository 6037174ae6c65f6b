from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import asdict, evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import Listing, composed
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import OverrideId, PrincipalId
from ktrlplane.domain.limits import LimitOverride
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.ports.limits import LimitOverrides

_COLUMNS: Final = SQL("""
    override_id, scope_type, scope_id, type, sku, limit_name, maximum, reason, created_by,
    created_at, expires_at, ended_by, ended_at
""")

_PUT: Final = """
    INSERT INTO ktrlplane.limit_overrides (
        override_id, scope_type, scope_id, type, sku, limit_name, maximum, reason, created_by,
        created_at, expires_at, ended_by, ended_at
    )
    VALUES (
        %(override_id)s, %(scope_type)s, %(scope_id)s, %(type)s, %(sku)s, %(limit)s, %(maximum)s,
        %(reason)s, %(created_by)s, %(created_at)s, %(expires_at)s, %(ended_by)s, %(ended_at)s
    )
    ON CONFLICT (override_id) DO UPDATE
    SET ended_by = excluded.ended_by, ended_at = excluded.ended_at
"""

_GET: Final = composed(
    "SELECT {columns} FROM ktrlplane.limit_overrides WHERE override_id = %(override_id)s",
    columns=_COLUMNS,
)

_UNENDED: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.limit_overrides
    WHERE ended_at IS NULL AND type = %(type)s AND sku = %(sku)s
      AND (scope_type, scope_id) IN (
          SELECT * FROM unnest(%(scope_types)s::text[], %(scope_ids)s::text[])
      )
    """,
    columns=_COLUMNS,
)

_HELD: Final = SQL("""
    AND (%(at)s::timestamptz IS NULL
         OR ended_at IS NULL AND (expires_at IS NULL OR expires_at > %(at)s::timestamptz))
""")

_EVERYWHERE: Final = Listing(
    columns=_COLUMNS,
    rows=SQL("SELECT {columns} FROM ktrlplane.limit_overrides WHERE true {held}").format(
        columns=_COLUMNS, held=_HELD
    ),
    identity=SQL("override_id"),
)

_ON: Final = Listing(
    columns=_COLUMNS,
    rows=SQL("""
        SELECT {columns} FROM ktrlplane.limit_overrides
        WHERE scope_type = %(scope_type)s AND scope_id = %(scope_id)s {held}
    """).format(columns=_COLUMNS, held=_HELD),
    identity=SQL("override_id"),
)


class PostgresLimitOverrides(LimitOverrides):
    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, override: LimitOverride) -> None:
        self._session.change(_PUT, _values(override))

    def get(self, override_id: OverrideId) -> LimitOverride:
        override = self._session.one(_override, _GET, {"override_id": override_id})
        if override is None:
            raise NotFound(f"There is no override {override_id}.")
        return override

    def unended(
        self,
        scopes: Sequence[Scope],
        type: str,  # noqa: A002
        sku: str,
    ) -> Sequence[LimitOverride]:
        values = {
            "scope_types": [str(scope.scope_type) for scope in scopes],
            "scope_ids": [scope.scope_id for scope in scopes],
            "type": type,
            "sku": sku,
        }
        return self._session.all(_override, _UNENDED, values)

    def of(
        self, scope: Scope | None, page: PageRequest, at: datetime | None
    ) -> Page[LimitOverride]:
        by_time = evolve(page, sort=page.sort.by_time)
        values: dict[str, object] = {"at": at}
        if scope is None:
            return _EVERYWHERE.page(self._session, _override, by_time, _place, values)
        values |= {"scope_type": scope.scope_type, "scope_id": scope.scope_id}
        return _ON.page(self._session, _override, by_time, _place, values)


def _override(
    *,
    override_id: str,
    scope_type: str,
    scope_id: str,
    limit_name: str,
    created_by: str | None,
    ended_by: str | None,
    **columns: Any,
) -> LimitOverride:
    return LimitOverride(
        override_id=OverrideId(override_id),
        scope=Scope.parse(scope_type, scope_id),
        limit=limit_name,
        created_by=None if created_by is None else PrincipalId(created_by),
        ended_by=None if ended_by is None else PrincipalId(ended_by),
        **columns,
    )


def _place(override: LimitOverride) -> Cursor:
    return Cursor(time_key(override.created_at), override.override_id.value)


def _values(override: LimitOverride) -> Mapping[str, object]:
    columns = asdict(override, recurse=False)
    scope = columns.pop("scope")
    return columns | {"scope_type": scope.scope_type, "scope_id": scope.scope_id}
