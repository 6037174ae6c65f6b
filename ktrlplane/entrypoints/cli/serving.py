"""``ktrlplane serve`` and ``ktrlplane worker``."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Never

import click

from ktrlplane.entrypoints.cli.databases import current
from ktrlplane.entrypoints.cli.health import tell_health
from ktrlplane.entrypoints.cli.options import config_option, settings_of
from ktrlplane.entrypoints.jobs import Outside, jobs_of, recorder
from ktrlplane.entrypoints.logs import configure_logs
from ktrlplane.entrypoints.serving.service import Wanted, serve_until_told
from ktrlplane.entrypoints.settings import DEMO_DEFAULTS
from ktrlplane.entrypoints.worker import Worker, run_until_told


@click.command()
@click.option("--host", help="Where to listen; 127.0.0.1 unless said otherwise.")
@click.option("--port", type=int, help="8080 unless said otherwise; 0 takes any free one.")
@click.option("--workers", type=int, help="Processes that answer requests; 2 unless said.")
@click.option("--demo", is_flag=True, help="Fill in a small platform and print tokens for it.")
@click.option("--no-worker", is_flag=True, help="Leave the background work to others.")
@click.option("--server", type=click.Choice(["gunicorn", "granian"]), default="gunicorn")
@config_option
@click.pass_context
def serve(
    context: click.Context,
    *,
    host: str | None,
    port: int | None,
    workers: int | None,
    demo: bool,
    no_worker: bool,
    server: str,
) -> None:
    """Migrate the database, then serve the API, with the background worker beside it."""
    settings = settings_of(
        context,
        defaults=DEMO_DEFAULTS if demo else None,
        host=host,
        port=port,
        workers=workers,
    )
    configure_logs(settings)
    wanted = Wanted(settings=settings, server=server, demo=demo, with_worker=not no_worker)
    with _stops():
        serve_until_told(wanted, say=click.echo)


@click.command()
@click.option(
    "--check", is_flag=True, help="Only tell how the work goes; exit 1 if any of it is late."
)
@config_option
@click.pass_context
def worker(context: click.Context, *, check: bool) -> int:
    """Do only the background work. Any number may run, on any number of machines."""
    settings = settings_of(context)
    if check:
        with current(settings) as container:
            return tell_health(container)
    configure_logs(settings)
    with _stops(), current(settings) as container:
        platform = container.platform()
        transact = container.transact()
        mail, delivery = container.mail(), container.delivery()
        payments = container.payments
        outside = Outside(mail, delivery, payments, settings.public_url or "")
        jobs = jobs_of(transact, platform, outside)
        listen, record = container.bell().listen, recorder(transact)
        run_until_told(Worker(jobs, platform.now, listen=listen, record=record))
    return 0


@contextmanager
def _stops() -> Iterator[None]:
    """Until better handlers are there, a stop unwinds what has been begun. Told is done: it
    is no failure."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.signal(number, _unwind) for number in numbers]
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _unwind(_number: int, _frame: FrameType | None) -> Never:
    raise KeyboardInterrupt
