"""Limits over HTTP: what a resource may use, and what the platform's operator overrides."""

from collections.abc import Iterator
from typing import Any, Final

import attrs
from attrs import frozen

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action, Scope, ScopeType
from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.ids import OverrideId
from ktrlplane.domain.limits import LimitOverride
from ktrlplane.domain.services import limit_overrides as overrides
from ktrlplane.domain.services import resource_limits as service
from ktrlplane.domain.services.platform import Expectation
from ktrlplane.entrypoints.http.limit_shapes import ShownLimits, ShownOverride
from ktrlplane.entrypoints.http.operations import BASE, CREATED, Call, Operation, Reply, needs
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters, said
from ktrlplane.entrypoints.http.resources import IN_PROJECT, below
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class OverrideParameters(PageParameters):
    """Newest first, those that no longer hold too."""

    scope_type: ScopeType | None = attrs.field(
        default=None, metadata=said("Only those on one scope; goes with scope_id.")
    )
    scope_id: str | None = None
    holding: bool = attrs.field(default=False, metadata=said("Only those that hold now."))

    def scope(self) -> Scope | None:
        """Raises: ValidationFailed."""
        if self.scope_type is None and self.scope_id is None:
            return None
        if self.scope_type is None or self.scope_id is None:
            missing = "scope_type" if self.scope_type is None else "scope_id"
            detail = "Send scope_type and scope_id together, or neither."
            raise ValidationFailed([Fault(f"/{missing}", "required", detail)])
        try:
            return Scope.parse(self.scope_type, self.scope_id)
        except ValueError as exc:
            raise ValidationFailed([Fault("/scope_id", "pattern", str(exc))]) from None


def limits(work: UnitOfWork, call: Call) -> Reply:
    found = service.read_limits(work, call.resource(), **below(call), **call.asked)
    return Reply(content=ShownLimits.of(found))


def check(work: UnitOfWork, call: Call) -> Reply:
    asked = {**below(call), **call.asked}
    return Reply(content=service.check_limit(work, call.resource(), call.body, **asked))


def override(work: UnitOfWork, call: Call) -> Reply:
    made = overrides.override_limit(work, call.body, **call.asked)
    location = f"{BASE}/limit-overrides/{made.override_id}"
    return Reply(content=_shown(call, made), location=location)


def listed(work: UnitOfWork, call: Call) -> Reply:
    query: OverrideParameters = call.query
    page = query.page()
    found = overrides.list_overrides(
        work, page, scope=query.scope(), holding=query.holding, **call.asked
    )
    return paged(call, found, page, [_shown(call, one) for one in found.items])


def read(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=_shown(call, overrides.read_override(work, _named(call), **call.asked)))


def lift(work: UnitOfWork, call: Call) -> Reply:
    overrides.lift_override(work, _named(call), as_seen=_as_seen(call), **call.asked)
    return Reply()


def _as_seen(call: Call) -> Expectation[LimitOverride] | None:
    """What ``If-Match`` says is said of the override as it is shown."""
    as_seen = call.as_seen
    return None if as_seen is None else lambda one: as_seen(_shown(call, one))


def _named(call: Call) -> OverrideId:
    return call.identity("override_id", OverrideId)


def _shown(call: Call, one: LimitOverride) -> ShownOverride:
    return ShownOverride.at(call.platform.now(), one)


_READING: Final = needs(
    Action.READ, on="resource", note="or report_usage there or at global scope"
)


def _single(path: str, suffix: str) -> Iterator[Operation]:
    common: dict[str, Any] = {"tag": "Limits", "needs": _READING, "refusals": (errors.NotFound,)}
    yield Operation(
        method="GET",
        path=f"{path}/limits",
        name=f"getLimits{suffix}",
        summary="What a resource may use, what it uses, and what remains",
        handle=limits,
        answer=ShownLimits,
        tagged=True,
        **common,
    )
    yield Operation(
        method="POST",
        path=f"{path}/limits/check",
        name=f"checkLimit{suffix}",
        summary="Ask whether so much more of a meter may be used",
        handle=check,
        body=service.CheckLimit,
        answer=service.LimitVerdict,
        reads_only=True,
        **common,
    )


_MANY: Final = "/limit-overrides"
_ONE: Final = "/limit-overrides/{override_id}"
_OPERATOR: Final[dict[str, Any]] = {"tag": "Limits"}
_READ: Final = needs(Action.READ, on="platform", note="that is, at global scope")
_WRITE: Final = needs(Action.WRITE, on="platform", note="that is, at global scope")

OPERATIONS: Final = (
    *_single("/resources/{resource_id}", ""),
    *_single(f"{IN_PROJECT}/{{resource_id}}", "InProject"),
    Operation(
        method="POST",
        path=_MANY,
        sensitive=True,
        name="overrideLimit",
        summary="Set another limit for one scope, in place of the tier's",
        handle=override,
        needs=_WRITE,
        body=overrides.OverrideLimit,
        answer=ShownOverride,
        tagged=True,
        status=CREATED,
        refusals=(errors.NotFound, errors.Forbidden, errors.InvalidTransition),
        **_OPERATOR,
    ),
    Operation(
        method="GET",
        path=_MANY,
        name="listOverrides",
        summary="List what was set in place of limits, where, why and by whom",
        handle=listed,
        needs=_READ,
        query=OverrideParameters,
        answer=ShownOverride,
        listed=True,
        refusals=(errors.NotFound,),
        **_OPERATOR,
    ),
    Operation(
        method="GET",
        path=_ONE,
        name="getOverride",
        summary="Read what was set in place of a limit",
        handle=read,
        needs=_READ,
        answer=ShownOverride,
        tagged=True,
        refusals=(errors.NotFound,),
        **_OPERATOR,
    ),
    Operation(
        method="DELETE",
        path=_ONE,
        sensitive=True,
        name="liftOverride",
        summary="Let the tier's limit hold again",
        handle=lift,
        needs=_WRITE,
        tagged=True,
        status=204,
        refusals=(errors.NotFound, errors.Forbidden),
        **_OPERATOR,
    ),
)
