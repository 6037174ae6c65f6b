"""Endpoints of receivers. An endpoint reads lastingly all that happens in its scope, so whoever
has to do with one must be allowed to manage access there (product.md R7.2)."""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Self

from attrs import evolve, field, frozen
from attrs.validators import optional

from ktrlplane.domain.access import Action, Scope, ScopeType
from ktrlplane.domain.errors import Fault, LimitExceeded, NotFound, ValidationFailed
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import PrincipalId, WebhookId
from ktrlplane.domain.naming import is_a_description
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.standings import hold_to_manage, require_alive, standing_on
from ktrlplane.domain.services.telling import changes, tell, tell_data
from ktrlplane.domain.standings import Standing
from ktrlplane.domain.webhook_urls import url_faults
from ktrlplane.domain.webhooks import (
    DisabledReason,
    EndpointStatus,
    Webhook,
    are_patterns,
    new_secret,
)
from ktrlplane.ports.unit_of_work import UnitOfWork

MAX_WEBHOOKS: Final = 50
"""On an organization or project itself: every event is compared with them."""
SCOPE_TYPES: Final = frozenset({ScopeType.ORGANIZATION, ScopeType.PROJECT})
"""What can have webhooks."""


class WantedStatus(enum.StrEnum):
    """What people can have an endpoint be."""

    ENABLED = "enabled"
    PAUSED = "paused"


@frozen(kw_only=True)
class CreateWebhook:
    """``event_types`` are types of events; ``resource.*`` is all of that noun, ``*`` all there
    are."""

    url: str
    event_types: tuple[str, ...] = field(validator=are_patterns)
    description: str = field(default="", validator=is_a_description)


@frozen(kw_only=True)
class UpdateWebhook:
    """What is left out stays as it is."""

    url: str | None = None
    event_types: tuple[str, ...] | None = field(default=None, validator=optional(are_patterns))
    description: str | None = field(default=None, validator=optional(is_a_description))
    status: WantedStatus | None = None


@frozen(kw_only=True)
class WebhookView:
    """An endpoint without its secrets. ``failing_since`` is when the first attempt failed of
    those that failed since one last succeeded; ``disabled_reason`` is ``gone`` where the receiver
    answered 410, and ``failing`` where nothing arrived for five days. Until
    ``previous_secret_until`` the secret before the last rotation signs too."""

    webhook_id: WebhookId
    scope_type: ScopeType
    scope_id: str
    url: str = field(repr=False)
    event_types: tuple[str, ...]
    description: str
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_by: PrincipalId
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls(
            webhook_id=webhook.webhook_id,
            scope_type=webhook.scope.scope_type,
            scope_id=webhook.scope.scope_id,
            url=webhook.url,
            event_types=webhook.event_types,
            description=webhook.description,
            status=webhook.status,
            disabled_reason=webhook.disabled_reason,
            failing_since=webhook.failing_since,
            previous_secret_until=webhook.previous_secret_until,
            created_by=webhook.created_by,
            created_at=webhook.created_at,
            updated_at=webhook.updated_at,
        )


@frozen(kw_only=True)
class CreatedWebhook(WebhookView):
    """``secret`` is what deliveries are signed with. It is never shown again."""

    secret: str = field(default="", repr=False)


@frozen(kw_only=True)
class RotatedSecret:
    """``secret`` is never shown again. The one before signs beside it until then."""

    webhook_id: WebhookId
    secret: str = field(repr=False)
    previous_secret_until: datetime


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
