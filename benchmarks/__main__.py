"""``python -m benchmarks``: what requests cost, as ratios to a bare Falcon route.

All are loaded by turns in every round, so that whatever else the machine does falls on all of
them. The bare route is served by the first server named. Only the ratios mean something
elsewhere.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from attrs import evolve, frozen
from psycopg.conninfo import make_conninfo

from benchmarks import data
from benchmarks.questions import BARE, checks, consistent, look_right, reads_and_changes
from benchmarks.servers import Request, rate, serving
from ktrlplane.domain.services.operator import synchronize_catalog
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.settings import Settings

APP, READY = "ktrlplane.entrypoints.http.wsgi:app", "/health/ready"
FEW = 5_000
"""Assignments in the smaller of two databases that are alike in all else."""


@frozen
class Measured:
    """A request to a server, and how many a second it answered in each round."""

    server: str
    url: str
    request: Request
    rates: list[float]


@contextmanager
def subjects(
    servers: Sequence[str], container: Container, asked: Sequence[Request], few: Container | None
) -> Iterator[Sequence[Measured]]:
    """The bare route first. ``few`` has the same with fewer assignments."""
    with ExitStack() as stack:
        found = []
        for server in servers:
            bare = stack.enter_context(serving(server, "benchmarks.bare:app", BARE.path, {}))
            found.append(Measured(server, bare, BARE, []))
            environ = container.settings().environment()
            ours = stack.enter_context(serving(server, APP, READY, environ))
            look_right(ours, asked)
            found += [Measured(server, ours, request, []) for request in asked]
            if few is not None:
                environ = few.settings().environment()
                other = stack.enter_context(serving(server, APP, READY, environ))
                request = consistent(few)
                look_right(other, [request])
                request = evolve(request, name=f"{request.name}, {FEW:,} assignments")
                found.append(Measured(server, other, request, []))
        yield found


def measure(measured: Sequence[Measured], rounds: int, seconds: float) -> None:
    for number in range(rounds + 1):
        for one in measured:
            found = rate(one.url, one.request, seconds)
            if number > 0:  # the first round only warms up
                one.rates.append(found)


def show(measured: Sequence[Measured]) -> None:
    base = statistics.median(measured[0].rates)
    print(f"\nmedians of {len(measured[0].rates)} rounds, and their ratios to the first line")
    for one in measured:
        median = statistics.median(one.rates)
        print(f"{one.server:10}{one.request.name:72}{median:10,.0f}{median / base:8.2f}")


def ready(folder: Path, url: str, size: data.Size) -> Container:
    """What serves the database at ``url``, which has been filled."""
    container = Container(settings=Settings(data_dir=folder, database_url=url, rate_limit=""))
    container.migrations().apply()
    platform = container.platform()
    container.transact()(lambda work: synchronize_catalog(work, platform=platform))
    if not data.is_filled(url):
        print(f"Filling a database with {size.assignments:,} assignments ...", flush=True)
        data.fill(url, size, container.catalog())
    return container


def beside(url: str, name: str) -> str:
    """Another database on the server of ``url``, made where it is not there."""
    with psycopg.connect(url, autocommit=True) as connection:
        is_there = "SELECT FROM pg_database WHERE datname = %s"
        if connection.execute(is_there, (name,)).fetchone() is None:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    parts = make_conninfo(url, dbname=name)
    return data.as_url(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--server", choices=("gunicorn", "granian"), action="append")
    parser.add_argument("--checks", action="store_true", help="nothing but permission checks")
    parser.add_argument("--small", action="store_true", help="a hundredth of the data")
    parser.add_argument("--data-dir", type=Path, help="keep the data there, to measure again")
    given = parser.parse_args()
    size = data.SMALL if given.small else data.Size()
    with ExitStack() as stack:
        folder = given.data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory()), "data")
        begun = Container(settings=Settings(data_dir=folder))
        url = stack.enter_context(begun.database().open())
        container, few = ready(folder, url, size), None
        stack.callback(container.shutdown_resources)
        asked = list(checks(container, size))
        if given.checks and not given.small:
            few = ready(folder, beside(url, "few"), evolve(size, assignments=FEW))
            stack.callback(few.shutdown_resources)
        elif not given.checks:
            asked += reads_and_changes(container, size)
        servers = given.server or ["gunicorn"]
        measured = stack.enter_context(subjects(servers, container, asked, few))
        measure(measured, given.rounds, given.seconds)
        show(measured)


if __name__ == "__main__":
    main()
