"""What reconcilers say of resources, two ways with one rule (product.md R4.2, R4.3)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from attrs import asdict, field, frozen

from ktrlplane.domain.access import GLOBAL, Action, Scope
from ktrlplane.domain.errors import NotFound, ValidationFailed
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Health, Status
from ktrlplane.domain.naming import is_no_url_or_a_web_address, is_web_address
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.reports import MAX_MESSAGE, Condition, Report
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.deletions import keep_ended
from ktrlplane.domain.services.held_resources import require_in
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.transitions import keep
from ktrlplane.domain.standings import not_found
from ktrlplane.domain.transitions import Transition
from ktrlplane.ports.reports import Waiting
from ktrlplane.ports.unit_of_work import UnitOfWork

TOGETHER: Final = 100
"""How many reports about one resource are looked at in one unit of work."""


MAX_CONDITIONS: Final = 32
MAX_WORD: Final = 256


def _is_a_word(_: object, __: object, value: Any) -> None:
    if value is not None and len(value) > MAX_WORD:
        raise ValueError(f"This has at most {MAX_WORD} characters.")


def _is_a_generation(_: object, __: object, value: int) -> None:
    if value < 0:
        raise ValueError("A generation is 0 or more; 0 says that none has been seen.")


def _are_few_and_apart(_: object, __: object, value: Any) -> None:
    if value is not None and len(value) > MAX_CONDITIONS:
        raise ValueError(f"There may be {MAX_CONDITIONS} conditions at most.")
    if value is not None and len({one.type for one in value}) < len(value):
        raise ValueError("There is one condition of a type at most.")


@frozen(kw_only=True)
class ReportedCondition:
    """An observation, as Kubernetes writes them."""

    type: str = field(validator=_is_a_word)
    status: Literal["True", "False", "Unknown"]
    reason: str | None = field(default=None, validator=_is_a_word)
    message: str | None = None
    last_transition_at: datetime | None = None


@frozen(kw_only=True)
class ReportStatus:
    """What a reconciler sees of a resource. ``observed_generation`` is the generation that it
    speaks of. Left out, ``access_url`` and ``conditions`` stay as they are known."""

    observed_generation: int = field(validator=_is_a_generation, metadata=apart(0))
    health: Health
    message: str | None = field(default=None, metadata=apart())
    access_url: str | None = field(
        default=None, validator=is_no_url_or_a_web_address, metadata=apart()
    )
    conditions: tuple[ReportedCondition, ...] | None = field(
        default=None, validator=_are_few_and_apart, metadata=apart()
    )

    def report(self) -> Report:
        conditions = self.conditions
        return Report(
            observed_generation=self.observed_generation,
            health=self.health,
            message=_shortened(self.message),
            access_url=self.access_url or None,
            conditions=None if conditions is None else tuple(map(_kept, conditions)),
        )


def _kept(condition: ReportedCondition) -> Condition:
    return Condition(**asdict(condition) | {"message": _shortened(condition.message)})


def _shortened(message: str | None) -> str | None:
    return message[:MAX_MESSAGE] if message else None


def report_status(
    work: UnitOfWork,
    resource_id: ResourceId,
    command: ReportStatus,
    *,
    as_seen: Expectation[Resource] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """By who may do so on the resource, or, at global scope, on any; they need not be able to
    read it.

    Raises: NotFound, Forbidden, PreconditionFailed, ValidationFailed for a generation that has
    not been.
    """
    scope = Scope.of(resource_id)
    _require_reporter(work, scope, actor, platform)  # nobody else holds the tenant
    work.access.hold(scope)
    _require_reporter(work, scope, actor, platform)
    resource = work.resources.get(resource_id)
    expect(resource, as_seen)
    reported = resource.reported(command.report())
    _keep(work, resource, reported, actor=actor, platform=platform)
    return reported


def _require_reporter(
    work: UnitOfWork, scope: Scope, actor: PrincipalId, platform: Platform
) -> None:
    """Raises: NotFound, Forbidden."""
    here, everywhere = work.access.standings([(actor, scope), (actor, GLOBAL)], platform.now())
    if here is None:
        raise not_found(scope)
    may = Action.REPORT_STATUS
    if not here.may(may) and not (everywhere and everywhere.may(may)):
        here.require(may)


def _keep(
    work: UnitOfWork,
    before: Resource,
    after: Resource,
    *,
    actor: PrincipalId | None,
    platform: Platform,
) -> None:
    if after.status is Status.DELETED and before.status is not Status.DELETED:
        keep_ended(work, before, after, actor=actor, platform=platform)
    else:
        keep(work, [(before, after)], actor=actor, platform=platform)


def reported_on(work: UnitOfWork, *, limit: int) -> Sequence[str]:
    """Whom reports wait about, those that wait longest first. For ``heed_reports``."""
    return work.inbox.waiting(limit)


def heed_reports(work: UnitOfWork, about: Sequence[str], *, platform: Platform) -> bool:
    """Applies what waits about some resources, for each in the order in which it came; whether
    more is waiting about one of them. What cannot be applied is kept and counted. Doing it
    twice does it once.

    Raises: TooBusy at once, where others change one of the tenants.
    """
    known = [resource_id for resource_id in map(_label, about) if resource_id is not None]
    work.access.hold(*map(Scope.of, known), patiently=False)
    heeded = [_heed_about(work, one, platform) for one in about]
    return TOGETHER in heeded


def _heed_about(work: UnitOfWork, about: str, platform: Platform) -> int:
    """How much it was."""
    resource = _found(work, about)
    waiting = work.inbox.take(about, TOGETHER)
    for one in waiting:
        try:
            resource = _heed(work, resource, one, platform)
        except _Unheeded as refused:
            work.inbox.refuse(one, refused.code, platform.now())
    return len(waiting)


class _Unheeded(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _heed(
    work: UnitOfWork, resource: Resource | None, waiting: Waiting, platform: Platform
) -> Resource:
    """Raises: _Unheeded."""
    if resource is None:
        raise _Unheeded("unknown_resource")
    report = _understood(waiting)
    if resource.status is Status.DELETING and not waiting.was_deleting:
        # Said before anybody wanted it gone: it does not say that this has been done.
        return resource
    try:
        reported = resource.reported(report)
    except ValidationFailed as refused:
        raise _Unheeded("unknown_generation") from refused
    _keep(work, resource, reported, actor=None, platform=platform)
    return reported


def _label(about: str) -> ResourceId | None:
    try:
        return ResourceId(about)
    except ValueError:
        return None


def _found(work: UnitOfWork, about: str) -> Resource | None:
    resource_id = _label(about)
    try:
        return None if resource_id is None else work.resources.get(resource_id)
    except NotFound:
        return None


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
        message=_shortened(waiting.message),
        access_url=url if url and is_web_address(url) else None,
    )


def list_transitions(
    work: UnitOfWork,
    resource_id: ResourceId,
    page: PageRequest,
    *,
    project_id: ProjectId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Page[Transition]:
    """Raises: NotFound."""
    resource, standing = work.resources.with_standing(resource_id, actor, platform.now())
    standing.require()
    require_in(resource, project_id)
    return work.transitions.of(resource_id, page)
