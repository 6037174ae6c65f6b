"""For how long entries of the log are kept, and forgetting those that are not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from attrs import asdict

from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.audit import Link, Place, Retention
from ktrlplane.domain.chains import Head, Record
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import OPERATOR, EventType
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.paging import time_key
from ktrlplane.domain.services.audit import PORTION, require_reader
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.standings import hold_for, standing_on
from ktrlplane.domain.services.telling import tell_data
from ktrlplane.domain.snapshots import changes_of
from ktrlplane.domain.verification import BrokenChain, Verification
from ktrlplane.ports.events import Chain
from ktrlplane.ports.unit_of_work import UnitOfWork

PRUNED_AT_ONCE: Final = 20 * PORTION
"""Entries that one unit of work forgets."""
GRACE: Final = timedelta(days=1)
"""For so long they may stay beyond their time, so that a chain is pruned, and that told, once a
day however often one looks."""


def read_retention(
    work: UnitOfWork, org_id: OrganizationId, *, actor: PrincipalId, platform: Platform
) -> Retention:
    """Raises: NotFound."""
    require_reader(work, Scope.of(org_id), actor, platform.now())
    return _present(work, Scope.of(org_id))


def set_retention(
    work: UnitOfWork,
    org_id: OrganizationId,
    retention: Retention,
    *,
    as_seen: Expectation[Retention] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Retention:
    """What is older goes within days, for good: that is an Owner's to say.

    Raises: NotFound, Forbidden, PreconditionFailed.
    """
    tenant, now = Scope.of(org_id), platform.now()
    hold_for(work, Action.MANAGE_ACCESS, tenant, actor, now)
    standing_on(work, tenant, actor, now).require(Action.MANAGE_ACCESS, Action.ESCALATE)
    expect(_present(work, tenant), as_seen)
    return _keep(work, tenant, retention, actor, platform)


def operator_retention(work: UnitOfWork, tenant: Scope) -> Retention:
    """Of a tenant that is gone too, and of the platform. Raises: NotFound without a chain."""
    if work.events.chain(tenant) is None:
        raise NotFound(f"There is no log of {tenant}.")
    return _present(work, tenant)


def operator_set_retention(
    work: UnitOfWork, tenant: Scope, retention: Retention, *, platform: Platform
) -> Retention:
    """Raises: NotFound without a chain."""
    operator_retention(work, tenant)
    return _keep(work, tenant, retention, None, platform)


def _keep(
    work: UnitOfWork,
    tenant: Scope,
    retention: Retention,
    actor: PrincipalId | None,
    platform: Platform,
) -> Retention:
    before = _present(work, tenant)
    if retention != before:
        work.events.retain(tenant, retention.days)
        data = changes_of(asdict(before), asdict(retention))
        kind = EventType.AUDIT_RETENTION_UPDATED
        tell_data(work, kind, [tenant], data, actor=actor or OPERATOR, platform=platform)
    return retention


def _present(work: UnitOfWork, tenant: Scope) -> Retention:
    chain = work.events.chain(tenant)
    return Retention(days=None if chain is None else chain.retention_days)


def next_to_prune(work: UnitOfWork, after: Scope | None, limit: int) -> Sequence[Scope]:
    """Whose entries are not kept for ever: the next ones after ``after``."""
    return [one.tenant for one in work.events.retained(after, limit)]


def prune_events(work: UnitOfWork, tenant: Scope, *, platform: Platform) -> bool:
    """Forgets a part of what has had its time, the oldest first, and tells it. Whether there may
    be more.

    Raises: BrokenChain for entries that are not as they were written: they are kept.
    """
    chain = work.events.chain(tenant)
    if chain is None or chain.retention_days is None:
        return False
    through = _last_to_go(work, chain, chain.retention_days, platform)
    gone = 0 if through is None else work.events.prune(tenant, through)
    if through is None or gone == 0:
        return False
    data = {
        "through_sequence": through.sequence,
        "through_hash": through.hash,
        "count": gone,
    }
    tell_data(work, EventType.AUDIT_PRUNED, [tenant], data, actor=None, platform=platform)
    return gone >= PRUNED_AT_ONCE - PORTION


def _last_to_go(work: UnitOfWork, chain: Chain, days: int, platform: Platform) -> Head | None:
    """What tells of pruning alone is no reason to prune: it would go on for ever."""
    limit = platform.now() - timedelta(days=days)
    old, start = time_key(limit), time_key(limit - GRACE)
    seen, last = Verification.since(str(chain.tenant), Place.of(chain.pruned)), None
    waited_for = work.webhooks.first_undelivered(chain.tenant)
    for _ in range(PRUNED_AT_ONCE // PORTION):
        after = seen.last.sequence
        records = work.events.records(chain.tenant, after, PORTION)
        if seen.count == 0 and records and records[0].occurred_at >= start:
            return None
        going = list(takewhile(lambda one: _may_go(one, old, waited_for), records))
        seen = seen.fed(map(Link.of, going))
        if seen.trouble:
            raise _broken(chain.tenant, seen)
        last = next((one for one in reversed(going) if _is_news(one)), last)
        if len(going) < PORTION:
            break
    return None if last is None else _head_at(last)


def _may_go(record: Record, old: str, waited_for: int | None) -> bool:
    """What is still to be delivered stays, and what came after it."""
    is_waited_for = waited_for is not None and record.sequence >= waited_for
    return record.occurred_at < old and not is_waited_for


def _is_news(record: Record) -> bool:
    return record.type != EventType.AUDIT_PRUNED


def _head_at(record: Record) -> Head:
    at = datetime.fromisoformat(record.occurred_at)
    return Head(sequence=record.sequence, hash=record.hash, occurred_at=at)


def _broken(tenant: Scope, seen: Verification) -> BrokenChain:
    finding = seen.ended().finding
    said = "" if finding is None else finding.detail
    return BrokenChain(f"The log of {tenant} is not pruned any more, since it is broken. {said}")
