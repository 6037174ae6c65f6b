from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ktrlplane.adapters.postgres.session import Session
from ktrlplane.ports.reports import Inbox, InboxCount, Refused, Waiting

_PUT: Final = b"""
    SELECT 1 AS put FROM ktrlplane.report_status(
        %(resource_id)s, %(health)s, %(observed_generation)s, %(message)s, %(access_url)s
    )
"""

# By skipping from one resource to the next in the index: one that has ten thousand of them
# waiting is as cheap as any other.
_WAITING: Final = b"""
    WITH RECURSIVE about AS (
        (
            SELECT resource_id, report_id FROM ktrlplane.reports
            ORDER BY resource_id, report_id LIMIT 1
        )
        UNION ALL
        SELECT next.resource_id, next.report_id
        FROM about, LATERAL (
            SELECT resource_id, report_id FROM ktrlplane.reports
            WHERE resource_id > about.resource_id
            ORDER BY resource_id, report_id LIMIT 1
        ) next
    )
    SELECT resource_id FROM about ORDER BY report_id LIMIT %(limit)s
"""

_TAKE: Final = b"""
    WITH taken AS (
        DELETE FROM ktrlplane.reports
        WHERE report_id IN (
            SELECT report_id FROM ktrlplane.reports WHERE resource_id = %(resource_id)s
            ORDER BY report_id LIMIT %(limit)s
        )
        RETURNING report_id, resource_id, health, observed_generation, message, access_url,
            generation, was_deleting
    )
    SELECT * FROM taken ORDER BY report_id
"""

_REFUSE: Final = b"""
    INSERT INTO ktrlplane.refused_reports AS known (
        resource_id, health, code, message, first_at, last_at
    )
    VALUES (
        %(resource_id)s, %(health)s, %(code)s, %(message)s, %(at)s, %(at)s
    )
    ON CONFLICT (resource_id, health, code) DO UPDATE
    SET times = known.times + 1, message = excluded.message,
        last_at = greatest(known.last_at, excluded.last_at)
"""

_REFUSED: Final = b"""
    SELECT resource_id, health, code, message, times, first_at, last_at
    FROM ktrlplane.refused_reports
    ORDER BY last_at DESC, resource_id, health, code
    LIMIT %(limit)s
"""

_COUNT: Final = b"""
    SELECT (SELECT count(*) FROM ktrlplane.reports) AS waiting,
        (SELECT coalesce(sum(times), 0)::bigint FROM ktrlplane.refused_reports) AS refused
"""

_FORGET: Final = b"DELETE FROM ktrlplane.refused_reports WHERE last_at < %(before)s"


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
        self._session.change(_PUT, values)

    def waiting(self, limit: int) -> Sequence[str]:
        return self._session.all(_resource_id, _WAITING, {"limit": limit})

    def take(self, resource_id: str, limit: int) -> Sequence[Waiting]:
        values = {"resource_id": resource_id, "limit": limit}
        return self._session.change_returning(Waiting, _TAKE, values)

    def refuse(self, report: Waiting, code: str, at: datetime) -> None:
        values = {
            "resource_id": report.resource_id,
            "health": report.health,
            "code": code,
            "message": report.message,
            "at": at,
        }
        self._session.change(_REFUSE, values)

    def refused(self, limit: int) -> Sequence[Refused]:
        return self._session.all(Refused, _REFUSED, {"limit": limit})

    def count(self) -> InboxCount:
        (counted,) = self._session.all(InboxCount, _COUNT, {})
        return counted

    def forget_refused(self, before: datetime) -> int:
        return self._session.change(_FORGET, {"before": before})


def _resource_id(resource_id: str) -> str:
    return resource_id
