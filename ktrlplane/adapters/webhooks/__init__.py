from ktrlplane.adapters.webhooks.bounds import Bounds
from ktrlplane.adapters.webhooks.delivery import NetworkDelivery
from ktrlplane.adapters.webhooks.names import Lookup, ask_system

__all__ = ["Bounds", "Lookup", "NetworkDelivery", "ask_system"]
