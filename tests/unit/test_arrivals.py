import pytest

from ktrlplane.entrypoints.serving.arrivals import MOST_WAITED_FOR, HeadTooLarge, still_missing

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


@pytest.mark.parametrize(
    ("arrived", "missing"),
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
        (b"POST / HTTP/1.1\r\nX-Content-Length: 7\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n", 0),
    ],
)
def test_a_request_is_waited_for_until_it_is_whole(arrived: bytes, missing: int) -> None:
    assert still_missing(arrived) == missing


def test_a_large_body_is_not_waited_for() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    assert still_missing(head % (MOST_WAITED_FOR + 1)) == 0
    assert still_missing(head % (MOST_WAITED_FOR - 100)) == MOST_WAITED_FOR - 100


def test_a_head_has_an_end() -> None:
    line = b"X: " + b"a" * 1000 + b"\r\n"
    assert still_missing(line * 10) == 1
    with pytest.raises(HeadTooLarge):
        still_missing(line * 40)
