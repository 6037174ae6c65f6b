from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import evolve
from psycopg.rows import args_row

from ktrlplane.adapters.postgres import billing_queries as queries
from ktrlplane.adapters.postgres.resource_rows import resource_of
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Interval
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault, PaidChange, Terms
from ktrlplane.domain.ids import (
    BillingAccountId,
    CustomerId,
    MerchantId,
    PriceId,
    PrincipalId,
    SubscriptionId,
)
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.billing import BillingAccounts, Paid


class PostgresBillingAccounts(BillingAccounts):
    def __init__(self, session: Session) -> None:
        self._session = session
        self._touched: set[Scope] = set()

    def find(self, scope: Scope) -> BillingAccount | None:
        return self._session.one(_account, queries.FIND, _scope(scope))

    def of_customer(self, customer_id: CustomerId) -> BillingAccount | None:
        return self._session.one(_account, queries.OF_CUSTOMER, {"customer_id": customer_id})

    def have_subscribed(self, scope: Scope) -> bool:
        query = queries.HAVE_SUBSCRIBED[scope.scope_type]
        return bool(self._session.one(bool, query, _scope(scope), row=args_row))

    def with_customers(self) -> Sequence[Scope]:
        return self._session.all(_scope_of, queries.WITH_CUSTOMERS, {})

    def change(self, account: BillingAccount) -> None:
        values = _values(account)
        if self._session.change(queries.CHANGE, values) == 0:
            made = _named([account.scope]) | {"at": account.created_at}
            self._session.change(queries.MAKE, made)
            self._session.change(queries.CHANGE, values)

    def touch(
        self, scopes: Collection[Scope], at: datetime, *, paid: PaidChange | None = None
    ) -> None:
        if scopes:
            values = _named(scopes) | {"at": at, "paid": None if paid is None else paid.value}
            self._session.change(queries.MAKE, values)
            self._session.change(queries.TOUCH, values)
            self._touched |= set(scopes)

    def look_at(self, scope: Scope, at: datetime) -> None:
        if self._session.change(queries.LOOK_AT, {**_scope(scope), "at": at}) > 0:
            self._touched.add(scope)

    @property
    def touched(self) -> Collection[Scope]:
        return frozenset(self._touched)

    def claim(
        self, now: datetime, until: datetime, *, limit: int, among: Collection[Scope] | None = None
    ) -> Sequence[BillingAccount]:
        named = {"scope_types": None, "scope_ids": None} if among is None else _named(among)
        values = named | {"now": now, "until": until, "limit": limit}
        return self._session.change_returning(_account, queries.CLAIM, values)

    def settle(self, claimed: BillingAccount, account: BillingAccount, due_at: datetime) -> bool:
        its = evolve(account, revision=claimed.revision, leased_until=claimed.leased_until)
        values = {**_values(its), "due_at": due_at, "was_due_at": claimed.due_at}
        return self._session.change(queries.SETTLE, values) > 0

    def paid_for(self, scope: Scope) -> Sequence[Paid]:
        return self._session.all(_paid, queries.PAID_FOR[scope.scope_type], _scope(scope))

    def resources_of(self, scope: Scope, *, unpaid: bool | None = None) -> Sequence[Resource]:
        query, values = queries.RESOURCES_OF[scope.scope_type], {**_scope(scope), "unpaid": unpaid}
        return self._session.all(resource_of, query, values, row=args_row)

    def unpriced(self, scope: Scope) -> Sequence[Resource]:
        query = queries.UNPRICED[scope.scope_type]
        return self._session.all(resource_of, query, _scope(scope), row=args_row)

    def merchant(self) -> MerchantId | None:
        return self._session.one(MerchantId, queries.MERCHANT, {}, row=args_row)

    def set_merchant(self, merchant_id: MerchantId) -> None:
        self._session.change(queries.SET_MERCHANT, {"merchant_id": merchant_id})

    def some_customers(self, limit: int) -> Sequence[CustomerId]:
        return self._session.all(
            CustomerId, queries.SOME_CUSTOMERS, {"limit": limit}, row=args_row
        )

    def note(self, notice_id: str, at: datetime) -> bool:
        return self._session.change(queries.NOTE, {"notice_id": notice_id, "at": at}) > 0

    def forget_notices(self, before: datetime, limit: int) -> int:
        return self._session.change(queries.FORGET, {"before": before, "limit": limit})


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
        "trial_days": account.trial_days,
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
