"""The chain that a tenant's events make: each entry holds the hash of the one before, so that
nothing can be changed, removed, put in between or moved unnoticed (product.md R7.1)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from attrs import evolve, frozen

from ktrlplane.domain.canonical_json import canonical
from ktrlplane.domain.events import Event
from ktrlplane.domain.paging import time_key

NO_HASH: Final = "0" * 64
"""What the first entry of a chain holds in place of the hash of the one before."""
_SOONEST: Final = timedelta(microseconds=1)


@frozen(kw_only=True)
class Head:
    """The last entry of a chain, or the beginning of one without entries."""

    sequence: int = 0
    hash: str = NO_HASH
    occurred_at: datetime | None = None


@frozen(kw_only=True)
class Entry:
    """An event in its place in the log. Hashes are SHA-256, in hexadecimal digits."""

    event: Event
    sequence: int
    previous_hash: str
    hash: str

    @property
    def head(self) -> Head:
        """Of the chain as long as it ended here."""
        return Head(sequence=self.sequence, hash=self.hash, occurred_at=self.event.occurred_at)

    @property
    def text(self) -> str:
        """All of it in canonical form, as exports have it on a line."""
        return _text(self.event, self.sequence, self.previous_hash, self.hash)


def chained(head: Head, events: Iterable[Event]) -> Sequence[Entry]:
    """The entries that follow ``head``. Times of entries grow strictly along a chain, so that
    their order in time is that of their numbers: an event that was decided upon before the
    one in front of it came to the log, or by a clock that is behind, is told as a little later."""
    entries: list[Entry] = []
    for event in events:
        entry = _after(head, event)
        entries.append(entry)
        head = entry.head
    return entries


def _after(head: Head, event: Event) -> Entry:
    if head.occurred_at is not None and event.occurred_at <= head.occurred_at:
        event = evolve(event, occurred_at=head.occurred_at + _SOONEST)
    sequence = head.sequence + 1
    return Entry(
        event=event,
        sequence=sequence,
        previous_hash=head.hash,
        hash=hash_of(event, sequence, head.hash),
    )


def hash_of(event: Event, sequence: int, previous_hash: str) -> str:
    """Of an entry's canonical form, which is all that exports show of it but this."""
    return sha256(_text(event, sequence, previous_hash).encode()).hexdigest()


def _text(event: Event, sequence: int, previous_hash: str, own: str | None = None) -> str:
    # In the order of the members' names. Data is canonical already.
    ids = event.org_id, event.project_id, event.resource_id
    org_id, project_id, resource_id = (None if one is None else one.value for one in ids)
    members = (
        ("actor", canonical({"type": event.actor.type.value, "id": event.actor.id})),
        ("data", event.data.text),
        ("event_id", canonical(event.event_id.value)),
        *(() if own is None else (("hash", canonical(own)),)),
        ("occurred_at", canonical(time_key(event.occurred_at))),
        ("org_id", canonical(org_id)),
        ("previous_hash", canonical(previous_hash)),
        ("project_id", canonical(project_id)),
        ("request_id", canonical(event.request_id)),
        ("resource_id", canonical(resource_id)),
        ("sequence", str(sequence)),
        ("type", canonical(event.type.value)),
        ("version", str(event.version)),
    )
    return "{" + ",".join([f'"{name}":{value}' for name, value in members]) + "}"
