from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.assignment_queries import scopes_values
from ktrlplane.adapters.postgres.decisions import Question
from ktrlplane.adapters.postgres.lists import composed, searched
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.standings import LOCATED, scope_of, standings
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import TooBusy
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.access import Access

# In the order of the roots, so that two who hold the same tenants do not wait for each other.
_HOLD: Final = """
    SELECT root, {lock} AS done
    FROM (
        SELECT DISTINCT
            CASE asked.scope_type
                WHEN 'global' THEN 'global'
                WHEN 'organization' THEN 'organization ' || asked.scope_id
                WHEN 'project'
                    THEN coalesce('organization ' || p.org_id, 'project ' || p.project_id)
                ELSE coalesce('organization ' || r.org_id, 'project ' || r.project_id)
            END AS root
        FROM unnest(%(scope_types)s::text[], %(scope_ids)s::text[])
            AS asked (scope_type, scope_id)
        {located}
        ORDER BY root
        OFFSET 0
    ) roots
    WHERE root IS NOT NULL
"""

_PATIENTLY: Final = composed(
    _HOLD,
    located=LOCATED,
    lock=SQL("pg_advisory_xact_lock(hashtextextended('tenant ' || root, 0)) IS NOT NULL"),
)
_AT_ONCE: Final = composed(
    _HOLD,
    located=LOCATED,
    lock=SQL("pg_try_advisory_xact_lock(hashtextextended('tenant ' || root, 0))"),
)

_BE_PATIENT: Final = b"SELECT set_config('lock_timeout', %(patience)s, true) AS done"

_HOLD_ADDRESS: Final = """
    SELECT pg_advisory_xact_lock(hashtextextended('address ' || %(address)s::text, 0)) AS done
"""

_ROOTS: Final = {ScopeType.GLOBAL, ScopeType.ORGANIZATION}


class PostgresAccess(Access):
    def __init__(self, session: Session) -> None:
        self._session = session

    def standings(self, asked: Sequence[Question], at: datetime) -> Sequence[Standing | None]:
        def load(missing: Sequence[Question]) -> Sequence[Standing | None]:
            return standings(self._session, missing, at)

        return self._session.standings(asked, at, load)

    def hold(self, *scopes: Scope, patience_s: float | None = None) -> None:
        values = scopes_values(scopes)
        query = _AT_ONCE if patience_s == 0 else _PATIENTLY
        if patience_s:
            self._session.change(_BE_PATIENT, {"patience": f"{patience_s * 1000:.0f}ms"})
        held: set[str] = set()
        while True:
            # A project can move to another tenant while this waits for the one it was in:
            # ask again, with what has been committed by then, until nothing is new.
            asked = self._session.change_returning(_root, query, values)
            if not all(done for _, done in asked):
                raise TooBusy("Others are changing the same things; try again later.")
            roots = {root for root, _ in asked}
            if roots <= held or all(scope.scope_type in _ROOTS for scope in scopes):
                return
            held |= roots

    def hold_free(self, *tenants: Scope) -> Collection[Scope]:
        asked = self._session.change_returning(_root, _AT_ONCE, scopes_values(tenants))
        return {scope_of(root) for root, done in asked if done}

    def hold_address(self, email: str) -> None:
        self._session.change(_HOLD_ADDRESS, {"address": searched(email)})


def _root(root: str, done: bool) -> tuple[str, bool]:  # noqa: FBT001 - a column
    return root, done
