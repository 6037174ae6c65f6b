from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import stripe
from attrs import frozen
from stripe.params import (
    SubscriptionCreateParams,
    SubscriptionUpdateParams,
    SubscriptionUpdateParamsItem,
)

from ktrlplane.adapters.stripe import reading
from ktrlplane.adapters.stripe.calls import RUNGS, Calls, given_up
from ktrlplane.adapters.stripe.customers import require_method
from ktrlplane.domain.billing import Plan, Subscription, SubscriptionItems, SubscriptionState
from ktrlplane.domain.ids import CustomerId, PriceId, SubscriptionId
from ktrlplane.domain.subscriptions import ItemChange, changes
from ktrlplane.ports.payments import BillingChanged, Subscriptions

OVER = "The subscription is over."


@frozen
class Present:
    """As it is now, with the provider's ids of what it has at each price."""

    subscription: Subscription
    rows: Mapping[PriceId, Sequence[str]]

    def leading_to(self, items: SubscriptionItems) -> list[SubscriptionUpdateParamsItem]:
        steps = changes(self.subscription.items, items)
        return [param for change in steps for param in self._step(change)]

    def _step(self, change: ItemChange) -> Sequence[SubscriptionUpdateParamsItem]:
        rows = self.rows.get(change.price_id, ())
        if not rows:
            return [{"price": str(change.price_id), "quantity": change.after}]
        first: SubscriptionUpdateParamsItem = {"id": rows[0], "quantity": change.after}
        kept, left = ([first], rows[1:]) if change.after else ([], rows)
        gone: list[SubscriptionUpdateParamsItem] = [{"id": row, "deleted": True} for row in left]
        return [*kept, *gone]


class StripeSubscriptions(Subscriptions):
    """The provider knows no "only if it is still so". Whoever changes a subscription therefore
    does it under a key that names what it follows until then: two who saw the same ask under
    the same key, of which the provider hears the first and refuses the other."""

    _calls: Calls

    def subscription(self, subscription_id: SubscriptionId) -> Subscription | None:
        present = found_subscription(self._calls, subscription_id)
        return None if present is None else present.subscription

    def subscriptions(self, customer_id: CustomerId) -> Sequence[Subscription]:
        living = (one for one in self._all(customer_id) if not one.state.is_over)
        return tuple(reversed(tuple(living)))

    def subscribe(
        self, customer_id: CustomerId, plan: Plan, *, trial_days: int = 0
    ) -> Subscription:
        require_method(self._calls, customer_id)
        params = _creation(customer_id, plan, trial_days)
        rungs: Counter[int] = Counter()
        for _ in range(RUNGS):
            known = self._all(customer_id)
            for one in known:
                if not one.state.is_over and not one.follows(plan):
                    raise BillingChanged("The customer has another subscription already.")
                if not one.state.is_over:
                    return one
            key = f"{customer_id}/subscribe/{len(known)}/{rungs[len(known)]}"
            rungs[len(known)] += 1
            answer = self._calls.claim(
                key, lambda options: self._calls.v1.subscriptions.create(params, options)
            )
            if answer is not None:
                return _read(self._calls, answer)
        raise given_up()

    def amend(self, subscription_id: SubscriptionId, plan: Plan) -> Subscription:
        rungs: Counter[int] = Counter()
        for _ in range(RUNGS):
            present = self._living(subscription_id)
            if present.subscription.follows(plan):
                return present.subscription
            if not present.subscription.takes(plan):
                raise BillingChanged("The subscription follows a newer plan, or cannot change.")
            revision = present.subscription.revision
            key = f"{subscription_id}/after/{revision}/{rungs[revision]}"
            rungs[revision] += 1
            answer = self._calls.claim(key, self._amendment(present, plan))
            if answer is not None:
                return _read(self._calls, answer)
        raise given_up()

    def end_trial(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        present = self._living(subscription_id).subscription
        if present.state is not SubscriptionState.TRIALING:
            return present
        asked: SubscriptionUpdateParams = {
            "trial_end": "now",
            "proration_behavior": "none",
            "payment_behavior": "allow_incomplete",
            "off_session": True,
        }
        answer = self._calls.write(
            key,
            lambda options: self._calls.v1.subscriptions.update(
                str(subscription_id), asked, options
            ),
        )
        return _read(self._calls, answer)

    def cancel_at_period_end(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        return self._end_with_period(subscription_id, ends=True, key=key)

    def resume(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        return self._end_with_period(subscription_id, ends=False, key=key)

    def cancel_now(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        present = found_subscription(self._calls, subscription_id)
        if present is None:
            raise BillingChanged("The payment provider has no such subscription.")
        if present.subscription.state.is_over:
            return present.subscription
        # What was not paid is no credit.
        paid = present.subscription.state.is_paid
        answer = self._calls.write(
            key,
            lambda options: self._calls.v1.subscriptions.cancel(
                str(subscription_id), {"prorate": paid, "invoice_now": paid}, options
            ),
        )
        return _read(self._calls, answer)

    def _amendment(
        self, present: Present, plan: Plan
    ) -> Callable[[stripe.RequestOptions], stripe.StripeObject]:
        asked: SubscriptionUpdateParams = {
            "items": present.leading_to(plan.items),
            "metadata": {reading.REVISION: str(plan.revision)},
            "proration_behavior": "create_prorations",
            "payment_behavior": "allow_incomplete",
            "off_session": True,
        }
        if plan.as_of is not None:
            # The provider's clock says now; ours only how long ago that was.
            at = present.subscription.change_at(plan, plan.as_of)
            asked["proration_date"] = int(at.timestamp())
        return lambda options: self._calls.v1.subscriptions.update(
            str(present.subscription.subscription_id), asked, options
        )

    def _end_with_period(
        self, subscription_id: SubscriptionId, *, ends: bool, key: str
    ) -> Subscription:
        self._living(subscription_id)
        answer = self._calls.write(
            key,
            lambda options: self._calls.v1.subscriptions.update(
                str(subscription_id), {"cancel_at_period_end": ends}, options
            ),
        )
        return _read(self._calls, answer)

    def _living(self, subscription_id: SubscriptionId) -> Present:
        present = found_subscription(self._calls, subscription_id)
        if present is None or present.subscription.state.is_over:
            raise BillingChanged(OVER)
        return present

    def _all(self, customer_id: CustomerId) -> Sequence[Subscription]:
        """Newest first, those that are over too."""
        ask = self._calls.v1.subscriptions.list
        answers = self._calls.read(
            lambda: [
                one.to_dict()
                for one in ask(
                    {"customer": str(customer_id), "status": "all", "limit": 100}
                ).auto_paging_iter()
            ]
        )
        return [_read(self._calls, answer) for answer in answers]


def _creation(customer_id: CustomerId, plan: Plan, trial_days: int) -> SubscriptionCreateParams:
    params: SubscriptionCreateParams = {
        "customer": str(customer_id),
        "items": [{"price": str(price), "quantity": count} for price, count in plan.items],
        "metadata": {reading.REVISION: str(plan.revision)},
        "billing_mode": {"type": "flexible"},
        "payment_behavior": "allow_incomplete",
        "off_session": True,
    }
    return {**params, "trial_period_days": trial_days} if trial_days else params


def found_subscription(calls: Calls, subscription_id: SubscriptionId) -> Present | None:
    answer = calls.find(lambda: calls.v1.subscriptions.retrieve(str(subscription_id)))
    return None if answer is None else _present(calls, answer)


def _present(calls: Calls, answer: dict[str, Any]) -> Present:
    items: list[dict[str, Any]] = answer["items"]["data"]
    if answer["items"].get("has_more"):
        ask = calls.v1.subscription_items.list
        items = calls.read(
            lambda: [
                one.to_dict()
                for one in ask({"subscription": answer["id"], "limit": 100}).auto_paging_iter()
            ]
        )
    rows: dict[PriceId, list[str]] = {}
    for item in items:
        rows.setdefault(PriceId(item["price"]["id"]), []).append(item["id"])
    return Present(reading.subscription(answer, items), rows)


def _read(calls: Calls, answer: dict[str, Any]) -> Subscription:
    return _present(calls, answer).subscription
