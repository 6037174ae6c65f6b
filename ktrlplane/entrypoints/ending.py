"""The job that ends what is on its way out."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import define, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import TooBusy
from ktrlplane.domain.services.deletions import (
    ENDED_TOGETHER,
    due_deletions,
    emptied_projects,
    end_emptied_project,
    end_resources,
)
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.busy_tenants import Patience
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork

WINDOW: Final = 100
"""Tenants that one run of the job looks at, and projects that were left behind."""

# The library runs these jobs too: what it says goes where the host program wants it.
_log = logging.getLogger(__name__)


@frozen
class _Piece:
    """``scope`` is what is held for it."""

    scope: Scope
    act: Callable[..., None]
    resources: int = 0
    projects: int = 0


@define
class EndDeletions:
    """Goes round the tenants, some of each at a time, so that each has its turn however much
    another has deleted."""

    _transact: Transact
    _platform: Platform
    _patience: Patience = field(factory=Patience)
    _after: str = ""
    _after_project: str = ""
    _has_begun: bool = False
    _left: bool = False
    _met: set[Scope] = field(factory=set)
    _done: list[_Piece] = field(factory=list)
    _failures: list[Exception] = field(factory=list)

    def __call__(self, stop: threading.Event) -> bool:
        """Whether more is to be done at once: not for what is busy.

        Raises: ExceptionGroup of what went wrong, once the rest is done.
        """
        self._has_begun = bool(self._after)
        pieces = [*self._transact.read(self._due), *self._transact.read(self._left_behind)]
        busy = {piece.scope: piece for piece in pieces if not self._is_done(piece, stop)}
        self._patience.passed_over(busy, self._platform.now())
        self._wait_for_one(busy, stop)
        self._tell()
        more, failures = self._is_more(), self._failures
        self._failures = []
        if failures:
            raise ExceptionGroup("some could not be done", failures)
        return more

    def _due(self, work: UnitOfWork) -> Sequence[_Piece]:
        found = due_deletions(work, after=self._after, tenants=WINDOW, platform=self._platform)
        self._after = str(found[-1].tenant) if len(found) == WINDOW else ""
        return [
            _Piece(
                one.tenant,
                partial(end_resources, resource_ids=one.resource_ids, platform=self._platform),
                resources=len(one.resource_ids),
            )
            for one in found
            if one.resource_ids
        ]

    def _left_behind(self, work: UnitOfWork) -> Sequence[_Piece]:
        """Once in a round: there are few, and looking for them costs most where there are none."""
        if self._has_begun and not self._after_project:
            return []
        found = emptied_projects(work, after=self._after_project, limit=WINDOW)
        self._after_project = found[-1].value if len(found) == WINDOW else ""
        return [
            _Piece(
                Scope.of(one),
                partial(end_emptied_project, project_id=one, platform=self._platform),
                projects=1,
            )
            for one in found
        ]

    def _is_done(self, piece: _Piece, stop: threading.Event, patience_s: float = 0) -> bool:
        """Also where it failed, or is not to be begun any more: False is for what is busy."""
        self._met.add(piece.scope)
        if stop.is_set():
            return True
        try:
            self._transact(partial(piece.act, patience_s=patience_s))
        except TooBusy:
            return False
        except Exception as exc:  # noqa: BLE001 - told once the others are done
            exc.add_note(str(piece.scope))
            self._failures.append(exc)
        else:
            self._done.append(piece)
            self._left |= piece.resources == ENDED_TOGETHER
        self._patience.is_over([piece.scope])
        return True

    def _wait_for_one(self, busy: Mapping[Scope, _Piece], stop: threading.Event) -> None:
        chosen = self._patience.next(busy, self._platform.now())
        if chosen is not None and not stop.is_set():
            tenant, patience_s = chosen
            if not self._is_done(busy[tenant], stop, patience_s):
                self._patience.in_vain(tenant, self._platform.now())

    def _is_more(self) -> bool:
        if self._after or self._after_project:
            return True
        left, self._left = self._left, False
        self._patience.keep_only(self._met)
        self._met = set()
        return left

    def _tell(self) -> None:
        done, self._done = self._done, []
        if done:
            resources = sum(piece.resources for piece in done)
            projects = sum(piece.projects for piece in done)
            said = {"resources": resources, "projects": projects}
            _log.info("deletions_ended", extra=said)
