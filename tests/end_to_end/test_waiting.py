"""Requests that wait for a resource: any number of them, and nobody else notices."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from attrs import field, frozen

from tests.end_to_end.serving import DEADLINE_S, Server, Serving, ktrlplane, serving
from tests.postgres import Databases, as_url

pytestmark = pytest.mark.postgres
MANY = 40
"""More than the threads of all workers together."""
THREADS = {"WORKERS": "1", "THREADS": "2", "RATE_LIMIT": "100000/minute"}


@frozen
class Plant(Server):
    ada: str
    robot: str
    _numbers: Iterator[int] = field(factory=lambda: count(1))

    def resource(self) -> str:
        """A new one, Creating."""
        wish = {
            "id": f"r-{next(self._numbers)}",
            "name": "R",
            "type": "Konnektr.Flow",
            "sku": "free",
        }
        status, made = self.ask("POST", "/projects/plant/resources", self.ada, wish)
        assert status == 201, made
        return str(made["resource_id"])

    def waits(self, resource: str, seconds: int = 30) -> str:
        status, found = self.ask("GET", f"/resources/{resource}?wait={seconds}", self.ada)
        assert status == 200, found
        return str(found["status"])

    def settles(self, resource: str) -> None:
        report = {"observed_generation": 1, "health": "Healthy"}
        status, said = self.ask("PUT", f"/resources/{resource}/status", self.robot, report)
        assert status == 200, said


def a_plant(served: Serving, folder: Path, url: str) -> Plant:
    def token(sub: str, *more: str) -> str:
        return ktrlplane(folder, "token", "--sub", sub, *more).strip()

    plant = Plant(served, token("ada"), token("robot@clients", "--m2m"))
    role = ("--role", "service-account-reconciler", "--scope-type", "global")
    ktrlplane(folder, "grant", "--principal", "robot@clients", *role, DATABASE_URL=url)
    status, said = plant.ask("POST", "/projects", plant.ada, {"id": "plant", "name": "Plant"})
    assert status == 201, said
    return plant


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[str]:
    url = databases.make_database(None)
    yield as_url(url)
    databases.drop_database(url)


@pytest.fixture(scope="module")
def plant(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("waiting")
    with serving(folder, DATABASE_URL=database, **THREADS) as served:
        yield a_plant(served, folder, database)
        assert served.stop() == 0


@pytest.fixture
def many() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY) as pool:
        yield pool


def test_who_waits_is_answered_when_it_has_settled_and_keeps_nobody_waiting(
    plant: Plant, many: ThreadPoolExecutor
) -> None:
    resource = plant.resource()
    waiting = [many.submit(plant.waits, resource) for _ in range(MANY)]
    for _ in range(10):
        assert plant.ask("GET", f"/resources/{resource}", plant.ada)[1]["status"] == "Creating"
    assert not any(one.done() for one in waiting)
    plant.settles(resource)
    assert {one.result(DEADLINE_S) for one in waiting} == {"Running"}
    assert plant.waits(resource) == "Running"


def test_nobody_waits_for_longer_than_they_want(plant: Plant) -> None:
    assert plant.waits(plant.resource(), 1) == "Creating"


def test_who_may_not_see_it_or_asks_too_much_does_not_wait(plant: Plant) -> None:
    resource = plant.resource()
    assert plant.ask("GET", f"/resources/{resource}?wait=30", plant.robot)[0] == 404
    for wrong in ("31", "-1", "soon"):
        status, said = plant.ask("GET", f"/resources/{resource}?wait={wrong}", plant.ada)
        assert (status, said["errors"][0]["pointer"]) == (422, "/wait")


def test_a_connection_goes_on_after_waiting(plant: Plant) -> None:
    resource = plant.resource()
    connection = HTTPConnection(urlsplit(plant.served.url).netloc, timeout=DEADLINE_S)
    headers = {"Authorization": f"Bearer {plant.ada}"}
    for seconds in (1, 0, 1):
        connection.request("GET", f"/api/v1/resources/{resource}?wait={seconds}", headers=headers)
        answer = connection.getresponse()
        assert json.load(answer)["resource_id"] == resource
    connection.close()


def _asking(plant: Plant, path: str) -> bytes:
    head = f"GET /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {plant.ada}\r\n\r\n"
    return head.encode()


def _answer(client: socket.socket) -> Any:
    response = HTTPResponse(client)
    response.begin()
    return json.loads(response.read(int(response.headers["Content-Length"])))


def _connected(plant: Plant) -> socket.socket:
    place = urlsplit(plant.served.url)
    return socket.create_connection((place.hostname, place.port), timeout=DEADLINE_S)


def test_who_sends_the_next_request_meanwhile_has_both_answered_in_order(plant: Plant) -> None:
    resource = plant.resource()
    with _connected(plant) as client:
        client.sendall(_asking(plant, f"/resources/{resource}?wait=1"))
        client.sendall(_asking(plant, "/organizations"))
        told = b""
        while told.count(b"HTTP/1.1 200 OK") < 2 or not told.endswith(b"}"):
            told += client.recv(65536)
    assert told.index(b'"Creating"') < told.index(b'"items"')


def test_who_hangs_up_is_forgotten(plant: Plant) -> None:
    resource = plant.resource()
    with ExitStack() as clients:
        for _ in range(MANY):
            client = clients.enter_context(_connected(plant))
            client.sendall(_asking(plant, f"/resources/{resource}?wait=30"))
    plant.settles(resource)
    assert plant.waits(resource) == "Running"


def test_who_will_send_no_more_is_answered_at_once(plant: Plant) -> None:
    resource = plant.resource()
    with _connected(plant) as client:
        client.sendall(_asking(plant, f"/resources/{resource}?wait=30"))
        client.shutdown(socket.SHUT_WR)
        began = time.monotonic()
        assert _answer(client)["status"] == "Creating"
        assert client.recv(1) == b""
    assert time.monotonic() - began < DEADLINE_S / 2


def test_who_will_send_no_more_while_they_wait_is_answered_then(plant: Plant) -> None:
    resource = plant.resource()
    with _connected(plant) as client:
        client.sendall(_asking(plant, f"/resources/{resource}?wait=30"))
        assert plant.waits(resource, 1) == "Creating"  # the other one waits by now
        client.shutdown(socket.SHUT_WR)
        assert _answer(client)["status"] == "Creating"


def test_a_stop_answers_those_who_wait(
    database: str, tmp_path: Path, many: ThreadPoolExecutor
) -> None:
    with serving(tmp_path, DATABASE_URL=database, **THREADS) as served:
        plant = Plant(served, ktrlplane(tmp_path, "token", "--sub", "ada").strip(), "")
        wish = {"id": "last", "name": "R", "type": "Konnektr.Flow", "sku": "free"}
        assert plant.ask("POST", "/projects", plant.ada, {"id": "final", "name": "F"})[0] == 201
        assert plant.ask("POST", "/projects/final/resources", plant.ada, wish)[0] == 201
        with _connected(plant) as client:
            client.sendall(_asking(plant, "/resources/last?wait=30"))
            assert plant.waits("last", 1) == "Creating"  # the other one waits by now
            assert served.stop() == 0
            assert _answer(client)["status"] == "Creating"


@pytest.mark.skipif(find_spec("granian") is None, reason="granian is not installed")
def test_where_requests_cannot_be_put_aside_a_few_wait_and_the_rest_are_answered_at_once(
    database: str, tmp_path: Path, many: ThreadPoolExecutor
) -> None:
    with serving(
        tmp_path, "--server", "granian", DATABASE_URL=database, WORKERS="1", THREADS="4"
    ) as served:
        plant = Plant(served, ktrlplane(tmp_path, "token", "--sub", "ada").strip(), "")
        wish = {"id": "granite", "name": "R", "type": "Konnektr.Flow", "sku": "free"}
        assert plant.ask("POST", "/projects", plant.ada, {"id": "quarry", "name": "Q"})[0] == 201
        assert plant.ask("POST", "/projects/quarry/resources", plant.ada, wish)[0] == 201
        waiting = [many.submit(plant.waits, "granite", 5) for _ in range(10)]
        assert plant.ask("GET", "/resources/granite", plant.ada)[0] == 200
        assert {one.result(DEADLINE_S) for one in waiting} == {"Creating"}
        assert served.stop() == 0
