"""Moments and spans as Loki and Prometheus write them."""

import pytest

from ktrlplane.domain.observability.times import SECOND, Unit, in_seconds, moment, span


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("0", Unit.SECONDS, 0),
        ("1767225600", Unit.SECONDS, 1767225600 * SECOND),
        ("1767225600.25", Unit.SECONDS, 1767225600 * SECOND + SECOND // 4),
        ("1767225600", Unit.OF_LOKI, 1767225600 * SECOND),
        ("1767225600000000001", Unit.OF_LOKI, 1767225600000000001),
        ("2026-01-01T00:00:00Z", Unit.SECONDS, 1767225600 * SECOND),
        ("2026-01-01T01:00:00.000000001+01:00", Unit.OF_LOKI, 1767225600 * SECOND + 1),
    ],
)
def test_moments(text: str, unit: Unit, expected: int) -> None:
    assert moment(text, unit) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "-1",
        "1e9",
        "2026-01-01",
        "2026-13-01T00:00:00Z",
        "9" * 19,
        "٣",
        "1 ",
        "now",
        "0x1",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        moment(text, Unit.SECONDS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("15", 15 * SECOND), ("0.5", SECOND // 2), ("1h30m", 5400 * SECOND), ("250ms", SECOND // 4)],
)
def test_spans(text: str, expected: int) -> None:
    assert span(text) == expected


@pytest.mark.parametrize("text", ["", "0", "5x", "-5m", "m5", "0s", "9999999999y", "1m1m", "1.5h"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        span(text)


def test_seconds_are_to_the_millisecond() -> None:
    assert in_seconds(1_500_000_000) == "1.500"
    assert in_seconds(2 * SECOND) == "2"
    assert in_seconds(999_999) == "0"
