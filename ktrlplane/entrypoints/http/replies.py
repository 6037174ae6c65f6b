"""Answers that follow from what somebody holds: while that stays the same, so do they."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Self, cast

import falcon
from attrs import field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.standings import Standing
from ktrlplane.entrypoints.http import etags
from ktrlplane.entrypoints.http.freshness import wants_fresh
from ktrlplane.entrypoints.http.operations import Reply
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork

Question = tuple[PrincipalId, Scope]

_CAPACITY: Final = 2048
_LONGEST: Final = 4096


@frozen
class Written:
    """An answer as it goes out, with its entity tag."""

    body: bytes
    tag: str | None

    @classmethod
    def of(cls, body: bytes, *, tagged: bool) -> Self:
        return cls(body, etags.tag_of(body) if tagged else None)

    @cached_property
    def headers(self) -> Sequence[tuple[str, str]]:
        """Of an answer 200 that goes out past the framework: those that are the same each time."""
        tag = () if self.tag is None else (("etag", self.tag),)
        return (
            ("content-type", "application/json"),
            ("content-length", str(len(self.body))),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "private, no-cache"),
            *tag,
        )


class Witness:
    """A unit of work that notes what its user learns of standings, and whether of anything
    else."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self.heard: list[tuple[Sequence[Question], Sequence[Standing | None]]] = []
        self.heard_more = False

    @property
    def access(self) -> "Witness":
        return self

    def standings(self, asked: Sequence[Question], at: datetime) -> Sequence[Standing | None]:
        found = self._work.access.standings(asked, at)
        self.heard.append((asked, found))
        return found

    def __getattr__(self, name: str) -> Any:
        self.heard_more = True
        return getattr(self._work, name)


class Observed:
    """What handles an operation, with a witness beside it."""

    def __init__(self, handle: Callable[[UnitOfWork], Reply]) -> None:
        self.handle = handle
        self.witness: Witness | None = None

    def __call__(self, work: UnitOfWork) -> Reply:
        self.witness = Witness(work)
        return self.handle(cast("UnitOfWork", self.witness))


@frozen
class Kept:
    """What was ``written`` when ``asked`` was answered by ``standings``."""

    asked: Sequence[Question]
    standings: Sequence[Standing | None]
    written: Written
    fresh: bool

    def is_good(self, cache_control: str | None, transact: Transact, at: datetime) -> bool:
        """Looks at the standings anew. Raises: as reading does."""
        fresh = self.fresh or (cache_control is not None and wants_fresh(cache_control))
        return transact.standings(self.asked, at, fresh=fresh) == self.standings


@frozen
class Replies:
    """What one operation answered to whom, for all that it takes of a request: its caller and
    its query. A few thousand, then anew."""

    _kept: dict[tuple[str, str], Kept] = field(factory=dict, repr=False)

    def find(self, query: str, actor: PrincipalId) -> Kept | None:
        return self._kept.get((actor.value, query))

    def keep(
        self,
        req: falcon.Request,
        actor: PrincipalId,
        written: Written,
        witness: Witness | None,
        *,
        fresh: bool,
    ) -> None:
        """``fresh`` is whether nothing remembered would do. Keeps only what follows from one
        look at standings."""
        if witness is None or witness.heard_more or len(witness.heard) != 1:
            return
        if len(written.body) + len(req.query_string) > _LONGEST:
            return
        if fresh and wants_fresh(req.env.get("HTTP_CACHE_CONTROL")):
            return  # which is not what the query says, and will not be said of the next one
        if len(self._kept) >= _CAPACITY:
            self._kept.clear()
        ((asked, standings),) = witness.heard
        self._kept[actor.value, req.query_string] = Kept(asked, standings, written, fresh)
