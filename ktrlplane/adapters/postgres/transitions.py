from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import asdict, evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import Listing, Long
from ktrlplane.adapters.postgres.session import Session, batched, rows_of
from ktrlplane.domain.documents import Difference
from ktrlplane.domain.ids import PrincipalId, ResourceId, TransitionId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.domain.transitions import Transition
from ktrlplane.ports.reports import Transitions

_ADD: Final = b"""
    INSERT INTO ktrlplane.resource_transitions (
        transition_id, resource_id, from_status, to_status, reason, generation, changes, actor,
        occurred_at
    )
    SELECT * FROM json_to_recordset(%(rows)s) AS made (
        transition_id text, resource_id text, from_status text, to_status text, reason text,
        generation bigint, changes jsonb, actor text, occurred_at timestamptz
    )
"""

_OF: Final = Listing(
    columns=SQL("""
        transition_id, resource_id, from_status, to_status, reason, generation, {long}, actor,
        created_at
    """),
    rows=SQL("""
        SELECT *, occurred_at AS created_at FROM ktrlplane.resource_transitions
        WHERE resource_id = %(resource_id)s
    """),
    identity=SQL("transition_id"),
    long=Long(column="changes", weight=SQL("octet_length(changes::text)")),
)


class PostgresTransitions(Transitions):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, transitions: Sequence[Transition]) -> None:
        for some in batched(transitions):
            self._session.change(_ADD, rows_of(map(_members, some)))

    def of(self, resource_id: ResourceId, page: PageRequest) -> Page[Transition]:
        by_time = evolve(page, sort=page.sort.by_time)
        values = {"resource_id": resource_id}
        return _OF.page(self._session, _transition, by_time, _place, values)


def _transition(
    *,
    transition_id: str,
    resource_id: str,
    from_status: str | None,
    to_status: str,
    changes: Sequence[Mapping[str, Any]],
    actor: str | None,
    created_at: Any,
    **columns: Any,
) -> Transition:
    return Transition(
        transition_id=TransitionId(transition_id),
        resource_id=ResourceId(resource_id),
        from_status=None if from_status is None else Status(from_status),
        to_status=Status(to_status),
        changes=tuple(Difference(**one) for one in changes),
        actor=None if actor is None else PrincipalId(actor),
        occurred_at=created_at,
        **columns,
    )


def _place(one: Transition) -> Cursor:
    return Cursor(time_key(one.occurred_at), one.transition_id.value)


def _members(one: Transition) -> Mapping[str, object]:
    columns = asdict(one, recurse=False)
    return columns | {"changes": [change.kept() for change in one.changes]}
