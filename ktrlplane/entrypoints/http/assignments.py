"""Role assignments over HTTP, on each kind of scope."""

from collections.abc import Iterator
from typing import Any, Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import AssignmentId
from ktrlplane.domain.services import assignments as service
from ktrlplane.domain.services.platform import Expectation
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters
from ktrlplane.entrypoints.http.shapes import Assignment
from ktrlplane.ports.stores import AssignmentView
from ktrlplane.ports.unit_of_work import UnitOfWork


def _scope(call: Call) -> Scope:
    if "org_id" in call.path:
        return Scope.of(call.organization())
    if "project_id" in call.path:
        return Scope.of(call.project())
    return Scope.of(call.resource())


def _shown(scope: Scope, view: AssignmentView) -> Assignment:
    return Assignment.seen_from(scope.scope_type, view)


def _as_seen(call: Call, scope: Scope) -> Expectation[AssignmentView] | None:
    """What ``If-Match`` says is said of the assignment as it is shown."""
    as_seen = call.as_seen
    return None if as_seen is None else lambda view: as_seen(_shown(scope, view))


def listed(work: UnitOfWork, call: Call) -> Reply:
    scope, page = _scope(call), call.query.page()
    found = service.list_assignments(work, scope, page, **call.asked)
    return paged(call, found, page, [_shown(scope, view) for view in found.items])


def grant(work: UnitOfWork, call: Call) -> Reply:
    scope = _scope(call)
    granted = _shown(scope, service.grant_role(work, scope, call.body, **call.asked))
    address = f"{scope.scope_type}s/{scope.scope_id}/rbac/{granted.assignment_id}"
    return Reply(content=granted, location=f"{BASE}/{address}")


def read(work: UnitOfWork, call: Call) -> Reply:
    scope = _scope(call)
    identity = call.identity("assignment_id", AssignmentId)
    return Reply(
        content=_shown(scope, service.read_assignment(work, scope, identity, **call.asked))
    )


def change(work: UnitOfWork, call: Call) -> Reply:
    scope = _scope(call)
    identity = call.identity("assignment_id", AssignmentId)
    changed = service.change_assignment(
        work, scope, identity, call.body, as_seen=_as_seen(call, scope), **call.asked
    )
    return Reply(content=_shown(scope, changed))


def revoke(work: UnitOfWork, call: Call) -> Reply:
    scope = _scope(call)
    identity = call.identity("assignment_id", AssignmentId)
    service.revoke_assignment(work, scope, identity, as_seen=_as_seen(call, scope), **call.asked)
    return Reply()


_TAG: Final = "Access"


def _on(scope: str, noun: str) -> Iterator[Operation]:
    many, one = f"{scope}/rbac", f"{scope}/rbac/{{assignment_id}}"
    common: dict[str, Any] = {"tag": _TAG}
    changing = (errors.NotFound, errors.Forbidden, errors.InvalidTransition)
    yield Operation(
        method="GET",
        path=many,
        name=f"list{noun}Assignments",
        summary=f"List who has which role on the {noun.lower()}, inherited ones too",
        handle=listed,
        query=PageParameters,
        answer=Assignment,
        listed=True,
        refusals=(errors.NotFound,),
        **common,
    )
    yield Operation(
        method="POST",
        path=many,
        name=f"grant{noun}Role",
        summary=f"Grant a role on the {noun.lower()}",
        handle=grant,
        body=service.GrantRole,
        answer=Assignment,
        status=201,
        tagged=True,
        refusals=(*changing, errors.AlreadyExists),
        **common,
    )
    yield Operation(
        method="GET",
        path=one,
        name=f"get{noun}Assignment",
        summary="Read an assignment",
        handle=read,
        answer=Assignment,
        tagged=True,
        refusals=(errors.NotFound,),
        **common,
    )
    yield Operation(
        method="PATCH",
        path=one,
        name=f"change{noun}Assignment",
        summary="Change when an assignment expires",
        handle=change,
        body=service.ChangeAssignment,
        answer=Assignment,
        tagged=True,
        refusals=(*changing, errors.LastOwner),
        **common,
    )
    yield Operation(
        method="DELETE",
        path=one,
        name=f"revoke{noun}Assignment",
        summary="Take a role back",
        handle=revoke,
        status=204,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden, errors.LastOwner),
        **common,
    )


OPERATIONS: Final = (
    *_on("/organizations/{org_id}", "Organization"),
    *_on("/projects/{project_id}", "Project"),
    *_on("/resources/{resource_id}", "Resource"),
)
