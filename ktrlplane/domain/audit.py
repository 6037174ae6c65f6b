"""What a verification of a chain looks at, and what it can find (product.md R7.1)."""

import enum
import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, Self

from attrs import field, frozen

from ktrlplane.domain.access import GLOBAL, ScopeType
from ktrlplane.domain.chains import NO_HASH, Head, Record
from ktrlplane.domain.events import EventType
from ktrlplane.domain.paging import time_key


class Wrong(enum.StrEnum):
    """What can be wrong with a chain."""

    CHANGED = "changed"
    REPLACED = "replaced"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    UNLINKED = "unlinked"
    FOREIGN = "foreign"
    UNTIMELY = "untimely"
    TRUNCATED = "truncated"
    HEAD = "head"
    ANCHOR = "anchor"
    UNEXPECTED = "unexpected"


@frozen(kw_only=True)
class Finding:
    """The first thing wrong with a chain. ``sequence`` is the place of it; ``event_id`` is that
    of the entry that stands there, where one does. ``detail`` is a sentence."""

    sequence: int
    event_id: str | None = None
    wrong: Wrong
    detail: str


_PLACE: Final = re.compile(r"[0-9]{1,18}:[0-9a-f]{64}", re.ASCII)


@frozen(kw_only=True)
class Place:
    """In a chain: number, hash and time of the entry there; without any, the beginning."""

    sequence: int = 0
    hash: str = NO_HASH
    time: str = ""
    event_id: str | None = None

    @classmethod
    def of(cls, head: Head) -> Self:
        at = head.occurred_at
        return cls(sequence=head.sequence, hash=head.hash, time="" if at is None else time_key(at))

    @classmethod
    def parse(cls, text: str) -> Self:
        """As it is written, ``SEQUENCE:HASH``. Raises: ValueError, with a sentence."""
        if _PLACE.fullmatch(text) is None:
            raise ValueError(
                "Write a place in a chain as its number and its hash, such as 42:5f1c...; "
                "ktrlplane audit verify prints it."
            )
        sequence, _, own = text.partition(":")
        return cls(sequence=int(sequence), hash=own)

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


BEGINNING: Final = Place()


@frozen(kw_only=True)
class Link:
    """What a verification looks at of an entry. ``hash_at`` gives what its hash would have to be,
    did it have this number. ``pruned`` is what it tells was pruned, if it tells that."""

    tenant: str
    place: Place
    previous_hash: str
    hash_at: Callable[[int], str]
    pruned: Place | None = None

    @classmethod
    def of(cls, record: Record) -> Self:
        is_pruning = record.type == EventType.AUDIT_PRUNED
        return cls(
            tenant=_tenant(record.org_id, record.project_id),
            place=Place(
                sequence=record.sequence,
                hash=record.hash,
                time=record.occurred_at,
                event_id=record.event_id,
            ),
            previous_hash=record.previous_hash,
            hash_at=record.hash_at,
            pruned=_pruned_by(record.data) if is_pruning else None,
        )

    @classmethod
    def read(cls, line: str) -> Self:
        """From a line of an export, whichever release wrote it. Raises: ValueError."""
        try:
            said = json.loads(line)
            own, sequence = str(said["hash"]), int(said["sequence"])
            # What is hashed is the line without the hash, to the letter.
            rest = line.replace(f'"hash":"{own}",', "", 1)
            return cls(
                tenant=_tenant(said["org_id"], said["project_id"]),
                place=Place(
                    sequence=sequence,
                    hash=own,
                    time=str(said["occurred_at"]),
                    event_id=str(said["event_id"]),
                ),
                previous_hash=str(said["previous_hash"]),
                hash_at=lambda number: _hash_of(rest) if number == sequence else "",
                pruned=_pruned(said["data"]) if said["type"] == EventType.AUDIT_PRUNED else None,
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise ValueError("This is no entry of a log.") from exc

    @property
    def is_genuine(self) -> bool:
        return self.hash_at(self.place.sequence) == self.place.hash

    def belongs_at(self, sequence: int, before: Place) -> bool:
        """Whether it was written as the entry with this number, after ``before``."""
        return self.previous_hash == before.hash and self.hash_at(sequence) == self.place.hash


def _hash_of(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _tenant(org_id: object, project_id: object) -> str:
    """As ``str`` of its scope."""
    if org_id is not None:
        return f"{ScopeType.ORGANIZATION} {org_id}"
    return str(GLOBAL) if project_id is None else f"{ScopeType.PROJECT} {project_id}"


def _pruned(data: Any) -> Place | None:
    """What the data of an event tells, None where somebody has made something else of it."""
    try:
        return Place(sequence=int(data["through_sequence"]), hash=str(data["through_hash"]))
    except (KeyError, TypeError, ValueError):
        return None


def _pruned_by(data: str) -> Place | None:
    try:
        return _pruned(json.loads(data))
    except (ValueError, RecursionError):
        return None


LEAST_DAYS: Final = 30
MOST_DAYS: Final = 3650


def _are_days(_: object, __: object, value: int | None) -> None:
    if value is not None and not LEAST_DAYS <= value <= MOST_DAYS:
        raise ValueError(
            f"Entries are kept for {LEAST_DAYS} to {MOST_DAYS} days, or null for all."
        )


@frozen(kw_only=True)
class Retention:
    """For how long a tenant's entries are kept, at the least; null keeps all of them."""

    days: int | None = field(validator=_are_days)
