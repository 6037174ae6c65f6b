"""The same request twice is one request."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from ktrlplane.domain.errors import IdempotencyKeyReused
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services.platform import Platform
from ktrlplane.ports.stores import Answer
from ktrlplane.ports.unit_of_work import UnitOfWork

KEPT_FOR: Final = timedelta(hours=24)


def once(
    work: UnitOfWork,
    key: str,
    fingerprint: bytes,
    act: Callable[[], Answer],
    *,
    actor: PrincipalId,
    platform: Platform,
) -> tuple[Answer, bool]:
    """The answer of ``act``, or the one it gave when this key came before; and whether it is
    that earlier one. Effect and answer are kept in one unit of work. A refusal changed
    nothing and is not kept: the same key may try again.

    Raises: IdempotencyKeyReused when the key came with another request, IdempotencyInProgress.
    """
    now = platform.now()
    kept = work.answers.claim(actor, key, now - KEPT_FOR)
    if kept is None:
        answer = act()
        work.answers.keep(actor, key, answer, now)
        return answer, False
    if kept.fingerprint != fingerprint:
        raise IdempotencyKeyReused(
            "The Idempotency-Key was used for another request within the last 24 hours. "
            "Use a new key for a new request."
        )
    return kept, True
