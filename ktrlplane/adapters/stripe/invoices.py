from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from stripe.params import (
    InvoiceCreatePreviewParams,
    InvoiceCreatePreviewParamsSubscriptionDetails,
    InvoiceCreatePreviewParamsSubscriptionDetailsItem,
    InvoiceListParams,
)

from ktrlplane.adapters.stripe import reading
from ktrlplane.adapters.stripe.calls import Calls
from ktrlplane.adapters.stripe.customers import require_method
from ktrlplane.adapters.stripe.subscriptions import OVER, found_subscription
from ktrlplane.domain.billing import SubscriptionItems
from ktrlplane.domain.ids import CustomerId, InvoiceId, SubscriptionId
from ktrlplane.domain.invoices import Invoice, Preview
from ktrlplane.ports.payments import BillingChanged, Invoices

PAGE = 100


class StripeInvoices(Invoices):
    _calls: Calls

    def invoices(
        self, customer_id: CustomerId, *, limit: int, after: InvoiceId | None = None
    ) -> Sequence[Invoice]:
        ask = self._calls.v1.invoices.list
        params: InvoiceListParams = {"customer": str(customer_id), "limit": min(limit, PAGE)}
        if after is not None:
            params["starting_after"] = str(after)
        answers = self._calls.read(
            lambda: [one.to_dict() for one in islice(ask(params).auto_paging_iter(), limit)]
        )
        return [_read(self._calls, answer) for answer in answers]

    def preview(
        self,
        customer_id: CustomerId,
        items: SubscriptionItems,
        *,
        subscription_id: SubscriptionId | None,
    ) -> Preview:
        details: InvoiceCreatePreviewParamsSubscriptionDetails = {
            "proration_behavior": "create_prorations"
        }
        if items:
            details["items"] = self._wanted(items, subscription_id)
        else:
            details["cancel_now"] = True
        params: InvoiceCreatePreviewParams = {
            "customer": str(customer_id),
            "subscription_details": details,
        }
        if subscription_id is not None:
            params["subscription"] = str(subscription_id)
        answer = self._calls.read(lambda: self._calls.v1.invoices.create_preview(params).to_dict())
        return reading.preview(answer, answer["lines"]["data"])

    def _wanted(
        self, items: SubscriptionItems, subscription_id: SubscriptionId | None
    ) -> list[InvoiceCreatePreviewParamsSubscriptionDetailsItem]:
        if subscription_id is None:
            return [{"price": str(price), "quantity": count} for price, count in items]
        present = found_subscription(self._calls, subscription_id)
        if present is None or present.subscription.state.is_over:
            raise BillingChanged(OVER)
        return [{**step} for step in present.leading_to(items)]

    def pay(self, invoice_id: InvoiceId, *, key: str) -> Invoice:
        found = self._calls.find(lambda: self._calls.v1.invoices.retrieve(str(invoice_id)))
        if found is None or found.get("status") != "open":
            raise BillingChanged("Nothing is open on this invoice.")
        require_method(self._calls, CustomerId(found["customer"]))
        answer = self._calls.write(
            key,
            lambda options: self._calls.v1.invoices.pay(
                str(invoice_id), {"off_session": True}, options
            ),
        )
        return _read(self._calls, answer)


def _read(calls: Calls, answer: Mapping[str, Any]) -> Invoice:
    lines: list[dict[str, Any]] = answer["lines"]["data"]
    if answer["lines"].get("has_more"):
        ask = calls.v1.invoices.line_items.list
        lines = calls.read(
            lambda: [
                one.to_dict() for one in ask(answer["id"], {"limit": PAGE}).auto_paging_iter()
            ]
        )
    return reading.invoice(answer, lines)
