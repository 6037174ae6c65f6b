"""How often one principal may ask."""

import math
import time
from collections.abc import Sequence
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

    def count(self, principal: str, resp: falcon.Response, *, again: bool = False) -> None:
        """``again`` is of a request that was let in before: it does not count any more, and is
        not refused, however many have come since. Raises: EdgeError."""
        if self.limit is None or self._counts is None:
            return
        count, until = self._hit(self.limit, self._counts, principal, 0 if again else 1)
        headers = _said(self.limit, count, until)
        if count > self.limit.amount and not again:
            reset = headers[-1][1]
            detail = f"At most {self.limit}; wait {reset} seconds."
            raise EdgeError("rate_limited", detail, headers=dict(headers) | {"Retry-After": reset})
        resp.set_headers(headers)

    def headers_of(self, principal: str) -> Sequence[tuple[str, str]] | None:
        """One more; None for who asks too often."""
        if self.limit is None or self._counts is None:
            return ()
        count, until = self._hit(self.limit, self._counts, principal)
        return None if count > self.limit.amount else _said(self.limit, count, until)

    @staticmethod
    def _hit(
        limit: RateLimitItem, counts: Counts, principal: str, hits: int = 1
    ) -> tuple[int, float]:
        return counts.hit(principal, limit.get_expiry(), limit.amount, hits)


def _said(limit: RateLimitItem, count: int, until: float) -> list[tuple[str, str]]:
    most: int = limit.amount
    return [
        ("ratelimit-limit", str(most)),
        ("ratelimit-remaining", str(max(0, most - count))),
        ("ratelimit-reset", str(max(1, math.ceil(until - time.time())))),
    ]
