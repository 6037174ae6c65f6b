import pytest

from ktrlplane.entrypoints.http.bodies import MAX_BYTES
from ktrlplane.entrypoints.serving.arrivals import (
    LONGEST_LINE,
    MOST_CHUNKS,
    MOST_TAKEN,
    MOST_WAITED_FOR,
    Arrival,
    BodyTooLarge,
    HeadTooLarge,
    head_of,
)

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n"


def missing(arrived: bytes) -> int:
    head = head_of(arrived)
    return 1 if head is None else Arrival(head).missing(arrived)


@pytest.mark.parametrize(
    ("arrived", "still"),
    [
        (b"", 1),
        (b"G", 1),
        (HEAD[:-1], 1),
        (HEAD, 10),
        (HEAD + b"1234", 6),
        (HEAD + b"1234567890", 0),
        (HEAD + b"1234567890GET", 0),
        (b"GET / HTTP/1.1\r\n\r\n", 0),
        (b"garbage\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\ncontent-LENGTH:\t7 \r\n\r\n", 7),
        (b"POST / HTTP/1.1\r\nContent-Length: -7\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nX-Content-Length: 7\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 1),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 0),
        (CHUNKED.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: identity\r\n\r\n"), 0),
        (CHUNKED.replace(b"\r\nT", b"\r\nTransfer-Encoding: identity\r\nT"), 1),
        (b"POST / HTTP/1.1\r\nContent-Length: 0000000000007\r\n\r\n", 7),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n", 7),
        (CHUNKED, 1),
        (CHUNKED + b"5", 1),
        (CHUNKED + b"5\r\n", 7),
        (CHUNKED + b"5\r\n1234", 3),
        (CHUNKED + b"5\r\n12345\r\n", 1),
        (CHUNKED + b"5;a=b\r\n12345\r\n0\r\n", 1),
        (CHUNKED + b"5\r\n12345\r\n0\r\n\r\n", 0),
        (CHUNKED + b"0\r\nTrailer: x\r\n\r\n", 0),
        (CHUNKED + b"0\r\nTrailer: x\r\n", 1),
        (CHUNKED + b"zz\r\n", 0),
        (CHUNKED + b"-1\r\n", 0),
        (CHUNKED + b"0" * 100 + b"9\r\n{", 10),
        (CHUNKED + b"0" * 100 + b"\r\n\r\n", 0),
    ],
)
def test_a_request_is_waited_for_until_it_is_whole(arrived: bytes, still: int) -> None:
    assert missing(arrived) == still


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_chunks_are_counted_as_they_come(step: int) -> None:
    whole = CHUNKED + b"".join(b"%x\r\n%s\r\n" % (size, b"a" * size) for size in (1, 20, 300, 7))
    whole += b"0\r\n\r\n"
    head = head_of(whole)
    assert head is not None
    arrival = Arrival(head)
    ends = list(range(head.end, len(whole), step))
    for end in ends:
        assert 0 < arrival.missing(whole[:end]) <= len(whole) - end
    assert arrival.missing(whole) == 0


def test_whoever_sends_much_may_send_it_in_many_chunks() -> None:
    """A text that is written as it is made, line by line."""
    line = b"80\r\n" + b"a" * 128 + b"\r\n"
    assert missing(CHUNKED + line * (MAX_BYTES // 128) + b"0\r\n\r\n") == 0


def test_what_is_large_is_not_left_where_it_is() -> None:
    small, large = head_of(LONG % (MOST_WAITED_FOR - 100)), head_of(LONG % MOST_WAITED_FOR)
    assert small is not None
    assert large is not None
    assert (small.is_taken, large.is_taken) == (False, True)
    assert missing(LONG % MOST_WAITED_FOR) == MOST_WAITED_FOR


def test_what_nobody_reads_is_not_waited_for() -> None:
    assert missing(LONG % MAX_BYTES) == MAX_BYTES
    assert missing(LONG % (MAX_BYTES + 1)) == 0


@pytest.mark.parametrize(
    "chunks",
    [
        b"%x\r\n" % MOST_TAKEN,
        b"1\r\na\r\n" * (2 * MOST_CHUNKS),
        b"fffffff\r\n",
        b"1" + b"0" * 100 + b"\r\n",
        b"1" * LONGEST_LINE,
        b"9;" + b"a" * LONGEST_LINE,
        b"0\r\nTrailer: " + b"x" * MOST_WAITED_FOR,
    ],
)
def test_a_body_in_chunks_has_an_end(chunks: bytes) -> None:
    with pytest.raises(BodyTooLarge):
        missing(CHUNKED + chunks)


@pytest.mark.parametrize(
    ("beginning", "expects"),
    [
        (b"POST / HTTP/1.1\r\nExpect: 100-Continue", True),
        (b"POST / HTTP/1.0\r\nExpect: 100-continue", False),
        (b"POST / HTTP/1.1\r\nVia: x HTTP/1.0\r\nExpect: 100-continue", True),
        (b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nExpect: 100-continue", True),
        (b"\r\nPOST / HTTP/1.0\r\nExpect: 100-continue", False),
        (b"POST / HTTP/1.1\r\nExpect: wonders", False),
        (b"POST / HTTP/1.1\r\nX: 100-continue", False),
    ],
)
def test_who_waits_to_be_told_is_known(beginning: bytes, *, expects: bool) -> None:
    head = head_of(beginning + b"\r\nContent-Length: 7\r\n\r\n")
    assert head is not None
    assert head.expects == expects


def test_no_head_takes_long_to_read() -> None:
    """Everybody would wait for it. This would take hours where two parts of a pattern may take
    the same spaces."""
    head = b"GET / HTTP/1.1\r\nexpect:" + b" " * 30_000 + b"%s\nx: y\r\n\r\n"
    for rest in (b"", b"a", b"\r", b"a\r\nexpect:" + b" " * 100):
        assert head_of(head % rest) is not None


def test_a_head_has_an_end() -> None:
    line = b"X: " + b"a" * 1000 + b"\r\n"
    assert head_of(line * 10) is None
    with pytest.raises(HeadTooLarge):
        head_of(line * 40)
