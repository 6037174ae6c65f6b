"""What is asked: requests of people of some size."""

import itertools
import urllib.request
from collections.abc import Mapping, Sequence

import orjson
from attrs import evolve

from benchmarks import data
from benchmarks.servers import Request
from ktrlplane.domain.paging import Sort, cursor_of
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.http.cursors import Place, listing, write_cursor

BARE = Request(name="a bare Falcon route", path="/bare")

_CHECK = "/api/v1/permissions/check"
_ASKED = f"{_CHECK}?scopeType=resource&scopeId=resource-7"
_FULL = "consistency=full"


def checks(container: Container, size: data.Size) -> Sequence[Request]:
    """Where not said otherwise from memory, each having been answered before."""
    owner = _signed_in(container, data.OWNER_OF_ONE)
    theirs = itertools.cycle(range(7, size.resources, size.organizations))
    questions = [
        {"scope_type": "resource", "scope_id": f"resource-{number}", "action": "read"}
        for number in itertools.islice(theirs, 100)
    ]
    batch = Request(
        name="POST /permissions/check, 100 questions",
        path=_CHECK,
        method="POST",
        headers={**owner, "Content-Type": "application/json"},
        body=orjson.dumps({"checks": questions}).decode(),
    )
    return [
        Request(name="GET /permissions/check", path=_ASKED, headers=owner),
        consistent(container),
        batch,
        evolve(batch, name=f"{batch.name}, from the database", path=f"{_CHECK}?{_FULL}"),
    ]


def consistent(container: Container) -> Request:
    return Request(
        name="GET /permissions/check, from the database",
        path=f"{_ASKED}&{_FULL}",
        headers=_signed_in(container, data.OWNER_OF_ONE),
    )


def reads_and_changes(container: Container, size: data.Size) -> Sequence[Request]:
    owner = _signed_in(container, data.OWNER_OF_ONE)
    auditor = _signed_in(container, data.AUDITOR)
    kind = container.catalog().resource_types[0]
    new = {"name": "Bench", "type": kind.type, "sku": kind.tiers[0].sku}
    return [
        Request(name="GET /resources/{id}", path="/api/v1/resources/resource-7", headers=owner),
        Request(
            name="GET /resources, 50 of 100", path="/api/v1/resources?limit=50", headers=owner
        ),
        Request(
            name=f"GET /resources, 50 of {size.resources:,}, first page",
            path="/api/v1/resources?limit=50",
            headers=auditor,
        ),
        Request(
            name="the same, last page by cursor",
            path=f"/api/v1/resources?limit=50&cursor={_deep()}",
            headers=auditor,
        ),
        Request(
            name="POST /projects/{id}/resources",
            path="/api/v1/projects/project-7/resources",
            method="POST",
            headers=owner | {"Content-Type": "application/json"},
            body=orjson.dumps(new).decode(),
        ),
    ]


def look_right(url: str, asked: Sequence[Request]) -> None:
    """What is measured must be what it says."""
    for request in asked:
        if "50 of" in request.name or "last page" in request.name:
            assert len(_answer(url, request)["items"]) == 50, request.name
        elif request.method == "POST" and request.path.startswith(_CHECK):
            verdicts = _answer(url, request)["results"]
            assert [one["allowed"] for one in verdicts] == [True] * 100, request.name
        elif request.path.startswith(_CHECK):
            assert "delete" in _answer(url, request)["permissions"], request.name


def _answer(url: str, request: Request) -> Mapping[str, list[dict[str, object]]]:
    sent = urllib.request.Request(
        url + request.path,
        headers=dict(request.headers),
        method=request.method,
        data=request.body.encode() or None,
    )
    with urllib.request.urlopen(sent) as answer:
        read: Mapping[str, list[dict[str, object]]] = orjson.loads(answer.read())
    return read


def _signed_in(container: Container, who: str) -> dict[str, str]:
    token = container.local_issuer().mint(
        who,
        email=f"{who}@example.com",
        email_verified=True,
        name=who.title(),
        is_service_account=False,
        ttl_s=24 * 3600,
    )
    return {"Authorization": f"Bearer {token}"}


def _deep() -> str:
    """Newest first: what is left after it is the oldest fifty."""
    number = 50
    created_at, _ = data.times_of(number)
    sort = Sort.CREATED_AT_DESCENDING
    after = cursor_of(sort, name="", created_at=created_at, identity=f"resource-{number}")
    return write_cursor(Place(sort, after, listing("/api/v1/resources", {})))
