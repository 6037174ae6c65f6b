"""Remembering who tried what they may not do."""

from datetime import timedelta
from typing import Final

from ktrlplane.domain.access import GLOBAL, Scope
from ktrlplane.domain.errors import DomainError
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
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """That ``actor`` was refused ``attempt`` at ``scope``: in the log of its tenant, or of the
    platform where there is no such scope. The last one that is remembered says so.

    Holds no tenant: who is refused keeps nobody waiting.
    """
    before = work.events.denied(actor, platform.now() - WITHIN)
    if before >= MOST:
        return
    path = [GLOBAL]
    if scope is not None:
        (standing,) = work.access.standings([(actor, scope)], platform.now())
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
