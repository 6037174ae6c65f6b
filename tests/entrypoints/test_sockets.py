"""What is written to a connection arrives whole and in order, and waits for nobody."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.entrypoints.serving.sockets import MOST_AHEAD, Ahead, Outbox

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(60)
        yield here, there


def _taken(there: socket.socket, outbox: Outbox) -> bytes:
    """All of it, by a client that takes what there is and no more."""
    parts = []
    while outbox.size:
        parts.append(there.recv(2**16))
        outbox.send_on()
    outbox.sock.shutdown(socket.SHUT_WR)
    while part := there.recv(2**16):
        parts.append(part)
    return b"".join(parts)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, MOST_AHEAD // 4)), max_size=4))
def test_what_is_written_arrives_in_order(writes: list[tuple[bool, int]]) -> None:
    here, there = socket.socketpair()
    with here, there:
        outbox, written = Outbox(here), b""
        for number, (is_word, size) in enumerate(writes):
            data = bytes([number]) * size
            written += data
            if is_word:
                assert outbox.send(data) == size
            else:
                outbox.sendall(data)
        assert _taken(there, outbox) == written


def test_a_word_in_between_waits_for_nobody(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    outbox = Outbox(here)
    filled = 0
    with suppress(BlockingIOError):
        while True:
            filled += here.send(bytes(2**16), socket.MSG_DONTWAIT)
    assert outbox.send(CONTINUE) == len(CONTINUE)
    assert outbox.size == len(CONTINUE)
    assert _taken(there, outbox) == bytes(filled) + CONTINUE


def test_of_a_long_answer_no_more_is_kept_than_is_not_taken(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    here, there = ends
    outbox, length = Outbox(here), 2**24
    outbox.sendall(bytes(length))
    while outbox.size > length // 4:
        there.recv(2**16)
        outbox.send_on()
    assert memoryview(outbox._kept[0].obj).nbytes < length // 2


@given(st.binary(max_size=20), st.binary(min_size=1, max_size=20), st.integers(1, 25))
def test_of_what_was_read_nothing_follows(arrived: bytes, later: bytes, size: int) -> None:
    """Nobody waits for more of a request that is whole."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(later)
        ahead, read = Ahead(here, arrived), b""
        while part := ahead.recv(size):
            read += part
            assert read + ahead.rest() == arrived
        assert read == arrived
        assert here.recv(100) == later
