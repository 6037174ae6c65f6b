"""Role assignments over HTTP, on each kind of scope."""

from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.ids import AssignmentId
from ktrlplane.domain.services import assignments as service
from ktrlplane.domain.services.platform import Expectation
from ktrlplane.entrypoints.http.access_shapes import Assignment, Invitation
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters
from ktrlplane.entrypoints.http.preview_shapes import AccessPreview
from ktrlplane.entrypoints.http.previews import previewed
from ktrlplane.ports.access import AssignmentView
from ktrlplane.ports.invitations import InvitationView
from ktrlplane.ports.unit_of_work import UnitOfWork


def _shown(scope: Scope, view: AssignmentView) -> Assignment:
    return Assignment.seen_from(scope.scope_type, view)


def _as_seen(call: Call, scope: Scope) -> Expectation[AssignmentView] | None:
    """What ``If-Match`` says is said of the assignment as it is shown."""
    as_seen = call.as_seen
    return None if as_seen is None else lambda view: as_seen(_shown(scope, view))


def listed(work: UnitOfWork, call: Call) -> Reply:
    scope, page = call.scope(), call.query.page()
    found = service.list_assignments(work, scope, page, **call.asked)
    return paged(call, found, page, [_shown(scope, view) for view in found.items])


def grant(work: UnitOfWork, call: Call) -> Reply:
    scope = call.scope()
    if not call.rehearsed:
        return _granted(call, scope, service.grant_role(work, scope, call.body, **call.asked))
    view, change = service.preview_grant(work, scope, call.body, **call.asked)
    reply = _granted(call, scope, view)
    content = _untold(reply.content, by_address=call.body.email is not None)
    return evolve(reply, content=content, preview=AccessPreview.of(change))


def _granted(call: Call, scope: Scope, view: AssignmentView | InvitationView) -> Reply:
    at = f"{BASE}/{scope.scope_type}s/{scope.scope_id}"
    if isinstance(view, InvitationView):
        invited = Invitation.of(view, origin=call.origin(), now=call.platform.now())
        return Reply(content=invited, location=f"{at}/invitations/{invited.invitation_id}")
    granted = _shown(scope, view)
    return Reply(content=granted, location=f"{at}/rbac/{granted.assignment_id}")


def _untold(content: Any, *, by_address: bool) -> Any:
    """A rehearsal is nothing that anybody notices: it tells no names or addresses, nor whose
    an address is."""
    if not isinstance(content, Assignment) or content.user is None:
        return content
    if by_address:
        return evolve(content, user_id=None, user=None)
    return evolve(content, user=content.user.unnamed())


def read(work: UnitOfWork, call: Call) -> Reply:
    scope = call.scope()
    identity = call.identity("assignment_id", AssignmentId)
    return Reply(
        content=_shown(scope, service.read_assignment(work, scope, identity, **call.asked))
    )


def change(work: UnitOfWork, call: Call) -> Reply:
    scope = call.scope()
    identity = call.identity("assignment_id", AssignmentId)

    def act() -> Reply:
        changed = service.change_assignment(
            work, scope, identity, call.body, as_seen=_as_seen(call, scope), **call.asked
        )
        return Reply(content=_shown(scope, changed))

    return previewed(work, call, lambda: service.affected_by_assignment(work, identity), act)


def revoke(work: UnitOfWork, call: Call) -> Reply:
    scope = call.scope()
    identity = call.identity("assignment_id", AssignmentId)

    def act() -> Reply:
        as_seen = _as_seen(call, scope)
        service.revoke_assignment(work, scope, identity, as_seen=as_seen, **call.asked)
        return Reply()

    return previewed(work, call, lambda: service.affected_by_assignment(work, identity), act)


_TAG: Final = "Access"


def _on(scope: str, noun: str) -> Iterator[Operation]:
    many, one = f"{scope}/rbac", f"{scope}/rbac/{{assignment_id}}"
    common: dict[str, Any] = {"tag": _TAG}
    place = noun.lower()
    reading = needs(Action.READ, on=place)
    granting = needs(
        Action.MANAGE_ACCESS,
        on=place,
        note="and escalate there, or every permission of the role",
    )
    changing = (errors.NotFound, errors.Forbidden, errors.InvalidTransition)
    yield Operation(
        method="GET",
        path=many,
        name=f"list{noun}Assignments",
        summary=f"List who has which role on the {place}, inherited ones too",
        handle=listed,
        needs=reading,
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
        summary=f"Grant a role on the {place}, or invite somebody to it",
        handle=grant,
        needs=granting,
        body=service.GrantRole,
        answer=Assignment | Invitation,
        preview=AccessPreview,
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
        needs=reading,
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
        needs=needs(
            Action.MANAGE_ACCESS,
            on=place,
            note="and, to let it last longer, escalate there or every permission of the role",
        ),
        preview=AccessPreview,
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
        needs=needs(Action.MANAGE_ACCESS, on=place),
        preview=AccessPreview,
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
