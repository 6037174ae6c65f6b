from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.paging import (
    MAX_LIMIT,
    MAX_OFFSET,
    Cursor,
    PageRequest,
    Sort,
    cursor_of,
    name_key,
    time_key,
)

moments = st.timedeltas(timedelta(0), timedelta(days=2_000_000)).map(
    lambda passed: datetime(1970, 1, 1, tzinfo=UTC) + passed
)


@given(st.text())
def test_only_ascii_letters_lose_their_case(name: str) -> None:
    key = name_key(name)
    assert len(key) == len(name)
    for before, after in zip(name, key, strict=True):
        assert after == (before.lower() if before.isascii() else before)


@given(moments, moments)
def test_times_sort_as_text_as_they_sort_as_times(one: datetime, other: datetime) -> None:
    assert (time_key(one) < time_key(other)) is (one < other)
    assert datetime.fromisoformat(time_key(one)) == one


def test_a_time_is_written_in_utc_with_six_digits() -> None:
    summer = timezone(timedelta(hours=2))
    assert time_key(datetime(2026, 7, 1, tzinfo=summer)) == "2026-06-30T22:00:00.000000Z"


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        (Sort.NAME, "Äcme"),
        (Sort.NAME_DESCENDING, "Äcme"),
        (Sort.CREATED_AT, "2026-01-01T00:00:00.000000Z"),
        (Sort.CREATED_AT_DESCENDING, "2026-01-01T00:00:00.000000Z"),
    ],
)
def test_a_cursor_holds_what_the_list_is_sorted_by(sort: Sort, key: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    cursor = cursor_of(sort, name="ÄCME", created_at=at, identity="acme")
    assert cursor == Cursor(key, "acme")
    assert PageRequest(sort=sort, after=cursor).after == cursor


@pytest.mark.parametrize(
    "key",
    [
        "",
        "acme",
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000000+00:00",
        "2026-01-01T02:00:00.000000+02:00",
        "2026-02-30T00:00:00.000000Z",
        "0001-01-01T00:00:00.000000+14:00",
        "2026-01-01T00:00:00.000000Z ",
    ],
)
def test_a_cursor_into_a_list_by_time_holds_a_time(key: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        PageRequest(after=Cursor(key, "acme"))
    assert PageRequest(sort=Sort.NAME, after=Cursor(key, "acme")).after


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_a_page_has_a_lawful_size(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        PageRequest(limit=limit)


@pytest.mark.parametrize("offset", [-1, MAX_OFFSET + 1])
def test_an_offset_is_within_bounds(offset: int) -> None:
    with pytest.raises(ValueError, match="offset"):
        PageRequest(offset=offset)
