"""Which payment provider stands behind the port, and what can be played where it is simulated."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from ktrlplane.adapters.memory.payment_pages import PlayedPages
from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.adapters.memory.playing import PLAYS
from ktrlplane.adapters.memory.simulator import PaymentSimulator
from ktrlplane.adapters.postgres.pool import Pool
from ktrlplane.adapters.postgres.shared_state import SimulatorState
from ktrlplane.domain.billing import Profile
from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.ids import CustomerId
from ktrlplane.domain.offers import offers_of, products_of
from ktrlplane.entrypoints.merchants import RequireMerchant
from ktrlplane.entrypoints.settings import Settings
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.payment_notices import PaymentNotices
from ktrlplane.ports.payment_pages import PaymentPages
from ktrlplane.ports.payments import Payments
from ktrlplane.ports.unit_of_work import UnitsOfWork

WHAT_IS_PLAYED: Final = tuple(sorted(PLAYS))
PAGES: Final = "/simulated-payments"
_REAL: Final = "The payment provider is a real one: nothing can be played there."


class NotSimulated(Exception):
    """There is a payment provider that bills people."""


def payment_provider_of(
    settings: Settings,
    clock: Clock,
    catalog: Catalog,
    pool: Callable[[], Pool],
) -> Payments:
    """As it is, whosever customers it has."""
    if settings.stripe_secret_key is None:
        sold = tuple(products_of(catalog)), tuple(offers_of(catalog))
        return PaymentSimulator(clock, SimulatorState(pool()), *sold)
    return _stripe(settings.stripe_secret_key, settings.stripe_api_base)


def payments_of(
    settings: Settings, provider: Payments, units: Callable[[], UnitsOfWork]
) -> Payments:
    """Asked for none but the customers of whom the database knows."""
    if settings.stripe_secret_key is None:
        return provider
    required = RequireMerchant(provider, units)
    return _stripe(settings.stripe_secret_key, settings.stripe_api_base, required)


def _stripe(
    secret_key: str, api_base: str | None, require: Callable[[], None] | None = None
) -> Payments:
    # It takes half a second to import, in processes that ask for it alone.
    from ktrlplane.adapters.stripe.calls import API_BASE, StripeAccount  # noqa: PLC0415
    from ktrlplane.adapters.stripe.payments import StripePayments  # noqa: PLC0415

    account = StripeAccount(secret_key=secret_key, api_base=api_base or API_BASE)
    return StripePayments(account, require=require)


def payment_pages_of(settings: Settings, payments: Callable[[], Payments]) -> PaymentPages | None:
    if settings.stripe_secret_key is not None or not settings.is_local_issuer:
        return None
    simulated = payments()
    if not isinstance(simulated, PaymentSimulator | MemoryPayments):
        return None
    simulated.lead_to(PAGES)
    return PlayedPages(simulated, PAGES)


def payments_in_memory(clock: Clock, catalog: Catalog) -> MemoryPayments:
    """Sells what the catalog does."""
    payments = MemoryPayments(clock)
    for product in products_of(catalog):
        payments.put_product(product, key=product.product_id.value)
    for offer in offers_of(catalog):
        payments.offer(offer, key=offer.lookup_key)
    return payments


def payment_notices_of(settings: Settings) -> PaymentNotices | None:
    if settings.stripe_webhook_secret is None:
        return None
    from ktrlplane.adapters.stripe.notices import StripeNotices  # noqa: PLC0415

    return StripeNotices(settings.stripe_webhook_secret)


def simulated_customer(payments: Payments, profile: Profile) -> CustomerId | None:
    """One who pays by a card that is good for everything; None where the payment provider is
    a real one."""
    if not isinstance(payments, PaymentSimulator | MemoryPayments):
        return None
    customer = payments.open_customer(profile, key=f"simulated/{profile.scope}")
    customer_id = customer.customer_id
    if not payments.payment_methods(customer_id):
        play_simulated(payments, "add-card", customer_id)
    return customer_id


def play_simulated(payments: Payments, what: str, customer_id: CustomerId) -> str:
    """What has happened at the simulator. ``what`` is one of ``PLAYS``. Raises: NotSimulated."""
    if isinstance(payments, PaymentSimulator | MemoryPayments):
        return payments.play(lambda there: PLAYS[what](there, customer_id))
    raise NotSimulated(_REAL)


def pass_simulated_time(payments: Payments, by: timedelta) -> None:
    """Raises: NotSimulated."""
    if not isinstance(payments, PaymentSimulator):
        raise NotSimulated(_REAL)
    payments.pass_time(by)
