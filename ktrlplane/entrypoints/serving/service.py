"""``serve``: everything in order, then the children, then everything back."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog
from attrs import evolve, frozen

from ktrlplane.domain.services.operator import synchronize_catalog
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.container.payments import simulated_customer
from ktrlplane.entrypoints.demo import Pass, fill_in, introduction
from ktrlplane.entrypoints.serving.addresses import Address, CannotListen, reserved
from ktrlplane.entrypoints.serving.supervisor import (
    Child,
    ServingFailed,
    Supervisor,
    answers_ready,
)
from ktrlplane.entrypoints.serving.web import has
from ktrlplane.entrypoints.setting_values import is_loopback
from ktrlplane.entrypoints.settings import PREFIX, Settings

_log = structlog.get_logger(__name__)


@frozen(kw_only=True)
class Wanted:
    settings: Settings
    server: str
    demo: bool
    with_worker: bool


def serve_until_told(wanted: Wanted, *, say: Callable[[str], object]) -> None:
    """Until SIGTERM or SIGINT. In the main thread.

    Raises: CannotListen, DatabaseUnavailable, CannotMigrate, BrokenCatalog, ServingFailed.
    """
    settings = wanted.settings
    _check(wanted)
    Container(settings=settings).catalog()
    with (
        reserved(settings.host, settings.port) as address,
        Container(settings=settings).database().open() as url,
    ):
        settings = evolve(settings, database_url=url, port=address.port)
        passes = _prepare(settings, demo=wanted.demo)
        environ = _environ(settings, os.environ)
        Supervisor(
            web=_web(wanted.server, address, environ),
            worker=_worker(settings, address) if wanted.with_worker else None,
            is_ready=lambda: answers_ready(address.url),
            on_ready=lambda: _announce(address, passes, say),
        ).run()


def _check(wanted: Wanted) -> None:
    host = wanted.settings.host
    if wanted.settings.is_local_issuer and not is_loopback(host):
        raise CannotListen(
            f"Anybody who reads the data directory can sign in as anybody here, so {host} is "
            "refused: set KTRLPLANE_AUTH_ISSUER and KTRLPLANE_AUTH_AUDIENCE, or serve on "
            "127.0.0.1."
        )
    if wanted.demo and not wanted.settings.is_local_issuer:
        raise ServingFailed(
            "--demo makes tokens of the local issuer, which KTRLPLANE_AUTH_ISSUER replaces: "
            "leave one of them out."
        )
    if not has(wanted.server):
        raise ServingFailed(
            f"{wanted.server} is not installed: install KtrlPlane with the extra fast "
            "(pip install '.[fast]' in a clone), or leave --server out."
        )


def _prepare(settings: Settings, *, demo: bool) -> Sequence[Pass]:
    """The database as this version wants it. Nothing stays open: children open their own."""
    container = Container(settings=settings)
    try:
        applied = container.migrations().apply()
        platform, transact = container.platform(), container.transact()
        transact(lambda work: synchronize_catalog(work, platform=platform))
        _log.info("database_ready", migrations=applied, catalog=platform.catalog.platform)
        if settings.is_local_issuer:
            # Its key is there before anybody asks for a token or verifies one.
            issuer = container.local_issuer()
            customers = partial(simulated_customer, container.payments())
            return fill_in(transact, platform, issuer.mint, customers) if demo else ()
        return ()
    finally:
        container.shutdown_resources()


def _announce(address: Address, passes: Sequence[Pass], say: Callable[[str], object]) -> None:
    say(f"KtrlPlane is ready at {address.url}")
    if passes:
        for line in introduction(address.url, passes):
            say(line)


def _web(server: str, address: Address, environ: Mapping[str, str]) -> Child:
    module = "ktrlplane.entrypoints.serving.web"
    arguments = (server, address.host, str(address.port), str(os.getpid()))
    return Child("web", (module, *arguments), environ)


def _worker(settings: Settings, address: Address) -> Child:
    # It meets no client who could tell it where this is, and writes links into mails.
    known = evolve(settings, public_url=settings.public_url or address.url)
    arguments = ("ktrlplane.entrypoints.serving.background", str(os.getpid()))
    return Child("worker", arguments, _environ(known, os.environ))


def _environ(settings: Settings, ours: Mapping[str, str]) -> dict[str, str]:
    """The children's: settings are resolved once, by the parent."""
    others = {name: text for name, text in ours.items() if not name.startswith(PREFIX)}
    return others | settings.environment()
