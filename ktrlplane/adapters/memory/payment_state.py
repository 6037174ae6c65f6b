"""What the payment provider in memory knows, as bytes and back."""

import copyreg
import io
import pickle
from types import MappingProxyType
from typing import Any, Final

_OURS: Final = frozenset(
    {
        *("ktrlplane.domain.access", "ktrlplane.domain.billing", "ktrlplane.domain.ids"),
        *("ktrlplane.domain.invoices", "ktrlplane.adapters.memory.payment_ledger"),
        "ktrlplane.adapters.memory.payment_visits",
    }
)
_OTHERS: Final = frozenset(
    {
        ("builtins", "set"),
        ("datetime", "datetime"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
    }
)


def read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


def _reduced(values: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return read_only, (dict(values),)


class _Writer(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table | {MappingProxyType: _reduced}


class _Reader(pickle.Unpickler):
    """Of values of these kinds alone: what else could be named in there would be run."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (read_only.__module__, read_only.__name__):
            return read_only
        is_ours = module in _OURS and "." not in name
        if not is_ours and (module, name) not in _OTHERS:
            raise pickle.UnpicklingError(f"{module}.{name} is nothing that payments consist of.")
        found = super().find_class(module, name)
        if not isinstance(found, type):
            raise pickle.UnpicklingError(f"{module}.{name} is no kind of value.")
        return found


def written(state: object) -> bytes:
    into = io.BytesIO()
    _Writer(into, protocol=5).dump(state)
    return into.getvalue()


def read(state: bytes) -> Any:
    """Raises: pickle.UnpicklingError, and whatever else bytes that are no such state lead to."""
    return _Reader(io.BytesIO(state)).load()
