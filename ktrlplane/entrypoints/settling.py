"""The job that makes the payment provider agree with what is to be paid for."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import Final

from attrs import define

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.domain.services.agreeing import agree
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.settlement import settle_account
from ktrlplane.domain.services.settling import claim_accounts, put_off, wanted_of
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.payments import BillingChanged, NotAccepted, Payments, SubscribedElsewhere

AT_ONCE: Final = 10
LEASE: Final = timedelta(minutes=1)
"""For so long nobody else looks at an account that a worker has claimed. Should an answer take
longer, the other one does no harm (see docs/decisions/0020-payments.md)."""
LEFT_ALONE_S: Final = 10.0
"""After a failure requests leave the provider to the worker for so long, and do not wait."""

LOOKS: Final = 2
"""At what a request has changed: one may find that there is more to do."""

_log = logging.getLogger(__name__)


@define
class SettleAccounts:
    _transact: Transact
    _platform: Platform
    _payments: Callable[[], Payments]
    _monotonic: Callable[[], float] = time.monotonic
    _left_alone_until: float = 0.0

    def __call__(self, stop: threading.Event) -> bool:
        """Whether there may be more. Raises: ExceptionGroup of what could not be settled, once
        the others are."""
        claimed = self._claim(None)
        failures: list[Exception] = []
        for account in claimed:
            if stop.is_set():
                break  # the rest is somebody else's when the lease ends
            try:
                self._settle(account)
            except Exception as exc:  # noqa: BLE001 - one that fails keeps no other from it
                exc.add_note(str(account.scope))
                failures.append(exc)
        if failures:
            raise ExceptionGroup("some accounts could not be settled", failures)
        return len(claimed) == AT_ONCE

    def at_once(self, scopes: Collection[Scope]) -> None:
        """For a request that has changed what these pay for. Whatever fails is left to the
        worker."""
        if self._monotonic() < self._left_alone_until:
            return
        try:
            for _ in range(LOOKS):
                for account in self._claim(scopes):
                    self._settle(account)
        except Exception:  # noqa: BLE001 - what was asked for is done; the worker tries again
            _log.exception("settling_left_to_worker")

    def _claim(self, among: Collection[Scope] | None) -> Collection[BillingAccount]:
        claim = partial(claim_accounts, lease=LEASE, limit=AT_ONCE, among=among)
        return self._transact(partial(claim, platform=self._platform))

    def _settle(self, claimed: BillingAccount) -> None:
        transact, platform = self._transact, self._platform
        try:
            wanted = transact(partial(wanted_of, claimed=claimed, platform=platform))
            if wanted is None:
                return
            if wanted.unpriced:
                told = {"scope": str(claimed.scope), "resources": wanted.unpriced}
                _log.warning("resources_without_price", extra=told)
            found = agree(self._payments(), wanted)
        except (UpstreamError, BillingChanged) as error:
            fault = _fault(error)
            if fault is BillingFault.PROVIDER_UNAVAILABLE:
                self._left_alone_until = self._monotonic() + LEFT_ALONE_S
            told = {"scope": str(claimed.scope), "code": error.code, "reason": error.detail}
            _log.warning("account_put_off", extra=told)
            transact(partial(put_off, claimed=claimed, fault=fault, platform=platform))
            return
        transact(
            partial(settle_account, claimed=claimed, wanted=wanted, found=found, platform=platform)
        )


def _fault(error: UpstreamError | BillingChanged) -> BillingFault | None:
    """None for what is only to be looked at again."""
    if isinstance(error, NotAccepted):
        return BillingFault.PRICE_MISSING
    if isinstance(error, SubscribedElsewhere):
        return BillingFault.SUBSCRIPTION_UNKNOWN
    return BillingFault.PROVIDER_UNAVAILABLE if isinstance(error, UpstreamError) else None
