"""The backends of logs and metrics, over HTTP."""

from ktrlplane.adapters.telemetry.backends import Backends, HttpTelemetry
from ktrlplane.adapters.telemetry.exchanges import Bounds

__all__ = ["Backends", "Bounds", "HttpTelemetry"]
