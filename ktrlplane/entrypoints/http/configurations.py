"""Configurations of resources over HTTP: exported from one, imported into another."""

from collections.abc import Iterator
from typing import Any, Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import configurations as service
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs
from ktrlplane.entrypoints.http.preview_shapes import PricePreview
from ktrlplane.entrypoints.http.resources import IN_PROJECT, below, priced
from ktrlplane.ports.unit_of_work import UnitOfWork


def export(work: UnitOfWork, call: Call) -> Reply:
    found = service.export_configuration(work, call.resource(), **below(call), **call.asked)
    return Reply(content=found)


def import_new(work: UnitOfWork, call: Call) -> Reply:
    resource = service.import_resource(work, call.project(), call.body, **call.asked)
    location = f"{BASE}/resources/{resource.resource_id}"
    return Reply(content=resource, location=location, preview=priced(work, call, None, resource))


def import_into(work: UnitOfWork, call: Call) -> Reply:
    # Who may not see it is told so below, and nothing of this.
    before = work.resources.get(call.resource()) if call.rehearsed else None
    asked = {"as_seen": call.as_seen, **below(call), **call.asked}
    resource = service.import_configuration(work, call.resource(), call.body, **asked)
    return Reply(content=resource, preview=priced(work, call, before, resource))


_TAG: Final = "Resources"
_CHANGING: Final = (
    errors.NotFound,
    errors.Forbidden,
    errors.LimitExceeded,
    errors.PaymentRequired,
    errors.OutcomeUnknown,
    errors.InvalidTransition,
)


def _single(path: str, suffix: str) -> Iterator[Operation]:
    common: dict[str, Any] = {"tag": _TAG, "tagged": True}
    yield Operation(
        method="GET",
        path=f"{path}/export",
        name=f"exportConfiguration{suffix}",
        summary="Export what a resource is configured to be",
        handle=export,
        needs=needs(Action.READ, on="resource"),
        answer=service.Configuration,
        refusals=(errors.NotFound,),
        **common,
    )
    yield Operation(
        method="POST",
        path=f"{path}/import",
        name=f"importConfiguration{suffix}",
        summary="Give a resource the configuration of another one of its type",
        handle=import_into,
        needs=needs(Action.WRITE, on="resource"),
        body=service.ImportConfiguration,
        answer=Resource,
        preview=PricePreview,
        refusals=_CHANGING,
        **common,
    )


OPERATIONS: Final = (
    *_single("/resources/{resource_id}", ""),
    *_single(f"{IN_PROJECT}/{{resource_id}}", "InProject"),
    Operation(
        method="POST",
        path=f"{IN_PROJECT}/import",
        name="importResource",
        summary="Create a resource with an exported configuration",
        tag=_TAG,
        handle=import_new,
        needs=needs(Action.WRITE, on="project"),
        body=service.ImportResource,
        answer=Resource,
        status=201,
        preview=PricePreview,
        tagged=True,
        refusals=(*_CHANGING, errors.AlreadyExists),
    ),
)
