"""What happens to resources over HTTP: requests, reports and what became of them."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import reports, requests
from ktrlplane.entrypoints.http.lifecycle_shapes import ReportedStatus, ShownTransition
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply, needs
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters
from ktrlplane.entrypoints.http.resources import IN_PROJECT, below
from ktrlplane.ports.unit_of_work import UnitOfWork


def report(work: UnitOfWork, call: Call) -> Reply:
    resource = reports.report_status(
        work, call.resource(), call.body, as_seen=call.as_seen, **call.asked
    )
    return Reply(content=ReportedStatus.of(resource))


def history(work: UnitOfWork, call: Call) -> Reply:
    page = call.query.page()
    found = reports.list_transitions(work, call.resource(), page, **below(call), **call.asked)
    return paged(call, found, page, [ShownTransition.of(one) for one in found.items])


def _requesting(service: Callable[..., Resource]) -> Callable[[UnitOfWork, Call], Reply]:
    def handle(work: UnitOfWork, call: Call) -> Reply:
        asked = {"as_seen": call.as_seen, **below(call), **call.asked}
        return Reply(content=service(work, call.resource(), **asked))

    return handle


_TAG: Final = "Resources"
_REQUESTS: Final = (
    ("suspend", "Take a resource out of service until it is resumed", requests.suspend_resource),
    ("resume", "Take a suspended resource into service again", requests.resume_resource),
    ("retry", "Ask once more for what has failed", requests.retry_resource),
)


def _single(path: str, suffix: str) -> Iterator[Operation]:
    yield Operation(
        method="GET",
        path=f"{path}/history",
        name=f"listTransitions{suffix}",
        summary="List what became of a resource: each change of its status, sku and settings",
        tag=_TAG,
        handle=history,
        needs=needs(Action.READ, on="resource"),
        query=PageParameters,
        answer=ShownTransition,
        listed=True,
        refusals=(errors.NotFound,),
    )
    for verb, summary, service in _REQUESTS:
        yield Operation(
            method="POST",
            path=f"{path}/{verb}",
            name=f"{verb}Resource{suffix}",
            summary=summary,
            tag=_TAG,
            handle=_requesting(service),
            needs=needs(Action.WRITE, on="resource"),
            answer=Resource,
            tagged=True,
            refusals=(errors.NotFound, errors.Forbidden, errors.InvalidTransition),
        )


_ONE: Final = "/resources/{resource_id}"
_REPORT: Final[dict[str, Any]] = {
    "method": "PUT",
    "path": f"{_ONE}/status",
    "name": "reportStatus",
    "summary": "Report what a reconciler sees of a resource",
    "tag": _TAG,
}

OPERATIONS: Final = (
    *_single(_ONE, ""),
    *_single(f"{IN_PROJECT}/{{resource_id}}", "InProject"),
    Operation(
        handle=report,
        needs=needs(
            Action.REPORT_STATUS,
            on="resource",
            note="or that at global scope; who has it need not be able to read",
        ),
        body=reports.ReportStatus,
        answer=ReportedStatus,
        untagged_answer=True,
        refusals=(errors.NotFound, errors.Forbidden),
        **_REPORT,
    ),
)
