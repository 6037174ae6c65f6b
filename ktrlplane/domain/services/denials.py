"""Remembering who tried what they may not do."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from ktrlplane.domain.access import GLOBAL, Action, Scope
from ktrlplane.domain.errors import DomainError, NotFound
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.telling import tell_data
from ktrlplane.ports.unit_of_work import UnitOfWork

MOST: Final = 60
"""That are remembered of one principal in ``WITHIN``: nobody fills the logs of others."""
WITHIN: Final = timedelta(minutes=1)


def remember_denied(
    work: UnitOfWork,
    attempt: str,
    scope: Scope | None,
    refusal: DomainError,
    *,
    needed: Sequence[Action] = (),
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """That ``actor`` was refused ``attempt`` at ``scope``: in the log of its tenant, or of the
    platform where there is no such scope. The last one that is remembered says so. Nobody was
    refused who holds all that is ``needed`` there and named something that is not.

    Holds no tenant: who is refused keeps nobody waiting.
    """
    before = work.events.denied(actor, platform.now() - WITHIN)
    if before >= MOST:
        return
    path = [GLOBAL]
    if scope is not None:
        (standing,) = work.access.standings([(actor, scope)], platform.now())
        is_a_slip = isinstance(refusal, NotFound) and needed
        if standing is not None and is_a_slip and all(map(standing.may, needed)):
            return
        path = [GLOBAL] if standing is None else list(standing.path)
    data = {
        "attempt": attempt,
        "code": refusal.code,
        "reason": refusal.detail,
        "scope_type": None if scope is None else scope.scope_type.value,
        "scope_id": None if scope is None else scope.scope_id,
        "more_may_follow_unrecorded": before == MOST - 1,
    }
    tell_data(work, EventType.ACCESS_DENIED, path, data, actor=actor, platform=platform)
