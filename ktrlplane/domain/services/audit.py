"""Reading the log of what happened, and proving that it is as it was written."""

from collections.abc import Sequence
from datetime import datetime

from ktrlplane.domain.access import GLOBAL, Action, Scope, ScopeType
from ktrlplane.domain.audit import BEGINNING, Link, Place
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import EventId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.held_resources import require_in
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.standings import standing_on
from ktrlplane.domain.verification import Verdict, Verification
from ktrlplane.ports.events import Chain, EventFilter
from ktrlplane.ports.unit_of_work import UnitOfWork

PORTION = 250
"""Entries that are read at once: of the longest, 16 MiB."""


def list_events(
    work: UnitOfWork,
    scope: Scope,
    page: PageRequest,
    where: EventFilter,
    *,
    project_id: ProjectId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Page[Entry]:
    """What happened to a scope and to what was in it then; of the global scope, what belongs to
    no tenant. A resource may have to be in ``project_id``.

    Raises: NotFound.
    """
    require_reader(work, scope, actor, platform.now(), project_id)
    return work.events.of(scope, page, where)


def read_event(
    work: UnitOfWork, event_id: EventId, *, actor: PrincipalId, platform: Platform
) -> Entry:
    """For who may read any of the scopes that it names: in the log of that scope they see it
    too. Raises: NotFound."""
    entry = work.events.find(event_id)
    if entry is not None:
        event = entry.event
        ids = (event.org_id, event.project_id, event.resource_id)
        named = [Scope.of(one) for one in ids if one is not None] or [GLOBAL]
        asked = [(actor, scope) for scope in named]
        for standing in work.access.standings(asked, platform.now()):
            if standing is not None and standing.may(Action.READ):
                return entry
    raise NotFound("There is no such event, or you may not see it.")


def require_reader(
    work: UnitOfWork,
    scope: Scope,
    actor: PrincipalId | None,
    at: datetime,
    project_id: ProjectId | None = None,
) -> None:
    """``actor`` None is the command line, which may. Raises: NotFound."""
    if actor is None:
        return
    if scope.scope_type is ScopeType.RESOURCE:
        resource_id = ResourceId(scope.scope_id)
        resource, standing = work.resources.with_standing(resource_id, actor, at)
        standing.require()
        require_in(resource, project_id)
    elif not (standing := standing_on(work, scope, actor, at)).may(Action.READ):
        if scope == GLOBAL:
            raise NotFound("There is nothing here but for who runs the platform.")
        standing.require()


def next_tenants(work: UnitOfWork, after: Scope | None, limit: int) -> Sequence[Scope]:
    """Who has a chain: the next ones after ``after``."""
    return [one.tenant for one in work.events.chains(after, limit)]


def verify_chain(work: UnitOfWork, tenant: Scope, expected: Place | None = None) -> Verdict:
    """While others write: what comes later is not looked at. ``expected`` is a place in the
    chain that was kept elsewhere. Raises: NotFound where there is no chain."""
    while True:
        chain = work.events.chain(tenant)
        seen = _verified(work, tenant, chain, expected)
        if seen.finding is None or _pruned(work, tenant) == _start(chain):
            return Verdict.of(seen)
        # What was pruned meanwhile is not missing.


def _verified(
    work: UnitOfWork, tenant: Scope, chain: Chain | None, expected: Place | None
) -> Verification:
    head = BEGINNING if chain is None else Place.of(chain.head)
    seen = Verification.since(str(tenant), _start(chain), expected)
    after = seen.start.sequence
    while not seen.is_over and after < head.sequence:
        portion = min(PORTION, head.sequence - after)
        records = work.events.records(tenant, after, portion)
        # All that is before a recorded end was there when that was.
        seen = seen.fed(Link.of(one) for one in records if one.sequence <= head.sequence)
        if len(records) < portion:
            break
        after = records[-1].sequence
    return _with_what_is_beyond(work, tenant, seen, head).ended(head)


def _with_what_is_beyond(
    work: UnitOfWork, tenant: Scope, seen: Verification, head: Place
) -> Verification:
    """Nothing, unless the recorded end was moved: an entry and the end that it is are
    committed together."""
    beyond = work.events.records(tenant, head.sequence, 1)
    chain = work.events.chain(tenant)
    if chain is None and not beyond:
        raise NotFound(f"There is no log of {tenant}.")
    now = 0 if chain is None else chain.head.sequence
    return seen.fed(Link.of(one) for one in beyond if one.sequence > now)


def _start(chain: Chain | None) -> Place:
    return BEGINNING if chain is None else Place.of(chain.pruned)


def _pruned(work: UnitOfWork, tenant: Scope) -> Place:
    return _start(work.events.chain(tenant))
