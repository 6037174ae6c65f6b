"""``python -m benchmarks.deliveries``: events on their way to a receiver on this machine.

First how long one is on its way, from its commit until it arrives, while little happens; then
how many a second arrive while a worker works off what has piled up. The worker is a process of
its own.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import define, field

from ktrlplane import ControlPlane
from ktrlplane.domain.access import Scope
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.session import Session
from ktrlplane.entrypoints.settings import Settings

ACME = OrganizationId("acme")
LOCAL = "127.0.0.0/8"
GOAL_P50_MS, GOAL_RATE = 100, 500


@define
class Receiver:
    """Answers everything at once, and keeps when what arrived."""

    port: int = 0
    arrived: list[tuple[float, str]] = field(factory=list)

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.arrived.append((time.time(), json.loads(body)["event_id"]))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """In a thread, for as long as the process lives."""
    receiver, ready = Receiver(), threading.Event()
    serve = threading.Thread(
        target=lambda: asyncio.run(receiver._serve(ready)),  # noqa: SLF001
        daemon=True,
    )
    serve.start()
    ready.wait()
    yield receiver


@contextmanager
def working(url: str, folder: Path) -> Iterator[None]:
    variables = {"DATABASE_URL": url, "DATA_DIR": str(folder), "WEBHOOK_ALLOW": LOCAL}
    ours = {f"KTRLPLANE_{name}": value for name, value in variables.items()}
    worker = subprocess.Popen(
        [sys.executable, "-m", "ktrlplane", "worker"],
        env=os.environ | ours,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()


def until(receiver: Receiver, count: int) -> None:
    while len(receiver.arrived) < count:
        time.sleep(0.01)


def on_the_way_ms(ada: Session, receiver: Receiver, count: int) -> Sequence[float]:
    """Of one event after the other, ten a second."""
    committed: list[float] = []
    for number in range(count):
        ada.update_organization(ACME, name=f"Acme {number}")
        committed.append(time.time())
        time.sleep(0.1)
    until(receiver, count)
    return [
        (arrived - at) * 1000 for at, (arrived, _) in zip(committed, receiver.arrived, strict=True)
    ]


def pile_up(control: ControlPlane, count: int, at: datetime) -> None:
    path, data = [Scope.of(ACME)], {"before": {"name": "A"}, "after": {"name": "B" * 300}}
    for _ in range(count // 1000):
        made = [
            Event.about(path, EventType.ORGANIZATION_UPDATED, actor=OPERATOR, at=at, data=data)
            for _ in range(1000)
        ]
        control.transact(lambda work, made=made: work.events.add(made))  # type: ignore[misc]


def measure(control: ControlPlane, url: str, folder: Path, given: Any) -> None:
    ada = control.sign_in("ada")
    ada.create_organization(name="Acme", id=ACME)
    with receiving() as receiver:
        hook = f"http://127.0.0.1:{receiver.port}/"
        for number in range(given.endpoints):
            ada.create_webhook(ACME, url=f"{hook}{number}", event_types=["organization.*"])
        first = ada.webhooks(ACME).items[-1]
        for other in ada.webhooks(ACME).items[:-1]:
            ada.update_webhook(other.webhook_id, status="paused")
        with working(url, folder):
            ada.update_webhook(first.webhook_id, status="enabled")
            ada.update_organization(ACME, name="Ready")
            until(receiver, 1)
            receiver.arrived.clear()
            took = on_the_way_ms(ada, receiver, given.events)
        for other in ada.webhooks(ACME).items:
            ada.update_webhook(other.webhook_id, status="enabled")
        pile_up(control, given.pending, control.platform.now())
        receiver.arrived.clear()
        expected = given.pending * given.endpoints
        with working(url, folder):
            until(receiver, expected)
    p50, p99 = statistics.median(took), statistics.quantiles(took, n=100)[98]
    rate = expected / (receiver.arrived[-1][0] - receiver.arrived[0][0])
    print(f"from commit to arrival, p50   {p50:6.0f} ms   (goal {GOAL_P50_MS})")
    print(f"from commit to arrival, p99   {p99:6.0f} ms")
    print(f"of {expected:,} that piled up      {rate:6.0f} a second   (goal {GOAL_RATE})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--pending", type=int, default=2000, help="events that have piled up")
    parser.add_argument("--endpoints", type=int, default=5)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        begun = Container(settings=Settings(data_dir=folder / "data"))
        url = stack.enter_context(begun.database().open())
        opening = ControlPlane.postgres(url, migrate=True, webhook_allow=LOCAL)
        control = stack.enter_context(opening)
        measure(control, url, folder / "data", given)


if __name__ == "__main__":
    main()
