"""Endpoints of webhooks, and what is delivered to them."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import DeliveryId, WebhookId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.webhooks import (
    DeliveryStatus,
    Due,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
)


@frozen(kw_only=True)
class DeliveryFilter:
    """``types`` are patterns (see ``is_a_pattern``), of which one must match. ``since`` is
    included, ``until`` is not; they are of when a delivery was made."""

    status: DeliveryStatus | None = None
    types: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


@frozen(kw_only=True)
class Settlement:
    """A claimed delivery as it was claimed, and as it is after an attempt."""

    claimed: WebhookDelivery
    settled: WebhookDelivery

    @property
    def attempt(self) -> WebhookAttempt:
        assert self.settled.last is not None, "an attempt was made"
        return self.settled.last


class Webhooks(Protocol):
    """Endpoints. Once the unit of work commits, each event that was added in it has a delivery
    to each endpoint of its organization and of its project that wants it and is not disabled.

    One that has ended is not there any more. Of one whose scope has ended the deliveries that
    are pending are still made, those of the unit of work that ended it included."""

    @abstractmethod
    def add(self, webhook: Webhook) -> None: ...

    @abstractmethod
    def get(self, webhook_id: WebhookId) -> Webhook:
        """Raises: NotFound."""

    @abstractmethod
    def hold(self, webhook_id: WebhookId) -> Webhook:
        """As ``get``; nobody else changes it until this unit of work ends. Raises: NotFound."""

    @abstractmethod
    def replace(self, webhook: Webhook) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def remove(self, webhook_id: WebhookId) -> None:
        """With what is pending. Raises: NotFound."""

    @abstractmethod
    def end(self, scope: Scope) -> None:
        """Those that are directly at ``scope``, which ends."""

    @abstractmethod
    def of(self, scope: Scope, page: PageRequest) -> Page[Webhook]:
        """Directly at ``scope``. Sorted by time, whichever sort is asked for."""

    @abstractmethod
    def count(self, scope: Scope) -> int:
        """Directly at ``scope``."""

    @abstractmethod
    def observe(
        self, arrived: Collection[WebhookId], failed: Collection[WebhookId], at: datetime
    ) -> Sequence[Webhook]:
        """That something arrived at some of them and nothing did at others: keeps
        ``failing_since``. Those others as they are now, by id; nobody else changes them until
        this unit of work ends."""


class Deliveries(Protocol):
    @abstractmethod
    def add(self, delivery: WebhookDelivery) -> None:
        """Nothing where there is one of this event to this endpoint."""

    @abstractmethod
    def get(self, webhook_id: WebhookId, delivery_id: DeliveryId) -> WebhookDelivery:
        """Raises: NotFound, also for another endpoint's."""

    @abstractmethod
    def replace(self, delivery: WebhookDelivery) -> None:
        """Raises: NotFound."""

    @abstractmethod
    def of(
        self, webhook_id: WebhookId, page: PageRequest, where: DeliveryFilter
    ) -> Page[WebhookDelivery]:
        """Sorted by time, whichever sort is asked for."""

    @abstractmethod
    def attempts(self, delivery_id: DeliveryId) -> Sequence[WebhookAttempt]:
        """By number."""

    @abstractmethod
    def recover(self, webhook: Webhook, since: datetime, now: datetime) -> int:
        """Makes due what happened from ``since`` on, the endpoint wants and has not got: what
        was given up, and what there is no delivery of. How many there were."""

    @abstractmethod
    def claim(
        self,
        now: datetime,
        until: datetime,
        *,
        limit: int,
        each: int,
        busy: Mapping[WebhookId, int] | None = None,
    ) -> Sequence[Due]:
        """Pending ones that are due, of endpoints that are enabled, and nobody else's until
        ``until``: ``limit`` at most, of one endpoint no more than ``each`` less what it is
        ``busy`` with. The longest due first of each endpoint, and all endpoints by turns."""

    @abstractmethod
    def release(self, claimed: Sequence[WebhookDelivery], now: datetime) -> None:
        """Gives back what was claimed and not sent."""

    @abstractmethod
    def settle(self, settlements: Sequence[Settlement]) -> Collection[DeliveryId]:
        """Keeps attempts and what came of them. Those of deliveries that were still this
        claimer's: of others nothing is kept."""

    @abstractmethod
    def forget(self, before: datetime, limit: int) -> int:
        """Forgets some that were completed before then, and of endpoints that have ended what
        is not to be sent any more, and those endpoints when nothing is left. How many
        deliveries and endpoints there were."""

    @abstractmethod
    def first_pending(self, tenant: Scope, through: int) -> int | None:
        """The number of the tenant's first entry, up to number ``through``, that is still to be
        delivered to an enabled endpoint."""

    @abstractmethod
    def drop(self, tenant: Scope, through: int) -> None:
        """Gives up what is pending of the tenant's entries up to number ``through``, which are
        about to be forgotten."""
