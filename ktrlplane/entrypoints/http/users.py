"""Users over HTTP."""

from typing import Final

from attrs import field, frozen

from ktrlplane.domain.services import users as service
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply
from ktrlplane.entrypoints.http.pages import whole
from ktrlplane.entrypoints.http.parameters import Parameters, said
from ktrlplane.entrypoints.http.shapes import Me, ShortUser
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class SearchParameters(Parameters):
    q: str = field(metadata=said("Text in the name or the address.", minLength=service.MIN_SEARCH))


def me(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=Me.of(service.read_me(work, **call.asked)))


def search(work: UnitOfWork, call: Call) -> Reply:
    found = service.search_users(work, call.query.q, **call.asked)
    return whole([ShortUser.of(user) for user in found])


_TAG: Final = "Users"

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/users/me",
        name="getMe",
        summary="Who one is, and what one can see at a glance",
        tag=_TAG,
        handle=me,
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
        query=SearchParameters,
        answer=ShortUser,
        listed=True,
    ),
)
