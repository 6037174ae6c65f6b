"""Groups and their members over HTTP: below their organization, and by their ids alone."""

from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import GroupId, PrincipalId
from ktrlplane.domain.services import group_members
from ktrlplane.domain.services import groups as service
from ktrlplane.entrypoints.http.membership_shapes import Member
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters, SortedParameters
from ktrlplane.entrypoints.http.preview_shapes import AccessPreview
from ktrlplane.entrypoints.http.previews import previewed
from ktrlplane.ports.unit_of_work import UnitOfWork


def _named(call: Call) -> GroupId:
    return call.identity("group_id", GroupId)


def _user(call: Call) -> PrincipalId:
    return call.identity("user_id", PrincipalId)


def _asked(call: Call) -> dict[str, Any]:
    org_id = call.organization() if "org_id" in call.path else None
    return {"org_id": org_id, **call.asked}


def create(work: UnitOfWork, call: Call) -> Reply:
    org_id = call.organization()
    group = service.create_group(work, org_id, call.body, **call.asked)
    location = f"{BASE}/organizations/{org_id}/groups/{group.group_id}"
    return Reply(content=group, location=location)


def listed(work: UnitOfWork, call: Call) -> Reply:
    page = call.query.page()
    found = service.list_groups(work, call.organization(), page, text=call.query.q, **call.asked)
    return paged(call, found, page)


def read(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=service.read_group(work, _named(call), **_asked(call)))


def update(work: UnitOfWork, call: Call) -> Reply:
    group = service.update_group(
        work, _named(call), call.body, as_seen=call.as_seen, **_asked(call)
    )
    return Reply(content=group)


def delete(work: UnitOfWork, call: Call) -> Reply:
    group_id = _named(call)

    def act() -> Reply:
        service.delete_group(work, group_id, as_seen=call.as_seen, **_asked(call))
        return Reply()

    return previewed(work, call, lambda: service.affected_by_group(work, group_id), act)


def members(work: UnitOfWork, call: Call) -> Reply:
    page = call.query.page()
    found = group_members.list_members(work, _named(call), page, **_asked(call))
    return paged(call, found, page, [Member.of(view) for view in found.items])


def member(work: UnitOfWork, call: Call) -> Reply:
    view = group_members.read_member(work, _named(call), _user(call), **_asked(call))
    return Reply(content=Member.of(view))


def join(work: UnitOfWork, call: Call) -> Reply:
    group_id, user_id = _named(call), _user(call)

    def act() -> Reply:
        view = group_members.put_member(work, group_id, user_id, **_asked(call))
        shown = Member.of(view)
        if call.rehearsed:  # which nobody notices, and so tells no names or addresses
            shown = evolve(shown, user=shown.user.unnamed())
        return Reply(content=shown)

    return previewed(
        work, call, lambda: group_members.affected_by_membership(work, group_id, user_id), act
    )


def leave(work: UnitOfWork, call: Call) -> Reply:
    group_id, user_id = _named(call), _user(call)

    def act() -> Reply:
        group_members.remove_member(work, group_id, user_id, **_asked(call))
        return Reply()

    return previewed(
        work, call, lambda: group_members.affected_by_membership(work, group_id, user_id), act
    )


_TAG: Final = "Groups"
_READING: Final = needs(Action.READ, on="organization")
_MANAGING: Final = needs(Action.MANAGE_ACCESS, on="organization")
_CHANGING: Final = (errors.NotFound, errors.Forbidden)

_OF_ORGANIZATION: Final = (
    Operation(
        method="POST",
        path="/organizations/{org_id}/groups",
        name="createGroup",
        summary="Create a group of an organization",
        tag=_TAG,
        handle=create,
        needs=_MANAGING,
        body=service.CreateGroup,
        answer=Group,
        status=201,
        tagged=True,
        refusals=(*_CHANGING, errors.AlreadyExists, errors.LimitExceeded),
    ),
    Operation(
        method="GET",
        path="/organizations/{org_id}/groups",
        name="listGroups",
        summary="List the groups of an organization",
        tag=_TAG,
        handle=listed,
        needs=_READING,
        query=SortedParameters,
        answer=Group,
        listed=True,
        refusals=(errors.NotFound,),
    ),
)


def _one(path: str, called: str) -> Iterator[Operation]:
    """``called`` tells the names of the two addresses of a group apart."""
    common: dict[str, Any] = {"tag": _TAG}
    yield Operation(
        method="GET",
        path=path,
        name=f"get{called}Group",
        summary="Read a group",
        handle=read,
        needs=_READING,
        answer=Group,
        tagged=True,
        refusals=(errors.NotFound,),
        **common,
    )
    yield Operation(
        method="PATCH",
        path=path,
        name=f"update{called}Group",
        summary="Change a group; what is left out stays",
        handle=update,
        needs=_MANAGING,
        body=service.UpdateGroup,
        answer=Group,
        tagged=True,
        refusals=(*_CHANGING, errors.AlreadyExists),
        **common,
    )
    yield Operation(
        method="DELETE",
        path=path,
        name=f"delete{called}Group",
        summary="Delete a group, with all that was granted to it",
        handle=delete,
        needs=_MANAGING,
        preview=AccessPreview,
        status=204,
        tagged=True,
        refusals=_CHANGING,
        **common,
    )


def _members(path: str, called: str) -> Iterator[Operation]:
    common: dict[str, Any] = {"tag": _TAG}
    yield Operation(
        method="GET",
        path=f"{path}/members",
        name=f"list{called}GroupMembers",
        summary="List the members of a group",
        handle=members,
        needs=_READING,
        query=PageParameters,
        answer=Member,
        listed=True,
        refusals=(errors.NotFound,),
        **common,
    )
    one = f"{path}/members/{{user_id}}"
    yield Operation(
        method="GET",
        path=one,
        name=f"get{called}GroupMember",
        summary="Read who a member is and since when",
        handle=member,
        needs=_READING,
        answer=Member,
        tagged=True,
        refusals=(errors.NotFound,),
        **common,
    )
    yield Operation(
        method="PUT",
        path=one,
        name=f"put{called}GroupMember",
        summary="Make a user a member of a group",
        handle=join,
        needs=needs(
            Action.MANAGE_ACCESS,
            on="organization",
            note="and, wherever the group has a role, escalate or every permission of it",
        ),
        preview=AccessPreview,
        answer=Member,
        refusals=_CHANGING,
        **common,
    )
    yield Operation(
        method="DELETE",
        path=one,
        name=f"remove{called}GroupMember",
        summary="Take a user out of a group",
        handle=leave,
        needs=_MANAGING,
        preview=AccessPreview,
        status=204,
        refusals=_CHANGING,
        **common,
    )


_NESTED: Final = "/organizations/{org_id}/groups/{group_id}"
_ALONE: Final = "/groups/{group_id}"

OPERATIONS: Final = (
    *_OF_ORGANIZATION,
    *_one(_NESTED, "Organization"),
    *_members(_NESTED, "Organization"),
    *_one(_ALONE, ""),
    *_members(_ALONE, ""),
)
