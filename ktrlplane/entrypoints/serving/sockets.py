"""The socket of a connection, for threads that are not to wait for its client."""

import socket
from collections import deque
from contextlib import suppress
from typing import Any, Final

MOST_AHEAD: Final = 64 * 1024
"""Bytes that wait for the client while more of the answer is made."""


class Ahead:
    """One of which a request has been read already. That is given, and nothing after it: whoever
    reads on has understood it in another way, and is not to wait for what does not come."""

    def __init__(self, sock: Any, arrived: bytes) -> None:
        self.sock = sock
        self._arrived = arrived
        self._at = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def recv(self, size: int) -> bytes:
        part = self._arrived[self._at : self._at + size]
        self._at += len(part)
        return part

    def rest(self) -> bytes:
        """Of what has been read already."""
        return self._arrived[self._at :]


class Outbox:
    """One to which an answer is written: what the client does not take at once is kept, for
    ``send_on``. Only who writes more than that, of an answer that is made while it is sent,
    waits for the client."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.size = 0
        """Bytes that are kept."""
        self._kept: deque[memoryview] = deque()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def sendall(self, data: bytes) -> None:
        """Raises: OSError."""
        if self.size > MOST_AHEAD:
            while self._kept:
                self.sock.sendall(self._kept[0])
                self.size -= len(self._kept.popleft())
        self._kept.append(memoryview(data))
        self.size += len(data)
        self.send_on()

    def send(self, data: bytes) -> int:
        """All of it, now or later. Raises: OSError."""
        self.sendall(data)
        return len(data)

    def send_on(self) -> None:
        """What the client takes now. Raises: OSError."""
        with suppress(BlockingIOError):
            while self._kept:
                sent = self.sock.send(self._kept[0], socket.MSG_DONTWAIT)
                self.size -= sent
                self._kept[0] = self._kept[0][sent:]
                if not self._kept[0]:
                    self._kept.popleft()
        self._let_go_of_what_is_sent()

    def _let_go_of_what_is_sent(self) -> None:
        """A part keeps the whole in memory."""
        if self._kept and self._kept[0].nbytes < memoryview(self._kept[0].obj).nbytes // 2:
            self._kept[0] = memoryview(bytes(self._kept[0]))
