"""Logs and metrics through ``ktrlplane serve``: backends that stand still, and long answers."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from attrs import field, frozen

from tests.end_to_end.serving import DEADLINE_S, Server, children_of, ktrlplane, serving, until
from tests.postgres import Databases, as_url
from tests.webhook_receivers import Line, Receiver, receiver, response

pytestmark = pytest.mark.postgres
MANY = 30
"""More than the threads of all workers together."""
LONG = 200 * 2**20
MORE = 16 * 1024
"""KiB that a process may grow by."""
JSON = {"Content-Type": "application/json"}


@frozen
class Backend:
    """Stands still where the query says so, gives a long answer or a short one."""

    gone: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))

    def play(self, line: Line) -> None:
        while (asked := line.request()) is not None:
            if b"stand" in asked.body:
                line.wait_for_the_end()
                self.gone.release()
                return
            if b"long" in asked.body:
                head = f"Content-Type: application/json\r\nContent-Length: {LONG}"
                line.send(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
                for _ in range(LONG // 2**20):
                    line.send(b"x" * 2**20)
            else:
                line.send(response(b'{"status":"success","data":[]}', headers=JSON))


@frozen
class Plant(Server):
    ada: str
    backend: Backend

    def query(self, text: str) -> tuple[int, object]:
        return self.ask("GET", f"/resources/one/metrics/query?query={quote(text)}", self.ada)

    def opened(self, text: str) -> http.client.HTTPConnection:
        """A connection on which that has been asked."""
        connection = http.client.HTTPConnection(
            urlsplit(self.served.url).netloc, timeout=DEADLINE_S
        )
        path = f"/api/v1/resources/one/metrics/query?query={quote(text)}"
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.ada}"})
        return connection

    def sizes(self) -> dict[int, int]:
        """In KiB, by process."""
        found, todo = {}, [self.served.process.pid]
        while todo:
            pid = todo.pop()
            todo += children_of(pid)
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            sizes = [line.split()[1] for line in status if line.startswith("VmRSS")]
            found[pid] = int(sizes[0]) if sizes else 0
        return found


@pytest.fixture(scope="module")
def there() -> Iterator[tuple[Receiver, Backend]]:
    backend = Backend()
    with receiver(backend.play) as receiving:
        yield receiving, backend


@pytest.fixture(scope="module")
def plant(
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
    there: tuple[Receiver, Backend],
) -> Iterator[Plant]:
    folder, url = tmp_path_factory.mktemp("backends"), databases.make_database(None)
    receiving, backend = there
    settings = {
        "DATABASE_URL": as_url(url),
        "MIMIR_URL": receiving.url(""),
        "WORKERS": "1",
        "THREADS": "2",
    }
    with serving(folder, **settings) as served:
        ada = ktrlplane(folder, "token", "--sub", "ada").strip()
        plant = Plant(served, ada, backend)
        wish = {"id": "one", "name": "One", "type": "Konnektr.Flow", "sku": "free"}
        for path, body in (
            ("/projects", {"id": "plant", "name": "Plant"}),
            ("/projects/plant/resources", wish),
        ):
            status, said = plant.ask("POST", path, ada, body)
            assert status == 201, said
        yield plant
    databases.drop_database(url)


def test_nobody_waits_for_a_backend_that_stands_still(plant: Plant) -> None:
    """Who asks goes away in the end, and their queries end with them."""
    standing = [plant.opened("stand") for _ in range(10)]
    with ThreadPoolExecutor(MANY) as pool:
        checks = {"checks": [{"scope_type": "resource", "scope_id": "one", "action": "read"}]}

        def check() -> tuple[int, float]:
            began = time.monotonic()
            status, said = plant.ask("POST", "/permissions/check", plant.ada, checks)
            assert status == 200, said
            return status, time.monotonic() - began

        answered = list(pool.map(lambda _: check(), range(200)))
        assert {status for status, _ in answered} == {200}
        assert plant.query("up")[0] == 200
    for connection in standing:
        connection.close()
    for _ in standing:
        assert plant.backend.gone.acquire(timeout=DEADLINE_S)


def test_one_asks_only_so_much_at_once(plant: Plant) -> None:
    standing = [plant.opened("stand") for _ in range(16)]
    until(lambda: plant.query("up")[0] == 429, "a limit")
    for connection in standing:
        connection.close()
    for _ in standing:
        assert plant.backend.gone.acquire(timeout=DEADLINE_S)
    until(lambda: plant.query("up")[0] == 200, "room again")


def test_a_long_answer_takes_no_room(plant: Plant) -> None:
    plant.query("up")
    before = plant.sizes()
    connection = plant.opened("long")
    answer = connection.getresponse()
    assert answer.status == 200
    total, most = 0, dict(before)
    while part := answer.read(2**20):
        total += len(part)
        if total % (20 * 2**20) < len(part):
            most = {pid: max(size, most.get(pid, 0)) for pid, size in plant.sizes().items()}
    connection.close()
    assert total == LONG
    grown = {pid: size - before[pid] for pid, size in most.items() if pid in before}
    assert max(grown.values()) < MORE, grown


def test_a_client_that_goes_away_in_the_middle_ends_it(plant: Plant) -> None:
    connection = plant.opened("long")
    answer = connection.getresponse()
    answer.read(2**20)
    connection.close()
    answer.close()
    # Its place is free again: there is room for one long answer only.
    until(lambda: _is_long(plant), "another long answer")


def _is_long(plant: Plant) -> bool:
    connection = plant.opened("long")
    answer = connection.getresponse()
    found = answer.status == 200
    if not found:
        assert json.loads(answer.read())["code"] == "rate_limited"
    answer.close()
    connection.close()
    return found
