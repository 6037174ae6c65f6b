"""Service accounts of an organization over HTTP."""

from typing import Any, Final
from urllib.parse import quote

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services import service_accounts as service
from ktrlplane.domain.services.platform import Expectation
from ktrlplane.domain.services.previews import Affected
from ktrlplane.domain.users import ServiceAccount, principal_of
from ktrlplane.entrypoints.http.membership_shapes import OrganizationServiceAccount
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs, no_such
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters
from ktrlplane.entrypoints.http.preview_shapes import AccessPreview
from ktrlplane.entrypoints.http.previews import previewed
from ktrlplane.ports.unit_of_work import UnitOfWork


def _named(call: Call) -> PrincipalId:
    """By the client's id or by the user's."""
    try:
        return principal_of(call.text("client_id"))
    except ValueError as exc:
        raise no_such("service account") from exc


def _as_seen(call: Call) -> Expectation[ServiceAccount] | None:
    """What ``If-Match`` says is said of the account as it is shown."""
    as_seen = call.as_seen
    if as_seen is None:
        return None
    return lambda account: as_seen(OrganizationServiceAccount.of(account))


def register(work: UnitOfWork, call: Call) -> Reply:
    org_id = call.organization()
    account = service.register_service_account(work, org_id, call.body, **call.asked)
    shown = OrganizationServiceAccount.of(account)
    location = f"{BASE}/organizations/{org_id}/service-accounts/{quote(shown.client_id, safe='')}"
    return Reply(content=shown, location=location)


def listed(work: UnitOfWork, call: Call) -> Reply:
    page = call.query.page()
    found = service.list_service_accounts(work, call.organization(), page, **call.asked)
    return paged(call, found, page, [OrganizationServiceAccount.of(one) for one in found.items])


def read(work: UnitOfWork, call: Call) -> Reply:
    account = service.read_service_account(work, call.organization(), _named(call), **call.asked)
    return Reply(content=OrganizationServiceAccount.of(account))


def remove(work: UnitOfWork, call: Call) -> Reply:
    org_id, user_id = call.organization(), _named(call)

    def act() -> Reply:
        service.remove_service_account(work, org_id, user_id, as_seen=_as_seen(call), **call.asked)
        return Reply()

    def affected() -> Affected:
        return service.affected_by_removal(work, org_id, user_id, call.platform.now())

    return previewed(work, call, affected, act)


_COMMON: Final[dict[str, Any]] = {"tag": "Service accounts"}
_MANY: Final = "/organizations/{org_id}/service-accounts"
_ONE: Final = "/organizations/{org_id}/service-accounts/{client_id}"
_READING: Final = needs(Action.READ, on="organization")
_MANAGING: Final = needs(Action.MANAGE_ACCESS, on="organization")

OPERATIONS: Final = (
    Operation(
        method="POST",
        path=_MANY,
        name="registerServiceAccount",
        summary="Register a client that an organization works with",
        handle=register,
        needs=_MANAGING,
        body=service.RegisterServiceAccount,
        answer=OrganizationServiceAccount,
        status=201,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden, errors.AlreadyExists),
        **_COMMON,
    ),
    Operation(
        method="GET",
        path=_MANY,
        name="listServiceAccounts",
        summary="List the service accounts of an organization",
        handle=listed,
        needs=_READING,
        query=PageParameters,
        answer=OrganizationServiceAccount,
        listed=True,
        refusals=(errors.NotFound,),
        **_COMMON,
    ),
    Operation(
        method="GET",
        path=_ONE,
        name="getServiceAccount",
        summary="Read a service account of an organization",
        handle=read,
        needs=_READING,
        answer=OrganizationServiceAccount,
        tagged=True,
        refusals=(errors.NotFound,),
        **_COMMON,
    ),
    Operation(
        method="DELETE",
        path=_ONE,
        name="removeServiceAccount",
        summary="Take a service account out, with every role that it has in the organization",
        handle=remove,
        needs=_MANAGING,
        preview=AccessPreview,
        status=204,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden),
        **_COMMON,
    ),
)
