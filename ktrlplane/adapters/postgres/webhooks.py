from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres import webhook_queries as queries
from ktrlplane.adapters.postgres import webhook_repeats as repeats
from ktrlplane.adapters.postgres.lists import Listing, composed, count_of
from ktrlplane.adapters.postgres.session import Session, batched, rows_of
from ktrlplane.adapters.postgres.webhook_rows import (
    DELIVERY,
    LAST,
    WEBHOOK,
    delivery_of,
    due_of,
    outcome_row,
    webhook_of,
    webhook_values,
)
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import DeliveryId, WebhookId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.domain.webhook_deliveries import WebhookAttempt, WebhookDelivery
from ktrlplane.domain.webhooks import EndpointStatus, Webhook
from ktrlplane.ports.webhooks import DeliveryFilter, Due, Outcome, Webhooks

_ADD: Final = """
    INSERT INTO ktrlplane.webhooks (
        webhook_id, scope_type, scope_id, url, event_types, description, status,
        disabled_reason, failing_since, secret, previous_secret, previous_secret_until,
        created_by, created_at, updated_at
    )
    VALUES (
        %(webhook_id)s, %(scope_type)s, %(scope_id)s, %(url)s, %(event_types)s,
        %(description)s, %(status)s, %(disabled_reason)s, %(failing_since)s, %(secret)s,
        %(previous_secret)s, %(previous_secret_until)s, %(created_by)s, %(created_at)s,
        %(updated_at)s
    )
"""
_FIND: Final = composed(
    "SELECT {columns} FROM ktrlplane.webhooks w WHERE webhook_id = %(webhook_id)s",
    columns=WEBHOOK,
)
_HOLD: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.webhooks w
    WHERE webhook_id = ANY(%(webhook_ids)s::text[])
        OR webhook_id = ANY(%(failing)s::text[]) AND failing_since IS NOT NULL
    ORDER BY webhook_id FOR NO KEY UPDATE
    """,
    columns=WEBHOOK,
)
_REPLACE: Final = """
    UPDATE ktrlplane.webhooks
    SET url = %(url)s, event_types = %(event_types)s, description = %(description)s,
        status = %(status)s, disabled_reason = %(disabled_reason)s,
        failing_since = %(failing_since)s, secret = %(secret)s,
        previous_secret = %(previous_secret)s,
        previous_secret_until = %(previous_secret_until)s, updated_at = %(updated_at)s
    WHERE webhook_id = %(webhook_id)s
"""
_REMOVE: Final = "DELETE FROM ktrlplane.webhooks WHERE webhook_id = %(webhook_id)s"
_COUNT: Final = """
    SELECT count(*) AS total FROM ktrlplane.webhooks
    WHERE scope_type = %(scope_type)s AND scope_id = %(scope_id)s
"""
_OF: Final = Listing(
    columns=SQL("*"),
    rows=SQL("""
        SELECT {} FROM ktrlplane.webhooks w
        WHERE scope_type = %(scope_type)s AND scope_id = %(scope_id)s
    """).format(WEBHOOK),
    identity=SQL("webhook_id"),
)
_FIND_DELIVERY: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.webhook_deliveries d
    JOIN ktrlplane.webhooks w USING (webhook_id)
    {last}
    WHERE d.delivery_id = %(delivery_id)s
    """,
    columns=DELIVERY,
    last=LAST,
)
_DELIVERIES_OF: Final = Listing(
    columns=SQL("*"),
    rows=SQL("""
        SELECT {} FROM ktrlplane.webhook_deliveries d {} WHERE d.webhook_id = %(webhook_id)s
    """).format(DELIVERY, LAST),
    identity=SQL("delivery_id"),
    filters={
        "status": SQL("status = %(status)s"),
        "types": SQL(
            "%(types)s::text[] && ARRAY['*', split_part(event_type, '.', 1) || '.*', event_type]"
        ),
        "since": SQL("created_at >= %(since)s"),
        "until": SQL("created_at < %(until)s"),
    },
)
_ATTEMPTS_OF: Final = """
    SELECT number, attempted_at, response_status, failure, response_body, duration_ms
    FROM ktrlplane.webhook_attempts WHERE delivery_id = %(delivery_id)s ORDER BY number
"""


class PostgresWebhooks(Webhooks):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, webhook: Webhook) -> None:
        self._session.change(_ADD, webhook_values(webhook))

    def find(self, webhook_id: WebhookId) -> Webhook | None:
        return self._session.one(webhook_of, _FIND, {"webhook_id": webhook_id})

    def replace(self, webhook: Webhook) -> None:
        values = webhook_values(webhook)
        if self._session.change(_REPLACE, values) == 0:
            raise _not_there(webhook.webhook_id)
        if webhook.status is EndpointStatus.DISABLED:
            self._session.change(queries.CANCEL, {**values, "at": webhook.updated_at})

    def remove(self, webhook_id: WebhookId) -> None:
        if self._session.change(_REMOVE, {"webhook_id": webhook_id}) == 0:
            raise _not_there(webhook_id)

    def of(self, scope: Scope, page: PageRequest) -> Page[Webhook]:
        by_time = evolve(page, sort=page.sort.by_time)
        return _OF.page(self._session, webhook_of, by_time, _place, _scope_values(scope))

    def count(self, scope: Scope) -> int:
        return count_of(self._session, _COUNT, _scope_values(scope))

    def held(
        self, webhook_ids: Sequence[WebhookId], *, failing: Sequence[WebhookId] = ()
    ) -> Sequence[Webhook]:
        values = {
            "webhook_ids": [one.value for one in webhook_ids],
            "failing": [one.value for one in failing],
        }
        return self._session.change_returning(webhook_of, _HOLD, values)

    def find_delivery(self, delivery_id: DeliveryId) -> WebhookDelivery | None:
        return self._session.one(delivery_of, _FIND_DELIVERY, {"delivery_id": delivery_id})

    def deliveries_of(
        self, webhook_id: WebhookId, page: PageRequest, where: DeliveryFilter
    ) -> Page[WebhookDelivery]:
        values = {
            "webhook_id": webhook_id,
            "status": where.status,
            "types": None if where.types is None else list(where.types),
            "since": where.since,
            "until": where.until,
        }
        by_time = evolve(page, sort=page.sort.by_time)
        return _DELIVERIES_OF.page(self._session, delivery_of, by_time, _age, values)

    def attempts_of(self, delivery_id: DeliveryId) -> Sequence[WebhookAttempt]:
        return self._session.all(WebhookAttempt, _ATTEMPTS_OF, {"delivery_id": delivery_id})

    def ask_again(self, delivery_id: DeliveryId, at: datetime) -> None:
        self._session.change(repeats.ASK_AGAIN, {"delivery_id": delivery_id, "at": at})

    def recover(self, webhook: Webhook, since: datetime, at: datetime, limit: int) -> int:
        values = {**webhook_values(webhook), "since": since, "at": at}
        again = self._session.change(repeats.RECOVER, {**values, "limit": limit})
        in_project = webhook.scope.scope_type is ScopeType.PROJECT
        missed = repeats.MISSED_IN_PROJECT if in_project else repeats.MISSED_IN_ORGANIZATION
        made = self._session.change(missed, {**values, "limit": limit - again})
        return again + made

    def claim(
        self,
        now: datetime,
        until: datetime,
        *,
        each: int,
        limit: int,
        busy: Mapping[WebhookId, int],
    ) -> Sequence[Due]:
        if not self._session.one(_is_due, queries.IS_ANYTHING_DUE, {"now": now}):
            return []
        self._session.change(queries.ALONG_INDEXES, {})
        values = {
            "now": now,
            "until": until,
            "each": each,
            "limit": limit,
            "webhook_ids": [one.value for one in busy],
            "counts": list(busy.values()),
        }
        return self._session.change_returning(due_of, queries.CLAIM, values)

    def settle(self, outcomes: Sequence[Outcome]) -> Sequence[DeliveryId]:
        settled: list[DeliveryId] = []
        # In one order, so that two who settle the same ones do not wait for each other.
        in_order = sorted(outcomes, key=lambda one: one.delivery.delivery_id)
        for some in batched(in_order):
            rows = rows_of(outcome_row(one) for one in some)
            settled += self._session.change_returning(_settled, queries.SETTLE, rows)
        return settled

    def release(self, deliveries: Sequence[WebhookDelivery], now: datetime) -> None:
        values = {
            "now": now,
            "delivery_ids": [one.delivery_id.value for one in deliveries],
            "claims": [one.claims for one in deliveries],
        }
        self._session.change(queries.RELEASE, values)

    def forget(self, before: datetime, limit: int) -> int:
        gone = self._session.change(repeats.FORGET, {"before": before, "limit": limit})
        return gone + self._session.change(repeats.FORGET_ENDED, {"limit": limit - gone})

    def first_undelivered(self, tenant: Scope) -> int | None:
        return self._session.one(_first, queries.FIRST_UNDELIVERED, {"tenant": str(tenant)})


def _is_due(is_due: bool) -> bool:  # noqa: FBT001 - a column
    return is_due


def _first(first: int | None) -> int | None:
    return first


def _settled(*, delivery_id: str) -> DeliveryId:
    return DeliveryId(delivery_id)


def _not_there(webhook_id: WebhookId) -> NotFound:
    return NotFound(f"There is no webhook {webhook_id}.")


def _scope_values(scope: Scope) -> Mapping[str, object]:
    return {"scope_type": scope.scope_type, "scope_id": scope.scope_id}


def _place(webhook: Webhook) -> Cursor:
    return Cursor(time_key(webhook.created_at), webhook.webhook_id.value)


def _age(delivery: WebhookDelivery) -> Cursor:
    return Cursor(time_key(delivery.created_at), delivery.delivery_id.value)
