"""Which adapter stands behind which port. Nobody else names one."""

from collections.abc import Iterator
from functools import cache

from dependency_injector import containers, providers

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.embedded import EmbeddedPostgres
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.adapters.mail import LogMail, SmtpMail
from ktrlplane.adapters.memory.bell import SilentBell
from ktrlplane.adapters.memory.delivery import MemoryDelivery
from ktrlplane.adapters.memory.mail import MemoryMail
from ktrlplane.adapters.memory.telemetry import MemoryTelemetry
from ktrlplane.adapters.memory.tokens import MemoryTokens
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.adapters.postgres.bell import PostgresBell
from ktrlplane.adapters.postgres.decisions import Decisions
from ktrlplane.adapters.postgres.listening import Listener
from ktrlplane.adapters.postgres.migrate import Migrations
from ktrlplane.adapters.postgres.pool import Pool, open_pool
from ktrlplane.adapters.postgres.server import ExternalPostgres
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.adapters.system import SystemClock
from ktrlplane.adapters.telemetry import HttpTelemetry
from ktrlplane.adapters.tokens import (
    LOCAL_AUDIENCE,
    LOCAL_ISSUER,
    JwksUrl,
    JwtTokens,
    LocalIssuer,
    LocalKeys,
)
from ktrlplane.adapters.webhooks import NetworkDelivery
from ktrlplane.domain.addresses import Reach
from ktrlplane.domain.catalog import BrokenCatalog, Catalog
from ktrlplane.domain.services.platform import Observability, Platform
from ktrlplane.entrypoints.consulting import ConsultPayments
from ktrlplane.entrypoints.container.payments import (
    payment_notices_of,
    payment_pages_of,
    payment_provider_of,
    payments_in_memory,
    payments_of,
)
from ktrlplane.entrypoints.returning import returns
from ktrlplane.entrypoints.settings import Settings, WrongSettings
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.database import DatabaseServer, DatabaseUnavailable
from ktrlplane.ports.delivery import Delivery
from ktrlplane.ports.identity import Tokens
from ktrlplane.ports.jobs import Bell
from ktrlplane.ports.mail import Mail
from ktrlplane.ports.payment_notices import PaymentNotices
from ktrlplane.ports.payment_pages import PaymentPages
from ktrlplane.ports.payments import Payments
from ktrlplane.ports.schemas import SettingsValidator
from ktrlplane.ports.telemetry import Telemetry
from ktrlplane.ports.unit_of_work import UnitsOfWork


def _catalog(settings: Settings, validator: SettingsValidator) -> Catalog:
    if settings.catalog is None:
        return _shipped()
    try:
        return load_catalog(settings.catalog, validator)
    except BrokenCatalog as broken:
        raise BrokenCatalog(broken.faults, str(settings.catalog)) from None


@cache
def _shipped() -> Catalog:
    """It takes 0.2 s to check, and never changes."""
    return load_catalog(default_catalog(), JsonSchemaValidator())


def _database(settings: Settings) -> DatabaseServer:
    if settings.database_url is None:
        return EmbeddedPostgres(settings.data_dir)
    return ExternalPostgres(settings.database_url, called="KTRLPLANE_DATABASE_URL")


def _pool(settings: Settings) -> Iterator[Pool]:
    pool = open_pool(_url(settings), max_size=settings.pool_size)
    try:
        yield pool
    finally:
        pool.close()


def _listener(settings: Settings) -> Iterator[Listener | None]:
    if settings.decision_cache == 0:
        yield None
        return
    listener = Listener(_url(settings), Decisions(settings.decision_cache))
    try:
        yield listener
    finally:
        listener.close()


def _migrations(settings: Settings) -> Migrations:
    return Migrations(_url(settings))


def _url(settings: Settings) -> str:
    if settings.database_url is None:
        raise DatabaseUnavailable(
            "Set KTRLPLANE_DATABASE_URL: the embedded PostgreSQL is there inside "
            "ktrlplane serve alone."
        )
    return settings.database_url


def _tokens(settings: Settings, clock: Clock) -> Tokens:
    if settings.jwks_url is None:
        keys = LocalKeys(settings.data_dir)
        return JwtTokens(keys, clock, issuer=LOCAL_ISSUER, audience=LOCAL_AUDIENCE)
    return JwtTokens(
        JwksUrl(settings.jwks_url, clock),
        clock,
        issuer=settings.auth_issuer or "",
        audience=settings.auth_audience or "",
    )


def _mail(settings: Settings, clock: Clock) -> Mail:
    if settings.smtp_url is None:
        return LogMail()
    if settings.sender is None:
        raise WrongSettings(["KTRLPLANE_MAIL_FROM must be set to send mail."])
    return SmtpMail(settings.smtp_url, clock, sender=settings.sender)


def _reach(settings: Settings) -> Reach:
    return Reach(settings.webhook_allow)


def _delivery(clock: Clock, reach: Reach) -> Iterator[Delivery]:
    delivery = NetworkDelivery(clock, reach)
    try:
        yield delivery
    finally:
        delivery.close()


def _telemetry(settings: Settings) -> Iterator[Telemetry]:
    telemetry = HttpTelemetry(settings.backends)
    try:
        yield telemetry
    finally:
        telemetry.close()


def _observability(settings: Settings) -> Observability:
    return Observability(
        label=settings.observability_label,
        tenant=settings.observability_tenant,
        longest=settings.observability_span,
        backends=frozenset(settings.backends),
    )


def _bell(settings: Settings) -> Bell:
    return PostgresBell(_url(settings))


class Container(containers.DeclarativeContainer):
    """``Container(settings=...)``. Everything is made when first asked for, once in a process;
    the pool after the process was forked, until ``shutdown_resources``."""

    settings: providers.Provider[Settings] = providers.Dependency(instance_of=Settings)
    clock: providers.Provider[Clock] = providers.ThreadSafeSingleton(SystemClock)
    validator: providers.Provider[SettingsValidator] = providers.ThreadSafeSingleton(
        JsonSchemaValidator
    )
    catalog: providers.Provider[Catalog] = providers.ThreadSafeSingleton(
        _catalog, settings, validator
    )
    tokens: providers.Provider[Tokens] = providers.ThreadSafeSingleton(_tokens, settings, clock)
    local_issuer: providers.Provider[LocalIssuer] = providers.ThreadSafeSingleton(
        LocalIssuer, settings.provided.data_dir, clock
    )
    mail: providers.Provider[Mail] = providers.ThreadSafeSingleton(_mail, settings, clock)
    webhook_reach: providers.Provider[Reach] = providers.ThreadSafeSingleton(_reach, settings)
    delivery: providers.Provider[Delivery] = providers.Resource(_delivery, clock, webhook_reach)
    database: providers.Provider[DatabaseServer] = providers.ThreadSafeSingleton(
        _database, settings
    )
    migrations: providers.Provider[Migrations] = providers.ThreadSafeSingleton(
        _migrations, settings
    )
    pool: providers.Provider[Pool] = providers.Resource(_pool, settings)
    listener: providers.Provider[Listener | None] = providers.Resource(_listener, settings)
    units: providers.Provider[UnitsOfWork] = providers.ThreadSafeSingleton(
        PostgresUnitsOfWork, pool, listener
    )
    bell: providers.Provider[Bell] = providers.ThreadSafeSingleton(_bell, settings)
    payment_provider: providers.Provider[Payments] = providers.ThreadSafeSingleton(
        payment_provider_of, settings, clock, catalog, pool.provider
    )
    payments: providers.Provider[Payments] = providers.ThreadSafeSingleton(
        payments_of, settings, payment_provider, units.provider
    )
    payment_notices: providers.Provider[PaymentNotices | None] = providers.ThreadSafeSingleton(
        payment_notices_of, settings
    )
    payment_pages: providers.Provider[PaymentPages | None] = providers.ThreadSafeSingleton(
        payment_pages_of, settings, payments.provider
    )
    """For who shows them, to this machine alone: whoever asks for them has portals lead there."""
    consult: providers.Provider[ConsultPayments] = providers.ThreadSafeSingleton(
        ConsultPayments, payments.provider
    )
    telemetry: providers.Provider[Telemetry] = providers.Resource(_telemetry, settings)
    transact: providers.Provider[Transact] = providers.ThreadSafeSingleton(
        Transact, units, consult
    )
    platform: providers.Provider[Platform] = providers.ThreadSafeSingleton(
        Platform,
        catalog=catalog,
        validator=validator,
        clock=clock,
        reserved_ids=settings.provided.reserved_ids,
        deletion_grace=settings.provided.deletion_grace,
        invitation_ttl=settings.provided.invitation_ttl,
        payment_grace=settings.provided.payment_grace,
        webhook_reach=webhook_reach,
        may_return_to=providers.Callable(returns, settings),
        payment_notices=payment_notices,
        observability=providers.Callable(_observability, settings),
    )


def replaced(container: Container, **adapters: object) -> Container:
    """``container`` with these instead of what it would make, by the provider's name."""
    for name, adapter in adapters.items():
        if adapter is not None:
            getattr(container, name).override(providers.Object(adapter))
    return container


def on_postgres(url: str) -> Container:
    """For a program that gives the address itself."""
    container = Container(settings=Settings(database_url=url))
    server = providers.ThreadSafeSingleton(ExternalPostgres, url)
    container.database.override(server)
    return container


def in_memory(settings: Settings | None = None) -> Container:
    """Nothing behind it but this process: no database, no issuer, no mail server, no network."""
    container = Container(settings=settings or Settings())
    container.units.override(providers.ThreadSafeSingleton(MemoryUnitsOfWork))
    container.tokens.override(providers.ThreadSafeSingleton(MemoryTokens, container.clock))
    container.mail.override(providers.ThreadSafeSingleton(MemoryMail))
    container.delivery.override(
        providers.ThreadSafeSingleton(MemoryDelivery, container.clock, container.webhook_reach)
    )
    container.telemetry.override(providers.ThreadSafeSingleton(MemoryTelemetry))
    container.bell.override(providers.ThreadSafeSingleton(SilentBell))
    container.payments.override(
        providers.ThreadSafeSingleton(payments_in_memory, container.clock, container.catalog)
    )
    return container
