"""Deliveries as the requests that go out: Standard Webhooks 1.0."""

from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook as Signer

from ktrlplane.domain.chains import Entry
from ktrlplane.domain.paging import time_key
from ktrlplane.ports.delivery import Outgoing
from ktrlplane.ports.webhooks import Due

USER_AGENT: Final = "KtrlPlane-Webhooks/1"


def outgoing(due: Due, at: datetime) -> Outgoing:
    """The request, as of ``at``. Its id is the event's, however often it is sent."""
    at, body, event_id = at.astimezone(UTC), body_of(due.entry), due.delivery.event_id.value
    signatures = [Signer(secret).sign(event_id, at, body) for secret in due.webhook.signing(at)]
    return Outgoing(
        url=due.webhook.url,
        headers={
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Webhook-Id": event_id,
            "Webhook-Timestamp": str(int(at.timestamp())),
            "Webhook-Signature": " ".join(signatures),
        },
        body=body.encode(),
    )


def body_of(entry: Entry) -> str:
    """The event as the audit log shows it, and when it happened under the name that the
    standard has for that."""
    return f'{entry.text[:-1]},"timestamp":"{time_key(entry.event.occurred_at)}"}}'
