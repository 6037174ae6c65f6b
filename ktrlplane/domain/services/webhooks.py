"""Endpoints of receivers. An endpoint reads lastingly all that happens in its scope, so whoever
has to do with one must be allowed to manage access there (product.md R7.2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import evolve

from ktrlplane.domain.access import Action, Scope, ScopeType
from ktrlplane.domain.errors import Fault, LimitExceeded, NotFound, ValidationFailed
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import PrincipalId, WebhookId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.standings import hold_to_manage, require_alive, standing_on
from ktrlplane.domain.services.telling import changes, tell, tell_data
from ktrlplane.domain.services.webhook_views import (
    CreatedWebhook,
    CreateWebhook,
    RotatedSecret,
    UpdateWebhook,
    WebhookView,
)
from ktrlplane.domain.standings import Standing
from ktrlplane.domain.webhook_urls import url_faults
from ktrlplane.domain.webhooks import EndpointStatus, Webhook, new_secret
from ktrlplane.ports.unit_of_work import UnitOfWork

MAX_WEBHOOKS: Final = 50
"""On an organization or project itself: every event is compared with them."""
SCOPE_TYPES: Final = frozenset({ScopeType.ORGANIZATION, ScopeType.PROJECT})
"""What can have webhooks."""


def create_webhook(
    work: UnitOfWork,
    scope: Scope,
    command: CreateWebhook,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> CreatedWebhook:
    """Of an organization or a project.

    Raises: NotFound, Forbidden, ValidationFailed, InvalidTransition, LimitExceeded.
    """
    now = platform.now()
    standing = hold_to_manage(work, scope, actor, now)
    require_alive(work, scope)
    if scope.scope_type not in SCOPE_TYPES:
        detail = "Webhooks are on organizations and projects."
        raise ValidationFailed([Fault("/scope_type", "enum", detail)])
    _require_lawful(command.url, platform)
    if work.webhooks.count(scope) >= MAX_WEBHOOKS:
        raise LimitExceeded(f"There are at most {MAX_WEBHOOKS} webhooks on {scope}.")
    webhook = Webhook(
        webhook_id=WebhookId.new(now),
        scope=scope,
        url=command.url,
        event_types=_once_each(command.event_types),
        description=command.description,
        secret=new_secret(),
        created_by=actor,
        created_at=now,
        updated_at=now,
    )
    work.webhooks.add(webhook)
    kind = EventType.WEBHOOK_CREATED
    tell(work, kind, standing.path, None, webhook, actor=actor, platform=platform)
    return evolve(CreatedWebhook.of(webhook), secret=webhook.secret)


def list_webhooks(
    work: UnitOfWork, scope: Scope, page: PageRequest, *, actor: PrincipalId, platform: Platform
) -> Page[WebhookView]:
    """Of the scope itself. Raises: NotFound, Forbidden."""
    standing_on(work, scope, actor, platform.now()).require(Action.MANAGE_ACCESS)
    found = work.webhooks.of(scope, page)
    return found.showing([WebhookView.of(one) for one in found.items])


def read_webhook(
    work: UnitOfWork, webhook_id: WebhookId, *, actor: PrincipalId, platform: Platform
) -> WebhookView:
    """Raises: NotFound, Forbidden."""
    webhook, _ = managed_webhook(work, webhook_id, actor=actor, platform=platform)
    return WebhookView.of(webhook)


def update_webhook(
    work: UnitOfWork,
    webhook_id: WebhookId,
    command: UpdateWebhook,
    *,
    as_seen: Expectation[WebhookView] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> WebhookView:
    """Raises: NotFound, Forbidden, PreconditionFailed, ValidationFailed, InvalidTransition."""
    webhook, standing = _held_webhook(work, webhook_id, actor=actor, platform=platform)
    expect(WebhookView.of(webhook), as_seen)
    if command.url is not None:
        _require_lawful(command.url, platform)
    changed = _changed(webhook, command, platform.now())
    if changed == webhook:
        return WebhookView.of(webhook)
    work.webhooks.replace(changed)
    data = changes(webhook, changed)
    if changed.url != webhook.url:  # the rest of it is not told, but that it is another one is
        data["before"]["url"], data["after"]["url"] = webhook.origin, changed.origin
    kind = EventType.WEBHOOK_UPDATED
    tell_data(work, kind, standing.path, data, actor=actor, platform=platform)
    return WebhookView.of(changed)


def _changed(webhook: Webhook, command: UpdateWebhook, now: datetime) -> Webhook:
    types, description = command.event_types, command.description
    told = evolve(
        webhook,
        url=command.url or webhook.url,
        event_types=webhook.event_types if types is None else _once_each(types),
        description=webhook.description if description is None else description,
    )
    if command.status is not None:
        told = told.becoming(EndpointStatus(command.status), now)
    return webhook if told == webhook else evolve(told, updated_at=now)


def delete_webhook(
    work: UnitOfWork,
    webhook_id: WebhookId,
    *,
    as_seen: Expectation[WebhookView] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """Nothing is sent there any more, also of what waits. Raises: NotFound, Forbidden,
    PreconditionFailed."""
    webhook, standing = _held_webhook(work, webhook_id, actor=actor, platform=platform)
    expect(WebhookView.of(webhook), as_seen)
    work.webhooks.remove(webhook_id)
    kind = EventType.WEBHOOK_DELETED
    tell(work, kind, standing.path, webhook, actor=actor, platform=platform)


def rotate_secret(
    work: UnitOfWork, webhook_id: WebhookId, *, actor: PrincipalId, platform: Platform
) -> RotatedSecret:
    """Raises: NotFound, Forbidden."""
    webhook, standing = _held_webhook(work, webhook_id, actor=actor, platform=platform)
    rotated = webhook.rotated(new_secret(), platform.now())
    work.webhooks.replace(rotated)
    kind = EventType.WEBHOOK_SECRET_ROTATED
    tell(work, kind, standing.path, webhook, rotated, actor=actor, platform=platform)
    assert rotated.previous_secret_until is not None, "the one before signs for a while"
    return RotatedSecret(
        webhook_id=webhook_id,
        secret=rotated.secret,
        previous_secret_until=rotated.previous_secret_until,
    )


def managed_webhook(
    work: UnitOfWork, webhook_id: WebhookId, *, actor: PrincipalId, platform: Platform
) -> tuple[Webhook, Standing]:
    """With the actor's standing at its scope. Raises: NotFound, in the same words for one that
    is not there and one that nobody may know of (R1.4); Forbidden."""
    webhook = work.webhooks.find(webhook_id)
    if webhook is None:
        raise _no_such_webhook(webhook_id)
    (standing,) = work.access.standings([(actor, webhook.scope)], platform.now())
    if standing is None or not standing.may(Action.READ):
        raise _no_such_webhook(webhook_id)
    standing.require(Action.MANAGE_ACCESS)
    return webhook, standing


def _held_webhook(
    work: UnitOfWork, webhook_id: WebhookId, *, actor: PrincipalId, platform: Platform
) -> tuple[Webhook, Standing]:
    """This unit of work's to change. Raises: NotFound, Forbidden."""
    webhook, _ = managed_webhook(work, webhook_id, actor=actor, platform=platform)
    work.access.hold(webhook.scope)  # who may not waits for nobody
    work.webhooks.held([webhook_id])  # what receivers answer is not written under the tenant
    return managed_webhook(work, webhook_id, actor=actor, platform=platform)


def _no_such_webhook(webhook_id: WebhookId) -> NotFound:
    return NotFound(f"There is no webhook {webhook_id}, or you may not see it.")


def _require_lawful(url: str, platform: Platform) -> None:
    """Raises: ValidationFailed."""
    faults = url_faults(url, platform.webhook_reach)
    if faults:
        raise ValidationFailed(faults)


def _once_each(patterns: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(patterns))
