"""Users over HTTP."""

from typing import Final

from attrs import field, frozen

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services import users as service
from ktrlplane.domain.services.assignments import reachable
from ktrlplane.entrypoints.http.access_shapes import Reach, ShortUser
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply, needs, signed_in
from ktrlplane.entrypoints.http.pages import paged, whole
from ktrlplane.entrypoints.http.parameters import PageParameters, Parameters, said
from ktrlplane.entrypoints.http.shapes import Me
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class SearchParameters(Parameters):
    q: str = field(metadata=said("Text in the name or the address.", minLength=service.MIN_SEARCH))


def me(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=Me.of(service.read_me(work, **call.asked)))


def search(work: UnitOfWork, call: Call) -> Reply:
    found = service.search_users(work, call.query.q, **call.asked)
    return whole([ShortUser.of(user) for user in found])


_ME: Final = PrincipalId("me")


def reach(work: UnitOfWork, call: Call) -> Reply:
    page, user_id = call.query.page(), call.identity("user_id", PrincipalId)
    if user_id == _ME:
        user_id = call.actor
    found = reachable(work, user_id, page, **call.asked)
    return paged(call, found, page, [Reach.of(view) for view in found.items])


_TAG: Final = "Users"

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/users/me",
        name="getMe",
        summary="Who one is, and what one can see at a glance",
        tag=_TAG,
        handle=me,
        needs=signed_in(),
        answer=Me,
        tagged=True,
    ),
    Operation(
        method="GET",
        path="/users/search",
        name="searchUsers",
        summary="Find users among those one shares an organization or project with",
        tag=_TAG,
        handle=search,
        needs=signed_in("finds only whom one shares an organization or project with"),
        query=SearchParameters,
        answer=ShortUser,
        listed=True,
    ),
    Operation(
        method="GET",
        path="/users/{user_id}/access",
        name="listUserAccess",
        summary="List what a user can reach and by what; of others, where one manages access",
        tag=_TAG,
        handle=reach,
        needs=needs(
            Action.MANAGE_ACCESS,
            on="each scope that is listed",
            note="one's own is always listed",
        ),
        query=PageParameters,
        answer=Reach,
        listed=True,
        refusals=(errors.NotFound,),
    ),
)
