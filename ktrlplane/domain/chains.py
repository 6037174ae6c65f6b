"""The chain that a tenant's events make: each entry holds the hash of the one before, so that
nothing can be changed, removed, put in between or moved unnoticed (product.md R7.1)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Self

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
        return Record.of(self).text


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
    entry = Entry(event=event, sequence=sequence, previous_hash=previous_hash, hash="")
    return Record.of(entry).hash_at(sequence)


@frozen(kw_only=True)
class Record:
    """An entry as it is kept, whatever somebody has made of it: nothing in here need be true, nor
    be known to this release. ``occurred_at`` is as ``time_key`` writes it, ``data`` is JSON."""

    event_id: str
    type: str
    version: int
    occurred_at: str
    actor_type: str
    actor_id: str
    org_id: str | None
    project_id: str | None
    resource_id: str | None
    request_id: str | None
    data: str
    sequence: int
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        event = entry.event
        ids = event.org_id, event.project_id, event.resource_id
        org_id, project_id, resource_id = (None if one is None else one.value for one in ids)
        return cls(
            event_id=event.event_id.value,
            type=event.type.value,
            version=event.version,
            occurred_at=time_key(event.occurred_at),
            actor_type=event.actor.type.value,
            actor_id=event.actor.id,
            org_id=org_id,
            project_id=project_id,
            resource_id=resource_id,
            request_id=event.request_id,
            data=event.data.text,
            sequence=entry.sequence,
            previous_hash=entry.previous_hash,
            hash=entry.hash,
        )

    @property
    def text(self) -> str:
        """All of it in canonical form, where it is as it was made."""
        return self._written(self.sequence, f'"hash":{canonical(self.hash)},')

    @property
    def hashed_around(self) -> tuple[str, str, str, str]:
        """What is hashed of it but its place: the text before the time, between the time and the
        hash of the entry before, between that and the number, and after. In between each is as
        in JSON."""
        return self._around("")

    def hash_at(self, sequence: int) -> str:
        """What its hash would have to be, did it have this number."""
        return sha256(self._written(sequence).encode()).hexdigest()

    def _written(self, sequence: int, own: str = "") -> str:
        known, time, hashed, numbered = self._around(own)
        at, previous = canonical(self.occurred_at), canonical(self.previous_hash)
        return f"{known}{at}{time}{previous}{hashed}{sequence}{numbered}"

    def _around(self, own: str) -> tuple[str, str, str, str]:
        # In the order of the members' names.
        actor = f'{{"id":{canonical(self.actor_id)},"type":{canonical(self.actor_type)}}}'
        event_id, request_id = canonical(self.event_id), canonical(self.request_id)
        project_id, resource_id = canonical(self.project_id), canonical(self.resource_id)
        scope = f'"project_id":{project_id},"request_id":{request_id},"resource_id":{resource_id}'
        return (
            f'{{"actor":{actor},"data":{self.data},"event_id":{event_id},{own}"occurred_at":',
            f',"org_id":{canonical(self.org_id)},"previous_hash":',
            f',{scope},"sequence":',
            f',"type":{canonical(self.type)},"version":{self.version}}}',
        )
