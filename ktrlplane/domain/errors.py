"""Refusals: what the domain says no with. A bug is never one of these."""

import enum
import re
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Final, TypeVar

from attrs import frozen

A = TypeVar("A")
B = TypeVar("B")


class Kind(enum.Enum):
    """What the caller can do about a refusal; an entrypoint maps it to its own words."""

    UNAUTHENTICATED = "say who you are"
    FORBIDDEN = "ask for the permission"
    NOT_FOUND = "name something else"
    CONFLICT = "look at the present state and decide again"
    PRECONDITION_FAILED = "read again before you write"
    INVALID = "correct the input"
    MALFORMED = "say it in another way"
    UNCONFIGURED = "ask the operator"
    UNAVAILABLE = "try again later"
    UNKNOWN = "look whether it was done before you repeat it"
    UNPAID = "see to the payment"


@frozen
class Fault:
    """One thing wrong with an input.

    ``pointer`` is a JSON pointer (RFC 6901) into the document that was sent, or ``/name`` of
    a query parameter; ``code`` never changes; ``detail`` is a sentence for a person.
    """

    pointer: str
    code: str
    detail: str


MAX_FAULTS: Final = 100
"""What has more faults than this is told of this many."""


_LONGEST_NAME: Final = 200


def _named(fault: Fault) -> str:
    """With the name of what is wrong in front, unless it is in the sentence or very long."""
    name = fault.pointer.removeprefix("/")
    if not 0 < len(name) <= _LONGEST_NAME or re.search(rf"\b{re.escape(name)}\b", fault.detail):
        return fault.detail
    return f"{name}: {fault.detail}"


def summary(faults: Sequence[Fault]) -> str:
    """One sentence. Where they are ``MAX_FAULTS``, looking for more may have been given up."""
    if len(faults) == 1:
        return _named(faults[0])
    if len(faults) >= MAX_FAULTS:
        return f"At least {MAX_FAULTS} things need correcting; errors has the first of them."
    return f"{len(faults)} things need correcting; see errors for each."


class DomainError(Exception):
    """A refusal with a stable ``code``. ``detail`` is safe to show to the caller; ``faults``
    tell it piece by piece, where there is more to say of it."""

    kind: ClassVar[Kind]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, faults: Iterable[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)[:MAX_FAULTS]


class Unauthenticated(DomainError):
    kind, code = Kind.UNAUTHENTICATED, "unauthenticated"
    title = "The request does not say who makes it"


class Forbidden(DomainError):
    kind, code = Kind.FORBIDDEN, "forbidden"
    title = "You may not do this here"


class NotFound(DomainError):
    """It is not there, or the caller may not know that it is: the two look the same."""

    kind, code = Kind.NOT_FOUND, "not_found"
    title = "There is no such thing, or you may not see it"


class AlreadyExists(DomainError):
    kind, code = Kind.CONFLICT, "already_exists"
    title = "This is taken"


class Conflict(DomainError):
    kind, code = Kind.CONFLICT, "conflict"
    title = "This cannot be done in the present state"


class Interrupted(Conflict):
    """Others changed the same things at the same time, again and again; nothing was done."""

    title = "Others changed the same things at the same time"


class TooBusy(Interrupted):
    """Others kept the same things for longer than one may wait; nothing was done."""


class LimitExceeded(DomainError):
    """More than a tier allows (R3.3)."""

    kind, code = Kind.FORBIDDEN, "limit_exceeded"
    title = "A limit of the tier is reached"


class InvalidTransition(DomainError):
    kind, code = Kind.CONFLICT, "invalid_transition"
    title = "The life cycle does not allow this step"


class LastOwner(DomainError):
    kind, code = Kind.CONFLICT, "last_owner"
    title = "Somebody must remain Owner"


class NotEmpty(DomainError):
    kind, code = Kind.CONFLICT, "not_empty"
    title = "There is something in it"


class IdempotencyInProgress(DomainError):
    kind, code = Kind.CONFLICT, "idempotency_in_progress"
    title = "The first request with this key is still at work"


class IdempotencyKeyReused(DomainError):
    kind, code = Kind.INVALID, "idempotency_key_reused"
    title = "This key was used for another request"


class PreconditionFailed(DomainError):
    kind, code = Kind.PRECONDITION_FAILED, "precondition_failed"
    title = "It is not as the request expects it"


class ValidationFailed(DomainError):
    """Names every fault at once, in the order in which they were found, but at most
    ``MAX_FAULTS``."""

    kind, code = Kind.INVALID, "validation_failed"
    title = "Some of the input is not valid"

    def __init__(self, faults: Iterable[Fault]) -> None:
        told = tuple(faults)[:MAX_FAULTS]
        super().__init__(summary(told), told)


def both(one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
    """What the two give. Raises: ValidationFailed with the faults of both."""
    try:
        first = one()
    except ValidationFailed as refused:
        try:
            other()
        except ValidationFailed as more:
            raise ValidationFailed([*refused.faults, *more.faults]) from refused
        raise
    return first, other()


class UpstreamError(DomainError):
    """Something outside is needed and fails. ``detail`` never repeats its words."""

    kind, code = Kind.UNAVAILABLE, "upstream_error"
    title = "A service that this one depends on does not answer as it should"


class OutcomeUnknown(UpstreamError):
    """Something outside did not say in time whether it did what it was asked: it may have."""

    kind, code = Kind.UNKNOWN, "upstream_timeout"
    title = "A service that this one depends on did not answer in time"


class PaymentRequired(DomainError):
    """There is no way to pay, or the one there is was declined (R5.4)."""

    kind, code = Kind.UNPAID, "payment_required"
    title = "This needs a payment that goes through"


@frozen
class PlacedFault(Fault):
    """``position`` counts the characters before it."""

    position: int


class UnsafeQuery(DomainError):
    """A query that is not understood, or that could reach what is not asked about (R8.2).
    ``position`` counts the characters before what is wrong."""

    kind, code = Kind.MALFORMED, "unsafe_query"
    title = "This query cannot be kept to the resource that it is asked of"

    def __init__(self, detail: str, position: int, pointer: str = "/query") -> None:
        said = f"At character {position + 1}: {detail}"
        super().__init__(said, [PlacedFault(pointer, self.code, said, position)])
        self.reason, self.position = detail, position


class NotConfigured(DomainError):
    """The operator has not set up what this needs."""

    kind, code = Kind.UNCONFIGURED, "not_configured"
    title = "The operator has not set this up"
