"""How much of a request must be there before somebody is made to read it."""

import re
from typing import Final

from attrs import define, field, frozen

from ktrlplane.entrypoints.http.bodies import MAX_BYTES

MOST_WAITED_FOR: Final = 32 * 1024
"""Bytes of head and body that are left where they are. A head may not be larger."""
MOST_TAKEN: Final = MAX_BYTES + 128 * 1024
"""Bytes of a request that says its length only as it comes, with what says it."""
MOST_CHUNKS: Final = 1024
"""And one more for each so many bytes: who sends a byte at a time makes us count for long."""
BYTES_A_CHUNK: Final = 128
LONGEST_LINE: Final = 8 * 1024
"""Of those that say how long a chunk is."""

_END: Final = b"\r\n\r\n"
# Anybody may send any head: no two parts of these can take the same characters.
_FRAMING: Final = re.compile(rb"\n(content-length|transfer-encoding|expect):([^\r\n]*)\r")
_LENGTH: Final = re.compile(rb"0*([0-9]{1,9})")
_SIZE: Final = re.compile(rb"([0-9a-fA-F]+)[ \t]*(?:;[^\r\n]*)?\r\n")


class HeadTooLarge(Exception):
    """The head of a request has no end within what is waited for."""


class BodyTooLarge(Exception):
    """Of a body that says its length only as it comes, more comes than anybody reads, of it or of
    what says that."""


@frozen
class Head:
    """Of a request: ``end`` is where its body begins, ``length`` that of the body, None where it
    comes in chunks. Of what nobody is going to read, or understand, no body is waited for. Who
    ``expects`` it waits to be told before they send the body."""

    end: int
    length: int | None
    expects: bool

    @property
    def is_taken(self) -> bool:
        """Whether what is there of it is not left where it is."""
        is_large = self.length is None or self.end + self.length > MOST_WAITED_FOR
        return is_large or self.expects


def head_of(arrived: bytes) -> Head | None:
    """None where there is no end of it yet. Raises: HeadTooLarge."""
    end = arrived.find(_END)
    if end < 0:
        if len(arrived) >= MOST_WAITED_FOR:
            raise HeadTooLarge
        return None
    end += len(_END)
    said: dict[bytes, list[bytes]] = {}
    for name, value in _FRAMING.findall(arrived[:end].lower()):
        said.setdefault(name, []).append(value.strip(b" \t"))
    line = arrived.lstrip(b"\r\n").partition(b"\r\n")[0]
    expects = set(said.pop(b"expect", ())) == {b"100-continue"} and not line.endswith(b"/1.0")
    codings = b",".join(said.pop(b"transfer-encoding", []))
    if codings and not said and codings.rpartition(b",")[2].strip(b" \t") == b"chunked":
        return Head(end, None, expects)
    lengths = said.pop(b"content-length", [])
    told = _LENGTH.fullmatch(lengths[0]) if len(lengths) == 1 and not codings else None
    if told is None:
        return Head(end, 0, expects=False)
    length = int(told[1])
    return Head(end, length if length <= MAX_BYTES else 0, expects)


@define(eq=False)
class Arrival:
    """A request whose head is there."""

    head: Head
    _at: int = field(init=False)
    """Where the next chunk begins."""
    _chunks: int = 0

    @_at.default
    def _(self) -> int:
        return self.head.end

    @property
    def is_in_chunks(self) -> bool:
        return self.head.length is None

    def missing(self, arrived: bytes | bytearray) -> int:
        """How many bytes at least must follow ``arrived``, from the beginning of the request,
        before it is worth reading; 0 if it is. Raises: BodyTooLarge."""
        if self.head.length is None:
            return self._missing_of_chunks(arrived)
        return max(0, self.head.end + self.head.length - len(arrived))

    def _missing_of_chunks(self, arrived: bytes | bytearray) -> int:
        while True:
            end = arrived.find(b"\r\n", self._at, self._at + LONGEST_LINE)
            if end < 0:
                _require(len(arrived) - self._at < LONGEST_LINE)
                return 1
            said = _SIZE.match(arrived, self._at)
            if said is None:
                return 0  # who reads it says what is wrong
            size = int(said[1], 16)
            if size == 0:
                is_there = arrived.find(_END, end) >= 0
                _require(is_there or len(arrived) - end < MOST_WAITED_FOR)
                return int(not is_there)
            following = end + size + 4
            _require(following <= self.head.end + MOST_TAKEN)
            _require(self._chunks <= MOST_CHUNKS + (self._at - self.head.end) // BYTES_A_CHUNK)
            if following > len(arrived):
                return following - len(arrived)
            self._at = following
            self._chunks += 1


def _require(is_within: bool) -> None:  # noqa: FBT001 - as assert reads
    if not is_within:
        raise BodyTooLarge
