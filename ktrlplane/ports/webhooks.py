"""Endpoints of receivers, and what is delivered to them: the queue of what is to be sent."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.ids import DeliveryId, WebhookId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.webhook_deliveries import (
    DeliveryStatus,
    WebhookAttempt,
    WebhookDelivery,
)
from ktrlplane.domain.webhooks import Webhook


@frozen(kw_only=True)
class DeliveryFilter:
    """``types`` are patterns, as in ``EventFilter``. ``since`` is included, ``until`` is not:
    times when a delivery was made."""

    status: DeliveryStatus | None = None
    types: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


@frozen(kw_only=True)
class Due:
    """A delivery to be sent now by who claimed it, with the endpoint as it is then and the
    event in its place in the log."""

    delivery: WebhookDelivery
    webhook: Webhook
    entry: Entry


@frozen(kw_only=True)
class Outcome:
    """``delivery`` is what a claimed one has become by ``attempt``."""

    delivery: WebhookDelivery
    attempt: WebhookAttempt


class Webhooks(Protocol):
    """What happens is delivered to every endpoint that hears it (``Webhook.hears``): the delivery
    is there once the unit of work commits that tells the event, and with it alone. There is one
    of an event to an endpoint. Of an endpoint or event that is gone nothing is delivered."""

    # -- endpoints -----------------------------------------------------------------------------

    @abstractmethod
    def add(self, webhook: Webhook) -> None: ...

    @abstractmethod
    def find(self, webhook_id: WebhookId) -> Webhook | None: ...

    @abstractmethod
    def replace(self, webhook: Webhook) -> None:
        """What is pending to one that is disabled by it is cancelled, at ``updated_at``.
        Raises: NotFound."""

    @abstractmethod
    def remove(self, webhook_id: WebhookId) -> None:
        """Nothing is delivered there from then on. Raises: NotFound."""

    @abstractmethod
    def of(self, scope: Scope, page: PageRequest) -> Page[Webhook]:
        """Of the scope itself. Sorted by time, whichever sort is asked for."""

    @abstractmethod
    def count(self, scope: Scope) -> int:
        """How many ``of`` has."""

    @abstractmethod
    def held(
        self, webhook_ids: Sequence[WebhookId], *, failing: Sequence[WebhookId] = ()
    ) -> Sequence[Webhook]:
        """Those that are there, and of ``failing`` those that are there and fail, by id; nobody
        else changes them until the unit of work ends."""

    # -- deliveries, for people ----------------------------------------------------------------

    @abstractmethod
    def find_delivery(self, delivery_id: DeliveryId) -> WebhookDelivery | None:
        """Of an endpoint that is there."""

    @abstractmethod
    def deliveries_of(
        self, webhook_id: WebhookId, page: PageRequest, where: DeliveryFilter
    ) -> Page[WebhookDelivery]:
        """Sorted by time, whichever sort is asked for."""

    @abstractmethod
    def attempts_of(self, delivery_id: DeliveryId) -> Sequence[WebhookAttempt]:
        """Of those whose outcome is known, by number."""

    @abstractmethod
    def ask_again(self, delivery_id: DeliveryId, at: datetime) -> None:
        """See ``WebhookDelivery.asked_again``."""

    @abstractmethod
    def recover(self, webhook: Webhook, since: datetime, at: datetime, limit: int) -> int:
        """Has what happened from then on and was not delivered to the endpoint sent again, or at
        last where it passed it by, the oldest first: at most ``limit``, and how many. What is
        pending anyhow is none of them."""

    # -- the queue -----------------------------------------------------------------------------

    @abstractmethod
    def claim(
        self,
        now: datetime,
        until: datetime,
        *,
        each: int,
        limit: int,
        busy: Mapping[WebhookId, int],
    ) -> Sequence[Due]:
        """What is due at ``now`` to endpoints that are enabled, nobody else's before ``until``,
        claimed (``WebhookDelivery.claimed``): ``limit`` at most, and at most ``each`` to one
        endpoint, less what ``busy`` says of it. Of each endpoint the longest due first, and of
        all of them the first before any second, where those that are busy have had as many
        already: who takes long leaves room for the others."""

    @abstractmethod
    def settle(self, outcomes: Sequence[Outcome]) -> Sequence[DeliveryId]:
        """Keeps the attempts and what the deliveries have become by them. Which ones: nothing
        changes by an outcome whose claim is not the last one any more (what is asked for again
        is not that either), or of what is gone. What was cancelled meanwhile has been delivered,
        if it was, and else stays cancelled."""

    @abstractmethod
    def release(self, deliveries: Sequence[WebhookDelivery], now: datetime) -> None:
        """Claimed ones that were not sent: due at once, for whoever asks. Those of claims
        that are not the last ones any more stay as they are."""

    @abstractmethod
    def forget(self, before: datetime, limit: int) -> int:
        """Forgets deliveries that were made before, the oldest first, unless they are still to be
        sent; those of endpoints that are gone; and endpoints of scopes that are, with all that
        was in them, once nothing is to be sent there any more. At most ``limit``, and how many."""

    @abstractmethod
    def first_undelivered(self, tenant: Scope) -> int | None:
        """The number of the first entry in the chain of ``tenant`` that is still to be sent to
        an endpoint that is enabled."""
