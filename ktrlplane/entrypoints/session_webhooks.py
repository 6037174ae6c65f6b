"""What one user does with webhooks, as methods."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from ktrlplane.domain.ids import DeliveryId, WebhookId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services import webhook_deliveries as deliveries
from ktrlplane.domain.services import webhooks
from ktrlplane.domain.services.webhook_deliveries import DeliveryHistory
from ktrlplane.domain.services.webhook_views import (
    CreatedWebhook,
    CreateWebhook,
    RotatedSecret,
    UpdateWebhook,
    WantedStatus,
    WebhookView,
)
from ktrlplane.domain.webhook_deliveries import DeliveryStatus, WebhookDelivery
from ktrlplane.entrypoints.places import Place, id_of, scope_of
from ktrlplane.entrypoints.session_access import FIRST_PAGE
from ktrlplane.entrypoints.session_audit import AuditSession, require_types
from ktrlplane.ports.webhooks import DeliveryFilter


@frozen
class WebhookSession(AuditSession):
    def create_webhook(
        self, on: Place, *, url: str, event_types: Sequence[str], description: str = ""
    ) -> CreatedWebhook:
        """On an organization or a project. Its secret is shown here and never again."""
        scope = scope_of(on)
        command = CreateWebhook(url=url, event_types=tuple(event_types), description=description)
        return self._transact(
            lambda work: webhooks.create_webhook(work, scope, command, **self._by)
        )

    def webhook(self, webhook_id: WebhookId | str) -> WebhookView:
        wanted = id_of(WebhookId, webhook_id)
        return self._transact.read(lambda work: webhooks.read_webhook(work, wanted, **self._by))

    def webhooks(self, on: Place, page: PageRequest = FIRST_PAGE) -> Page[WebhookView]:
        """Those of the place itself."""
        scope = scope_of(on)
        return self._transact.read(
            lambda work: webhooks.list_webhooks(work, scope, page, **self._by)
        )

    def update_webhook(
        self,
        webhook_id: WebhookId | str,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        status: WantedStatus | str | None = None,
    ) -> WebhookView:
        """``status`` is ``enabled`` or ``paused``."""
        wanted = id_of(WebhookId, webhook_id)
        command = UpdateWebhook(
            url=url,
            event_types=None if event_types is None else tuple(event_types),
            description=description,
            status=None if status is None else WantedStatus(status),
        )
        return self._transact(
            lambda work: webhooks.update_webhook(work, wanted, command, **self._by)
        )

    def delete_webhook(self, webhook_id: WebhookId | str) -> None:
        wanted = id_of(WebhookId, webhook_id)
        self._transact(lambda work: webhooks.delete_webhook(work, wanted, **self._by))

    def rotate_webhook_secret(self, webhook_id: WebhookId | str) -> RotatedSecret:
        """The new secret is shown here and never again; the one before signs for another day."""
        wanted = id_of(WebhookId, webhook_id)
        return self._transact(lambda work: webhooks.rotate_secret(work, wanted, **self._by))

    def test_webhook(self, webhook_id: WebhookId | str) -> WebhookDelivery:
        wanted = id_of(WebhookId, webhook_id)
        return self._transact(lambda work: deliveries.send_test(work, wanted, **self._by))

    def deliveries(
        self,
        webhook_id: WebhookId | str,
        page: PageRequest = FIRST_PAGE,
        *,
        status: DeliveryStatus | None = None,
        types: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Page[WebhookDelivery]:
        """``types`` such as ``resource.created`` or ``resource.*``; ``since`` is included,
        ``until`` is not."""
        wanted = id_of(WebhookId, webhook_id)
        require_types(types)
        where = DeliveryFilter(status=status, types=types, since=since, until=until)
        return self._transact.read(
            lambda work: deliveries.list_deliveries(work, wanted, page, where, **self._by)
        )

    def delivery(
        self, webhook_id: WebhookId | str, delivery_id: DeliveryId | str
    ) -> DeliveryHistory:
        wanted, which = id_of(WebhookId, webhook_id), id_of(DeliveryId, delivery_id)
        return self._transact.read(
            lambda work: deliveries.read_delivery(work, wanted, which, **self._by)
        )

    def redeliver(
        self, webhook_id: WebhookId | str, delivery_id: DeliveryId | str
    ) -> WebhookDelivery:
        wanted, which = id_of(WebhookId, webhook_id), id_of(DeliveryId, delivery_id)
        return self._transact(lambda work: deliveries.redeliver(work, wanted, which, **self._by))

    def recover_deliveries(self, webhook_id: WebhookId | str, *, since: datetime) -> int:
        """How many are on their way again; ask again until there are none."""
        wanted, command = id_of(WebhookId, webhook_id), deliveries.RecoverDeliveries(since=since)
        recovered = self._transact(
            lambda work: deliveries.recover(work, wanted, command, **self._by)
        )
        return recovered.deliveries
