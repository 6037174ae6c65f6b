"""How often one principal may ask."""

import math
import time
from pathlib import Path

import falcon
from attrs import field, frozen
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from ktrlplane.entrypoints.http.counts import SharedCounts
from ktrlplane.entrypoints.http.problems import EdgeError


def _parsed(text: str) -> RateLimitItem | None:
    return parse(text) if text else None


@frozen
class RateLimit:
    """``limit`` such as ``600/minute``, counted by all processes that share ``file``, else in
    this one alone; empty is no limit."""

    limit: RateLimitItem | None = field(converter=_parsed)
    file: Path | None = None
    _limiter: FixedWindowRateLimiter = field(init=False, repr=False)

    @_limiter.default
    def _(self) -> FixedWindowRateLimiter:
        if self.limit is None or self.file is None:
            return FixedWindowRateLimiter(MemoryStorage())
        return FixedWindowRateLimiter(SharedCounts(self.file))

    def count(self, principal: str, resp: falcon.Response) -> None:
        """Raises: EdgeError."""
        if self.limit is None:
            return
        allowed = self._limiter.hit(self.limit, principal)
        window = self._limiter.get_window_stats(self.limit, principal)
        reset = str(max(1, math.ceil(window.reset_time - time.time())))
        headers = {
            "RateLimit-Limit": str(self.limit.amount),
            "RateLimit-Remaining": str(window.remaining),
            "RateLimit-Reset": reset,
        }
        if not allowed:
            detail = f"At most {self.limit}; wait {reset} seconds."
            raise EdgeError("rate_limited", detail, headers=headers | {"Retry-After": reset})
        resp.set_headers(headers)
