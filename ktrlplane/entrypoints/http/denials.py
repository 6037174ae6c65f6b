"""Remembering refusals of what is sensitive."""

import structlog

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import DomainError, NotFound
from ktrlplane.domain.ids import GroupId, WebhookId
from ktrlplane.domain.services.denials import remember_denied
from ktrlplane.entrypoints.http.operations import Call, Operation
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork

_SCOPED = ("org_id", "project_id", "resource_id")
_log = structlog.get_logger("ktrlplane.http")


def remember(transact: Transact, operation: Operation, call: Call, refusal: DomainError) -> None:
    """In a unit of work of its own: that of the attempt has left no trace. Whatever goes wrong
    here, the caller is told of the refusal."""

    def act(work: UnitOfWork) -> None:
        scope, needed = _scope(work, call), operation.needs.actions
        remember_denied(work, operation.name, scope, refusal, needed=needed, **call.asked)

    try:
        transact(act)
    except Exception as exc:  # noqa: BLE001
        _log.error("refusal_not_remembered", operation=operation.name, exc_info=exc)


def _scope(work: UnitOfWork, call: Call) -> Scope | None:
    """Where it was tried; None where the path names nothing that can be."""
    try:
        if any(name in call.path for name in _SCOPED):
            return call.scope()
        if "group_id" in call.path:
            group = work.groups.get(call.identity("group_id", GroupId))
            return Scope.of(group.org_id)
        if "webhook_id" in call.path:
            webhook = work.webhooks.find(call.identity("webhook_id", WebhookId))
            return None if webhook is None else webhook.scope
    except NotFound:
        pass
    return None
