"""Asking the provider: once, within bounds, and told in refusals of this platform."""

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

import stripe
from attrs import field, frozen
from attrs.validators import min_len

from ktrlplane.domain.errors import DomainError, OutcomeUnknown, PaymentRequired, UpstreamError
from ktrlplane.ports.payments import BillingChanged, NotAccepted

API_VERSION: Final = "2026-10-28.endive"
API_BASE: Final = "https://api.stripe.com"
CONNECT_S: Final = 5.0

RUNGS: Final = 8
"""Keys tried, one after the other, where the provider keeps a refusal under each."""

_GONE: Final = (
    *(None, "id", "customer", "invoice", "payment_method", "subscription"),
    "starting_after",
)
_BROKEN: Final = 500
_NOT_FOUND: Final = 404
_BUSY: Final = (409, 429)

_log = logging.getLogger(__name__)
T = TypeVar("T")

Ask = Callable[[stripe.RequestOptions], stripe.StripeObject]


@frozen(kw_only=True)
class StripeAccount:
    """``timeout_s`` is for each answer; ``retries`` are made with the same key."""

    secret_key: str = field(repr=False, validator=min_len(1))
    api_base: str = API_BASE
    timeout_s: float = 20.0
    retries: int = 2


class Calls:
    def __init__(self, account: StripeAccount, require: Callable[[], None] | None) -> None:
        """``require`` is called before whatever is asked. It may raise UpstreamError."""
        self._require = require or (lambda: None)
        self._mode = "test" if "_test_" in account.secret_key else "live"
        timeouts = (min(CONNECT_S, account.timeout_s), account.timeout_s)
        client = stripe.StripeClient(
            account.secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": account.api_base},
            max_network_retries=account.retries,
            http_client=stripe.RequestsClient(timeout=timeouts),
        )
        self.v1: Final = client.v1

    def whose(self) -> str | None:
        """The account that the key is of, in the key's mode. None where the provider does not
        say; a restricted key may not be told. Raises: UpstreamError."""
        try:
            account_id = getattr(self.v1.accounts.retrieve_current(), "id", None)
            return f"{account_id}.{self._mode}" if isinstance(account_id, str) else None
        except stripe.StripeError as error:
            told = (stripe.AuthenticationError, stripe.APIConnectionError, stripe.RateLimitError)
            if isinstance(error, told):
                raise _refusal(error, wrote=False) from error
            return None

    def read(self, ask: Callable[[], T]) -> T:
        """Raises: UpstreamError."""
        self._require()
        try:
            return ask()
        except stripe.StripeError as error:
            raise _refusal(error, wrote=False) from error

    def find(self, ask: Callable[[], stripe.StripeObject]) -> dict[str, Any] | None:
        """None where there is no such thing, or no longer. Raises: UpstreamError."""
        self._require()
        try:
            found = ask().to_dict()
        except stripe.StripeError as error:
            if error.http_status == _NOT_FOUND:
                return None
            raise _refusal(error, wrote=False) from error
        return None if found.get("deleted") else found

    def write(self, key: str, ask: Ask) -> dict[str, Any]:
        """What was refused under ``key`` before is tried anew: a refusal did nothing. Raises:
        what ``Payments`` does."""
        self._require()
        for rung in range(RUNGS):
            try:
                return ask({"idempotency_key": f"{key}/{rung}"}).to_dict()
            except stripe.StripeError as error:
                # A stored failure of the provider itself may have had an effect.
                if not _is_replayed(error) or (error.http_status or _BROKEN) >= _BROKEN:
                    raise _refusal(error, wrote=True) from error
        raise given_up()

    def claim(self, key: str, ask: Ask) -> dict[str, Any] | None:
        """Whoever asks first under ``key`` is heard; None for anybody who wants something else,
        and for what failed before, which is then told by reading. Raises: as ``write``."""
        self._require()
        try:
            return ask({"idempotency_key": key}).to_dict()
        except stripe.StripeError as error:
            if _is_taken(error) or _is_replayed(error):
                return None
            raise _refusal(error, wrote=True) from error


def given_up() -> UpstreamError:
    return UpstreamError("The payment provider refuses this again and again; it is tried later.")


def _is_taken(error: stripe.StripeError) -> bool:
    return isinstance(error, stripe.IdempotencyError) and error.http_status not in _BUSY


def _is_replayed(error: stripe.StripeError) -> bool:
    return (error.headers or {}).get("Idempotent-Replayed") == "true"


def _refusal(error: stripe.StripeError, *, wrote: bool) -> DomainError:
    """Without the provider's words: those may name it, or repeat what it was told."""
    if isinstance(error, stripe.CardError):
        return PaymentRequired("The payment was declined; use another payment method.")
    if _is_taken(error):
        return BillingChanged("This was asked for before in another form; look at it again.")
    if _is_gone(error):
        return BillingChanged("The payment provider does not have this any more.")
    if error.http_status in _BUSY:
        return UpstreamError("The payment provider is busy; try again in a moment.")
    _tell(error)
    return _failure(error, wrote=wrote)


def _failure(error: stripe.StripeError, *, wrote: bool) -> UpstreamError:
    silent = isinstance(error, stripe.APIConnectionError) or (error.http_status or 0) >= _BROKEN
    if silent and wrote:
        return OutcomeUnknown(
            "The payment provider did not say whether it was done; look before trying again."
        )
    if silent:
        return UpstreamError("The payment provider does not answer; try again in a moment.")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return UpstreamError(
            "The payment provider does not accept this platform's key, or not for this. Its "
            "operator sees to KTRLPLANE_STRIPE_SECRET_KEY."
        )
    return NotAccepted("The payment provider did not accept this; the operator's log says why.")


def _is_gone(error: stripe.StripeError) -> bool:
    if error.code == "invoice_upcoming_none":
        return True
    missing = error.code == "resource_missing" and getattr(error, "param", None) in _GONE
    return missing or error.http_status == _NOT_FOUND


def _tell(error: stripe.StripeError) -> None:
    told = {
        "kind": type(error).__name__,
        "status": error.http_status,
        "reason": error.code,
        "parameter": getattr(error, "param", None),
        "provider_request_id": error.request_id,
    }
    _log.warning("payment_provider_failed", extra=told)
