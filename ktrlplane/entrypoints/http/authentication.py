"""Who makes a request."""

import threading
import time
from collections import OrderedDict
from typing import Final

import falcon
from attrs import field, frozen

from ktrlplane.domain.errors import Unauthenticated
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.recognition import bring_up_to_date, welcome
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.identity import Claims, Tokens

_KNOWN_FOR_S: Final = 60.0
_AGAIN_AFTER_S: Final = 1.0
"""Where invitations still wait, since their tenant was busy or they are many."""
_KNOWN_AT_MOST: Final = 10_000


@frozen
class Recognition:
    """Keeps users up to date with their tokens, and lets them in where they were invited,
    without a query on every request.

    A claim set seen within the last minute is taken as known, if nothing was left to do for
    it. Whatever happens to the table meanwhile, a minute later it is looked at again; and a
    change recognizes its user inside its own transaction, whatever is remembered here.
    """

    transact: Transact
    platform: Platform
    _seen: OrderedDict[Claims, float] = field(factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, repr=False)

    def knows(self, claims: Claims) -> bool:
        """Whether there is nothing to do for it."""
        return self._seen.get(claims, 0.0) > time.monotonic()

    def __call__(self, claims: Claims, *, accepts: bool = True) -> None:
        """Unless it ``accepts``, invitations wait for another call."""
        if self.knows(claims):
            return
        if not accepts:
            bring_up_to_date(self.transact, claims, self.platform)
            return
        is_all = welcome(self.transact, claims, self.platform)
        with self._lock:
            self._seen[claims] = time.monotonic() + (_KNOWN_FOR_S if is_all else _AGAIN_AFTER_S)
            self._seen.move_to_end(claims)
            while len(self._seen) > _KNOWN_AT_MOST:
                self._seen.popitem(last=False)


def bearer(req: falcon.Request, tokens: Tokens) -> Claims:
    """Raises: Unauthenticated."""
    header = req.env.get("HTTP_AUTHORIZATION")
    if header is None:
        raise Unauthenticated("Send the header Authorization: Bearer <token>.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The Authorization header must be: Bearer <token>.")
    return tokens.verify(token.strip())
