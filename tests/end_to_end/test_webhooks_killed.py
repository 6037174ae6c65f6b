"""However often workers are killed while they send: every event arrives, at least once, and each
delivery tells the truth."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from attrs import define, field, frozen
from standardwebhooks import Webhook as Verifier

from ktrlplane import ControlPlane
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.entrypoints.session import Session
from tests.end_to_end.judging import Database
from tests.end_to_end.killing import stopped, workers_in
from tests.end_to_end.serving import DEADLINE_S, until
from tests.mail_servers import mail_server
from tests.postgres import as_url

pytestmark = pytest.mark.postgres

EVENTS: Final = int(os.environ.get("KTRLPLANE_TEST_EVENTS", "500"))
"""By hand, as many as you like: ``KTRLPLANE_TEST_EVENTS=5000 pytest -s`` this file."""
SEED: Final = int(os.environ.get("KTRLPLANE_TEST_KILLS_SEED", "1"))
FEWEST: Final = 5
"""Of kills, however fast the machine is."""
MOODS: Final = {
    "steady": ("answers",),
    "moody": ("answers", "answers", "fails", "closes", "breaks off"),
    "slow": ("answers", "answers", "stalls"),
}
STALL_S: Final = 0.3
ACME: Final = OrganizationId("acme")


@frozen
class Arrived:
    endpoint: str
    headers: dict[str, str]
    body: bytes
    status: int | None
    """None where there was no answer, or not all of one."""


@define
class Receiver:
    """Keeps what arrives, and does by each path what its mood is."""

    rng: random.Random
    port: int = 0
    arrived: list[Arrived] = field(factory=list)
    lock: threading.Lock = field(factory=threading.Lock)

    def url(self, endpoint: str) -> str:
        return f"http://127.0.0.1:{self.port}/{endpoint}"

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        endpoint = request.path.removeprefix("/")
        with self.lock:
            mood = self.rng.choice(MOODS[endpoint])
        status = {"answers": 200, "stalls": 200, "fails": 500}.get(mood)
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self.lock:
            self.arrived.append(Arrived(endpoint, headers, body, status))
        if mood == "stalls":
            time.sleep(STALL_S)
        if mood == "breaks off":
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        if status is None:
            request.close_connection = True
            return
        request.send_response(status)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"ok")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Whoever asked was killed."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver(random.Random(SEED))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            receiver.take(self)

        def log_message(self, *_: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@frozen
class Delivered:
    endpoint: str
    event_id: str
    status: str
    attempts: int
    answers: Sequence[int | None]


def rows(database: Database, names: dict[str, str]) -> list[Delivered]:
    with psycopg.connect(database.url) as connection:
        found = connection.execute("""
            SELECT d.webhook_id, d.event_id, d.status, d.attempts,
                array_remove(array_agg(a.response_status ORDER BY a.number), NULL),
                count(a.number)
            FROM ktrlplane.webhook_deliveries d
            LEFT JOIN ktrlplane.webhook_attempts a USING (delivery_id)
            GROUP BY d.delivery_id
        """).fetchall()
    for *_, attempts, _answers, kept in found:
        assert attempts == kept
    return [
        Delivered(names[webhook_id], event_id, status, attempts, answers)
        for webhook_id, event_id, status, attempts, answers, _ in found
    ]


def let_time_pass(database: Database) -> None:
    """As if pauses between attempts, and leases of the dead, were over."""
    with psycopg.connect(database.url) as connection:
        connection.execute("""
            UPDATE ktrlplane.webhook_deliveries
            SET next_attempt_at = now(), leased_until = NULL
            WHERE status = 'pending' AND next_attempt_at > now() + interval '2 seconds'
                AND (leased_until IS NULL OR leased_until < now() + interval '57 seconds')
        """)


def work(ada: Session, stop: threading.Event, done: Counter[str]) -> None:
    for number in range(EVENTS):
        if stop.is_set():
            return
        ada.update_organization(ACME, name=f"Acme {number}")
        done["events"] += 1


def test_every_event_arrives_and_each_delivery_tells_the_truth(
    fresh_database: str, tmp_path: Path
) -> None:
    database, rng = Database(fresh_database), random.Random(SEED)
    done: Counter[str] = Counter()
    stop = threading.Event()
    with (
        mail_server() as box,
        receiving() as receiver,
        ControlPlane.postgres(database.url, migrate=True, webhook_allow="127.0.0.0/8") as control,
        workers_in(tmp_path, as_url(database.url), box, rng) as workers,
    ):
        ada = control.sign_in("ada", email="ada@example.com", name="Ada")
        ada.create_organization(name="Acme", id=ACME)
        made = {
            endpoint: ada.create_webhook(
                ACME, url=receiver.url(endpoint), event_types=["organization.*"]
            )
            for endpoint in MOODS
        }
        names = {one.webhook_id.value: endpoint for endpoint, one in made.items()}
        working = threading.Thread(target=work, args=(ada, stop, done))
        working.start()
        try:
            began = time.monotonic()
            while working.is_alive() or workers.kills < FEWEST:
                assert time.monotonic() < began + 4 * DEADLINE_S
                workers.kill_who_is_due(how_many=2)
                let_time_pass(database)
                stop.wait(0.02)
        finally:
            stop.set()
            working.join()
        workers.kill_all()

        def is_done() -> bool:
            let_time_pass(database)
            left = {one.status for one in rows(database, names)} - {"delivered"}
            if left == {"failed"}:  # ten times in a row, which happens
                for one in made.values():
                    ada.recover_deliveries(one.webhook_id, since=one.created_at)
            return not left

        with workers.one_that_lives() as last:
            until(is_done, "all to arrive")
            stopped(last)
        kept = rows(database, names)
        print(  # noqa: T201 - for who lets it run by hand
            f"{workers.kills} kills, {done['events']} events, {len(kept)} deliveries, "
            f"{len(receiver.arrived)} requests, {sum(one.attempts for one in kept)} noted"
        )
        assert workers.complaints() == []
    assert done["events"] == EVENTS
    assert Counter(one.endpoint for one in kept) == dict.fromkeys(MOODS, EVENTS)
    answered: dict[tuple[str, str], Counter[int]] = {}
    for one in receiver.arrived:
        said = Verifier(made[one.endpoint].secret).verify(one.body, one.headers)
        assert said["event_id"] == one.headers["webhook-id"]
        if one.status is not None:
            place = one.endpoint, said["event_id"]
            answered.setdefault(place, Counter())[one.status] += 1
    for row in kept:
        theirs = answered[row.endpoint, row.event_id]
        assert theirs[200] >= 1
        assert row.answers[-1] == 200
        # What was noted was answered; what was answered to the dead was noted by nobody.
        assert Counter(row.answers) <= theirs
