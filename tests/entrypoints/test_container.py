from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from attrs import evolve

from ktrlplane.domain.addresses import Reach
from ktrlplane.entrypoints.container import Container, in_memory, replaced
from ktrlplane.entrypoints.settings import Settings, WrongSettings
from ktrlplane.ports.database import DatabaseUnavailable
from ktrlplane.ports.delivery import Closed, Failure, Outgoing
from tests.builders import NOW


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, stripe_webhook_secret="whsec_1")


@pytest.fixture
def container(settings: Settings, fresh_database: str) -> Iterator[Container]:
    made = Container(settings=evolve(settings, database_url=fresh_database))
    yield made
    made.shutdown_resources()


@pytest.mark.postgres
def test_every_provider_can_be_built(container: Container) -> None:
    container.check_dependencies()
    for name, provider in container.providers.items():
        assert provider() is not None, name


@pytest.mark.postgres
def test_everything_is_made_once(container: Container) -> None:
    for name, provider in container.providers.items():
        assert provider() is provider(), name


def test_an_outside_issuer_is_asked_at_its_own_address(settings: Settings) -> None:
    outside = evolve(settings, auth_issuer="https://t.example.com/", auth_audience="kp")
    tokens = Container(settings=outside).tokens()
    assert "https://t.example.com/.well-known/jwks.json" in repr(vars(vars(tokens)["_keys"]))


def test_without_an_address_the_embedded_database_is_for_serve(settings: Settings) -> None:
    with pytest.raises(DatabaseUnavailable, match="KTRLPLANE_DATABASE_URL"):
        Container(settings=settings).units()


def test_mail_goes_to_the_server_that_is_set_or_else_to_the_log(settings: Settings) -> None:
    assert type(Container(settings=settings).mail()).__name__ == "LogMail"
    served = evolve(
        settings, smtp_url="smtps://mail.example.com", public_url="https://kp.example.com"
    )
    assert type(Container(settings=served).mail()).__name__ == "SmtpMail"


def test_webhooks_go_where_the_operator_says(settings: Settings) -> None:
    local = ip_network("127.0.0.0/8")
    for container in (
        Container(settings=evolve(settings, webhook_allow=(local,))),
        in_memory(evolve(settings, webhook_allow=(local,))),
    ):
        assert container.platform().webhook_reach == Reach((local,))
        delivery = container.delivery()
        container.shutdown_resources()
        delivery.close()
    assert in_memory(settings).platform().webhook_reach == Reach()


def test_webhooks_go_over_the_network_until_the_container_ends(settings: Settings) -> None:
    container = Container(settings=settings)
    delivery = container.delivery()
    sent = Outgoing(url="https://127.0.0.1/", headers={}, body=b"")
    assert type(delivery).__name__ == "NetworkDelivery"
    assert delivery.send(sent).result().failure is Failure.REFUSED_ADDRESS
    container.shutdown_resources()
    with pytest.raises(Closed):
        delivery.send(sent)


def test_a_mail_server_without_a_sender_is_told(settings: Settings) -> None:
    with pytest.raises(WrongSettings, match="KTRLPLANE_MAIL_FROM must be set"):
        Container(settings=evolve(settings, smtp_url="smtps://mail.example.com")).mail()


def test_in_memory_there_is_no_database_and_no_issuer() -> None:
    container = in_memory()
    assert type(container.units()).__module__ == "ktrlplane.adapters.memory.unit_of_work"
    assert type(container.tokens()).__module__ == "ktrlplane.adapters.memory.tokens"
    assert type(container.mail()).__module__ == "ktrlplane.adapters.memory.mail"
    assert container.transact().units is container.units()


def test_an_adapter_that_is_replaced_is_the_one_that_others_get() -> None:
    class Stopped:
        def now(self) -> object:
            return NOW

    clock = Stopped()
    container = replaced(in_memory(), clock=clock, units=None)
    assert container.platform().clock is clock
    assert container.units() is not None
    assert in_memory().platform().clock is not clock


@pytest.mark.postgres
def test_a_simulated_provider_has_pages_where_this_machine_alone_is_served(
    container: Container,
) -> None:
    pages = container.payment_pages()
    assert pages is not None
    settings = container.settings()
    others = (
        evolve(settings, stripe_secret_key="sk_test_1"),
        evolve(settings, auth_issuer="https://t.example.com/", auth_audience="kp"),
    )
    for other in others:
        assert Container(settings=other).payment_pages() is None
    own = replaced(Container(settings=settings), payments=object())
    assert own.payment_pages() is None
