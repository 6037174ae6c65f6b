"""What a change of access would do to whom, for somebody who only rehearses it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from attrs import frozen

from ktrlplane.domain.access import Holder, Permission, Scope
from ktrlplane.domain.ids import GroupId, PrincipalId
from ktrlplane.domain.standings import gained
from ktrlplane.ports.unit_of_work import UnitOfWork

T = TypeVar("T")

Affected = Sequence[tuple[PrincipalId, Scope]]
"""Whose standing a change may change, and where; what is below inherits it."""

MAX_EFFECTS: Final = 1000
"""How many of those a preview looks at."""


@frozen(kw_only=True)
class Effect:
    """A user, or the owner of an e-mail address that is invited, gains or loses these at a
    scope and below."""

    user_id: PrincipalId | None = None
    email: str | None = None
    scope: Scope
    permissions: tuple[Permission, ...]


@frozen(kw_only=True)
class AccessChange:
    """By user, then scope. ``is_whole`` is False where there were too many to look at."""

    gains: tuple[Effect, ...]
    losses: tuple[Effect, ...]
    is_whole: bool = True


def compared(
    work: UnitOfWork,
    affected: Iterable[tuple[PrincipalId, Scope]],
    act: Callable[[], T],
    at: datetime,
) -> tuple[T, AccessChange]:
    """What ``act`` gives, and what it does to the standings of those affected. Raises: as
    ``act``, which authorizes: whoever may not do it learns nothing of others."""
    pairs = sorted(set(affected))
    asked = pairs[:MAX_EFFECTS]
    before = work.access.standings(asked, at)
    result = act()
    after = work.access.standings(asked, at)
    gains: list[Effect] = []
    losses: list[Effect] = []
    for (user_id, scope), old, new in zip(asked, before, after, strict=True):
        for effects, permissions in ((gains, gained(old, new)), (losses, gained(new, old))):
            if permissions:
                effect = Effect(user_id=user_id, scope=scope, permissions=tuple(permissions))
                effects.append(effect)
    return result, AccessChange(
        gains=tuple(gains), losses=tuple(losses), is_whole=len(asked) == len(pairs)
    )


def members_of(work: UnitOfWork, holder: Holder) -> Sequence[PrincipalId]:
    """Who acts as ``holder``."""
    return work.groups.member_ids(holder) if isinstance(holder, GroupId) else [holder]
