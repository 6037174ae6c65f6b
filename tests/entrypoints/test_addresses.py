import socket
from collections.abc import Iterator

import pytest

from ktrlplane.entrypoints.serving.addresses import Address, CannotListen, reserved


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of 127.0.0.1 that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_refused(taken: int) -> None:
    with pytest.raises(CannotListen, match=f"Port {taken} of 127.0.0.1 is in use"):
        reserved("127.0.0.1", taken).__enter__()


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(CannotListen, match=r"cannot listen on 192\.0\.2\.1"):
        reserved("192.0.2.1", 0).__enter__()


def test_any_free_port_can_be_had_and_is_kept() -> None:
    with reserved("127.0.0.1", 0) as address:
        assert address.port
        with pytest.raises(CannotListen):
            reserved("127.0.0.1", address.port).__enter__()


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="one socket a port here")
def test_those_who_share_the_port_can_listen_on_it() -> None:
    with reserved("127.0.0.1", 0) as address, socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", address.port))
        listener.listen()
        # It is they who get the connections, and never we.
        with socket.create_connection(("127.0.0.1", address.port), timeout=5) as client:
            accepted, place = listener.accept()
            accepted.close()
            assert place == client.getsockname()


def test_what_a_server_left_behind_is_no_obstacle() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        accepted.close()  # the side that closes first is left in TIME_WAIT
        client.close()
    with reserved("127.0.0.1", port) as address:
        assert address.port == port


@pytest.mark.parametrize(
    ("host", "url", "bind"),
    [
        ("127.0.0.1", "http://127.0.0.1:80", "127.0.0.1:80"),
        ("localhost", "http://localhost:80", "localhost:80"),
        ("0.0.0.0", "http://127.0.0.1:80", "0.0.0.0:80"),
        ("::", "http://[::1]:80", "[::]:80"),
        ("::1", "http://[::1]:80", "[::1]:80"),
    ],
)
def test_an_address_is_written_as_each_reader_wants_it(host: str, url: str, bind: str) -> None:
    address = Address(host, 80)
    assert (address.url, address.bind) == (url, bind)
