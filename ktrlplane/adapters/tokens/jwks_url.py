"""The keys that an issuer publishes at an address."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ktrlplane.adapters.tokens.fetching import FAILURES, WHOLE_S, checked_url, fetch_json
from ktrlplane.adapters.tokens.keys import Keys, usable_keys
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.ports.clock import Clock

FRESH: Final = timedelta(hours=1)
KEPT: Final = timedelta(hours=24)
"""How long old keys serve while the issuer cannot be reached."""

PAUSE: Final = timedelta(minutes=1)
"""Between two fetches for unknown keys, and between two vain refreshes: otherwise anyone
could make this service fetch by inventing key ids."""

PAUSE_WITHOUT_KEYS: Final = timedelta(seconds=5)
WAIT_S: Final = WHOLE_S + 1

_log = logging.getLogger(__name__)


@frozen
class _Published:
    keys: Mapping[str, RSAPublicKey]
    at: datetime


class JwksUrl(Keys):
    """Fetched when first needed, again after an hour, and for a key id it has not seen.

    One thread fetches at a time. Meanwhile the others use what is there; those whose key is
    not there wait for it, at most ``WAIT_S`` seconds.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        """Raises: ValueError, for an address whose answer cannot be believed."""
        self._url, self._clock = checked_url(url), clock
        self._turn = Lock()
        self._published: _Published | None = None
        self._tried_at: datetime | None = None
        self._asked_at: datetime | None = None

    def find(self, kid: str) -> RSAPublicKey | None:
        if self._is_due(kid):
            self._refresh(kid)
        keys = self._keys()
        if keys is None:
            raise UpstreamError(
                "The keys to verify tokens with cannot be had from their issuer at the moment; "
                "try again in a few seconds."
            )
        return keys.get(kid)

    def _keys(self) -> Mapping[str, RSAPublicKey] | None:
        published = self._published
        if published is None or self._clock.now() - published.at >= KEPT:
            return None
        return published.keys

    def _is_due(self, kid: str) -> bool:
        now, published, keys = self._clock.now(), self._published, self._keys()
        if published is None or keys is None:
            return not _within(PAUSE_WITHOUT_KEYS, self._tried_at, now)
        if kid not in keys and not _within(PAUSE, self._asked_at, now):
            return True
        return not _within(FRESH, published.at, now) and not _within(PAUSE, self._tried_at, now)

    def _refresh(self, kid: str) -> None:
        keys = self._keys()
        can_go_on = keys is not None and kid in keys
        if not self._turn.acquire(timeout=0 if can_go_on else WAIT_S):
            return
        try:
            # Whoever waited may find the work done.
            if self._is_due(kid):
                self._fetch(kid, had_keys=keys is not None)
        finally:
            self._turn.release()

    def _fetch(self, kid: str, *, had_keys: bool) -> None:
        unknown = had_keys and kid not in (self._keys() or {})
        try:
            keys = usable_keys(fetch_json(self._url))
        except FAILURES as failure:
            said = {"url": self._url, "reason": str(failure)}
            _log.warning("keys_not_fetched", extra=said)
        else:
            self._published = _Published(keys, self._clock.now())
        # Pauses count from the end: while a fetch runs, others must see that one is due.
        self._tried_at = self._clock.now()
        now_known = self._keys()
        if unknown or (now_known is not None and kid not in now_known):
            self._asked_at = self._tried_at


def _within(limit: timedelta, since: datetime | None, now: datetime) -> bool:
    # A moment that lies ahead comes from a clock set back since: it says nothing.
    return since is not None and timedelta(0) <= now - since < limit
