"""How often one principal may ask."""

import math
import time
from pathlib import Path

import falcon
from attrs import field, frozen
from limits import RateLimitItem, parse

from ktrlplane.entrypoints.http.counts import Counts
from ktrlplane.entrypoints.http.problems import EdgeError


def _parsed(text: str) -> RateLimitItem | None:
    return parse(text) if text else None


@frozen
class RateLimit:
    """``limit`` such as ``600/minute``, counted by all processes that share ``file``, else in
    this one alone; empty is no limit."""

    limit: RateLimitItem | None = field(converter=_parsed)
    file: Path | None = None
    _counts: Counts | None = field(init=False, repr=False)

    @_counts.default
    def _(self) -> Counts | None:
        return None if self.limit is None else Counts(self.file)

    def count(self, principal: str, resp: falcon.Response) -> None:
        """Raises: EdgeError."""
        if self.limit is None or self._counts is None:
            return
        most = self.limit.amount
        count, until = self._counts.hit(principal, self.limit.get_expiry(), most)
        reset = str(max(1, math.ceil(until - time.time())))
        headers = {
            "RateLimit-Limit": str(most),
            "RateLimit-Remaining": str(max(0, most - count)),
            "RateLimit-Reset": reset,
        }
        if count > most:
            detail = f"At most {self.limit}; wait {reset} seconds."
            raise EdgeError("rate_limited", detail, headers=headers | {"Retry-After": reset})
        resp.set_headers(headers)
