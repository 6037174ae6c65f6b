"""Subscriptions and invoices as the provider keeps them: dicts in the shape of its API."""

import calendar
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count
from typing import Any

from tests.payment_provider.forms import page

Row = dict[str, Any]
OVER = ("canceled", "incomplete_expired")
INCOMPLETE_S = 23 * 3600


class Refused(Exception):
    def __init__(self, status: int, kind: str, code: str | None = None, param: str | None = None):
        super().__init__(code or kind)
        self.status = status
        # The adapter must repeat none of this.
        error = {"type": kind, "code": code, "param": param, "message": "Stripe says no: s3cret"}
        self.body = {"error": error}


def missing(param: str, status: int = 404) -> Refused:
    return Refused(status, "invalid_request_error", "resource_missing", param)


def invalid(param: str) -> Refused:
    return Refused(400, "invalid_request_error", "parameter_invalid", param)


class Books:
    """``now`` is in seconds since 1970. Time passes when it is asked to."""

    def __init__(self) -> None:
        self.now = 0
        self.account: str | None = "acct_1"
        """None where a key may not read it; empty where that is not answered."""
        self.numbers = count(1)
        self.customers: dict[str, Row] = {}
        self.methods: dict[str, list[Row]] = {}
        self.declined: set[str] = set()
        self.subscriptions: dict[str, Row] = {}
        self.items: dict[str, list[Row]] = {}
        self.pending: dict[str, list[Row]] = {}
        self.anchors: dict[str, tuple[int, int]] = {}
        self.invoices: dict[str, Row] = {}
        self.lines: dict[str, list[Row]] = {}
        self.prices: dict[str, Row] = {}

    def new(self, kind: str) -> str:
        return f"{kind}_{next(self.numbers):08}"

    def customer(self, customer_id: str, status: int = 404) -> Row:
        row = self.customers.get(customer_id)
        if row is None or row.get("deleted"):
            raise missing("customer", status)
        return row

    def shown(self, sub: Row) -> Row:
        url = f"/v1/subscription_items?subscription={sub['id']}"
        return {**sub, "items": page(self.items[sub["id"]], {}, url)}

    def shown_invoice(self, invoice: Row) -> Row:
        url = f"/v1/invoices/{invoice['id']}/lines"
        return {**invoice, "lines": page(self.lines[invoice["id"]], {}, url)}

    def subscribe(self, asked: Row) -> Row:
        customer = self.customer(asked["customer"], 400)
        if not customer["invoice_settings"]["default_payment_method"]:
            raise Refused(400, "invalid_request_error", "resource_missing", None)
        items = [self._new_item(one) for one in asked["items"]]
        self._same_kind(items)
        sub_id = self.new("sub")
        trial_s = int(asked.get("trial_period_days", 0)) * 86400
        sub: Row = {
            "id": sub_id,
            "object": "subscription",
            "customer": customer["id"],
            "status": "trialing" if trial_s else "active",
            "metadata": asked.get("metadata", {}),
            "cancel_at_period_end": False,
            "created": self.now,
        }
        self.subscriptions[sub_id] = sub
        self.items[sub_id], self.pending[sub_id] = items, []
        self.anchors[sub_id] = (self.now + trial_s, 0)
        lines = self._period_lines(items, 0 if trial_s else 1)
        if trial_s:
            self._set_period(sub_id, self.now, self.now + trial_s)
        else:
            self._next_period(sub_id, self.now)
        if self.bill(sub, lines)["status"] == "open":
            sub["status"] = "incomplete"
        return self.shown(sub)

    def living(self, sub_id: str) -> Row:
        sub = self.subscriptions.get(sub_id)
        if sub is None or sub["status"] in OVER:
            raise missing("id")
        return sub

    def update(self, sub_id: str, asked: Row) -> Row:
        sub = self.living(sub_id)
        if "items" in asked:
            if sub["status"] == "incomplete":
                raise invalid("items")
            items = self.changed_items(sub_id, asked["items"])
            at = int(asked.get("proration_date", self.now))
            self.pending[sub_id] += self.prorations(sub, items, at)
            self.items[sub_id] = items
        if "cancel_at_period_end" in asked:
            sub["cancel_at_period_end"] = asked["cancel_at_period_end"] == "true"
        sub["metadata"] |= asked.get("metadata", {})
        if "trial_end" in asked:
            self._end_trial(sub, asked["trial_end"])
        return self.shown(sub)

    def _end_trial(self, sub: Row, told: str) -> None:
        if sub["status"] != "trialing" or told != "now":
            raise invalid("trial_end")
        self.anchors[sub["id"]] = (self.now, 0)
        self._begin_period(sub, self.now)

    def changed_items(self, sub_id: str, steps: Sequence[Row]) -> list[Row]:
        items = {item["id"]: item for item in self.items[sub_id]}
        for step in steps:
            if "id" not in step:
                item = self._new_item(step)
                first = self.items[sub_id][0]
                item |= {key: first[key] for key in ("current_period_start", "current_period_end")}
                items[item["id"]] = item
            elif step["id"] not in items:
                raise missing("items[0][id]", 400)
            elif step.get("deleted") == "true":
                del items[step["id"]]
            else:
                items[step["id"]] = {**items[step["id"]], "quantity": int(step["quantity"])}
        if not items:
            raise invalid("items")
        if len({item["price"]["id"] for item in items.values()}) < len(items):
            raise invalid("items")
        self._same_kind(list(items.values()))
        return list(items.values())

    def cancel(self, sub_id: str, asked: Row) -> Row:
        sub = self.living(sub_id)
        if sub["status"] == "incomplete":
            self._void(sub)
        lines = list(self.pending[sub_id])
        if asked.get("prorate") == "true":
            lines += self.prorations(sub, [])
        if lines and asked.get("invoice_now") == "true":
            self.bill(sub, lines)
        sub["status"] = "canceled"
        return self.shown(sub)

    def prorations(self, sub: Row, items: Sequence[Row], at: int | None = None) -> list[Row]:
        if sub["status"] == "trialing":
            return []
        before = {item["price"]["id"]: item["quantity"] for item in self.items[sub["id"]]}
        after = {item["price"]["id"]: item["quantity"] for item in items}
        first = self.items[sub["id"]][0]
        start, end = first["current_period_start"], first["current_period_end"]
        at = self.now if at is None else at
        if not start <= at <= self.now:
            raise invalid("proration_date")
        left = Fraction(end - at, end - start)
        lines = []
        for price in sorted({*before, *after}):
            if before.get(price) != after.get(price):
                for quantity, sign in ((before.get(price), -1), (after.get(price), 1)):
                    if quantity:
                        exact = self.prices[price]["unit_amount"] * quantity * left
                        rounded = int(exact + Fraction(1, 2))
                        lines.append(self._line(price, quantity, sign * rounded, proration=True))
        return lines

    def upcoming(self, asked: Row) -> Row:
        customer = self.customer(asked["customer"], 400)
        details = asked.get("subscription_details", {})
        steps = details.get("items", [])
        if "subscription" in asked:
            sub = self.living(asked["subscription"])
            ends = details.get("cancel_now") == "true"
            items = [] if ends else self.changed_items(sub["id"], steps)
            is_paid = sub["status"] in ("active", "trialing")
            lines = [*self.pending[sub["id"]], *self.prorations(sub, items)]
            if ends and not is_paid:
                lines = []
            elif not ends and not sub["cancel_at_period_end"]:
                lines += self._period_lines(items, 1)
        else:
            items = [self._new_item(step) for step in steps]
            self._same_kind(items)
            lines = self._period_lines(items, 1)
        if not lines:
            raise Refused(404, "invalid_request_error", "invoice_upcoming_none")
        total = sum(line["amount"] for line in lines)
        balance = self._balance(customer, lines[0]["currency"])
        return {
            "object": "invoice",
            "currency": lines[0]["currency"],
            "total": total,
            "amount_due": max(0, total + balance),
            "lines": {"object": "list", "data": lines, "has_more": False, "url": "/v1/none"},
        }

    def _balance(self, customer: Row, currency: str) -> int:
        """What is in another currency does not count."""
        balance: int = customer["balance"]
        return balance if customer["currency"] == currency else 0

    def bill(self, sub: Row, lines: Sequence[Row]) -> Row:
        customer = self.customers[sub["customer"]]
        total = sum(line["amount"] for line in lines)
        currency = lines[0]["currency"]
        balance = self._balance(customer, currency)
        due = max(0, total + balance)
        if balance or total < 0:
            customer["balance"], customer["currency"] = min(0, balance + total), currency
        is_paid = not due or self.can_pay(customer)
        invoice_id = self.new("in")
        details = {"subscription_details": {"subscription": sub["id"]}}
        invoice = {
            "id": invoice_id,
            "object": "invoice",
            "number": invoice_id[-4:],
            "customer": customer["id"],
            "parent": {"type": "subscription_details", **details},
            "status": "paid" if is_paid else "open",
            "currency": lines[0]["currency"],
            "total": total,
            "amount_due": due,
            "amount_paid": due if is_paid else 0,
            "created": self.now,
            "hosted_invoice_url": f"https://pay.example/{invoice_id}",
            "invoice_pdf": f"https://pay.example/{invoice_id}/pdf",
        }
        self.invoices[invoice_id], self.lines[invoice_id] = invoice, list(lines)
        self.pending[sub["id"]] = []
        return invoice

    def pay(self, invoice_id: str) -> Row:
        invoice = self.invoices.get(invoice_id)
        if invoice is None:
            raise missing("invoice")
        if invoice["status"] != "open":
            raise invalid("invoice")
        if not self.can_pay(self.customer(invoice["customer"])):
            raise Refused(402, "card_error", "card_declined")
        invoice |= {"status": "paid", "amount_paid": invoice["amount_due"]}
        sub = self.subscriptions[invoice["parent"]["subscription_details"]["subscription"]]
        if sub["status"] in ("incomplete", "past_due") and not self._open(sub):
            sub["status"] = "active"
        return self.shown_invoice(invoice)

    def can_pay(self, customer: Row) -> bool:
        method = customer["invoice_settings"]["default_payment_method"]
        return bool(method) and method not in self.declined

    def pass_time(self, now: int) -> None:
        for sub in self.subscriptions.values():
            while sub["status"] not in OVER and self._one_step(sub, now):
                pass
        self.now = now

    def _one_step(self, sub: Row, now: int) -> bool:
        end = self.items[sub["id"]][0]["current_period_end"]
        if sub["status"] == "incomplete":
            if now < sub["created"] + INCOMPLETE_S:
                return False
            self._void(sub)
            sub["status"] = "incomplete_expired"
            return True
        if now < end:
            return False
        self.now = end
        if sub["cancel_at_period_end"]:
            if self.pending[sub["id"]]:
                self.bill(sub, self.pending[sub["id"]])
            sub["status"] = "canceled"
            return True
        self._begin_period(sub, end)
        return True

    def _begin_period(self, sub: Row, start: int) -> None:
        lines = [*self.pending[sub["id"]], *self._period_lines(self.items[sub["id"]], 1)]
        self._next_period(sub["id"], start)
        if self.bill(sub, lines)["status"] == "open":
            sub["status"] = "past_due"
        elif sub["status"] == "trialing":
            sub["status"] = "active"

    def _next_period(self, sub_id: str, start: int) -> None:
        anchor, periods = self.anchors[sub_id]
        self.anchors[sub_id] = (anchor, periods + 1)
        interval = self.items[sub_id][0]["price"]["recurring"]["interval"]
        months = (periods + 1) * (12 if interval == "year" else 1)
        self._set_period(sub_id, start, later(anchor, months))

    def _set_period(self, sub_id: str, start: int, end: int) -> None:
        for item in self.items[sub_id]:
            item |= {"current_period_start": start, "current_period_end": end}

    def _void(self, sub: Row) -> None:
        for invoice in self._open(sub):
            invoice["status"] = "void"

    def _open(self, sub: Row) -> list[Row]:
        def of(invoice: Mapping[str, Any]) -> Any:
            return invoice["parent"]["subscription_details"]["subscription"]

        every = self.invoices.values()
        return [one for one in every if of(one) == sub["id"] and one["status"] == "open"]

    def _new_item(self, asked: Row) -> Row:
        price = self.prices.get(asked["price"])
        if price is None:
            raise missing("items[0][price]", 400)
        made = {"object": "subscription_item", "price": price, "quantity": int(asked["quantity"])}
        return {"id": self.new("si"), **made}

    def _same_kind(self, items: Sequence[Row]) -> None:
        kinds = {(i["price"]["currency"], i["price"]["recurring"]["interval"]) for i in items}
        if len(kinds) != 1 or len(items) > 20:
            raise invalid("items")

    def _period_lines(self, items: Sequence[Row], times: int) -> list[Row]:
        return [
            self._line(
                item["price"]["id"],
                item["quantity"],
                item["price"]["unit_amount"] * item["quantity"] * times,
                proration=False,
            )
            for item in sorted(items, key=lambda item: item["price"]["id"])
        ]

    def _line(self, price: str, quantity: int, amount: int, *, proration: bool) -> Row:
        return {
            "id": self.new("il"),
            "object": "line_item",
            "amount": amount,
            "currency": self.prices[price]["currency"],
            "description": "Of a period",
            "quantity": quantity,
            "pricing": {"type": "price_details", "price_details": {"price": price}},
            "parent": {"subscription_item_details": {"proration": proration}},
        }


def later(anchor: int, months: int) -> int:
    """The same day of a later month, or its last."""
    day = datetime.fromtimestamp(anchor, UTC)
    first = day.replace(day=1)
    for _ in range(months):
        first = (first + timedelta(days=31)).replace(day=1)
    last = calendar.monthrange(first.year, first.month)[1]
    return int(first.replace(day=min(day.day, last)).timestamp())
