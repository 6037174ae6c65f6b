"""Webhooks: endpoints of receivers, who are told of events (product.md R7.2)."""

import base64
import enum
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Self
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import InvalidTransition
from ktrlplane.domain.events import MAX_PATTERN, Event, EventType, is_a_pattern, patterns_for
from ktrlplane.domain.ids import PrincipalId, WebhookId
from ktrlplane.domain.naming import is_a_description
from ktrlplane.domain.webhook_deliveries import WebhookAttempt

MAX_PATTERNS: Final = 50
"""Types of events that one endpoint names."""
OVERLAP: Final = timedelta(hours=24)
"""For so long the secret before still signs after a rotation."""
LASTING: Final = timedelta(days=5)
"""An endpoint where every attempt failed for so long is disabled."""
_SECRET_BYTES: Final = 32


class EndpointStatus(enum.StrEnum):
    """What happens while one is paused waits for it; what happens while it is disabled passes
    it by, unless somebody asks for it afterwards."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"


class DisabledReason(enum.StrEnum):
    """``gone``: the receiver answered 410. ``failing``: nothing arrived for days."""

    GONE = "gone"
    FAILING = "failing"


MOVES: Final[Mapping[EndpointStatus, frozenset[EndpointStatus]]] = {
    EndpointStatus.ENABLED: frozenset({EndpointStatus.PAUSED, EndpointStatus.DISABLED}),
    EndpointStatus.PAUSED: frozenset({EndpointStatus.ENABLED, EndpointStatus.DISABLED}),
    EndpointStatus.DISABLED: frozenset({EndpointStatus.ENABLED, EndpointStatus.PAUSED}),
}
"""Which status may follow which. People enable and pause, receivers' answers disable."""


def new_secret() -> str:
    """As Standard Webhooks writes it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def are_patterns(_: object, __: object, value: tuple[str, ...]) -> None:
    """An attrs validator. Raises ValueError."""
    if not 1 <= len(value) <= MAX_PATTERNS or not all(map(is_a_pattern, value)):
        raise ValueError(
            f"A webhook names 1 to {MAX_PATTERNS} types of events of at most {MAX_PATTERN} "
            "characters, such as resource.created, resource.* or *."
        )


@frozen(kw_only=True)
class Webhook:
    """An endpoint. It is told of events in its scope whose type matches one of ``event_types``.

    ``failing_since`` is when the first attempt failed of those that failed since one last
    succeeded. ``previous_secret`` signs beside ``secret`` until ``previous_secret_until``.
    """

    webhook_id: WebhookId
    scope: Scope
    url: str = field(repr=False)
    event_types: tuple[str, ...] = field(validator=are_patterns)
    description: str = field(default="", validator=is_a_description)
    status: EndpointStatus = EndpointStatus.ENABLED
    disabled_reason: DisabledReason | None = None
    failing_since: datetime | None = None
    secret: str = field(repr=False)
    previous_secret: str | None = field(default=None, repr=False)
    previous_secret_until: datetime | None = None
    created_by: PrincipalId
    created_at: datetime
    updated_at: datetime

    @property
    def origin(self) -> str:
        """Of the URL: its rest may be a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def signing(self, now: datetime) -> Sequence[str]:
        """The secrets to sign with, the new one first."""
        if self.previous_secret is None or self.previous_secret_until is None:
            return (self.secret,)
        if self.previous_secret_until <= now:
            return (self.secret,)
        return self.secret, self.previous_secret

    def rotated(self, secret: str, now: datetime) -> Self:
        """The secret before the one that is replaced signs no more."""
        return evolve(
            self,
            secret=secret,
            previous_secret=self.secret,
            previous_secret_until=now + OVERLAP,
            updated_at=now,
        )

    def becoming(
        self, status: EndpointStatus, now: datetime, reason: DisabledReason | None = None
    ) -> Self:
        """Itself where it is that already. What is enabled anew has not failed yet.
        Raises: InvalidTransition."""
        if status is self.status:
            return self
        if status not in MOVES[self.status]:
            raise InvalidTransition(f"An endpoint that is {self.status} cannot be {status}.")
        was_disabled = self.status is EndpointStatus.DISABLED
        return evolve(
            self,
            status=status,
            disabled_reason=reason,
            failing_since=None if was_disabled else self.failing_since,
            updated_at=now,
        )

    def after(self, attempt: WebhookAttempt, now: datetime) -> Self:
        """What it is once it is known what became of an attempt."""
        if self.status is EndpointStatus.DISABLED:
            return self
        if attempt.is_success:
            return evolve(self, failing_since=None)
        since = self.failing_since or attempt.attempted_at
        failing = evolve(self, failing_since=since)
        if attempt.is_gone:
            return failing.becoming(EndpointStatus.DISABLED, now, DisabledReason.GONE)
        if attempt.attempted_at - since >= LASTING:
            return failing.becoming(EndpointStatus.DISABLED, now, DisabledReason.FAILING)
        return failing

    def hears(self, event: Event) -> bool:
        """Whether something of the kind is delivered to it, now that it happens: to one that is
        paused as well, where it waits."""
        if self.status is EndpointStatus.DISABLED:
            return False
        if event.type is EventType.WEBHOOK_TEST:
            return addressee(event) == self.webhook_id
        return self.wants(event)

    def wants(self, event: Event) -> bool:
        """Whether it is about the scope, and of a type that is asked for."""
        places = [Scope.of(one) for one in (event.org_id, event.project_id) if one is not None]
        return (
            self.scope in places
            and event.type is not EventType.WEBHOOK_TEST
            and any(one in self.event_types for one in patterns_for(event.type))
        )


def addressee(event: Event) -> WebhookId | None:
    """Whom alone an event is for; None for whoever wants it."""
    if event.type is not EventType.WEBHOOK_TEST:
        return None
    return WebhookId(event.data.value["subject"]["webhook_id"])
