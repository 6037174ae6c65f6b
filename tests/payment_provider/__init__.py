"""A payment provider that answers as Stripe's API does, with a memory, and fails on demand.

What it bills is computed by rules of its own, not by those of ``ktrlplane``.
"""

from tests.payment_provider.server import Fault, Provider, payment_provider

__all__ = ["Fault", "Provider", "payment_provider"]
