import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from ktrlplane.adapters.memory.clock import ManualClock
from tests.adapters.tokens.token_forge import Forge, JwksServer


@pytest.fixture(scope="session")
def forge() -> Forge:
    return Forge(generate_private_key(public_exponent=65537, key_size=2048), "first")


@pytest.fixture(scope="session")
def stranger() -> Forge:
    return Forge(generate_private_key(public_exponent=65537, key_size=2048), "second")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server() -> Iterator[JwksServer]:
    told = JwksServer()
    told.gate.set()
    told.body_gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that had enough of a slow or a long answer hangs up."""

    with Server(("127.0.0.1", 0), Handler) as listening:
        told.url = f"http://127.0.0.1:{listening.server_port}/jwks.json"
        serving = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield told
        told.gate.set()
        told.body_gate.set()
        listening.shutdown()
        serving.join()
