"""Organizations over HTTP."""

from typing import Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import Page
from ktrlplane.domain.services import organizations as service
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs, signed_in
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import DeleteParameters, SortedParameters
from ktrlplane.ports.unit_of_work import UnitOfWork


def create(work: UnitOfWork, call: Call) -> Reply:
    organization = service.create_organization(work, call.body, **call.asked)
    return Reply(content=organization, location=f"{BASE}/organizations/{organization.org_id}")


def listed(work: UnitOfWork, call: Call) -> Reply:
    page = call.query.page()
    found: Page[Organization] = service.list_organizations(
        work, page, text=call.query.q, **call.asked
    )
    return paged(call, found, page)


def read(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=service.read_organization(work, call.organization(), **call.asked))


def update(work: UnitOfWork, call: Call) -> Reply:
    organization = service.update_organization(
        work, call.organization(), call.body, as_seen=call.as_seen, **call.asked
    )
    return Reply(content=organization)


def delete(work: UnitOfWork, call: Call) -> Reply:
    service.delete_organization(
        work,
        call.organization(),
        cascade=call.query.cascade,
        as_seen=call.as_seen,
        **call.asked,
    )
    return Reply()


_TAG: Final = "Organizations"
_ONE: Final = "/organizations/{org_id}"

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/organizations",
        name="createOrganization",
        summary="Create an organization and become its Owner",
        tag=_TAG,
        handle=create,
        needs=signed_in("as a person, not a service account"),
        body=service.CreateOrganization,
        answer=Organization,
        status=201,
        tagged=True,
        refusals=(errors.Forbidden, errors.AlreadyExists),
    ),
    Operation(
        method="GET",
        path="/organizations",
        name="listOrganizations",
        summary="List the organizations that one may read",
        tag=_TAG,
        handle=listed,
        needs=signed_in("lists what one may read"),
        query=SortedParameters,
        answer=Organization,
        listed=True,
    ),
    Operation(
        method="GET",
        path=_ONE,
        name="getOrganization",
        summary="Read an organization",
        tag=_TAG,
        handle=read,
        needs=needs(Action.READ, on="organization"),
        answer=Organization,
        tagged=True,
        refusals=(errors.NotFound,),
    ),
    *(
        Operation(
            method=method,
            path=_ONE,
            name=name,
            summary="Change an organization; what is left out stays",
            tag=_TAG,
            handle=update,
            needs=needs(
                Action.WRITE,
                on="organization",
                note="and manage_billing there to change purchase_policy",
            ),
            body=service.UpdateOrganization,
            answer=Organization,
            tagged=True,
            refusals=(errors.NotFound, errors.Forbidden),
        )
        for method, name in (("PATCH", "updateOrganization"), ("PUT", "putOrganization"))
    ),
    Operation(
        method="DELETE",
        path=_ONE,
        name="deleteOrganization",
        summary="Delete an organization, with all in it where cascade is true",
        tag=_TAG,
        handle=delete,
        needs=needs(Action.DELETE, on="organization"),
        query=DeleteParameters,
        status=204,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden, errors.NotEmpty),
    ),
)
