"""That a payment provider is asked only with the key of whose customers the database knows."""

import logging
import time
from collections.abc import Callable
from typing import Final

from attrs import define

from ktrlplane.domain.ids import MerchantId
from ktrlplane.domain.services.merchants import bind, is_first, known
from ktrlplane.ports.payments import AnotherMerchant, Customers
from ktrlplane.ports.unit_of_work import UnitsOfWork

LOOKED_AT_EVERY_S: Final = 60.0
"""Somebody may say meanwhile that it is another merchant."""

_log = logging.getLogger(__name__)


@define
class RequireMerchant:
    """Called before whatever is asked. ``there`` asks without it."""

    _there: Customers
    _units: Callable[[], UnitsOfWork]
    _monotonic: Callable[[], float] = time.monotonic
    _present: MerchantId | None = None
    _until: float = 0.0
    _refusal: str | None = None

    def __call__(self) -> None:
        """Raises: AnotherMerchant, UpstreamError."""
        now = self._monotonic()
        if now >= self._until:
            self._look(now + LOOKED_AT_EVERY_S)
        if self._refusal is not None:
            raise AnotherMerchant(self._refusal)

    def _look(self, until: float) -> None:
        self._present = present = self._present or self._there.merchant()
        if present is None:
            _log.warning("merchant_unknown")
            self._refusal, self._until = None, until
            return
        with self._units().view() as work:
            found = known(work)
        try:
            if is_first(self._there, present, found):
                with self._units().begin() as work:
                    bind(work, present)
        except AnotherMerchant as refused:
            told = {"bound": str(found.merchant), "present": str(present)}
            _log.error("another_merchant", extra=told)
            self._refusal, self._until = refused.detail, until
            return
        self._refusal = None
        if found.merchant is not None:
            self._until = until
