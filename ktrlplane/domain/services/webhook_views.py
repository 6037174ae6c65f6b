"""What people say of webhooks, and what they are shown of them."""

import enum
from datetime import datetime
from typing import Self

from attrs import field, frozen
from attrs.validators import optional

from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.events import unknown_among
from ktrlplane.domain.ids import PrincipalId, WebhookId
from ktrlplane.domain.naming import is_a_description
from ktrlplane.domain.webhooks import DisabledReason, EndpointStatus, Webhook, are_patterns


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
    ``previous_secret_until`` the secret before the last rotation signs too.
    ``unknown_event_types`` are those that match no type of event there is so far."""

    webhook_id: WebhookId
    scope_type: ScopeType
    scope_id: str
    url: str = field(repr=False)
    event_types: tuple[str, ...]
    unknown_event_types: tuple[str, ...]
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
            unknown_event_types=tuple(unknown_among(webhook.event_types)),
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
