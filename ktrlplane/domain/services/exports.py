"""Handing out the log of what happened, a portion at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.audit import Place
from ktrlplane.domain.errors import Fault, NotFound, ValidationFailed
from ktrlplane.domain.ids import PrincipalId, ProjectId
from ktrlplane.domain.paging import Cursor, PageRequest, Sort
from ktrlplane.domain.services.audit import PORTION, require_reader
from ktrlplane.domain.services.platform import Platform
from ktrlplane.ports.events import EventFilter
from ktrlplane.ports.unit_of_work import UnitOfWork

_LATER: Final = timedelta(seconds=1)


@frozen(kw_only=True)
class Wish:
    """What is to be exported of a scope: ``after`` is the number of an entry, ``since`` is
    included, ``until`` is not."""

    after: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@frozen(kw_only=True)
class Export:
    """What there is to hand out, from the oldest on. ``chain`` is whose chain it is a part of;
    None where it is what happened to one thing among others. ``last`` is the entry that a part
    of a chain ends with; what is told later is not in it."""

    scope: Scope
    project_id: ProjectId | None = None
    chain: Scope | None = None
    after: int = 0
    last: Place | None = None
    where: EventFilter = field(factory=EventFilter)


@frozen(kw_only=True)
class Portion:
    """``next`` is where the following one begins; None on the last."""

    lines: Sequence[str]
    next: int | Cursor | None = None


def begin_export(
    work: UnitOfWork,
    scope: Scope,
    wish: Wish,
    *,
    project_id: ProjectId | None = None,
    of_a_chain: bool = False,
    actor: PrincipalId | None,
    platform: Platform,
) -> Export:
    """``actor`` None is the command line, which may. A resource may have to be in
    ``project_id``. ``of_a_chain`` takes ``scope`` for a tenant, which may be gone, or be none
    any more.

    Raises: NotFound, ValidationFailed for ``after`` where there is no chain.
    """
    now = platform.now()
    require_reader(work, scope, actor, now, project_id)
    chain = scope if of_a_chain else _chain_of(work, scope)
    if of_a_chain and work.events.chain(scope) is None:
        raise NotFound(f"There is no log of {scope}.")
    if chain is not None:
        return _of_a_chain(work, Export(scope=scope, chain=chain), chain, wish)
    if wish.after is not None:
        detail = f"{scope} has no chain of its own to go on in; say since when instead."
        raise ValidationFailed([Fault("/after", "no_chain", detail)])
    # Else one who asks where much happens would never be done.
    until = now + _LATER if wish.until is None else wish.until
    where = EventFilter(since=wish.since, until=until)
    return Export(scope=scope, project_id=project_id, where=where)


def _chain_of(work: UnitOfWork, scope: Scope) -> Scope | None:
    if scope.scope_type is ScopeType.RESOURCE:
        return None
    if scope.scope_type is ScopeType.PROJECT:
        return scope if work.projects.get(ProjectId(scope.scope_id)).org_id is None else None
    return scope


def _of_a_chain(work: UnitOfWork, export: Export, chain: Scope, wish: Wish) -> Export:
    known = work.events.chain(chain)
    if known is None:
        return export
    since = 0 if wish.since is None else work.events.last_before(chain, wish.since)
    upto = known.head.sequence
    if wish.until is not None:
        upto = min(upto, work.events.last_before(chain, wish.until))
    after = max(wish.after or 0, since, known.pruned.sequence)
    ending = work.events.records(chain, upto - 1, 1) if after < upto else ()
    if not ending:
        return export
    return evolve(
        export, after=after, last=Place(sequence=ending[0].sequence, hash=ending[0].hash)
    )


def export_portion(
    work: UnitOfWork,
    export: Export,
    place: int | Cursor | None = None,
    *,
    actor: PrincipalId | None,
    platform: Platform,
) -> Portion:
    """The one that begins at ``place``, or the first. Who may no longer read gets no further.

    Raises: NotFound.
    """
    require_reader(work, export.scope, actor, platform.now(), export.project_id)
    if export.chain is None:
        return _listed(work, export, place if isinstance(place, Cursor) else None)
    if export.last is None:
        return Portion(lines=())
    after, last = place if isinstance(place, int) else export.after, export.last.sequence
    records = work.events.records(export.chain, after, PORTION)
    lines = [one.text for one in records if one.sequence <= last]
    if len(records) < PORTION or records[-1].sequence >= last:
        return Portion(lines=lines)
    return Portion(lines=lines, next=records[-1].sequence)


def _listed(work: UnitOfWork, export: Export, after: Cursor | None) -> Portion:
    page = PageRequest(sort=Sort.CREATED_AT, limit=_PAGE, after=after)
    found = work.events.of(export.scope, page, export.where)
    return Portion(lines=[one.text for one in found.items], next=found.next)


_PAGE: Final = 200
