from collections.abc import Callable

from ktrlplane.adapters.stripe.calls import Calls, StripeAccount
from ktrlplane.adapters.stripe.customers import StripeCustomers
from ktrlplane.adapters.stripe.invoices import StripeInvoices
from ktrlplane.adapters.stripe.offers import StripeOffers
from ktrlplane.adapters.stripe.subscriptions import StripeSubscriptions
from ktrlplane.ports.payments import Payments


class StripePayments(StripeCustomers, StripeSubscriptions, StripeInvoices, StripeOffers, Payments):
    """For any number of threads; each has connections of its own."""

    def __init__(
        self, account: StripeAccount, *, require: Callable[[], None] | None = None
    ) -> None:
        """``require`` is called before whatever is asked but ``merchant``, and may raise
        UpstreamError."""
        self._calls = Calls(account, require)
