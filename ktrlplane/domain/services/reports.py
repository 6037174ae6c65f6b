"""What reconcilers say of resources over HTTP, and what became of them (product.md R4.2)."""

from datetime import datetime
from typing import Any, Final, Literal

from attrs import asdict, field, frozen

from ktrlplane.domain.access import GLOBAL, Action, Scope
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Health
from ktrlplane.domain.naming import is_no_url_or_a_web_address
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.reports import MAX_MESSAGE, Condition, Report
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.deletions import keep_with_endings
from ktrlplane.domain.services.held_resources import require_in
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.standings import not_found
from ktrlplane.domain.transitions import Transition
from ktrlplane.ports.unit_of_work import UnitOfWork

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
            message=shortened(self.message),
            access_url=self.access_url or None,
            conditions=None if conditions is None else tuple(map(_kept, conditions)),
        )


def _kept(condition: ReportedCondition) -> Condition:
    return Condition(**asdict(condition) | {"message": shortened(condition.message)})


def shortened(message: str | None) -> str | None:
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
    changes = [(resource, reported)]
    keep_with_endings(work, changes, actor=actor, platform=platform)
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
