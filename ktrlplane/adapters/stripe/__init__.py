from ktrlplane.adapters.stripe.calls import StripeAccount
from ktrlplane.adapters.stripe.payments import StripePayments

__all__ = ["StripeAccount", "StripePayments"]
