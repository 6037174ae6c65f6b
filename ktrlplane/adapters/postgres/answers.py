from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from ktrlplane.adapters.postgres.session import Session
from ktrlplane.domain.errors import IdempotencyInProgress
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.ports.stores import Answer, Answers

# A principal's id holds no space, so that no two pairs are one text.
_CLAIM: Final = """
    SELECT pg_try_advisory_xact_lock(
        hashtextextended('answer ' || %(user_id)s || ' ' || %(key)s, 0)
    ) AS claimed
"""

_FIND: Final = """
    SELECT fingerprint, status, headers, body
    FROM ktrlplane.idempotency_answers
    WHERE user_id = %(user_id)s AND key = %(key)s AND kept_at >= %(since)s
"""

_KEEP: Final = """
    INSERT INTO ktrlplane.idempotency_answers
        (user_id, key, fingerprint, status, headers, body, kept_at)
    VALUES (
        %(user_id)s, %(key)s, %(fingerprint)s, %(status)s, %(headers)s, %(body)s, %(kept_at)s
    )
    ON CONFLICT (user_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, status = excluded.status,
        headers = excluded.headers, body = excluded.body, kept_at = excluded.kept_at
"""

_FORGET: Final = "DELETE FROM ktrlplane.idempotency_answers WHERE kept_at < %(before)s"


class PostgresAnswers(Answers):
    def __init__(self, session: Session) -> None:
        self._session = session

    def claim(self, principal: PrincipalId, key: str, since: datetime) -> Answer | None:
        values = {"user_id": principal, "key": key, "since": since}
        if not all(self._session.change_returning(_claimed, _CLAIM, values)):
            raise IdempotencyInProgress(
                "The first request with this Idempotency-Key has not been answered yet; "
                "send this one again in a moment."
            )
        # Only now, in a statement of its own: the one above began before the lock was had.
        return self._session.one(_answer, _FIND, values)

    def keep(self, principal: PrincipalId, key: str, answer: Answer, at: datetime) -> None:
        values = {
            "user_id": principal,
            "key": key,
            "fingerprint": answer.fingerprint,
            "status": answer.status,
            "headers": list(chain.from_iterable(answer.headers)),
            "body": answer.body,
            "kept_at": at,
        }
        self._session.change(_KEEP, values)

    def forget(self, before: datetime) -> int:
        return self._session.change(_FORGET, {"before": before})


def _claimed(*, claimed: bool) -> bool:
    return claimed


def _answer(fingerprint: bytes, status: int, headers: Sequence[str], body: bytes) -> Answer:
    pairs = zip(headers[::2], headers[1::2], strict=True)
    return Answer(fingerprint=fingerprint, status=status, headers=tuple(pairs), body=body)
