"""``python -m benchmarks``: what requests cost, as ratios to a bare Falcon route.

Both run under the same server with the same workers, by turns in every round, so that
whatever else the machine does falls on both. Only the ratios mean something elsewhere.
"""

import argparse
import statistics
import tempfile
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import orjson

from benchmarks import data
from benchmarks.servers import Request, rate, serving
from ktrlplane.domain.paging import Sort, cursor_of
from ktrlplane.domain.services.operator import synchronize_catalog
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.http.cursors import Place, listing, write_cursor
from ktrlplane.entrypoints.settings import Settings

BARE = Request(name="a bare Falcon route", path="/bare")


def requests(container: Container, size: data.Size) -> Sequence[Request]:
    owner, auditor = (
        {"Authorization": f"Bearer {_token(container, who)}"}
        for who in (data.OWNER_OF_ONE, data.AUDITOR)
    )
    kind = container.catalog().resource_types[0]
    new = {"name": "Bench", "type": kind.type, "sku": kind.tiers[0].sku}
    return [
        Request(name="GET /resources/{id}", path="/api/v1/resources/resource-7", headers=owner),
        Request(
            name="GET /permissions/check",
            path="/api/v1/permissions/check?scopeType=resource&scopeId=resource-7",
            headers=owner,
        ),
        Request(
            name="GET /resources, 50 of 100", path="/api/v1/resources?limit=50", headers=owner
        ),
        Request(
            name=f"GET /resources, 50 of {size.resources:,}, first page",
            path="/api/v1/resources?limit=50",
            headers=auditor,
        ),
        Request(
            name="the same, last page by cursor",
            path=f"/api/v1/resources?limit=50&cursor={_deep(size)}",
            headers=auditor,
        ),
        Request(
            name="POST /projects/{id}/resources",
            path="/api/v1/projects/project-7/resources",
            method="POST",
            headers=owner | {"Content-Type": "application/json"},
            body=orjson.dumps(new).decode(),
        ),
    ]


def _deep(size: data.Size) -> str:
    """Newest first: what is left after it is the oldest fifty."""
    number = 50
    created_at, _ = data.times_of(number)
    sort = Sort.CREATED_AT_DESCENDING
    after = cursor_of(sort, name="", created_at=created_at, identity=f"resource-{number}")
    return write_cursor(Place(sort, after, listing("/api/v1/resources", {})))


def _token(container: Container, who: str) -> str:
    return container.local_issuer().mint(
        who,
        email=f"{who}@example.com",
        email_verified=True,
        name=who.title(),
        is_service_account=False,
        ttl_s=24 * 3600,
    )


def _check(url: str, asked: Sequence[Request]) -> None:
    """What is measured must be what it says."""
    for request in asked:
        if (request.method == "GET" and "50 of" in request.name) or "last page" in request.name:
            sent = urllib.request.Request(url + request.path, headers=dict(request.headers))
            with urllib.request.urlopen(sent) as answer:
                assert len(orjson.loads(answer.read())["items"]) == 50, request.name


def measure(
    server: str, container: Container, size: data.Size, rounds: int, seconds: float
) -> None:
    asked = requests(container, size)
    environ = container.settings().environment()
    rates: dict[str, list[float]] = {request.name: [] for request in (BARE, *asked)}
    with ExitStack() as stack:
        bare = stack.enter_context(serving(server, "benchmarks.bare:app", "/bare", {}))
        ours = stack.enter_context(
            serving(server, "ktrlplane.entrypoints.http.wsgi:app", "/health/ready", environ)
        )
        _check(ours, asked)
        for number in range(rounds + 1):
            for request in (BARE, *asked):
                found = rate(bare if request is BARE else ours, request, seconds)
                if number > 0:  # the first round only warms up
                    rates[request.name].append(found)
    _print(server, rates)


def _print(server: str, rates: dict[str, list[float]]) -> None:
    base = statistics.median(rates[BARE.name])
    print(f"\n{server}: medians of {len(rates[BARE.name])} rounds")
    print(f"{'':58}{'per second':>12}{'ratio':>8}")
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"{name:58}{median:12,.0f}{median / base:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--server", choices=("gunicorn", "granian"), action="append")
    parser.add_argument("--small", action="store_true", help="a hundredth of the data")
    parser.add_argument("--data-dir", type=Path, help="keep the data there, to measure again")
    given = parser.parse_args()
    size = (
        data.Size(organizations=100, projects=200, resources=1_000, assignments=5_000, users=500)
        if given.small
        else data.Size()
    )
    with ExitStack() as stack:
        folder = given.data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory()), "data")
        begun = Container(settings=Settings(data_dir=folder))
        url = stack.enter_context(begun.database().open())
        container = Container(settings=Settings(data_dir=folder, database_url=url, rate_limit=""))
        container.migrations().apply()
        platform = container.platform()
        container.transact()(lambda work: synchronize_catalog(work, platform=platform))
        if not data.is_filled(url):
            print("Filling the database ...", flush=True)
            data.fill(url, size, container.catalog())
        for server in given.server or ["gunicorn"]:
            measure(server, container, size, given.rounds, given.seconds)
        container.shutdown_resources()


if __name__ == "__main__":
    main()
