"""Invitations over HTTP, on each kind of scope."""

from collections.abc import Iterator
from typing import Any, Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.ids import InvitationId
from ktrlplane.domain.services import invitations as service
from ktrlplane.domain.services.platform import Expectation
from ktrlplane.entrypoints.http.access_shapes import Invitation
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply, needs
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters
from ktrlplane.ports.invitations import InvitationView
from ktrlplane.ports.unit_of_work import UnitOfWork


def _shown(call: Call, view: InvitationView) -> Invitation:
    return Invitation.of(view, origin=call.origin(), now=call.platform.now())


def _as_seen(call: Call) -> Expectation[InvitationView] | None:
    """What ``If-Match`` says is said of the invitation as it is shown."""
    as_seen = call.as_seen
    return None if as_seen is None else lambda view: as_seen(_shown(call, view))


def _named(call: Call) -> InvitationId:
    return call.identity("invitation_id", InvitationId)


def listed(work: UnitOfWork, call: Call) -> Reply:
    page = call.query.page()
    found = service.list_invitations(work, call.scope(), page, **call.asked)
    return paged(call, found, page, [_shown(call, view) for view in found.items])


def read(work: UnitOfWork, call: Call) -> Reply:
    view = service.read_invitation(work, call.scope(), _named(call), **call.asked)
    return Reply(content=_shown(call, view))


def resend(work: UnitOfWork, call: Call) -> Reply:
    view = service.resend_invitation(
        work, call.scope(), _named(call), as_seen=_as_seen(call), **call.asked
    )
    return Reply(content=_shown(call, view))


def revoke(work: UnitOfWork, call: Call) -> Reply:
    service.revoke_invitation(
        work, call.scope(), _named(call), as_seen=_as_seen(call), **call.asked
    )
    return Reply()


_TAG: Final = "Access"


def _on(scope: str, noun: str) -> Iterator[Operation]:
    many, one = f"{scope}/invitations", f"{scope}/invitations/{{invitation_id}}"
    place = noun.lower()
    common: dict[str, Any] = {"tag": _TAG}
    managing: dict[str, Any] = {"needs": needs(Action.MANAGE_ACCESS, on=place)}
    yield Operation(
        method="GET",
        path=many,
        name=f"list{noun}Invitations",
        summary=f"List who is invited to a role on the {place}",
        handle=listed,
        query=PageParameters,
        answer=Invitation,
        listed=True,
        refusals=(errors.NotFound, errors.Forbidden),
        **managing,
        **common,
    )
    yield Operation(
        method="GET",
        path=one,
        name=f"get{noun}Invitation",
        summary="Read an invitation",
        handle=read,
        answer=Invitation,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden),
        **managing,
        **common,
    )
    yield Operation(
        method="DELETE",
        path=one,
        name=f"revoke{noun}Invitation",
        summary="Revoke an invitation",
        handle=revoke,
        status=204,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden),
        **managing,
        **common,
    )
    yield Operation(
        method="POST",
        path=f"{one}/resend",
        name=f"resend{noun}Invitation",
        summary="Send an invitation again, for the whole time again",
        handle=resend,
        needs=needs(
            Action.MANAGE_ACCESS,
            on=place,
            note="and escalate there, or every permission of the role",
        ),
        answer=Invitation,
        tagged=True,
        refusals=(
            errors.NotFound,
            errors.Forbidden,
            errors.Conflict,
            errors.InvalidTransition,
        ),
        **common,
    )


OPERATIONS: Final = (
    *_on("/organizations/{org_id}", "Organization"),
    *_on("/projects/{project_id}", "Project"),
    *_on("/resources/{resource_id}", "Resource"),
)
