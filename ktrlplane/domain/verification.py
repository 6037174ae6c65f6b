"""Verifying a chain: a fold over its entries that finds the first one that is not as it was
written."""

from collections.abc import Iterable
from typing import Final, Self

from attrs import evolve, frozen

from ktrlplane.domain.audit import BEGINNING, Finding, Link, Place, Wrong

AHEAD: Final = 200
"""So many entries after a wrong one are looked at, to tell what happened to it."""


@frozen(kw_only=True)
class Verification:
    """Of one chain, from the place ``start`` on: that of the last entry that is not kept any
    more, or the beginning. ``expected`` is a place that somebody has kept elsewhere, ``pruned``
    what the latest entry about it says is not kept."""

    tenant: str
    start: Place = BEGINNING
    last: Place = BEGINNING
    before: Place | None = None
    count: int = 0
    expected: Place | None = None
    pruned: Place | None = None
    finding: Finding | None = None
    trouble: tuple[Link | None, ...] = ()
    """The first wrong entry and some that follow it; None is something that is no entry."""

    @classmethod
    def since(cls, tenant: str, start: Place, expected: Place | None = None) -> Self:
        made = cls(tenant=tenant, start=start, last=start, expected=expected)
        return evolve(made, finding=_against(expected, start))

    @classmethod
    def of_export(cls, first: Link, expected: Place | None = None) -> Self:
        """Of a part of a chain, which the entry ``first`` begins: what was in front of it is as
        it says."""
        start = Place(sequence=first.place.sequence - 1, hash=first.previous_hash)
        return cls.since(first.tenant, start, expected)

    @property
    def is_over(self) -> bool:
        """Whether more entries would tell nothing more."""
        return self.finding is not None or len(self.trouble) > AHEAD

    def fed(self, links: Iterable[Link | None]) -> Self:
        """With the entries that come next."""
        seen = self
        for link in links:
            if seen.is_over:
                break
            seen = seen._next(link)
        return seen

    def _next(self, link: Link | None) -> Self:
        if self.trouble or link is None or self.wrong_with(link) is not None:
            return evolve(self, trouble=(*self.trouble, link))
        place = link.place
        return evolve(
            self,
            before=self.last,
            last=place,
            count=self.count + 1,
            pruned=link.pruned or self.pruned,
            finding=_against(self.expected, place),
        )

    def wrong_with(self, link: Link) -> Wrong | None:
        """As the next entry."""
        place, due = link.place, self.last.sequence + 1
        if link.tenant != self.tenant:
            return Wrong.FOREIGN
        if not link.is_genuine:
            return Wrong.CHANGED
        if place.sequence != due:
            return Wrong.MISSING if place.sequence > due else Wrong.INSERTED
        if link.previous_hash != self.last.hash:
            return Wrong.UNLINKED
        return None if place.time > self.last.time else Wrong.UNTIMELY

    def ended(self, head: Place | None = None) -> Self:
        """With the end of the chain as it is recorded beside the entries, where it is."""
        if self.finding is not None:
            return self
        if self.trouble:
            return evolve(self, finding=_diagnosis(self, head))
        found = (head and self._end_against(head)) or self._start_against_told(head)
        return evolve(self, finding=found or self._end_against_expected())

    def _end_against(self, head: Place) -> Finding | None:
        last = self.last
        if last.sequence < head.sequence:
            detail = f"{_missing(last.sequence + 1, head.sequence)} at the end of the chain."
            return Finding(sequence=last.sequence + 1, wrong=Wrong.TRUNCATED, detail=detail)
        if last.sequence > head.sequence:
            detail = f"The chain is recorded to end with entry {head.sequence}, but goes on."
            return _on(last, Wrong.HEAD, detail)
        if last.hash != head.hash:
            detail = (
                f"Entry {last.sequence}, the last one, is not the one that is recorded to be the "
                "end of the chain: it was changed together with its hash, or the record was."
            )
            return _on(last, Wrong.HEAD, detail)
        return None

    def _start_against_told(self, head: Place | None) -> Finding | None:
        """Of a whole chain: a part of one may begin anywhere."""
        start, told = self.start, self.pruned
        if head is None or start.sequence == 0:
            return None
        if told is not None and (told.sequence, told.hash) == (start.sequence, start.hash):
            return None
        said = "no entry says so" if told is None else f"entries say that it was {told.sequence}"
        detail = f"The last entry that was pruned is recorded to be {start.sequence}, but {said}."
        return Finding(sequence=start.sequence, wrong=Wrong.ANCHOR, detail=detail)

    def _end_against_expected(self) -> Finding | None:
        expected, last = self.expected, self.last
        if expected is None or self.start.sequence <= expected.sequence <= last.sequence:
            return None
        if expected.sequence > last.sequence:
            detail = f"{_missing(last.sequence + 1, expected.sequence)}: they were expected."
            return Finding(sequence=last.sequence + 1, wrong=Wrong.TRUNCATED, detail=detail)
        detail = (
            f"Entry {expected.sequence} is not there to be compared: the first one that is there "
            f"is {self.start.sequence + 1}. Expect a later one."
        )
        return Finding(sequence=expected.sequence, wrong=Wrong.UNEXPECTED, detail=detail)


def _against(expected: Place | None, place: Place) -> Finding | None:
    if expected is None or expected.sequence != place.sequence or expected.hash == place.hash:
        return None
    detail = f"Entry {place.sequence} has the hash {place.hash}, not the one that was expected."
    return _on(place, Wrong.UNEXPECTED, detail)


def _diagnosis(seen: Verification, head: Place | None) -> Finding:
    """What happened where the chain stops being as it was written. Anybody can compute a hash:
    an entry is what the one after it says it is."""
    bad, *after = seen.trouble
    due = seen.last.sequence + 1
    if bad is not None and _displaced(bad, seen):
        return _on(*_intruder(bad, after, seen))
    if any(one is not None and one.belongs_at(due, seen.last) for one in after):
        is_kin = bad is not None and _is_kin(bad, after, seen)
        return _found(bad, Wrong.REORDERED if is_kin else Wrong.INSERTED, due)
    wrong = Wrong.CHANGED if bad is None else seen.wrong_with(bad)
    assert wrong is not None
    if bad is not None and wrong is Wrong.UNLINKED and seen.before is not None:
        vouching = after[0].previous_hash if after and after[0] else head and head.hash
        if vouching == bad.place.hash:
            number = seen.last.sequence
            return _on(seen.last, Wrong.REPLACED, _DETAILS[Wrong.REPLACED].format(number=number))
    return _found(bad, wrong, due)


def _displaced(bad: Link, seen: Verification) -> bool:
    """Whether the entry before is there in its place, or it stands there a second time."""
    if seen.before is not None and bad.belongs_at(seen.last.sequence, seen.before):
        return True
    is_ours = bad.tenant == seen.tenant and bad.is_genuine
    return is_ours and bad.place.sequence <= seen.last.sequence


def _intruder(bad: Link, after: list[Link | None], seen: Verification) -> tuple[Place, Wrong, str]:
    following = next((one.previous_hash for one in after if one is not None), None)
    is_bad = bad.place.sequence < seen.last.sequence or following == seen.last.hash
    place = bad.place if is_bad else seen.last
    return place, Wrong.INSERTED, _DETAILS[Wrong.INSERTED].format(number=place.sequence)


def _is_kin(bad: Link, after: list[Link | None], seen: Verification) -> bool:
    """Whether a wrong entry is one of the same chain, from another place."""
    if bad.tenant != seen.tenant:
        return False
    is_later = bad.is_genuine and bad.place.sequence > seen.last.sequence + 1
    return is_later or any(one and one.place.hash == bad.previous_hash for one in after)


def _found(bad: Link | None, wrong: Wrong, due: int) -> Finding:
    if wrong is Wrong.MISSING and bad is not None:
        behind = f"after {due - 1} comes" if due > 1 else "the first one is"
        detail = f"{_missing(due, bad.place.sequence - 1)}: {behind} {bad.place.sequence}."
        return Finding(sequence=due, wrong=wrong, detail=detail)
    tenant = "" if bad is None else bad.tenant
    return Finding(
        sequence=due,
        event_id=None if bad is None else bad.place.event_id,
        wrong=wrong,
        detail=_DETAILS[wrong].format(number=due, tenant=tenant),
    )


def _on(place: Place, wrong: Wrong, detail: str) -> Finding:
    return Finding(sequence=place.sequence, event_id=place.event_id, wrong=wrong, detail=detail)


def _missing(first: int, last: int) -> str:
    return (
        f"Entry {first} is missing" if first == last else f"Entries {first} to {last} are missing"
    )


_DETAILS: Final = {
    Wrong.CHANGED: "Entry {number} was changed: its hash is not that of what it says.",
    Wrong.REPLACED: (
        "Entry {number} was changed together with its hash: the next one follows another."
    ),
    Wrong.INSERTED: "Entry {number} was put there: the one that belongs there stands elsewhere.",
    Wrong.REORDERED: "Where entry {number} belongs stands another one; it comes later.",
    Wrong.UNLINKED: "Entry {number} does not follow the one before it: it names another hash.",
    Wrong.FOREIGN: "Entry {number} says that it is of {tenant}, whose chain this is not.",
    Wrong.UNTIMELY: "Entry {number} says that it is no later than the one before it.",
}


@frozen(kw_only=True)
class Verdict:
    """Of a chain: how many entries there are since ``start``, and what it ends with."""

    tenant: str
    count: int
    start: Place
    head: Place
    finding: Finding | None

    @classmethod
    def of(cls, seen: Verification) -> Self:
        """Of what has ended."""
        return cls(
            tenant=seen.tenant,
            count=seen.count,
            start=seen.start,
            head=seen.last,
            finding=seen.finding,
        )


class BrokenChain(Exception):
    """What is not as it was written is kept as it is. ``str()`` is a sentence for a person."""
