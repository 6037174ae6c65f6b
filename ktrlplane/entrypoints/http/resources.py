"""Resources over HTTP: below their project, and by their own id alone."""

from collections.abc import Iterator
from typing import Any, Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import resources as service
from ktrlplane.domain.services.purchases import paid_price
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs, signed_in
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import (
    AllResourceParameters,
    ResourceParameters,
    WaitParameters,
)
from ktrlplane.entrypoints.http.preview_shapes import PricePreview
from ktrlplane.entrypoints.http.shapes import ResourcePrice
from ktrlplane.ports.stores import ResourceFilter
from ktrlplane.ports.unit_of_work import UnitOfWork


def create(work: UnitOfWork, call: Call) -> Reply:
    resource = service.create_resource(work, call.project(), call.body, **call.asked)
    location = f"{BASE}/resources/{resource.resource_id}"
    return Reply(content=resource, location=location, preview=priced(work, call, None, resource))


def priced(
    work: UnitOfWork, call: Call, before: Resource | None, after: Resource
) -> PricePreview | None:
    if not call.rehearsed:
        return None
    return PricePreview(
        price_before=None if before is None else _price(work, call, before),
        price_after=_price(work, call, after),
    )


def _price(work: UnitOfWork, call: Call, resource: Resource) -> ResourcePrice | None:
    """What it is paid at, which need not be what the catalog says by now."""
    price = ResourcePrice.in_catalog(call.platform.catalog, resource.type, resource.sku)
    paid = paid_price(work, resource, call.platform)
    return price if price is None or paid is None else price.at(paid)


def listed_in_project(work: UnitOfWork, call: Call) -> Reply:
    query: ResourceParameters = call.query
    page = query.page()
    where = ResourceFilter(
        type=query.type, status=query.status, sku=query.wanted_sku, text=query.q
    )
    found = service.list_project_resources(work, call.project(), page, where, **call.asked)
    return paged(call, found, page)


def listed(work: UnitOfWork, call: Call) -> Reply:
    query: AllResourceParameters = call.query
    page = query.page()
    where = ResourceFilter(
        project_id=query.project_id,
        type=query.type or query.resource_type,
        status=query.status,
        sku=query.wanted_sku,
        text=query.q,
    )
    return paged(call, service.list_resources(work, page, where, **call.asked), page)


def below(call: Call) -> dict[str, Any]:
    """Where the resource must be, if the address says so."""
    return {"project_id": call.project()} if "project_id" in call.path else {}


def read(work: UnitOfWork, call: Call) -> Reply:
    resource = service.read_resource(work, call.resource(), **below(call), **call.asked)
    return Reply(content=resource)


def patch(work: UnitOfWork, call: Call) -> Reply:
    return _update(work, call, merge=True)


def put(work: UnitOfWork, call: Call) -> Reply:
    return _update(work, call, merge=False)


def _update(work: UnitOfWork, call: Call, *, merge: bool) -> Reply:
    # Who may not see it is told so below, and nothing of this.
    before = work.resources.get(call.resource()) if call.rehearsed else None
    resource = service.update_resource(
        work,
        call.resource(),
        call.body,
        merge=merge,
        as_seen=call.as_seen,
        **below(call),
        **call.asked,
    )
    return Reply(content=resource, preview=priced(work, call, before, resource))


def delete(work: UnitOfWork, call: Call) -> Reply:
    resource = service.delete_resource(
        work, call.resource(), as_seen=call.as_seen, **below(call), **call.asked
    )
    return Reply(content=resource)


_TAG: Final = "Resources"
IN_PROJECT: Final = "/projects/{project_id}/resources"


def _single(path: str, suffix: str) -> Iterator[Operation]:
    common: dict[str, Any] = {
        "path": path,
        "tag": _TAG,
        "answer": Resource,
        "tagged": True,
    }
    changing = (
        errors.NotFound,
        errors.Forbidden,
        errors.LimitExceeded,
        errors.PaymentRequired,
        errors.OutcomeUnknown,
        errors.InvalidTransition,
    )
    yield Operation(
        method="GET",
        name=f"getResource{suffix}",
        summary="Read a resource; with wait, once its status has settled",
        handle=read,
        query=WaitParameters,
        waits=True,
        needs=needs(Action.READ, on="resource"),
        refusals=(errors.NotFound,),
        **common,
    )
    yield Operation(
        method="PATCH",
        name=f"updateResource{suffix}",
        summary="Change a resource; settings_json is a merge patch (RFC 7396)",
        handle=patch,
        needs=needs(Action.WRITE, on="resource"),
        body=service.UpdateResource,
        preview=PricePreview,
        refusals=changing,
        **common,
    )
    yield Operation(
        method="PUT",
        name=f"putResource{suffix}",
        summary="Change a resource; what is given is replaced whole",
        handle=put,
        needs=needs(Action.WRITE, on="resource"),
        body=service.UpdateResource,
        preview=PricePreview,
        refusals=changing,
        **common,
    )
    yield Operation(
        method="DELETE",
        name=f"deleteResource{suffix}",
        summary="Begin to delete a resource",
        handle=delete,
        needs=needs(Action.DELETE, on="resource"),
        status=202,
        refusals=(errors.NotFound, errors.Forbidden),
        **common,
    )


OPERATIONS: Final = (
    Operation(
        method="POST",
        path=IN_PROJECT,
        name="createResource",
        summary="Create a resource in a project",
        tag=_TAG,
        handle=create,
        needs=needs(Action.WRITE, on="project"),
        body=service.CreateResource,
        answer=Resource,
        status=201,
        preview=PricePreview,
        tagged=True,
        refusals=(
            errors.NotFound,
            errors.Forbidden,
            errors.LimitExceeded,
            errors.PaymentRequired,
            errors.OutcomeUnknown,
            errors.AlreadyExists,
            errors.InvalidTransition,
        ),
    ),
    Operation(
        method="GET",
        path=IN_PROJECT,
        name="listProjectResources",
        summary="List the resources of a project",
        tag=_TAG,
        handle=listed_in_project,
        needs=needs(Action.READ, on="project"),
        query=ResourceParameters,
        answer=Resource,
        listed=True,
        refusals=(errors.NotFound,),
    ),
    Operation(
        method="GET",
        path="/resources",
        name="listResources",
        summary="List the resources that one may read, over all projects",
        tag=_TAG,
        handle=listed,
        needs=signed_in("lists what one may read"),
        query=AllResourceParameters,
        answer=Resource,
        listed=True,
    ),
    *_single("/resources/{resource_id}", ""),
    *_single(f"{IN_PROJECT}/{{resource_id}}", "InProject"),
)
