"""The audit log over HTTP."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import GLOBAL, Action, Scope
from ktrlplane.domain.audit import Retention
from ktrlplane.domain.ids import EventId
from ktrlplane.domain.services import audit, exports, retention
from ktrlplane.domain.services.exports import Export
from ktrlplane.entrypoints.exporting import portions
from ktrlplane.entrypoints.http.event_parameters import (
    ChainParameters,
    EventParameters,
    ExportParameters,
    OrganizationEventParameters,
    ProjectEventParameters,
)
from ktrlplane.entrypoints.http.event_shapes import ShownEvent, shown
from ktrlplane.entrypoints.http.operations import (
    LAST_ENTRY,
    NDJSON,
    Call,
    Operation,
    Reply,
    needs,
)
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.resources import IN_PROJECT, below
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork


def listed(work: UnitOfWork, call: Call) -> Reply:
    query: EventParameters = call.query
    page = query.page()
    found = audit.list_events(
        work, _scope(call), page, query.where(), **_in_project(call), **call.asked
    )
    return paged(call, found, page, [shown(one) for one in found.items])


def read(work: UnitOfWork, call: Call) -> Reply:
    event_id = call.identity("event_id", EventId)
    return Reply(content=shown(audit.read_event(work, event_id, **call.asked)))


def export(work: UnitOfWork, call: Call) -> Reply:
    query: ExportParameters = call.query
    begun = exports.begin_export(
        work, _scope(call), query.wish(), **_in_project(call), **call.asked
    )
    headers = () if begun.last is None else ((LAST_ENTRY, str(begun.last)),)
    return Reply(parts=partial(_parts, begun, call), headers=headers)


def _parts(begun: Export, call: Call, transact: Transact) -> Iterator[bytes]:
    for lines in portions(transact, begun, **call.asked):
        yield "".join([f"{line}\n" for line in lines]).encode()


def read_retention(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=retention.read_retention(work, call.organization(), **call.asked))


def set_retention(work: UnitOfWork, call: Call) -> Reply:
    kept = retention.set_retention(
        work, call.organization(), call.body, as_seen=call.as_seen, **call.asked
    )
    return Reply(content=kept)


def _scope(call: Call) -> Scope:
    """Raises: NotFound for what cannot be an id."""
    if "resource_id" in call.path:
        return Scope.of(call.resource())
    return call.scope() if call.path else GLOBAL


def _in_project(call: Call) -> dict[str, Any]:
    return below(call) if "resource_id" in call.path else {}


_TAG: Final = "Events"
_MISSING: Final = (errors.NotFound,)


def _of(
    path: str,
    suffix: str,
    place: str,
    note: str = "",
    *,
    query: type[EventParameters] = EventParameters,
    exported: type[ExportParameters] = ChainParameters,
) -> Iterator[Operation]:
    common: dict[str, Any] = {
        "method": "GET",
        "tag": _TAG,
        "needs": needs(Action.READ, on=place, note=note),
        "refusals": _MISSING,
    }
    yield Operation(
        path=f"{path}/events",
        name=f"list{suffix}Events",
        summary=f"List what happened to {_THINGS[place]}",
        handle=listed,
        query=query,
        answer=ShownEvent,
        listed=True,
        **common,
    )
    yield Operation(
        path=f"{path}/events/export",
        name=f"export{suffix}Events",
        summary=f"Export what happened to {_THINGS[place]}, oldest first",
        handle=export,
        query=exported,
        answer=str,
        media_type=NDJSON,
        **common,
    )


_THINGS: Final = {
    "organization": "an organization and to all that was in it",
    "project": "a project and to all that was in it",
    "resource": "a resource",
    "platform": "the platform itself, outside of every tenant",
}
_RETENTION: Final[dict[str, Any]] = {
    "path": "/organizations/{org_id}/audit/retention",
    "tag": _TAG,
    "answer": Retention,
    "tagged": True,
}

OPERATIONS: Final = (
    *_of(
        "/organizations/{org_id}",
        "Organization",
        "organization",
        query=OrganizationEventParameters,
    ),
    *_of("/projects/{project_id}", "Project", "project", query=ProjectEventParameters),
    *_of("/resources/{resource_id}", "Resource", "resource", exported=ExportParameters),
    *_of(
        f"{IN_PROJECT}/{{resource_id}}",
        "ResourceInProject",
        "resource",
        exported=ExportParameters,
    ),
    *_of("", "Platform", "platform", "that is, at global scope"),
    Operation(
        method="GET",
        path="/events/{event_id}",
        name="getEvent",
        summary="Read an event",
        tag=_TAG,
        handle=read,
        needs=needs(
            Action.READ, on="scope where it happened", note="or on one above that it names"
        ),
        answer=ShownEvent,
        tagged=True,
        refusals=_MISSING,
    ),
    Operation(
        method="GET",
        name="getAuditRetention",
        summary="Read for how long events are kept",
        handle=read_retention,
        needs=needs(Action.READ, on="organization"),
        refusals=_MISSING,
        **_RETENTION,
    ),
    Operation(
        method="PUT",
        name="setAuditRetention",
        summary="Set for how long events are kept",
        handle=set_retention,
        needs=needs(Action.MANAGE_ACCESS, on="organization", note="and escalate there"),
        body=Retention,
        refusals=(errors.NotFound, errors.Forbidden),
        **_RETENTION,
    ),
)
