"""``python -m benchmarks.telling``: what it costs to tell a change, on creating a resource.

Resources are created through the whole application, in process, by turns with and without
telling, so that whatever else the machine does falls on both.
"""

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from falcon import testing

from ktrlplane.adapters.postgres.events import PostgresEvents
from ktrlplane.domain.services import transitions
from ktrlplane.domain.services.operator import synchronize_catalog
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.http.app import create_app
from ktrlplane.entrypoints.logs import configure_logs
from ktrlplane.entrypoints.settings import Settings

PROJECTS = 20
WARM_UP = 100


@contextmanager
def untold() -> Iterator[None]:
    """Events are neither made nor kept."""
    add, changes, event_of = PostgresEvents.add, transitions.changes, transitions.event_of
    PostgresEvents.add = lambda self, events: None  # type: ignore[method-assign]
    transitions.changes = lambda *_: {"before": None, "after": None}
    transitions.event_of = lambda *_, **__: None  # type: ignore[assignment]
    try:
        yield
    finally:
        PostgresEvents.add = add  # type: ignore[method-assign]
        transitions.changes, transitions.event_of = changes, event_of


@contextmanager
def creating() -> Iterator[Callable[[int], float]]:
    """What creates a resource in the project of a number, and says how many seconds it took."""
    with tempfile.TemporaryDirectory() as folder:
        begun = Container(settings=Settings(data_dir=Path(folder, "data")))
        with begun.database().open() as url:
            settings = Settings(
                data_dir=Path(folder, "data"), database_url=url, rate_limit="", log_level="warning"
            )
            configure_logs(settings)
            container = Container(settings=settings)
            container.migrations().apply()
            platform = container.platform()
            container.transact()(lambda work: synchronize_catalog(work, platform=platform))
            yield _creator(container)
            container.shutdown_resources()


def _creator(container: Container) -> Callable[[int], float]:
    client = testing.TestClient(create_app(container))
    token = container.local_issuer().mint(
        "bench",
        email="bench@example.com",
        email_verified=True,
        name="Bench",
        is_service_account=False,
        ttl_s=24 * 3600,
    )
    headers = {"Authorization": f"Bearer {token}"}
    for number in range(PROJECTS):
        wanted = {"id": f"project-{number}", "name": "Bench"}
        client.simulate_post("/api/v1/projects", json=wanted, headers=headers)
    kind = container.catalog().resource_types[0]
    new = {"name": "Bench", "type": kind.type, "sku": kind.tiers[-1].sku}

    def create(number: int) -> float:
        path = f"/api/v1/projects/project-{number}/resources"
        began = time.perf_counter()
        answer = client.simulate_post(path, json=new, headers=headers)
        took = time.perf_counter() - began
        assert answer.status_code == 201, answer.text
        return took

    return create


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    pairs = parser.parse_args().pairs
    told: list[float] = []
    not_told: list[float] = []
    with creating() as create:
        gc.collect()
        gc.freeze()
        for number in range(pairs + WARM_UP):
            told.append(create(number % PROJECTS))
            with untold():
                not_told.append(create(number % PROJECTS))
    with_it, without = (statistics.median(took[WARM_UP:]) * 1000 for took in (told, not_told))
    print(f"a create, told      {with_it:8.2f} ms")
    print(f"a create, not told  {without:8.2f} ms")
    print(f"telling costs       {(with_it / without - 1) * 100:8.1f} %   (goal 15 %)")


if __name__ == "__main__":
    main()
