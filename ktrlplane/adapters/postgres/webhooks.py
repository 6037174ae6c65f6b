from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import Listing, composed, count_of
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import PrincipalId, WebhookId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.domain.webhooks import DisabledReason, Webhook, WebhookStatus
from ktrlplane.ports.webhooks import Webhooks

_COLUMNS: Final = SQL("""
    w.webhook_id, w.scope_type, w.scope_id, w.url, w.event_types, w.description, w.status,
    w.disabled_reason, w.failing_since, w.secret, w.former_secret, w.former_secret_until,
    w.created_by, w.created_at, w.updated_at
""")

_ADD: Final = b"""
    INSERT INTO ktrlplane.webhooks (
        webhook_id, scope_type, scope_id, url, event_types, description, status,
        disabled_reason, failing_since, secret, former_secret, former_secret_until, created_by,
        created_at, updated_at
    )
    VALUES (
        %(webhook_id)s, %(scope_type)s, %(scope_id)s, %(url)s, %(event_types)s,
        %(description)s, %(status)s, %(disabled_reason)s, %(failing_since)s, %(secret)s,
        %(former_secret)s, %(former_secret_until)s, %(created_by)s, %(created_at)s,
        %(updated_at)s
    )
"""

_GET: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.webhooks w
    WHERE webhook_id = %(webhook_id)s AND ended_in IS NULL
    """,
    columns=_COLUMNS,
)

_HOLD: Final = _GET + b" FOR NO KEY UPDATE"

_REPLACE: Final = b"""
    UPDATE ktrlplane.webhooks
    SET url = %(url)s, event_types = %(event_types)s, description = %(description)s,
        status = %(status)s, disabled_reason = %(disabled_reason)s,
        failing_since = %(failing_since)s, secret = %(secret)s,
        former_secret = %(former_secret)s, former_secret_until = %(former_secret_until)s,
        updated_at = %(updated_at)s
    WHERE webhook_id = %(webhook_id)s AND ended_in IS NULL
"""

_REMOVE: Final = b"""
    UPDATE ktrlplane.webhooks SET ended_in = pg_current_xact_id(), status = 'disabled'
    WHERE webhook_id = %(webhook_id)s AND ended_in IS NULL
"""

_END: Final = b"""
    UPDATE ktrlplane.webhooks SET ended_in = pg_current_xact_id()
    WHERE scope_type = %(scope_type)s AND scope_id = %(scope_id)s AND ended_in IS NULL
"""

_OF: Final = Listing(
    columns=SQL("*"),
    rows=SQL("""
        SELECT {} FROM ktrlplane.webhooks w
        WHERE scope_type = %(scope_type)s AND scope_id = %(scope_id)s AND ended_in IS NULL
    """).format(_COLUMNS),
    identity=SQL("webhook_id"),
)

_COUNT: Final = b"""
    SELECT count(*) AS total FROM ktrlplane.webhooks
    WHERE scope_type = %(scope_type)s AND scope_id = %(scope_id)s AND ended_in IS NULL
"""

# In the order of their ids, so that two workers do not wait for each other.
_OBSERVE: Final = composed(
    """
    WITH known AS (
        SELECT webhook_id FROM ktrlplane.webhooks
        WHERE webhook_id = ANY(%(failed)s::text[])
            OR webhook_id = ANY(%(arrived)s::text[]) AND failing_since IS NOT NULL
        ORDER BY webhook_id FOR NO KEY UPDATE
    ), noted AS (
        UPDATE ktrlplane.webhooks w
        SET failing_since = CASE
            WHEN w.webhook_id = ANY(%(failed)s::text[]) THEN coalesce(w.failing_since, %(at)s)
        END
        FROM known WHERE w.webhook_id = known.webhook_id
        RETURNING {columns}, w.ended_in
    )
    SELECT {columns} FROM noted w
    WHERE webhook_id = ANY(%(failed)s::text[]) AND ended_in IS NULL ORDER BY webhook_id
    """,
    columns=_COLUMNS,
)

_AMONG: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.webhooks w
    WHERE webhook_id = ANY(%(webhook_ids)s::text[])
    """,
    columns=_COLUMNS,
)


class PostgresWebhooks(Webhooks):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, webhook: Webhook) -> None:
        self._session.change(_ADD, _values(webhook))

    def get(self, webhook_id: WebhookId) -> Webhook:
        webhook = self._session.one(_webhook, _GET, {"webhook_id": webhook_id})
        if webhook is None:
            raise _not_there(webhook_id)
        return webhook

    def hold(self, webhook_id: WebhookId) -> Webhook:
        held = self._session.change_returning(_webhook, _HOLD, {"webhook_id": webhook_id})
        if not held:
            raise _not_there(webhook_id)
        return held[0]

    def replace(self, webhook: Webhook) -> None:
        if self._session.change(_REPLACE, _values(webhook)) == 0:
            raise _not_there(webhook.webhook_id)

    def remove(self, webhook_id: WebhookId) -> None:
        if self._session.change(_REMOVE, {"webhook_id": webhook_id}) == 0:
            raise _not_there(webhook_id)

    def end(self, scope: Scope) -> None:
        self._session.change(_END, _scope_values(scope))

    def of(self, scope: Scope, page: PageRequest) -> Page[Webhook]:
        by_time = evolve(page, sort=page.sort.by_time)
        return _OF.page(self._session, _webhook, by_time, _place, _scope_values(scope))

    def count(self, scope: Scope) -> int:
        return count_of(self._session, _COUNT, _scope_values(scope))

    def observe(
        self, arrived: Collection[WebhookId], failed: Collection[WebhookId], at: datetime
    ) -> Sequence[Webhook]:
        values = {"arrived": _texts(arrived), "failed": _texts(failed), "at": at}
        return self._session.change_returning(_webhook, _OBSERVE, values)


def webhooks_among(
    session: Session, webhook_ids: Collection[WebhookId]
) -> Mapping[WebhookId, Webhook]:
    """Those that have ended too."""
    found = session.all(_webhook, _AMONG, {"webhook_ids": _texts(webhook_ids)})
    return {webhook.webhook_id: webhook for webhook in found}


def _webhook(
    *,
    webhook_id: str,
    scope_type: str,
    scope_id: str,
    event_types: Sequence[str],
    status: str,
    disabled_reason: str | None,
    created_by: str,
    **columns: Any,
) -> Webhook:
    reason = None if disabled_reason is None else DisabledReason(disabled_reason)
    return Webhook(
        webhook_id=WebhookId(webhook_id),
        scope=Scope(ScopeType(scope_type), scope_id),
        event_types=tuple(event_types),
        status=WebhookStatus(status),
        disabled_reason=reason,
        created_by=PrincipalId(created_by),
        **columns,
    )


def _texts(webhook_ids: Collection[WebhookId]) -> list[str]:
    return [one.value for one in webhook_ids]


def _place(webhook: Webhook) -> Cursor:
    return Cursor(time_key(webhook.created_at), webhook.webhook_id.value)


def _not_there(webhook_id: WebhookId) -> NotFound:
    return NotFound(f"There is no webhook {webhook_id}.")


def _scope_values(scope: Scope) -> Mapping[str, object]:
    return {"scope_type": scope.scope_type, "scope_id": scope.scope_id}


def _values(webhook: Webhook) -> Mapping[str, object]:
    return {
        "webhook_id": webhook.webhook_id,
        **_scope_values(webhook.scope),
        "url": webhook.url,
        "event_types": list(webhook.event_types),
        "description": webhook.description,
        "status": webhook.status,
        "disabled_reason": webhook.disabled_reason,
        "failing_since": webhook.failing_since,
        "secret": webhook.secret,
        "former_secret": webhook.former_secret,
        "former_secret_until": webhook.former_secret_until,
        "created_by": webhook.created_by,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }
