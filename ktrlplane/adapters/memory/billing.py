from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from attrs import evolve

from ktrlplane.adapters.memory.tables import Notice, Tables
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.billing_accounts import BillingAccount, PaidChange
from ktrlplane.domain.ids import CustomerId, MerchantId, PriceId, ProjectId
from ktrlplane.domain.lifecycle import ENDED, Hold
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.subscriptions import paying_scope
from ktrlplane.ports.billing import BillingAccounts, Paid


class MemoryBillingAccounts(BillingAccounts):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.billing_accounts
        self._touched: set[Scope] = set()

    def find(self, scope: Scope) -> BillingAccount | None:
        return self._rows.find(scope)

    def of_customer(self, customer_id: CustomerId) -> BillingAccount | None:
        return next(iter(self._rows.where(customer=customer_id)), None)

    def have_subscribed(self, scope: Scope) -> bool:
        tenant = self._tenant(scope)
        return any(
            row.has_subscribed for row in self._rows.all() if self._tenant(row.scope) == tenant
        )

    def _tenant(self, scope: Scope) -> Scope:
        if scope.scope_type is ScopeType.ORGANIZATION:
            return scope
        project = self._tables.projects.find(ProjectId(scope.scope_id))
        return scope if project is None or project.org_id is None else Scope.of(project.org_id)

    def with_customers(self) -> Sequence[Scope]:
        return [row.scope for row in self._rows.all() if row.customer_id is not None]

    def change(self, account: BillingAccount) -> None:
        kept = self._rows.find(account.scope)
        if kept is not None:
            account = evolve(
                account,
                revision=kept.revision,
                due_at=kept.due_at,
                leased_until=kept.leased_until,
                touched_at=kept.touched_at,
                attempts=kept.attempts,
            )
        self._rows.put(account)

    def touch(
        self, scopes: Collection[Scope], at: datetime, *, paid: PaidChange | None = None
    ) -> None:
        for scope in scopes:
            account = self._rows.find(scope) or BillingAccount.of(scope, at)
            self._rows.put(account.touched(at, paid))
            self._touched.add(scope)

    def look_at(self, scope: Scope, at: datetime) -> None:
        account = self._rows.find(scope)
        if account is not None:
            due_at = at if account.due_at is None else min(account.due_at, at)
            self._rows.put(evolve(account, due_at=due_at))
            self._touched.add(scope)

    @property
    def touched(self) -> Collection[Scope]:
        return frozenset(self._touched)

    def claim(
        self, now: datetime, until: datetime, *, limit: int, among: Collection[Scope] | None = None
    ) -> Sequence[BillingAccount]:
        due = [
            (account.due_at, account.scope, account)
            for account in self._rows.all()
            if account.due_at is not None
            and account.due_at <= now
            and (account.leased_until is None or account.leased_until <= now)
            and (among is None or account.scope in among)
        ]
        first = sorted(due, key=lambda one: (one[0], str(one[1])))
        claimed = [account.claimed(until) for _, _, account in first[:limit]]
        for account in claimed:
            self._rows.put(account)
        return claimed

    def settle(self, claimed: BillingAccount, account: BillingAccount, due_at: datetime) -> bool:
        kept = self._rows.find(claimed.scope)
        if kept is None or kept.leased_until != claimed.leased_until:
            return False
        is_touched = kept.revision != claimed.revision
        is_due = is_touched or kept.due_at != claimed.due_at
        self._rows.put(
            evolve(
                account,
                revision=kept.revision,
                leased_until=None,
                touched_at=kept.touched_at if is_touched else account.touched_at,
                due_at=kept.due_at if is_due else due_at,
            )
        )
        return True

    def paid_for(self, scope: Scope) -> Sequence[Paid]:
        found = Counter(
            (one.type, one.sku, one.stripe_price_id or "") for one in self.resources_of(scope)
        )
        return [
            Paid(type=kind, sku=sku, price_id=PriceId(price) if price else None, count=count)
            for (kind, sku, price), count in sorted(found.items())
        ]

    def resources_of(self, scope: Scope, *, unpaid: bool | None = None) -> Sequence[Resource]:
        projects = [one for one in self._tables.projects.all() if _pays(scope, one)]
        found = (
            resource
            for project in projects
            for resource in self._tables.resources.where(project=project.project_id)
            if resource.status not in ENDED
            and (unpaid is None or (Hold.PAYMENT in resource.holds) == unpaid)
        )
        return sorted(found, key=lambda row: row.resource_id)

    def unpriced(self, scope: Scope) -> Sequence[Resource]:
        return [one for one in self.resources_of(scope) if one.came_unpriced]

    def merchant(self) -> MerchantId | None:
        return next(iter(self._tables.merchants.all()), None)

    def set_merchant(self, merchant_id: MerchantId) -> None:
        self._tables.merchants.put(merchant_id)

    def some_customers(self, limit: int) -> Sequence[CustomerId]:
        rows = sorted(self._rows.all(), key=lambda row: row.updated_at, reverse=True)
        return [row.customer_id for row in rows if row.customer_id is not None][:limit]

    def note(self, notice_id: str, at: datetime) -> bool:
        if self._tables.payment_notices.find(notice_id) is not None:
            return False
        self._tables.payment_notices.put(Notice(notice_id, at))
        return True

    def forget_notices(self, before: datetime, limit: int) -> int:
        old = [one for one in self._tables.payment_notices.all() if one.noted_at < before][:limit]
        for one in old:
            self._tables.payment_notices.drop(one.notice_id)
        return len(old)


def _pays(scope: Scope, project: Project) -> bool:
    return paying_scope(project) == scope
