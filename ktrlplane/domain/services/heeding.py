"""What reconcilers say of resources in SQL, by the same rule as what they say over HTTP
(product.md R4.2, R4.3)."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from attrs import define, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import ValidationFailed
from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.lifecycle import Health, Status
from ktrlplane.domain.naming import is_web_address
from ktrlplane.domain.reports import Report
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.deletions import keep_with_endings
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.reports import shortened
from ktrlplane.ports.reports import Addressee, Waiting
from ktrlplane.ports.unit_of_work import UnitOfWork

TOGETHER: Final = 100
"""How many reports about one resource are looked at with those about others. It has its turn
twice at most before all others have had theirs."""

PORTION: Final = 200
"""Reports that are heeded with one statement of each kind."""

HELD_FOR: Final = timedelta(milliseconds=200)
"""After so long no new portion is begun: who wants to change one of the tenants waits for it."""

KINDS_KEPT: Final = 10_000
"""Of refused reports, told apart by resource, health and code."""


@frozen(kw_only=True)
class Heeded:
    """``busy`` are tenants that others hold, of which nothing was heeded; ``unheeded`` is whom
    the time did not suffice for. ``left`` says whether more may wait about who was heeded."""

    busy: Collection[Scope] = ()
    unheeded: Sequence[Addressee] = ()
    left: bool = False
    refused: int = 0


def reported_on(work: UnitOfWork, *, after: str = "", limit: int) -> Sequence[Addressee]:
    """Whom reports wait about, the next ones after ``after``. For ``heed_reports``, where there
    is a tenant, and ``refuse_unknown``."""
    return work.inbox.waiting(after, limit)


def refuse_unknown(work: UnitOfWork, about: Sequence[str], *, platform: Platform) -> bool:
    """Keeps and counts what waits about no resource; whether more may wait."""
    code, limit = "unknown_resource", len(about) + PORTION
    return work.inbox.refuse_unknown(about, code, platform.now(), limit) == limit


def sum_up_refused(work: UnitOfWork) -> int:
    """Counts those together that are too many to be told apart; how many."""
    return work.inbox.sum_up_refused(KINDS_KEPT)


def heed_reports(
    work: UnitOfWork,
    about: Sequence[Addressee],
    *,
    patience_s: float = 0,
    platform: Platform,
) -> Heeded:
    """Applies what waits about some resources, for each in the order in which it came. What
    cannot be applied is kept and counted. Doing it twice does it once.

    Without ``patience_s`` tenants that others hold are passed over.

    Raises: TooBusy, with ``patience_s``, when they held on for too long.
    """
    tenants = list(dict.fromkeys(one.tenant for one in about if one.tenant is not None))
    if patience_s:
        work.access.hold(*tenants, patience_s=patience_s)
        held: Collection[Scope] = tenants
    else:
        held = work.access.hold_free(*tenants)
    heeding = _Heeding(work, platform)
    unheeded = heeding.heed([one for one in about if one.tenant in held], held)
    return Heeded(
        busy=[one for one in tenants if one not in held],
        unheeded=unheeded,
        left=heeding.left,
        refused=heeding.refused,
    )


@define
class _Heeding:
    _work: UnitOfWork
    _platform: Platform
    left: bool = False
    refused: int = 0
    _known: dict[str, Resource] = field(factory=dict)

    def heed(self, about: Sequence[Addressee], held: Collection[Scope]) -> Sequence[Addressee]:
        """Who remains, when the time is up."""
        until = self._platform.now() + HELD_FOR
        found = self._work.resources.among([ResourceId(one.resource_id) for one in about])
        # What has moved since somebody looked where it is may be in a tenant that is not held.
        self._known = {one.resource_id.value: one for one in found if one.path[0] in held}
        there: Sequence[Addressee] = [one for one in about if one.resource_id in self._known]
        self.left = len(there) < len(about)
        while there:
            there = self._heed_portion(there)
            if self._platform.now() >= until:
                break
        return there

    def _heed_portion(self, about: Sequence[Addressee]) -> Sequence[Addressee]:
        """Who remains: at least one fewer."""
        names = [one.resource_id for one in about]
        waiting = self._work.inbox.take(names, each=TOGETHER, limit=PORTION)
        changes, refused = [], []
        for one in waiting:
            try:
                changes.append(self._heed(one))
            except _Unheeded as unheeded:
                refused.append((one, unheeded.code))
        keep_with_endings(self._work, changes, actor=None, platform=self._platform)
        self._work.inbox.refuse(refused, self._platform.now())
        self.refused += len(refused)
        counted = Counter(one.resource_id for one in waiting)
        self.left = self.left or TOGETHER in counted.values()
        if len(waiting) < PORTION:
            return []
        return about[names.index(waiting[-1].resource_id) :]

    def _heed(self, waiting: Waiting) -> tuple[Resource, Resource]:
        """Raises: _Unheeded."""
        resource, report = self._known[waiting.resource_id], _understood(waiting)
        if resource.status is Status.DELETING and not waiting.was_deleting:
            # Said before anybody wanted it gone: it does not say that this has been done.
            return resource, resource
        try:
            reported = resource.reported(report)
        except ValidationFailed as refused:
            raise _Unheeded("unknown_generation") from refused
        self._known[waiting.resource_id] = reported
        return resource, reported


class _Unheeded(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _understood(waiting: Waiting) -> Report:
    """What is said without a generation is said of the one that was wanted when it came: of
    none, where the resource came later.

    Raises: _Unheeded.
    """
    try:
        health = Health(waiting.health)
    except ValueError:
        raise _Unheeded("unknown_health") from None
    url, generation = waiting.access_url, waiting.observed_generation
    if generation is None:
        generation = waiting.generation or 0
    return Report(
        observed_generation=max(0, generation),
        health=health,
        message=shortened(waiting.message),
        access_url=url if url and is_web_address(url) else None,
    )
