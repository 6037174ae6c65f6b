"""What the driver says, in the words of the domain."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from ktrlplane.domain.errors import AlreadyExists, DomainError, Interrupted, TooBusy, UpstreamError
from ktrlplane.domain.ids import Identity

_BY_CONSTRAINT: Final[Mapping[str, tuple[type[DomainError], str]]] = {
    "role_assignments_role_id_fkey": (
        Interrupted,
        "A role was granted while it was being taken away; try again.",
    ),
    "roles_name_key": (AlreadyExists, "Another role has this name; choose another one."),
    "roles_of_org": (AlreadyExists, "Another role has this name; choose another one."),
    "groups_name_key": (AlreadyExists, "Another group has this name; choose another one."),
    "role_assignments_group_id_fkey": (
        Interrupted,
        "A role was granted to a group while that was being deleted; try again.",
    ),
}
"""Ids that are taken are not here: ON CONFLICT finds them without ending the transaction."""

_COLLISION: Final = "Others changed the same things at the same time; try again."
_BY_KIND: Final[Sequence[tuple[type[psycopg.Error], type[DomainError], str]]] = (
    (errors.SerializationFailure, Interrupted, _COLLISION),
    (errors.DeadlockDetected, Interrupted, _COLLISION),
    (
        errors.LockNotAvailable,
        TooBusy,
        "Others have been changing the same things for too long; try again later.",
    ),
    (PoolTimeout, UpstreamError, "The database does not answer, or is too busy; try again later."),
    (
        errors.InsufficientPrivilege,
        UpstreamError,
        "The database does not let its user do this: give it rights on the schema ktrlplane.",
    ),
    (
        errors.ReadOnlySqlTransaction,
        UpstreamError,
        "The database takes no changes at present: it is read-only or a standby; try again later.",
    ),
)

_LOST: Final = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.IdleInTransactionSessionTimeout,
    errors.IdleSessionTimeout,
)


def taken(kind: str, identity: Identity) -> AlreadyExists:
    return AlreadyExists(
        f"The {kind} id {identity} is taken or was used before; choose another one."
    )


class Refusals:
    """Turns what the driver raises inside into refusals; what it does not know, passes."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(raised, psycopg.Error):
            refusal = _refusal(raised)
            if refusal is not None:
                raise refusal from raised


def _refusal(raised: psycopg.Error) -> DomainError | None:
    if isinstance(raised, errors.IntegrityError):
        known = _BY_CONSTRAINT.get(raised.diag.constraint_name or "")
        return known[0](known[1]) if known else None
    for kind, refusal, sentence in _BY_KIND:
        if isinstance(raised, kind):
            return refusal(sentence)
    if is_loss(raised):
        return Interrupted("The connection to the database was lost; nothing was done.")
    if isinstance(raised, psycopg.OperationalError):
        return UpstreamError("The database cannot do this at present; try again later.")
    return None


def is_loss(raised: BaseException) -> bool:
    """Whether the connection is gone: the server said so, or says nothing any more."""
    if not isinstance(raised, psycopg.OperationalError) or isinstance(raised, PoolTimeout):
        return False
    return raised.sqlstate is None or isinstance(raised, _LOST)
