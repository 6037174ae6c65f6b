from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.webhook_answers import MAX_RETRY_AFTER, retry_after, shown

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("086400", 86400),
        ("86401", 86400),
        ("99999999999999999999", 86400),
        ("Sun, 01 Mar 2026 12:02:00 GMT", 120),
        ("Sunday, 01-Mar-26 12:02:00 GMT", 120),
        ("Sun Mar  1 12:02:00 2026", 120),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 0),
    ],
)
def test_a_receiver_says_when_to_come_again(value: str, seconds: int) -> None:
    assert retry_after(value, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "-1",
        "1.5",
        "1e3",
        "soon",
        "٣",
        "1, 2",
        "9" * 21,
        "x" * 10_000,
        "Sun, 99 Mar 2026",
    ],
)
def test_what_says_no_time_says_nothing(value: str | None) -> None:
    assert retry_after(value, NOW) is None


@given(st.one_of(st.text(max_size=40), st.datetimes().map("{:%a, %d %b %Y %H:%M:%S} GMT".format)))
def test_nobody_makes_us_wait_for_more_than_a_day_or_less_than_nothing(value: str) -> None:
    pause = retry_after(value, NOW)
    assert pause is None or timedelta() <= pause <= MAX_RETRY_AFTER


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"ok", "ok"),
        ("Grüße, 東京\n\tx".encode(), "Grüße, 東京\n\tx"),
        (b"a\r\nb", "a\nb"),
        (b"a\rb\0c\x1b[31m\x7f", "a\ufffdb\ufffdc\ufffd[31m\ufffd"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("\u202eevil\u2066\u2028\x85".encode(), "\ufffdevil\ufffd\ufffd\ufffd"),
        (b"x" * 2000, "x" * 1024),
        (("x" * 1023 + "ü").encode(), "x" * 1023),
        (("x" * 1022 + "ü" + "x").encode(), "x" * 1022 + "ü"),
        (b"x\xc3", "x\ufffd"),
    ],
)
def test_the_beginning_of_a_body_is_shown(body: bytes, text: str) -> None:
    assert shown(body) == text


@given(st.binary(max_size=3000))
def test_what_is_shown_is_harmless(body: bytes) -> None:
    text = shown(body)
    text.encode()
    assert len(text) <= 1024
    assert text.replace("\n", "").replace("\t", "").isprintable() or not text.isascii()
    assert "\0" not in text
    assert "\x1b" not in text
