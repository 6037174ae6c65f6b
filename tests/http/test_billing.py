"""Billing over HTTP: who pays, what people are told, and what happens when it does not work."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from attrs import evolve

from ktrlplane.domain.billing_accounts import PaidChange
from ktrlplane.domain.errors import Unauthenticated
from ktrlplane.domain.ids import CustomerId, ResourceId
from ktrlplane.ports.payment_notices import Notice, PaymentNotices
from tests.builders import on
from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, refusal, transact_of

pytestmark = [on_both_stores, pytest.mark.priced, pytest.mark.usefixtures("plant")]

ACME: Final = "/organizations/acme/billing"
PLANT: Final = "/projects/plant/billing"
RESOURCES: Final = "/projects/plant/resources"


def buys(ada: Caller, world: World, resource_id: str = "one", **but: Any) -> Any:
    return ada.post(RESOURCES, paid(world, resource_id, **but))


def paid(world: World, resource_id: str, **but: Any) -> dict[str, Any]:
    sku = next(tier.sku for tier in world.kind.offered() if tier.prices)
    return world.wish(resource_id, sku=sku, **but)


def customer_of(world: World, scope: str = "organization acme") -> CustomerId:
    with world.units.view() as work:
        account = work.billing.find(on(scope))
    assert account is not None
    assert account.customer_id is not None
    return account.customer_id


def status_of(world: World, resource_id: str) -> tuple[str, str | None]:
    with world.units.view() as work:
        resource = work.resources.get(ResourceId(resource_id))
    return resource.status.value, resource.status_reason


def test_what_costs_something_needs_a_way_to_pay_first(world: World, ada: Caller) -> None:
    refused = buys(ada, world)
    assert refusal(refused) == (402, "payment_required")
    assert "organization acme" in refused.json["detail"]
    assert f"POST /api/v1{ACME}/setup-intent" in refused.json["detail"]
    assert ada.get("/resources/one").status_code == 404
    assert ada.post(RESOURCES, world.wish("two")).status_code == 201

    opened = ada.post(f"{ACME}/customer")
    assert opened.status_code == 200
    assert opened.json["stripe_customer"]["name"] == "Acme"
    assert opened.json["stripe_customer"]["email"] == "ada@example.com"
    assert ada.post(f"{ACME}/customer").json["stripe_customer"] == opened.json["stripe_customer"]
    assert refusal(buys(ada, world)) == (402, "payment_required")

    setup = ada.post(f"{ACME}/setup-intent").json
    assert setup.keys() == {"client_secret", "effective_scope"}
    world.payments.add_method(CustomerId(opened.json["stripe_customer"]["id"]))
    made = buys(ada, world)
    assert made.status_code == 201
    seen = ada.sees(ACME)
    assert seen["effective_scope"] == {
        "scope_type": "organization",
        "scope_id": "acme",
        "name": "Acme",
    }
    assert seen["subscription_items"] == [
        {"price_id": made.json["stripe_price_id"], "quantity": 1}
    ]
    assert seen["subscription_details"]["status"] == "active"
    assert seen["latest_invoice"]["status"] == "paid"
    assert seen["latest_invoice"]["amount_paid"] == seen["latest_invoice"]["total"] > 0
    assert seen["payment_methods"][0]["is_default"]


def test_what_has_a_price_is_counted_and_what_is_gone_is_not(world: World, ada: Caller) -> None:
    world.pays("organization acme")
    for name in ("one", "two", "three"):
        assert buys(ada, world, name).status_code == 201
    assert ada.sees(ACME)["subscription_items"][0]["quantity"] == 3
    assert ada.delete("/resources/two").status_code == 202
    assert ada.sees(ACME)["subscription_items"][0]["quantity"] == 2
    free = world.tier.sku
    assert ada.patch("/resources/three", {"sku": free}).json["stripe_price_id"] is None
    assert ada.sees(ACME)["subscription_items"][0]["quantity"] == 1
    assert ada.delete("/resources/one").status_code == 202
    seen = ada.sees(ACME)
    assert (seen["subscription_items"], seen["subscription_details"]) == ([], None)
    assert world.payments.subscriptions(customer_of(world)) == []
    assert buys(ada, world, "four").status_code == 201
    assert ada.sees(ACME)["subscription_items"][0]["quantity"] == 1


def test_nobody_spends_anothers_money_unasked(world: World, ada: Caller) -> None:
    world.pays("organization acme")
    ben = world.person("ben")
    ben.sees("/users/me")
    ada.makes("/projects/plant/rbac", {"user_id": ben.principal, "role_id": "Owner"})
    refused = buys(ben, world)
    assert refusal(refused) == (403, "forbidden")
    assert "organization acme" in refused.json["detail"]
    assert ben.post(RESOURCES, world.wish("two")).status_code == 201
    raised = ben.patch("/resources/two", {"sku": paid(world, "two")["sku"]})
    assert refusal(raised) == (403, "forbidden")
    ada.patch("/organizations/acme", {"purchase_policy": "project_owners"})
    assert buys(ben, world).status_code == 201
    assert ben.get(ACME).status_code == 404
    seen = ben.sees(PLANT)
    assert seen["inherits_billing_from_org"] is True
    assert seen["effective_scope"]["scope_id"] == "acme"
    assert seen["effective_scope"]["name"] is None
    assert (seen["stripe_customer"], seen["payment_methods"]) == (None, [])
    assert refusal(ben.get(f"{PLANT}/invoices")) == (403, "forbidden")
    assert ben.sees(f"{PLANT}/status") == {
        "has_payment_method": True,
        "subscription_status": "active",
        "cancel_at_period_end": False,
        "effective_scope": {"scope_type": "organization", "scope_id": "acme", "name": None},
    }


def test_inheriting_or_not_moves_what_is_paid(world: World, ada: Caller) -> None:
    world.pays("organization acme")
    buys(ada, world)
    refused = ada.post(f"{PLANT}/inheritance", {"inherits": False})
    assert refusal(refused) == (402, "payment_required")
    assert "project plant" in refused.json["detail"]
    world.pays("project plant")
    moved = ada.post(f"{PLANT}/inheritance", {"inherits": False})
    assert moved.json["effective_scope"]["scope_id"] == "plant"
    assert moved.json["subscription_items"][0]["quantity"] == 1
    assert ada.sees(ACME)["subscription_items"] == []
    back = ada.post(f"{PLANT}/inheritance", {"inherits": True})
    assert back.json["effective_scope"]["scope_id"] == "acme"
    assert ada.sees(ACME)["subscription_items"][0]["quantity"] == 1
    assert world.payments.subscriptions(customer_of(world, "project plant")) == []


def test_turning_inheritance_on_needs_the_organizations_consent(world: World, ada: Caller) -> None:
    ada.post(f"{PLANT}/inheritance", {"inherits": False})
    ben = world.person("ben")
    ben.sees("/users/me")
    ada.makes("/projects/plant/rbac", {"user_id": ben.principal, "role_id": "Owner"})
    refused = ben.post(f"{PLANT}/inheritance", {"inherits": True})
    assert refusal(refused) == (403, "forbidden")
    ada.makes("/projects", {"id": "alone", "name": "Alone"})
    refused = ada.post("/projects/alone/billing/inheritance", {"inherits": True})
    assert refusal(refused) == (409, "conflict")


def test_cancelling_works_at_the_end_of_the_period_and_can_be_undone(
    world: World, ada: Caller
) -> None:
    world.pays("organization acme")
    assert refusal(ada.post(f"{ACME}/cancel")) == (409, "conflict")
    buys(ada, world)
    for _ in range(2):
        assert ada.post(f"{ACME}/cancel").json["cancel_at_period_end"] is True
    assert ada.sees(f"{PLANT}/status")["cancel_at_period_end"] is True
    assert status_of(world, "one")[0] == "Creating"
    assert refusal(buys(ada, world, "two")) == (402, "payment_required")
    assert ada.post(f"{ACME}/resume").json["cancel_at_period_end"] is False
    assert ada.post(f"{ACME}/cancel").json["cancel_at_period_end"] is True
    world.clock.advance(timedelta(days=32))
    world.settle()
    ada = world.person("ada")
    assert status_of(world, "one") == (
        "Suspended",
        "It is suspended until it is paid for again; who manages its billing sees why.",
    )
    assert ada.sees(ACME)["billing_account"]["fault"] == "subscription_ended"
    assert refusal(ada.post(f"{ACME}/resume")) == (409, "conflict")
    begun = ada.post(f"{ACME}/subscription")
    assert begun.json["subscription_details"]["status"] == "active"
    assert status_of(world, "one")[0] == "Updating"
    types = [one["type"] for one in ada.sees("/organizations/acme/events?limit=100")["items"]]
    assert types.count("billing.subscription_cancelled") == 2
    assert types.count("billing.subscription_started") == 2


def test_a_payment_that_fails_has_its_grace(world: World, ada: Caller) -> None:
    world.pays("organization acme")
    buys(ada, world)
    world.payments.decline(customer_of(world))
    world.clock.advance(timedelta(days=32))
    world.settle()
    ada = world.person("ada")
    seen = ada.sees(ACME)
    assert seen["subscription_details"]["status"] == "past_due"
    assert seen["billing_account"]["fault"] == "payment_failed"
    assert seen["billing_account"]["grace_until"] == "2026-02-09T00:00:00Z"
    assert status_of(world, "one")[0] == "Creating"
    world.clock.advance(timedelta(days=7))
    world.settle()
    ada = world.person("ada")
    assert status_of(world, "one")[0] == "Suspended"
    assert refusal(buys(ada, world, "two")) == (402, "payment_required")
    good = world.payments.add_method(customer_of(world))
    world.payments.make_default(customer_of(world), good, key="new")
    assert ada.post(f"{ACME}/subscription").json["subscription_details"]["status"] == "active"
    assert status_of(world, "one")[0] == "Updating"
    types = [one["type"] for one in ada.sees("/organizations/acme/events?limit=100")["items"]]
    assert types.count("billing.payment_failed") == 1
    assert types.count("billing.payment_recovered") == 1


def test_the_same_key_gives_the_same_way_to_add_a_card(world: World, ada: Caller) -> None:
    ada.post(f"{ACME}/customer")
    one, again, other = (
        ada.post(f"{ACME}/setup-intent", headers={"Idempotency-Key": key}).json["client_secret"]
        for key in ("k1", "k1", "k2")
    )
    assert one == again != other


def test_nobody_changes_the_terms_of_what_is_being_made(world: World, ada: Caller) -> None:
    """Else it would be paid in one currency, and asked for in another."""
    world.pays("organization acme")
    with world.units.begin() as work:
        scopes = [on("organization acme")]
        work.billing.touch(scopes, world.clock.now(), paid=PaidChange.OTHER)
    yearly = {"interval": "year"}
    assert refusal(ada.post(f"{ACME}/subscription", yearly)) == (409, "conflict")
    world.settle()
    assert ada.post(f"{ACME}/subscription", yearly).status_code == 200


def test_what_is_owed_is_not_forgotten_with_its_subscription(world: World, ada: Caller) -> None:
    """Who deletes all that failed to be paid pays it before anything else is bought."""
    world.pays("organization acme")
    buys(ada, world)
    world.payments.decline(customer_of(world))
    world.clock.advance(timedelta(days=32))
    world.settle()
    ada = world.person("ada")
    assert refusal(buys(ada, world, "two")) == (402, "payment_required")  # though in its grace
    assert ada.delete("/resources/one").status_code == 202
    world.settle()
    good = world.payments.add_method(customer_of(world))
    world.payments.make_default(customer_of(world), good, key="new")
    refused = buys(ada, world, "two")
    assert refusal(refused) == (402, "payment_required")
    assert "an invoice that is open" in refused.json["detail"]
    assert ada.post(f"{ACME}/subscription").status_code == 200
    assert {one["status"] for one in ada.sees(f"{ACME}/invoices")["items"]} == {"paid"}
    assert buys(ada, world, "two").status_code == 201


def test_a_first_payment_that_fails_serves_nobody(world: World, ada: Caller) -> None:
    ada.post(f"{ACME}/customer")
    world.payments.add_method(customer_of(world), declined=True)
    assert buys(ada, world).status_code == 201
    assert status_of(world, "one")[0] == "Suspended"
    assert ada.sees(ACME)["subscription_details"]["status"] == "incomplete"
    good = world.payments.add_method(customer_of(world))
    world.payments.make_default(customer_of(world), good, key="new")
    ada.post(f"{ACME}/subscription")
    assert status_of(world, "one")[0] == "Updating"
    assert [one["status"] for one in ada.sees(f"{ACME}/invoices")["items"]] == ["paid"]


def test_who_comes_back_from_the_portal_comes_back_here(world: World, ada: Caller) -> None:
    there = {"return_url": "https://app.example.com/billing"}
    assert ada.post(f"{ACME}/portal", there).json["url"].startswith("https://")
    for url in ("https://evil.example/", "javascript:alert(1)", "//evil.example", ""):
        refused = ada.post(f"{ACME}/portal", {"return_url": url})
        assert refusal(refused) == (422, "validation_failed")
        assert refused.json["errors"][0]["pointer"] == "/return_url"


def test_what_it_will_cost_is_told_before(world: World, ada: Caller) -> None:
    sku = paid(world, "x")["sku"]
    asked = f"{PLANT}/estimate?type={world.kind.type}&sku={sku}"
    before = ada.sees(asked)
    price = next(tier for tier in world.kind.offered() if tier.sku == sku).prices[0]
    assert (before["amount_now"], before["amount_then"]) == (0, price.amount)
    assert (before["currency"], before["interval"]) == (price.currency, price.interval)
    assert before["next_invoice"] is None
    world.pays("organization acme")
    buys(ada, world)
    world.clock.advance(timedelta(days=10))
    ada = world.person("ada")
    after = ada.sees(asked)
    assert (after["amount_now"], after["amount_then"]) == (price.amount, 2 * price.amount)
    assert any(line["is_proration"] for line in after["next_invoice"]["lines"])
    assert ada.sees(f"{PLANT}/estimate")["amount_then"] == price.amount
    gone = ada.sees(f"{PLANT}/estimate?resource_id=one")
    assert (gone["amount_now"], gone["amount_then"]) == (price.amount, 0)


def test_deleting_settles_what_is_paid(world: World, ada: Caller) -> None:
    world.pays("organization acme", "project plant")
    ada.post(f"{PLANT}/inheritance", {"inherits": False})
    buys(ada, world)
    assert len(world.payments.subscriptions(customer_of(world, "project plant"))) == 1
    assert ada.delete("/organizations/acme?cascade=true").status_code == 204
    world.settle()
    assert world.payments.subscriptions(customer_of(world, "project plant")) == []


def test_a_customer_who_is_gone_can_come_back(world: World, ada: Caller) -> None:
    world.pays("organization acme")
    buys(ada, world)
    world.payments.lose(customer_of(world))
    world.clock.advance(timedelta(hours=7))
    world.settle()
    ada = world.person("ada")
    seen = ada.sees(ACME)
    assert (seen["stripe_customer"], seen["billing_account"]["fault"]) == (None, "customer_gone")
    ada.post(f"{ACME}/customer")
    world.payments.add_method(customer_of(world))
    begun = ada.post(f"{ACME}/subscription")
    assert begun.json["subscription_items"][0]["quantity"] == 1


def test_a_rehearsal_asks_the_provider_for_nothing(world: World, ada: Caller) -> None:
    world.pays("organization acme")
    buys(ada, world)
    for path, body in (
        ("customer", None),
        ("subscription", {}),
        ("setup-intent", None),
        ("portal", {"return_url": "https://app.example.com/"}),
        ("cancel", None),
    ):
        sent = {} if body is None else {"body": body}
        result = ada.post(f"{ACME}/{path}?validate_only=true", **sent)
        assert result.status_code == 204, result.text
    refused = ada.post(f"{ACME}/cancel?bogus=1")
    assert refusal(refused) == (400, "unknown_parameter")
    assert ada.sees(ACME)["subscription_details"]["cancel_at_period_end"] is False


def test_what_moves_between_payers_is_paid_to_the_second(world: World, ada: Caller) -> None:
    """Also where the provider is told of it later."""
    world.pays("organization acme", "project plant")
    for name in ("one", "two"):
        buys(ada, world, name)
    ada.post(f"{PLANT}/inheritance", {"inherits": False})
    ada.makes("/projects", {"id": "mill", "name": "Mill", "org_id": "acme"})
    made = ada.post("/projects/mill/resources", paid(world, "three"))
    assert made.status_code == 201
    world.clock.advance(timedelta(days=10))
    ada = world.person("ada")
    late = world.with_edge(transact=transact_of(world.units, world.payments)).client
    ada_late = Caller(late, ada.principal, ada.token)
    assert ada_late.post(f"{PLANT}/inheritance", {"inherits": True}).status_code == 200
    world.clock.advance(timedelta(hours=5))
    world.settle()
    ada = world.person("ada")
    price = ada.sees("/resources/one")["stripe_price_id"]
    (living,) = world.payments.subscriptions(customer_of(world))
    assert [count for _, count in living.items] == [3]
    lines = ada.sees(f"{ACME}/estimate")["next_invoice"]["lines"]
    prorated = sum(line["amount"] for line in lines if line["is_proration"])
    (each,) = (
        one.each.amount
        for one in world.payments.prices(
            [p.lookup_key for tier in world.kind.tiers for p in tier.prices]
        ).values()
        if one.price_id.value == price
    )
    assert prorated == round(3 * each * 21 / 31) - round(each * 21 / 31)


def test_who_moves_a_project_spends_nobodys_money_unasked(world: World, ada: Caller) -> None:
    ada.makes("/organizations", {"id": "other", "name": "Other"})
    world.pays("organization acme", "organization other", "project plant")
    buys(ada, world)
    ben = world.person("ben")
    ben.sees("/users/me")
    all_but_billing = ["read", "write", "delete", "manage_access", "escalate"]
    for org_id in ("acme", "other"):
        place = f"/organizations/{org_id}"
        ada.makes(f"{place}/roles", {"name": "Mover", "permissions": all_but_billing})
        ada.makes(f"{place}/rbac", {"user_id": ben.principal, "role_id": "Mover"})
    refused = ben.post("/projects/plant/move", {"org_id": "other"})
    assert refusal(refused) == (403, "forbidden")
    assert "manage_billing" in refused.json["detail"]
    assert ada.sees("/projects/plant")["org_id"] == "acme"
    assert ada.post("/projects/plant/move", {"org_id": "other"}).status_code == 200
    assert ada.sees(PLANT)["effective_scope"]["scope_id"] == "other"
    assert ada.sees(ACME)["subscription_items"] == []
    assert ada.sees(PLANT)["subscription_items"][0]["quantity"] == 1


class Signed(PaymentNotices):
    """Takes what carries the word."""

    def read(self, body: bytes, signature: str | None) -> Notice:
        if signature != "signed":
            raise Unauthenticated("Nobody has signed this.")
        notice_id, _, customer = body.decode().partition(" ")
        return Notice(notice_id=notice_id, customer_id=CustomerId(customer) if customer else None)


def test_what_the_provider_tells_is_verified_as_it_came(world: World, ada: Caller) -> None:
    platform = evolve(world.platform, payment_notices=Signed())
    told = evolve(world, platform=platform).with_edge().nobody
    world.pays("organization acme")
    buys(ada, world)
    world.payments.decline(customer_of(world))
    world.clock.advance(timedelta(days=32))
    path, body = "/payments/webhook", f"evt_1 {customer_of(world)}".encode()
    assert refusal(told.post(path, raw=body)) == (401, "unauthenticated")
    forged = told.post(path, raw=body, headers={"Stripe-Signature": "forged"})
    assert refusal(forged) == (401, "unauthenticated")
    for _ in range(2):
        taken = told.post(path, raw=body, headers={"Stripe-Signature": "signed"})
        assert (taken.status_code, taken.json) == (200, {"received": True})
    world.settle()
    ada = world.person("ada")
    assert ada.sees(ACME)["billing_account"]["fault"] == "payment_failed"
    stranger = told.post(path, raw=b"evt_2 cus_x", headers={"Stripe-Signature": "signed"})
    assert stranger.status_code == 200
    rehearsed = f"{path}?validate_only=true"
    seen = told.post(rehearsed, raw=b"evt_3", headers={"Stripe-Signature": "signed"})
    assert seen.status_code == 200
    unset = world.nobody.post(path, raw=body, headers={"Stripe-Signature": "signed"})
    assert refusal(unset) == (401, "unauthenticated")


def test_a_card_that_has_expired_buys_nothing(world: World, ada: Caller) -> None:
    """The provider's are good until the end of 2034."""
    world.pays("organization acme")
    world.clock.set(datetime(2034, 12, 31, 23, tzinfo=UTC))
    assert buys(world.person("ada"), world).status_code == 201
    world.clock.set(datetime(2035, 1, 1, tzinfo=UTC))
    refused = buys(world.person("ada"), world, "two")
    assert refusal(refused) == (402, "payment_required")


def test_every_answer_names_who_pays(world: World, ada: Caller) -> None:
    world.pays("organization acme", "project plant")
    buys(ada, world)
    there = {"return_url": "https://app.example.com/billing"}
    answers = [
        *(ada.post(f"{ACME}/{act}").json for act in ("cancel", "resume", "setup-intent")),
        *(ada.post(f"{place}/portal", there).json for place in (ACME, PLANT)),
        *(ada.post(f"{place}/customer").json for place in (ACME, PLANT)),
        *(ada.sees(f"{PLANT}{part}") for part in ("", "/status", "/estimate")),
    ]
    assert {one["effective_scope"]["scope_id"] for one in answers} == {"acme"}
    assert answers[0].keys() >= {"id", "status", "cancel_at_period_end"}


def test_all_invoices_can_be_reached(world: World, ada: Caller) -> None:
    """Page by page, as every list."""
    world.pays("organization acme")
    assert buys(ada, world).status_code == 201
    (customer_id,) = world.payments.all_customers()
    for _ in range(4):
        world.payments.end_period(customer_id)
    whole = [one["invoice_id"] for one in ada.sees(f"{ACME}/invoices")["items"]]
    assert len(whole) == 5
    seen, cursor = [], ""
    while cursor is not None:
        page = ada.sees(f"{ACME}/invoices?limit=2{cursor and f'&cursor={cursor}'}")
        seen += [one["invoice_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert seen == whole
    for cursor in ("in_of_another", "%20"):
        refused = ada.get(f"{ACME}/invoices?cursor={cursor}")
        assert refusal(refused) == (422, "validation_failed")
