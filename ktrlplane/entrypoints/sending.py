"""The job that sends events to webhooks."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final

from attrs import define, field, frozen

from ktrlplane.domain.errors import Interrupted, UpstreamError
from ktrlplane.domain.ids import DeliveryId, WebhookId
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.sending import (
    Sent,
    claim_deliveries,
    release_deliveries,
    settle_deliveries,
)
from ktrlplane.domain.webhook_deliveries import WebhookAttempt
from ktrlplane.entrypoints.signing import outgoing
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.delivery import Answered, Closed, Delivery, Unsent
from ktrlplane.ports.unit_of_work import UnitOfWork
from ktrlplane.ports.webhooks import Due

EACH: Final = 16
"""Requests to one endpoint that one worker has under way."""
AT_ONCE: Final = 256
"""Deliveries that are claimed together."""
LEASE: Final = timedelta(seconds=60)
"""For so long nobody else sends what a worker has claimed: longer than a request may take, and
the database to note what came of it."""
WATCH_FOR_S: Final = 0.02
"""How long a run waits for an answer before it looks for what is new."""
FAREWELL_S: Final = 5.0
"""How long a worker that stops waits for answers. What comes later is not noted, and sent once
more when the lease ends."""


@frozen
class _Over:
    due: Due
    at: datetime
    answered: Answered | None
    """None where it was not sent."""


_Claim = tuple[DeliveryId, int]
"""Which delivery, and which time it was claimed: a worker that slept through a lease may have
the same one under way twice."""


@define
class SendWebhooks:
    """Keeps up to ``EACH`` requests to each endpoint under way, over its runs, so that one that
    is slow or dead has no other wait. Several workers do so beside each other."""

    _transact: Transact
    _platform: Platform
    _delivery: Delivery
    _jitter: Callable[[], float] = lambda: random.uniform(-1, 1)  # noqa: S311
    _under_way: dict[_Claim, Due] = field(factory=dict)
    _over: SimpleQueue[_Over] = field(factory=SimpleQueue)

    def __call__(self, stop: threading.Event) -> bool:
        """Whether something was sent or answered: then there may be more.

        Raises: ExceptionGroup of what could not be sent, once the others are.
        """
        # In this order: what is not noted when its lease ends is claimed, and sent, once more.
        settled = self._settle(WATCH_FOR_S)
        sent = self._send_what_is_due()
        return sent or settled

    def close(self) -> None:
        """Waits a little for what is under way."""
        end = time.monotonic() + FAREWELL_S
        while self._under_way and (left := end - time.monotonic()) > 0:
            self._settle(left)

    def _send_what_is_due(self) -> bool:
        room = min(AT_ONCE, self._delivery.capacity - len(self._under_way))
        if room <= 0:
            return False
        busy = Counter(due.webhook.webhook_id for due in self._under_way.values())
        claim = partial(self._claim, limit=room, busy=busy)
        claimed = self._transact(claim)
        failures: list[Exception] = []
        for due in claimed:
            try:
                self._send(due)
            except Exception as exc:  # noqa: BLE001 - one that cannot be sent keeps no other from it
                exc.add_note(str(due.delivery.delivery_id))
                failures.append(exc)
        if failures:
            raise ExceptionGroup("some could not be sent", failures)
        return bool(claimed)

    def _claim(self, work: UnitOfWork, *, limit: int, busy: Counter[WebhookId]) -> Sequence[Due]:
        return claim_deliveries(
            work, lease=LEASE, limit=limit, each=EACH, busy=busy, platform=self._platform
        )

    def _send(self, due: Due) -> None:
        at = self._platform.now()
        request = outgoing(due, at)
        self._under_way[_claim_of(due)] = due
        try:
            future = self._delivery.send(request)
        except Closed:
            self._over.put(_Over(due, at, None))
        else:
            future.add_done_callback(lambda done: self._over.put(_over(due, at, done)))

    def _settle(self, wait_s: float) -> bool:
        """What is over; waits for it where nothing is. What the database does not take now is
        for the next time."""
        over = self._take(wait_s)
        if not over:
            return False
        sent = [
            self._sent(one.due, one.at, one.answered) for one in over if one.answered is not None
        ]
        unsent = [one.due for one in over if one.answered is None]
        try:
            self._transact(lambda work: self._keep(work, sent, unsent))
        except (Interrupted, UpstreamError):
            self._put_back(over)
            raise
        return True

    def _keep(self, work: UnitOfWork, sent: Sequence[Sent], unsent: Sequence[Due]) -> None:
        if sent:
            settle_deliveries(work, sent, platform=self._platform)
        if unsent:
            release_deliveries(work, unsent, platform=self._platform)

    def _take(self, wait_s: float) -> Sequence[_Over]:
        over: list[_Over] = []
        if self._under_way:
            with suppress(Empty):
                over.append(self._over.get(timeout=wait_s))
                while True:
                    over.append(self._over.get_nowait())
        for one in over:
            del self._under_way[_claim_of(one.due)]
        return over

    def _put_back(self, over: Sequence[_Over]) -> None:
        for one in over:
            self._under_way[_claim_of(one.due)] = one.due
            self._over.put(one)

    def _sent(self, due: Due, at: datetime, answered: Answered) -> Sent:
        attempt = WebhookAttempt(
            number=due.delivery.attempts + 1,
            attempted_at=at,
            response_status=answered.status,
            failure=answered.failure,
            response_body=answered.body,
            duration_ms=answered.duration_ms,
        )
        return Sent(
            due=due, attempt=attempt, retry_after=answered.retry_after, jitter=self._jitter()
        )


def _claim_of(due: Due) -> _Claim:
    return due.delivery.delivery_id, due.delivery.claims


def _over(due: Due, at: datetime, done: Future[Answered]) -> _Over:
    is_unsent = isinstance(done.exception(), Closed | Unsent)
    return _Over(due, at, None if is_unsent else done.result())
