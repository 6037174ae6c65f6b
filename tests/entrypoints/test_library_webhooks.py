"""Webhooks from Python."""

import pytest

from ktrlplane.domain.errors import Forbidden, NotFound, ValidationFailed
from ktrlplane.domain.webhook_deliveries import DeliveryStatus
from ktrlplane.domain.webhooks import EndpointStatus
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session

URL = "https://hooks.example.org/in?key=hidden-key"


@pytest.fixture
def control() -> ControlPlane:
    return ControlPlane.in_memory()


@pytest.fixture
def ada(control: ControlPlane) -> Session:
    session = control.sign_in("ada", email="ada@example.com", name="Ada")
    session.create_organization(id="acme", name="Acme")
    session.create_project(id="atlas", name="Atlas", org_id="acme")
    return session


def test_webhooks_are_made_read_listed_changed_and_deleted(ada: Session) -> None:
    made = ada.create_webhook("project:atlas", url=URL, event_types=["*"], description="Ours.")
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    assert "hidden-key" not in repr(made)
    seen = ada.webhook(made.webhook_id)
    assert not hasattr(seen, "secret")
    assert (seen.url, seen.description) == (URL, "Ours.")
    assert ada.webhooks("project:atlas").items == [seen]
    assert ada.webhooks("organization:acme").items == []
    changed = ada.update_webhook(seen.webhook_id, event_types=["project.*"], status="paused")
    assert (changed.event_types, changed.status) == (("project.*",), EndpointStatus.PAUSED)
    assert ada.update_webhook(str(seen.webhook_id), description="Theirs.").status == "paused"
    rotated = ada.rotate_webhook_secret(seen.webhook_id)
    assert rotated.secret != made.secret
    assert rotated.secret not in repr(rotated)
    ada.delete_webhook(seen.webhook_id)
    with pytest.raises(NotFound):
        ada.webhook(seen.webhook_id)


def test_what_is_wrong_is_refused(control: ControlPlane, ada: Session) -> None:
    with pytest.raises(ValidationFailed):
        ada.create_webhook("organization:acme", url="https://10.0.0.1/", event_types=["*"])
    with pytest.raises(ValueError, match="types of events"):
        ada.create_webhook("organization:acme", url=URL, event_types=[])
    ada.create_resource(
        "atlas", id="g", name="Graph", type="Konnektr.Graph", sku="free", preset="development"
    )
    with pytest.raises(ValidationFailed, match="organizations and projects"):
        ada.create_webhook("resource:g", url=URL, event_types=["*"])
    made = ada.create_webhook("organization:acme", url=URL, event_types=["*"])
    with pytest.raises(ValueError, match="disabled"):
        ada.update_webhook(made.webhook_id, status="disabled")
    with pytest.raises(ValidationFailed):
        ada.deliveries(made.webhook_id, types=["project"])
    bob = control.sign_in("bob", email="bob@example.com")
    with pytest.raises(NotFound):
        bob.webhook(made.webhook_id)
    ada.grant("Viewer", on="organization:acme", to="bob")
    with pytest.raises(Forbidden):
        bob.webhook(made.webhook_id)


def test_deliveries_are_looked_at_and_asked_for_again(ada: Session) -> None:
    made = ada.create_webhook("organization:acme", url=URL, event_types=["group.*"])
    test = ada.test_webhook(made.webhook_id)
    ada.create_group("acme", name="Crew")
    group, first = ada.deliveries(made.webhook_id).items
    assert first == test
    assert ada.deliveries(made.webhook_id, types=["group.*"]).items == [group]
    assert ada.deliveries(made.webhook_id, status=DeliveryStatus.FAILED).items == []
    history = ada.delivery(made.webhook_id, group.delivery_id)
    assert (history.delivery, list(history.attempts)) == (group, [])
    again = ada.redeliver(made.webhook_id, str(group.delivery_id))
    assert again.status is DeliveryStatus.PENDING
    since = test.created_at
    assert ada.recover_deliveries(made.webhook_id, since=since) == 0
    with pytest.raises(ValidationFailed):
        ada.recover_deliveries(made.webhook_id, since=since.replace(tzinfo=None))
    with pytest.raises(NotFound):
        ada.redeliver(made.webhook_id, "dlv_1")
