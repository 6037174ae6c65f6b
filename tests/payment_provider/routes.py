"""The paths of the provider's API that there are here."""

import re
from collections.abc import Callable
from typing import Any

from tests.payment_provider.books import Books, Refused, Row, invalid, missing
from tests.payment_provider.forms import page

Answer = Callable[[Row], Row]


class Routes(Books):
    def __init__(self) -> None:
        super().__init__()
        self.products: dict[str, Row] = {}
        self.meters: dict[str, Row] = {}

    def answer(self, method: str, path: str, asked: Row) -> Row:
        for verb, pattern, act in _TABLE:
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                made: Row = act(self, asked, *found.groups())
                return made
        raise Refused(404, "invalid_request_error")

    def whose(self, _: Row) -> Row:
        if self.account is None:
            raise Refused(403, "invalid_request_error")
        if not self.account:
            return {"object": "list", "data": []}
        return {"id": self.account, "object": "account"}

    def open_customer(self, asked: Row) -> Row:
        row = {
            "id": self.new("cus"),
            "object": "customer",
            "name": asked["name"],
            "email": asked["email"],
            "metadata": asked["metadata"],
            "balance": 0,
            "currency": None,
            "invoice_settings": {"default_payment_method": None},
        }
        self.customers[row["id"]] = row
        self.methods[row["id"]] = []
        return row

    def read_customer(self, _: Row, customer_id: str) -> Row:
        if customer_id not in self.customers:
            raise missing("id")
        return self.customers[customer_id]

    def change_customer(self, asked: Row, customer_id: str) -> Row:
        row = self.customer(customer_id)
        method = asked["invoice_settings"]["default_payment_method"]
        if method not in {one["id"] for one in self.methods[customer_id]}:
            raise missing("payment_method", 400)
        row["invoice_settings"]["default_payment_method"] = method
        return row

    def list_methods(self, asked: Row, customer_id: str) -> Row:
        self.customer(customer_id)
        url = f"/v1/customers/{customer_id}/payment_methods"
        return page(self.methods[customer_id], asked, url)

    def set_up(self, asked: Row) -> Row:
        self.customer(asked["customer"], 400)
        new = self.new("seti")
        return {"id": new, "object": "setup_intent", "client_secret": f"{new}_secret_x"}

    def portal(self, asked: Row) -> Row:
        self.customer(asked["customer"], 400)
        new = self.new("bps")
        url = f"https://pay.example/p/{new}"
        return {"id": new, "object": "billing_portal.session", "url": url}

    def read_subscription(self, _: Row, sub_id: str) -> Row:
        if sub_id not in self.subscriptions:
            raise missing("id")
        return self.shown(self.subscriptions[sub_id])

    def list_subscriptions(self, asked: Row) -> Row:
        every = [self.shown(one) for one in self.subscriptions.values()]
        theirs = [one for one in every if one["customer"] == asked["customer"]]
        assert asked["status"] == "all"
        return page(theirs[::-1], asked, "/v1/subscriptions")

    def list_items(self, asked: Row) -> Row:
        # In pages of seven at most, so that what has more is seen to be read to its end.
        small = {**asked, "limit": min(7, int(asked["limit"]))}
        return page(self.items[asked["subscription"]], small, "/v1/subscription_items")

    def list_invoices(self, asked: Row) -> Row:
        every = [self.shown_invoice(one) for one in self.invoices.values()]
        theirs = [one for one in every if one["customer"] == asked["customer"]]
        return page(theirs[::-1], asked, "/v1/invoices")

    def read_invoice(self, _: Row, invoice_id: str) -> Row:
        if invoice_id not in self.invoices:
            raise missing("id")
        return self.shown_invoice(self.invoices[invoice_id])

    def list_lines(self, asked: Row, invoice_id: str) -> Row:
        return page(self.lines[invoice_id], asked, f"/v1/invoices/{invoice_id}/lines")

    def list_prices(self, asked: Row) -> Row:
        keys = asked.get("lookup_keys")
        if keys is not None and len(keys) > 10:
            raise invalid("lookup_keys")
        assert asked["active"] == "true"
        active = [one for one in self.prices.values() if one["active"]]
        found = [one for one in active if keys is None or one["lookup_key"] in keys]
        return page(found, asked, "/v1/prices")

    def read_price(self, _: Row, price_id: str) -> Row:
        if price_id not in self.prices:
            raise missing("price")
        return self.prices[price_id]

    def add_price(self, asked: Row) -> Row:
        if asked["product"] not in self.products:
            raise missing("product", 400)
        for price in self.prices.values():
            if price["lookup_key"] == asked["lookup_key"]:
                if asked.get("transfer_lookup_key") != "true":
                    raise invalid("lookup_key")
                price["lookup_key"] = None
        row = {
            "id": self.new("price"),
            "object": "price",
            "product": asked["product"],
            "lookup_key": asked["lookup_key"],
            "unit_amount": int(asked["unit_amount"]),
            "currency": asked["currency"],
            "active": True,
            "recurring": {
                "interval": asked["recurring"]["interval"],
                "interval_count": 1,
                "usage_type": "licensed",
            },
        }
        self.prices[row["id"]] = row
        return row

    def list_products(self, asked: Row) -> Row:
        return page(list(self.products.values()), asked, "/v1/products")

    def read_product(self, _: Row, product_id: str) -> Row:
        if product_id not in self.products:
            raise missing("id")
        return self.products[product_id]

    def add_product(self, asked: Row) -> Row:
        if asked["id"] in self.products:
            raise invalid("id")
        row = {"object": "product", **asked, "active": asked["active"] == "true"}
        self.products[row["id"]] = row
        return row

    def change_product(self, asked: Row, product_id: str) -> Row:
        if product_id not in self.products:
            raise missing("id")
        self.products[product_id] |= {**asked, "active": asked["active"] == "true"}
        return self.products[product_id]

    def list_meters(self, asked: Row) -> Row:
        return page(list(self.meters.values()), asked, "/v1/billing/meters")

    def change_meter(self, asked: Row, meter_id: str) -> Row:
        if meter_id not in self.meters:
            raise missing("id")
        self.meters[meter_id] |= asked
        return self.meters[meter_id]

    def add_meter(self, asked: Row) -> Row:
        if asked["event_name"] in {one["event_name"] for one in self.meters.values()}:
            raise invalid("event_name")
        row = {"id": self.new("mtr"), "object": "billing.meter", "status": "active", **asked}
        self.meters[row["id"]] = row
        return row


_ID = r"([-.~a-zA-Z0-9_]+)"
_TABLE: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/v1/account", Routes.whose),
    ("POST", "/v1/customers", Routes.open_customer),
    ("GET", f"/v1/customers/{_ID}", Routes.read_customer),
    ("POST", f"/v1/customers/{_ID}", Routes.change_customer),
    ("GET", f"/v1/customers/{_ID}/payment_methods", Routes.list_methods),
    ("POST", "/v1/setup_intents", Routes.set_up),
    ("POST", "/v1/billing_portal/sessions", Routes.portal),
    ("GET", "/v1/subscriptions", Routes.list_subscriptions),
    ("POST", "/v1/subscriptions", Routes.subscribe),
    ("GET", f"/v1/subscriptions/{_ID}", Routes.read_subscription),
    ("POST", f"/v1/subscriptions/{_ID}", lambda books, asked, one: books.update(one, asked)),
    ("DELETE", f"/v1/subscriptions/{_ID}", lambda books, asked, one: books.cancel(one, asked)),
    ("GET", "/v1/subscription_items", Routes.list_items),
    ("GET", "/v1/invoices", Routes.list_invoices),
    ("POST", "/v1/invoices/create_preview", Routes.upcoming),
    ("GET", f"/v1/invoices/{_ID}", Routes.read_invoice),
    ("GET", f"/v1/invoices/{_ID}/lines", Routes.list_lines),
    ("POST", f"/v1/invoices/{_ID}/pay", lambda books, _, one: books.pay(one)),
    ("GET", "/v1/prices", Routes.list_prices),
    ("GET", "/v1/prices/([^/]+)", Routes.read_price),
    ("POST", "/v1/prices", Routes.add_price),
    ("GET", "/v1/products", Routes.list_products),
    ("POST", "/v1/products", Routes.add_product),
    ("GET", f"/v1/products/{_ID}", Routes.read_product),
    ("POST", f"/v1/products/{_ID}", Routes.change_product),
    ("GET", "/v1/billing/meters", Routes.list_meters),
    ("POST", "/v1/billing/meters", Routes.add_meter),
    ("POST", f"/v1/billing/meters/{_ID}", Routes.change_meter),
]
