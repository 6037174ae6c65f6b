"""The job that mails notifications."""

import logging
import threading
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from attrs import define

from ktrlplane.domain.errors import UpstreamError
from ktrlplane.domain.services.notifications import (
    DueLetter,
    due_letters,
    settle_letter,
    write_letters,
)
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.letters import news_letter
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.mail import Mail, MailRefused

LETTERS: Final = 10
LEASE: Final = timedelta(minutes=10)
"""For so long nobody else sends what a worker has taken: longer than ``LETTERS`` can last."""
LONGEST_WAIT: Final = timedelta(hours=1)
MAX_ATTEMPTS: Final = 24
"""Of a letter: after a day or so nobody needs to be told any more."""

_log = logging.getLogger(__name__)


@define
class SendNotifications:
    """Letters are written down first and then taken, sent outside of any unit of work, and
    settled. A worker that dies in between has one sent once more when the lease ends: the
    mail's id is the same."""

    _transact: Transact
    _platform: Platform
    _mail: Mail
    _origin: str

    def __call__(self, stop: threading.Event) -> bool:
        written = self._transact(partial(write_letters, platform=self._platform))
        take = partial(due_letters, lease=LEASE, limit=LETTERS, platform=self._platform)
        due = self._transact(take)
        for one in due:
            if stop.is_set():
                self._settle(one, again_at=self._platform.now())
            else:
                self._send(one)
        return len(due) == LETTERS or written > 0

    def _send(self, due: DueLetter) -> None:
        told = {"letter_id": str(due.letter.letter_id)}
        try:
            self._mail.send(news_letter(due, self._origin))
        except MailRefused:
            self._settle(due)
            _log.warning("notification_refused", extra=told)
        except UpstreamError:
            wait = min(LONGEST_WAIT, timedelta(minutes=2 ** min(due.letter.attempts, 6)))
            is_last = due.letter.attempts >= MAX_ATTEMPTS
            self._settle(due, again_at=None if is_last else self._platform.now() + wait)
            _log.warning("notification_waits", extra=told | {"again_in_s": wait.total_seconds()})
        else:
            self._settle(due, sent_at=self._platform.now())
            _log.info("notification_sent", extra=told)

    def _settle(
        self,
        due: DueLetter,
        *,
        sent_at: datetime | None = None,
        again_at: datetime | None = None,
    ) -> None:
        settle = partial(settle_letter, seen=due.letter, sent_at=sent_at, again_at=again_at)
        self._transact(partial(settle, platform=self._platform))
