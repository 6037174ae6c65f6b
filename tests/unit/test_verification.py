import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.audit import BEGINNING, Finding, Link, Place, Wrong
from ktrlplane.domain.chains import Entry, Head, Record
from ktrlplane.domain.verification import AHEAD, Verification
from tests.unit.chains import ACME, GLOBEX, a_chain, hashed, is_whole, written

Said = dict[str, Any]


@frozen(kw_only=True)
class Tampered:
    """What somebody has made of a chain, and the place where they began."""

    lines: Sequence[str]
    place: int
    wrong: frozenset[Wrong]


def verified(
    lines: Sequence[str],
    head: Place | None,
    *,
    start: Place = BEGINNING,
    expected: Place | None = None,
    portion: int = 3,
) -> Finding | None:
    seen = Verification.since(str(ACME), start, expected)
    for begin in range(0, len(lines), portion):
        seen = seen.fed(map(Link.read, lines[begin : begin + portion]))
    return seen.ended(head).finding


def lines_of(chain: Sequence[Entry]) -> list[str]:
    return [entry.text for entry in chain]


def head_of(chain: Sequence[Entry]) -> Place:
    return Place.of(chain[-1].head)


CHAIN: Final = a_chain(12)
LINES: Final = lines_of(CHAIN)
PLACES: Final = st.integers(1, 12)


def changed(number: int, **members: Any) -> Tampered:
    said = json.loads(LINES[number - 1]) | members
    lines = [*LINES[: number - 1], written(said), *LINES[number:]]
    return Tampered(lines=lines, place=number, wrong=frozenset({Wrong.CHANGED, Wrong.FOREIGN}))


def replaced(number: int) -> Tampered:
    """Together with its hash."""
    said = hashed(json.loads(LINES[number - 1]) | {"request_id": "req-2"})
    lines = [*LINES[: number - 1], written(said), *LINES[number:]]
    wrong = {Wrong.REPLACED, Wrong.HEAD}
    return Tampered(lines=lines, place=number, wrong=frozenset(wrong))


def unlinked(number: int) -> Tampered:
    said = hashed(json.loads(LINES[number - 1]) | {"previous_hash": "f" * 64})
    lines = [*LINES[: number - 1], written(said), *LINES[number:]]
    return Tampered(lines=lines, place=number, wrong=frozenset({Wrong.UNLINKED}))


def removed(number: int, count: int) -> Tampered:
    """Less at the end."""
    lines = [*LINES[: number - 1], *LINES[number - 1 + count :]]
    is_end = number + count > len(LINES)
    wrong = Wrong.TRUNCATED if is_end else Wrong.MISSING
    return Tampered(lines=lines, place=number, wrong=frozenset({wrong}))


def moved(number: int, to: int) -> Tampered:
    lines = list(LINES)
    lines.insert(to - 1, lines.pop(number - 1))
    return Tampered(lines=lines, place=min(number, to), wrong=frozenset({Wrong.REORDERED}))


def doubled(number: int, at: int) -> Tampered:
    """``at`` is where it stands once more, after it."""
    lines = [*LINES[: at - 1], LINES[number - 1], *LINES[at - 1 :]]
    return Tampered(lines=lines, place=number, wrong=frozenset({Wrong.INSERTED}))


def forged(number: int) -> Tampered:
    """In front of the one that belongs there, and as good as it."""
    said = hashed(json.loads(LINES[number - 1]) | {"request_id": "req-2"})
    lines = [*LINES[: number - 1], written(said), *LINES[number - 1 :]]
    return Tampered(lines=lines, place=number, wrong=frozenset({Wrong.INSERTED}))


OTHERS: Final = lines_of(a_chain(12, GLOBEX))


def exchanged(number: int) -> Tampered:
    """For what is there in somebody else's chain."""
    lines = [*LINES[: number - 1], OTHERS[number - 1], *LINES[number:]]
    return Tampered(lines=lines, place=number, wrong=frozenset({Wrong.FOREIGN}))


TAMPERED: Final = st.one_of(
    st.builds(
        lambda number, name: changed(number, **{name: "other"}),
        PLACES,
        st.sampled_from(["type", "request_id", "event_id", "occurred_at", "org_id", "hash"]),
    ),
    st.builds(lambda number, data: changed(number, data=data), PLACES, st.just({"a": 1.5})),
    st.builds(
        lambda number, previous: changed(number, previous_hash="0" * 64),
        st.integers(2, 12),
        st.none(),
    ),
    st.builds(
        lambda number, more: changed(number, sequence=number + more), PLACES, st.integers(1, 9)
    ),
    st.builds(replaced, PLACES),
    st.builds(unlinked, PLACES),
    st.builds(removed, PLACES, st.integers(1, 12)),
    st.builds(moved, PLACES, PLACES).filter(lambda one: list(one.lines) != LINES),
    st.tuples(PLACES, PLACES).map(sorted).map(lambda two: doubled(two[0], two[1] + 1)),
    st.builds(forged, PLACES),
    st.builds(exchanged, PLACES),
)


@given(tampered=TAMPERED, portion=st.integers(1, 13))
def test_whatever_is_done_to_a_chain_is_found_where_it_begins(
    tampered: Tampered, portion: int
) -> None:
    finding = verified(tampered.lines, head_of(CHAIN), portion=portion)
    whole = is_whole(tampered.lines) and len(tampered.lines) == len(LINES)
    at_the_end = Wrong.HEAD in tampered.wrong and tampered.place == len(LINES)
    assert not whole or at_the_end
    assert finding is not None
    assert (finding.sequence, finding.wrong in tampered.wrong) == (tampered.place, True), finding


@given(length=st.integers(1, 30), portion=st.integers(1, 31), start=st.integers(0, 29))
def test_a_chain_that_nobody_touched_is_whole_from_anywhere_on(
    length: int, portion: int, start: int
) -> None:
    chain = a_chain(length, word=["\u20ac", "\U0001f600", 1e21, 1e300, None])
    assert is_whole(lines_of(chain))
    rest = lines_of(chain[start:])
    assert verified(lines_of(chain), head_of(chain), portion=portion) is None
    if rest:
        first = Link.read(rest[0])
        seen = Verification.of_export(first).fed(map(Link.read, rest)).ended()
        assert (seen.finding, seen.count) == (None, len(rest))


@given(st.data())
def test_any_bit_of_an_export_counts(data: st.DataObject) -> None:
    number = data.draw(PLACES)
    line = LINES[number - 1]
    at = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda sign: sign != line[at]))
    links: list[Link | None] = [Link.read(one) for one in LINES]
    try:
        links[number - 1] = Link.read(line[:at] + other + line[at + 1 :])
    except ValueError:
        links[number - 1] = None
    seen = Verification.since(str(ACME), BEGINNING).fed(links).ended(head_of(CHAIN))
    assert seen.finding is not None
    assert seen.finding.sequence == number


# -- rows of a table, where every place is taken once --------------------------------------------


def renumbered(records: Sequence[Record]) -> list[Link]:
    return [Link.of(evolve(one, sequence=n)) for n, one in enumerate(records, 1)]


RECORDS: Final = [Record.of(entry) for entry in CHAIN]


def _forged_row(records: list[Record], number: int) -> None:
    made = evolve(records[number - 1], request_id="req-2")
    records.insert(number - 1, evolve(made, hash=made.hash_at(number)))


def _swapped_rows(records: list[Record], number: int) -> None:
    other = number % 12 + 1
    records[number - 1], records[other - 1] = records[other - 1], records[number - 1]


@pytest.mark.parametrize("number", range(1, 12))
@pytest.mark.parametrize(
    ("tamper", "wrong"),
    [(_forged_row, Wrong.INSERTED), (_swapped_rows, Wrong.REORDERED)],
)
def test_rows_that_were_numbered_anew_are_found(
    number: int, tamper: Callable[[list[Record], int], None], wrong: Wrong
) -> None:
    records = list(RECORDS)
    tamper(records, number)
    seen = Verification.since(str(ACME), BEGINNING).fed(renumbered(records))
    finding = seen.ended(head_of(CHAIN)).finding
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (number, wrong)


def test_many_rows_in_any_other_order_are_found() -> None:
    records = list(RECORDS)
    for seed in range(200):
        random.Random(seed).shuffle(records)
        first = next((n for n, one in enumerate(records, 1) if one is not RECORDS[n - 1]), None)
        seen = Verification.since(str(ACME), BEGINNING).fed(renumbered(records))
        finding = seen.ended(head_of(CHAIN)).finding
        assert (None if finding is None else finding.sequence) == first


# -- what stands beside the entries ---------------------------------------------------------------


def test_an_end_that_goes_on_or_is_another_is_found() -> None:
    moved_back = Place.of(CHAIN[5].head)
    finding = verified(LINES, moved_back)
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (12, Wrong.HEAD)
    assert "goes on" in finding.detail
    finding = verified(LINES, evolve(head_of(CHAIN), hash="a" * 64))
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (12, Wrong.HEAD)


def test_a_chain_of_which_all_is_gone_is_found() -> None:
    finding = verified([], head_of(CHAIN))
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (1, Wrong.TRUNCATED)
    assert finding.detail == "Entries 1 to 12 are missing at the end of the chain."
    assert verified([], BEGINNING) is None


def test_times_that_do_not_grow_are_found() -> None:
    said = [json.loads(line) for line in LINES[:2]]
    said[1] = hashed(said[1] | {"occurred_at": said[0]["occurred_at"]})
    finding = verified([LINES[0], written(said[1])], None)
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (2, Wrong.UNTIMELY)


def test_what_was_kept_elsewhere_must_be_met() -> None:
    known = Place.of(CHAIN[6].head)
    assert verified(LINES, head_of(CHAIN), expected=known) is None
    # The head can be made to agree with whatever is there: this is what proves that it did not.
    cut = LINES[:5]
    finding = verified(cut, Place.of(CHAIN[4].head), expected=known)
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (6, Wrong.TRUNCATED)
    finding = verified(LINES, head_of(CHAIN), expected=evolve(known, hash="b" * 64))
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (7, Wrong.UNEXPECTED)


def test_what_is_not_there_any_more_cannot_be_compared() -> None:
    first = Link.read(LINES[4])
    seen = Verification.of_export(first, Place.of(CHAIN[2].head)).fed(map(Link.read, LINES[4:]))
    finding = seen.ended().finding
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (3, Wrong.UNEXPECTED)
    before = Place.of(CHAIN[3].head)
    met = Verification.of_export(first, before).fed(map(Link.read, LINES[4:])).ended()
    assert met.finding is None
    other = evolve(before, hash="c" * 64)
    assert Verification.of_export(first, other).finding is not None


@pytest.mark.parametrize(
    "text",
    ["", "5", "5:", "x:" + "a" * 64, "5:" + "A" * 64, "-1:" + "a" * 64, "5:" + "a" * 64 + " "],
)
def test_what_is_no_place_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="as its number and its hash"):
        Place.parse(text)


def test_a_place_is_read_as_it_is_written() -> None:
    place = Place(sequence=42, hash="5" * 64)
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[]",
        "null",
        "1",
        '"x"',
        "{",
        LINES[0][:-1],
        LINES[0].replace('"sequence":1', '"sequence":"one"'),
        "[" * 100_000,
        '{"sequence":' + "9" * 5000 + "}",
        LINES[0].replace('"hash"', '"hush"'),
    ],
)
def test_what_is_no_entry_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no entry"):
        Link.read(line)


def test_no_more_is_kept_of_a_broken_chain_than_tells_what_happened() -> None:
    seen = Verification.since(str(ACME), BEGINNING)
    endless = (Link.read(LINES[5]) for _ in iter(int, 1))
    seen = seen.fed(endless)
    assert len(seen.trouble) == AHEAD + 1
    assert seen.ended(Place.of(Head())).finding is not None
