"""Something between a client and PostgreSQL, as poolers and networks are."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final

from attrs import define, field
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_KEY_DATA: Final = b"K\x00\x00\x00\x0c"
"""What begins the message that tells a client the number of its server's process."""


@define
class Between:
    """``renumbers``: clients are told another process's number, as a pooler does. While it
    ``is_open``, what is said goes through; otherwise it is held back and nobody hangs up."""

    server: str
    renumbers: bool = False
    is_open: Event = field(factory=Event)
    clients: int = 0
    _listening: socket.socket = field(factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _sockets: list[socket.socket] = field(factory=list)

    @property
    def url(self) -> str:
        port = self._listening.getsockname()[1]
        return make_conninfo(self.server, host="127.0.0.1", port=port, sslmode="disable")

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self.clients += 1
                server = self._connect()
                self._sockets += [client, server]
                for pair in ((client, server), (server, client)):
                    Thread(target=self._pump, args=pair, daemon=True).start()

    def close(self) -> None:
        self.is_open.set()
        for one in (self._listening, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _connect(self) -> socket.socket:
        known = conninfo_to_dict(self.server)
        host, port = str(known["host"]), known.get("port", 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, int(str(port))))
        made = socket.socket(socket.AF_UNIX)
        made.connect(f"{host}/.s.PGSQL.{port}")
        return made

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while said := source.recv(65536):
                self.is_open.wait()
                target.sendall(self._renumbered(said) if self.renumbers else said)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _renumbered(said: bytes) -> bytes:
        before, found, after = said.partition(_KEY_DATA)
        return before + found + (b"\x00\x00\x00\x01" + after[4:] if found else b"")


@contextmanager
def between(server: str, *, renumbers: bool = False) -> Iterator[Between]:
    """``server`` is a connection string."""
    made = Between(server, renumbers)
    made.is_open.set()
    accepting = Thread(target=made.run, daemon=True)
    accepting.start()
    try:
        yield made
    finally:
        made.close()
        accepting.join(10)
