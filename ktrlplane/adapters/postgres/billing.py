from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve
from psycopg.rows import args_row
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import composed
from ktrlplane.adapters.postgres.resource_lists import COLUMNS as RESOURCE
from ktrlplane.adapters.postgres.resource_rows import resource_of
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.billing import Interval
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault, Terms
from ktrlplane.domain.ids import (
    BillingAccountId,
    CustomerId,
    PriceId,
    PrincipalId,
    SubscriptionId,
)
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.billing import BillingAccounts, Paid

_COLUMNS: Final = SQL("""
    billing_account_id, scope_type, scope_id, stripe_customer_id, stripe_subscription_id,
    opened_by, customers, has_subscribed, currency, "interval", revision, ending, fault,
    grace_until, has_lapsed, pay_again, touched_at, due_at, leased_until, attempts,
    created_at, updated_at
""")
_OF: Final = "scope_type = %(scope_type)s AND scope_id = %(scope_id)s"

_FIND: Final = composed(
    "SELECT {columns} FROM ktrlplane.billing_accounts WHERE {of}", columns=_COLUMNS, of=SQL(_OF)
)
_OF_CUSTOMER: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.billing_accounts
    WHERE stripe_customer_id = %(customer_id)s ORDER BY created_at LIMIT 1
    """,
    columns=_COLUMNS,
)
_CHANGED: Final = SQL("""
    stripe_customer_id = %(customer_id)s, stripe_subscription_id = %(subscription_id)s,
    opened_by = %(opened_by)s, customers = %(customers)s,
    has_subscribed = %(has_subscribed)s, currency = %(currency)s,
    "interval" = %(interval)s, ending = %(ending)s, fault = %(fault)s,
    grace_until = %(grace_until)s, has_lapsed = %(has_lapsed)s, pay_again = %(pay_again)s,
    updated_at = %(updated_at)s
""")
_CHANGE: Final = composed(
    """
    INSERT INTO ktrlplane.billing_accounts ({columns})
    VALUES (
        %(billing_account_id)s, %(scope_type)s, %(scope_id)s, %(customer_id)s,
        %(subscription_id)s, %(opened_by)s, %(customers)s, %(has_subscribed)s,
        %(currency)s, %(interval)s,
        %(revision)s, %(ending)s, %(fault)s, %(grace_until)s, %(has_lapsed)s, %(pay_again)s,
        %(touched_at)s, %(due_at)s, %(leased_until)s, %(attempts)s, %(created_at)s, %(updated_at)s
    )
    ON CONFLICT (scope_type, scope_id) DO UPDATE SET {changed}
    """,
    columns=_COLUMNS,
    changed=_CHANGED,
)
# In an order, so that two who touch the same ones do not wait for each other.
_TOUCH: Final = b"""
    INSERT INTO ktrlplane.billing_accounts AS kept (
        billing_account_id, scope_type, scope_id, revision, due_at, touched_at, created_at,
        updated_at
    )
    SELECT 'bill_' || scope_type || '_' || scope_id, scope_type, scope_id, 1, %(at)s, %(at)s,
        %(at)s, %(at)s
    FROM unnest(%(scope_types)s::text[], %(scope_ids)s::text[]) AS named (scope_type, scope_id)
    ORDER BY scope_type, scope_id
    ON CONFLICT (scope_type, scope_id) DO UPDATE
    SET revision = kept.revision + 1, due_at = least(kept.due_at, excluded.due_at),
        touched_at = excluded.touched_at, updated_at = excluded.updated_at
"""
_CLAIM: Final = composed(
    """
    WITH due AS (
        SELECT billing_account_id FROM ktrlplane.billing_accounts
        WHERE due_at <= %(now)s AND (leased_until IS NULL OR leased_until <= %(now)s)
            AND (
                %(scope_types)s::text[] IS NULL
                OR (scope_type, scope_id) IN (
                    SELECT * FROM unnest(%(scope_types)s::text[], %(scope_ids)s::text[])
                )
            )
        ORDER BY due_at, scope_type, scope_id LIMIT %(limit)s
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    claimed AS (
        UPDATE ktrlplane.billing_accounts account
        SET revision = revision + 1, leased_until = %(until)s, due_at = %(until)s
        FROM due WHERE account.billing_account_id = due.billing_account_id
        RETURNING account.*
    )
    SELECT {columns} FROM claimed ORDER BY scope_type, scope_id
    """,
    columns=_COLUMNS,
)
_SETTLE: Final = composed(
    """
    UPDATE ktrlplane.billing_accounts
    SET {changed}, attempts = %(attempts)s, leased_until = NULL,
        due_at = CASE WHEN revision = %(revision)s THEN %(due_at)s ELSE due_at END,
        touched_at = CASE
            WHEN revision = %(revision)s THEN %(touched_at)s::timestamptz ELSE touched_at
        END
    WHERE {of} AND leased_until = %(leased_until)s
    """,
    changed=_CHANGED,
    of=SQL(_OF),
)
_PAYS: Final = {
    ScopeType.ORGANIZATION: SQL("p.org_id = %(scope_id)s AND p.inherits_billing_from_org"),
    ScopeType.PROJECT: SQL(
        "p.project_id = %(scope_id)s AND (p.org_id IS NULL OR NOT p.inherits_billing_from_org)"
    ),
}
_PAID_FOR: Final = {
    scope_type: composed(
        """
        SELECT r.type, r.sku, r.stripe_price_id AS price_id, count(*) AS count
        FROM ktrlplane.projects p JOIN ktrlplane.resources r ON r.project_id = p.project_id
        WHERE {pays} AND r.status NOT IN ('Deleting', 'Deleted')
        GROUP BY 1, 2, 3
        ORDER BY 1, 2, 3 NULLS FIRST
        """,
        pays=pays,
    )
    for scope_type, pays in _PAYS.items()
}
_RESOURCES_OF: Final = {
    scope_type: composed(
        """
        SELECT {columns} FROM ktrlplane.resources
        WHERE status NOT IN ('Deleting', 'Deleted') AND project_id IN (
            SELECT p.project_id FROM ktrlplane.projects p WHERE {pays}
        )
            AND (
                %(unpaid)s::boolean IS NULL
                OR %(unpaid)s = coalesce('payment' = ANY(holds), false)
            )
        ORDER BY resource_id
        """,
        columns=RESOURCE,
        pays=pays,
    )
    for scope_type, pays in _PAYS.items()
}
_WITH_CUSTOMERS: Final = b"""
    SELECT scope_type, scope_id FROM ktrlplane.billing_accounts
    WHERE stripe_customer_id IS NOT NULL ORDER BY scope_type, scope_id
"""
_NOTE: Final = b"""
    INSERT INTO ktrlplane.payment_notices (notice_id, noted_at)
    VALUES (%(notice_id)s, %(at)s) ON CONFLICT (notice_id) DO NOTHING
"""
_FORGET: Final = b"""
    DELETE FROM ktrlplane.payment_notices WHERE notice_id IN (
        SELECT notice_id FROM ktrlplane.payment_notices WHERE noted_at < %(before)s
        ORDER BY noted_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
"""


class PostgresBillingAccounts(BillingAccounts):
    def __init__(self, session: Session) -> None:
        self._session = session
        self._touched: set[Scope] = set()

    def find(self, scope: Scope) -> BillingAccount | None:
        return self._session.one(_account, _FIND, _scope(scope))

    def of_customer(self, customer_id: CustomerId) -> BillingAccount | None:
        return self._session.one(_account, _OF_CUSTOMER, {"customer_id": customer_id})

    def with_customers(self) -> Sequence[Scope]:
        return self._session.all(_scope_of, _WITH_CUSTOMERS, {})

    def change(self, account: BillingAccount) -> None:
        self._session.change(_CHANGE, _values(account))

    def touch(self, scopes: Collection[Scope], at: datetime) -> None:
        if scopes:
            self._session.change(_TOUCH, _named(scopes) | {"at": at})
            self._touched |= set(scopes)

    @property
    def touched(self) -> Collection[Scope]:
        return frozenset(self._touched)

    def claim(
        self, now: datetime, until: datetime, *, limit: int, among: Collection[Scope] | None = None
    ) -> Sequence[BillingAccount]:
        named = {"scope_types": None, "scope_ids": None} if among is None else _named(among)
        values = named | {"now": now, "until": until, "limit": limit}
        return self._session.change_returning(_account, _CLAIM, values)

    def settle(self, claimed: BillingAccount, account: BillingAccount, due_at: datetime) -> bool:
        its = evolve(account, revision=claimed.revision, leased_until=claimed.leased_until)
        values = {**_values(its), "due_at": due_at}
        return self._session.change(_SETTLE, values) > 0

    def paid_for(self, scope: Scope) -> Sequence[Paid]:
        return self._session.all(_paid, _PAID_FOR[scope.scope_type], _scope(scope))

    def resources_of(self, scope: Scope, *, unpaid: bool | None = None) -> Sequence[Resource]:
        query, values = _RESOURCES_OF[scope.scope_type], {**_scope(scope), "unpaid": unpaid}
        return self._session.all(resource_of, query, values, row=args_row)

    def note(self, notice_id: str, at: datetime) -> bool:
        return self._session.change(_NOTE, {"notice_id": notice_id, "at": at}) > 0

    def forget_notices(self, before: datetime, limit: int) -> int:
        return self._session.change(_FORGET, {"before": before, "limit": limit})


def _scope(scope: Scope) -> Mapping[str, object]:
    return {"scope_type": scope.scope_type, "scope_id": scope.scope_id}


def _scope_of(scope_type: str, scope_id: str) -> Scope:
    return Scope.parse(scope_type, scope_id)


def _named(scopes: Collection[Scope]) -> dict[str, object]:
    return {
        "scope_types": [scope.scope_type.value for scope in scopes],
        "scope_ids": [scope.scope_id for scope in scopes],
    }


def _values(account: BillingAccount) -> Mapping[str, object]:
    return {
        "billing_account_id": account.billing_account_id,
        **_scope(account.scope),
        "customer_id": account.customer_id,
        "subscription_id": account.subscription_id,
        "opened_by": account.opened_by,
        "customers": account.customers,
        "has_subscribed": account.has_subscribed,
        "currency": account.terms.currency,
        "interval": account.terms.interval,
        "revision": account.revision,
        "ending": [one.value for one in account.ending],
        "fault": account.fault,
        "grace_until": account.grace_until,
        "has_lapsed": account.has_lapsed,
        "pay_again": account.pay_again,
        "touched_at": account.touched_at,
        "due_at": account.due_at,
        "leased_until": account.leased_until,
        "attempts": account.attempts,
        "created_at": account.created_at,
        "updated_at": account.updated_at,
    }


def _account(
    *,
    billing_account_id: str,
    scope_type: str,
    scope_id: str,
    stripe_customer_id: str | None,
    stripe_subscription_id: str | None,
    opened_by: str | None,
    currency: str | None,
    interval: str | None,
    ending: Sequence[str],
    fault: str | None,
    **columns: Any,
) -> BillingAccount:
    return BillingAccount(
        billing_account_id=BillingAccountId(billing_account_id),
        scope=Scope.parse(scope_type, scope_id),
        customer_id=CustomerId(stripe_customer_id) if stripe_customer_id else None,
        subscription_id=SubscriptionId(stripe_subscription_id) if stripe_subscription_id else None,
        opened_by=None if opened_by is None else PrincipalId(opened_by),
        terms=Terms(currency, None if interval is None else Interval(interval)),
        ending=tuple(map(SubscriptionId, ending)),
        fault=None if fault is None else BillingFault(fault),
        **columns,
    )


def _paid(*, type: str, sku: str, price_id: str | None, count: int) -> Paid:  # noqa: A002
    price = None if price_id is None else PriceId(price_id)
    return Paid(type=type, sku=sku, price_id=price, count=count)
