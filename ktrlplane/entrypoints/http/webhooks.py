"""Webhooks over HTTP: below their organization or project, and by their ids."""

from collections.abc import Iterator
from typing import Any, Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.ids import WebhookId
from ktrlplane.domain.services import webhooks as service
from ktrlplane.domain.services.webhook_views import (
    CreatedWebhook,
    CreateWebhook,
    RotatedSecret,
    UpdateWebhook,
    WebhookView,
)
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters
from ktrlplane.ports.unit_of_work import UnitOfWork


def named(call: Call) -> WebhookId:
    return call.identity("webhook_id", WebhookId)


def create(work: UnitOfWork, call: Call) -> Reply:
    made = service.create_webhook(work, call.scope(), call.body, **call.asked)
    return Reply(content=made, location=f"{BASE}/webhooks/{made.webhook_id}")


def listed(work: UnitOfWork, call: Call) -> Reply:
    page = call.query.page()
    found = service.list_webhooks(work, call.scope(), page, **call.asked)
    return paged(call, found, page)


def read(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=service.read_webhook(work, named(call), **call.asked))


def update(work: UnitOfWork, call: Call) -> Reply:
    changed = service.update_webhook(
        work, named(call), call.body, as_seen=call.as_seen, **call.asked
    )
    return Reply(content=changed)


def delete(work: UnitOfWork, call: Call) -> Reply:
    service.delete_webhook(work, named(call), as_seen=call.as_seen, **call.asked)
    return Reply()


def rotate(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=service.rotate_secret(work, named(call), **call.asked))


_TAG: Final = "Webhooks"
REFUSALS: Final = (errors.NotFound, errors.Forbidden)


def _on(scope: str, noun: str) -> Iterator[Operation]:
    place = noun.lower()
    common: dict[str, Any] = {"tag": _TAG, "needs": needs(Action.MANAGE_ACCESS, on=place)}
    yield Operation(
        method="POST",
        path=f"{scope}/webhooks",
        name=f"create{noun}Webhook",
        summary=f"Have events of the {place} sent to a URL",
        handle=create,
        body=CreateWebhook,
        answer=CreatedWebhook,
        status=201,
        refusals=(*REFUSALS, errors.InvalidTransition, errors.LimitExceeded),
        **common,
    )
    yield Operation(
        method="GET",
        path=f"{scope}/webhooks",
        name=f"list{noun}Webhooks",
        summary=f"List the webhooks of the {place} itself",
        handle=listed,
        query=PageParameters,
        answer=WebhookView,
        listed=True,
        refusals=REFUSALS,
        **common,
    )


COMMON: Final[dict[str, Any]] = {
    "tag": _TAG,
    "needs": needs(Action.MANAGE_ACCESS, on="webhook's organization or project"),
}
ONE: Final = "/webhooks/{webhook_id}"

_ENDPOINTS: Final = (
    Operation(
        method="GET",
        path=ONE,
        name="getWebhook",
        summary="Read a webhook; its secret is never shown again",
        handle=read,
        answer=WebhookView,
        tagged=True,
        refusals=REFUSALS,
        **COMMON,
    ),
    Operation(
        method="PATCH",
        path=ONE,
        name="updateWebhook",
        summary="Change, pause or enable a webhook; what is left out stays",
        handle=update,
        body=UpdateWebhook,
        answer=WebhookView,
        tagged=True,
        refusals=REFUSALS,
        **COMMON,
    ),
    Operation(
        method="DELETE",
        path=ONE,
        name="deleteWebhook",
        summary="Delete a webhook; nothing is sent there any more",
        handle=delete,
        status=204,
        tagged=True,
        refusals=REFUSALS,
        **COMMON,
    ),
    Operation(
        method="POST",
        path=f"{ONE}/rotate-secret",
        name="rotateWebhookSecret",
        summary="Make a new secret; for a day the one before signs as well",
        handle=rotate,
        answer=RotatedSecret,
        refusals=REFUSALS,
        **COMMON,
    ),
)

OPERATIONS: Final = (
    *_on("/organizations/{org_id}", "Organization"),
    *_on("/projects/{project_id}", "Project"),
    *_ENDPOINTS,
)
