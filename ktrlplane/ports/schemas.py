"""Checking settings against their schemas."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ktrlplane.domain.errors import Fault
from ktrlplane.domain.settings import SettingsSchema


class SettingsValidator(Protocol):
    @abstractmethod
    def violations(self, schema: SettingsSchema, settings: Mapping[str, Any]) -> Sequence[Fault]:
        """Every place where ``settings`` break the type's schema or the tier's overlay, by
        pointer, each (pointer, code) once. Codes are the JSON Schema keywords in snake case.
        Rules beyond the schema are not looked at."""
