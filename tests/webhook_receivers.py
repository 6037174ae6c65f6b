"""Receivers of webhooks on this machine: some answer, and some do anything else."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

from attrs import define, field, frozen


@frozen
class Arrived:
    """A request as it came in; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """Counts those of the receiver, from 1."""


@define
class Line:
    """One connection, seen from the receiver."""

    sock: socket.socket
    number: int
    arrived: list[Arrived]
    over: threading.Event
    stream: BinaryIO = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.stream = self.sock.makefile("rb")

    def request(self) -> Arrived | None:
        """The next one, or None where the sender has gone."""
        line = self.stream.readline().decode("latin-1").strip()
        if not line:
            return None
        headers = {}
        while text := self.stream.readline().decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        body = self.stream.read(int(headers.get("content-length", "0")))
        self.arrived.append(Arrived(line, headers, body, self.number))
        return self.arrived[-1]

    def send(self, content: bytes) -> None:
        self.sock.sendall(content)

    def wait(self) -> None:
        """Until the test is over."""
        self.over.wait()

    def wait_for_the_end(self) -> None:
        """Until the sender has gone."""
        with contextlib.suppress(OSError):
            while self.sock.recv(65536):
                pass


@define
class Receiver:
    port: int
    arrived: list[Arrived] = field(factory=list)
    ended: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    """Once for every connection whose part is played."""

    def url(self, path: str = "/hook", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


Part = Callable[[Line], None]


def response(
    body: bytes = b"ok", status: str = "200 OK", headers: dict[str, str] | None = None
) -> bytes:
    told = {"Content-Length": str(len(body))} | (headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def answering(content: bytes) -> Part:
    """Every request with ``content``."""

    def play(line: Line) -> None:
        while line.request() is not None:
            line.send(content)

    return play


def saying(*parts: bytes) -> Part:
    """The parts, whatever is asked, and nothing more until the sender goes."""

    def play(line: Line) -> None:
        line.request()
        for part in parts:
            line.send(part)
        line.wait_for_the_end()

    return play


def repeating(content: bytes, start: bytes = b"") -> Part:
    """Without end, as fast as it is taken."""

    def play(line: Line) -> None:
        line.request()
        line.send(start)
        with contextlib.suppress(OSError):
            while True:
                line.send(content)

    return play


@contextlib.contextmanager
def receiver(
    part: Part, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Receiver]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family, backlog=1000)
    made = Receiver(listener.getsockname()[1])
    over = threading.Event()
    players: list[threading.Thread] = []
    socks: list[socket.socket] = []

    def serve(sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(made.ended.release)
            stack.enter_context(sock)
            client = tls.wrap_socket(sock, server_side=True) if tls else sock
            stack.enter_context(client)
            line = Line(client, number, made.arrived, over)
            stack.enter_context(line.stream)
            part(line)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                socks.append(sock)
                players.append(threading.Thread(target=serve, args=(sock, len(socks))))
                players[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield made
    finally:
        over.set()
        for ending in (listener, *socks):
            with contextlib.suppress(OSError):
                ending.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *players):
            thread.join()


@contextlib.contextmanager
def silent_receiver() -> Iterator[Receiver]:
    """Takes connections, hundreds of them, and never looks at one."""
    with socket.create_server(("127.0.0.1", 0), backlog=2000) as listener:
        yield Receiver(listener.getsockname()[1])
