"""Ways for tests to be about paying, or not."""

from typing import Final

from attrs import evolve

from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Profile
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.ids import CustomerId
from ktrlplane.domain.offers import offers_of, products_of
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import NOW, on

MAIL: Final = "billing@example.com"


def free_of_charge(catalog: Catalog) -> Catalog:
    """The same, and nothing in it costs anything."""
    kinds = tuple(
        evolve(kind, tiers=tuple(evolve(tier, prices=()) for tier in kind.tiers))
        for kind in catalog.resource_types
    )
    return Catalog(
        platform=catalog.platform,
        resource_types=kinds,
        roles=catalog.roles,
        permissions=catalog.permissions,
        creator_roles=catalog.creator_roles,
    )


def a_provider(clock: Clock, catalog: Catalog) -> MemoryPayments:
    """Who sells what the catalog does."""
    payments = MemoryPayments(clock)
    for product in products_of(catalog):
        payments.put_product(product, key=product.product_id.value)
    for offer in offers_of(catalog):
        payments.offer(offer, key=offer.lookup_key)
    return payments


def with_means(
    units: UnitsOfWork, payments: MemoryPayments, scope: str, *, declined: bool = False
) -> CustomerId:
    """``scope``, as ``organization acme``, gets a customer with a card."""
    named = on(scope)
    customer = payments.open_customer(Profile(scope=named, name="C", email=MAIL), key=scope)
    payments.add_method(customer.customer_id, declined=declined)
    give(units, named, customer.customer_id)
    return customer.customer_id


def give(units: UnitsOfWork, scope: Scope, customer_id: CustomerId) -> None:
    with units.begin() as work:
        account = work.billing.find(scope) or BillingAccount.of(scope, NOW)
        work.billing.change(evolve(account, customer_id=customer_id, customers=1))
