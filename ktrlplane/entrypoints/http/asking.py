"""From a request to a call of an operation, or to all that is wrong with it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import falcon
from attrs import frozen

from ktrlplane.domain.errors import MAX_FAULTS, Fault, ValidationFailed, summary
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services.platform import Expectation, Platform
from ktrlplane.entrypoints.http import bodies, etags, forms
from ktrlplane.entrypoints.http.freshness import wants_fresh
from ktrlplane.entrypoints.http.operations import Call, Operation
from ktrlplane.entrypoints.http.parameters import NoParameters
from ktrlplane.entrypoints.http.problems import EdgeError
from ktrlplane.entrypoints.http.proxying import raw_form
from ktrlplane.entrypoints.http.queries import (
    REPEATED,
    UNKNOWN,
    ParameterFault,
    Query,
    query_of,
    read_query,
)
from ktrlplane.entrypoints.http.wire import Reading, member_of

_NOTHING_ASKED: Final = Query(value=NoParameters())
SIGNATURE: Final = "Stripe-Signature"
_NO_BODY: Final = Reading()
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


@frozen(kw_only=True)
class Asked:
    """``call`` is what was asked for. With ``faults`` it must not be done; it is there for a
    service to find out what else is wrong, if it ``is_judgeable``. ``raw`` is the body; with
    ``fresh`` nothing remembered will do."""

    call: Call
    raw: bytes
    rehearsed: bool
    fresh: bool
    faults: tuple[Fault, ...]
    is_judgeable: bool
    has_body: bool

    def refusal(self, more: Iterable[Fault]) -> EdgeError:
        """``more`` is what a service found wrong. It was not given what could not be read, so
        what it says of that counts for nothing."""
        theirs = more if self.has_body else map(_of_the_query, more)
        told = {_place(fault) for fault in self.faults}
        faults = [*self.faults, *(fault for fault in theirs if _place(fault) not in told)]
        codes = {fault.code for fault in faults if isinstance(fault, ParameterFault)}
        code = ValidationFailed.code
        if UNKNOWN in codes:
            code = UNKNOWN
        elif REPEATED in codes:
            code = "malformed_request"
        return EdgeError(code, summary(faults), faults=tuple(faults[:MAX_FAULTS]))


def ask(
    req: falcon.Request,
    operation: Operation,
    *,
    path: Mapping[str, str],
    actor: PrincipalId,
    platform: Platform,
    public_url: str | None,
) -> Asked:
    """Raises: EdgeError for a body or a header that cannot be read."""
    query, raw, body = _NOTHING_ASKED, b"", _NO_BODY
    if operation.takes_form:
        raw = raw_form(req)
        given = forms.parameters(req, raw)
        query = read_query(given, operation.query, address=req.path)
    elif req.query_string or operation.query is not NoParameters:
        query = query_of(req, operation.query, writes=operation.writes)
    if operation.writes or operation.body is not None:
        raw = bodies.raw_body(req)
    if operation.body is not None and (raw or not operation.body_may_be_left_out):
        body = bodies.read_body(req, raw, operation.body)
    elif raw and not (operation.takes_bytes or operation.takes_form):
        bodies.require_empty(raw)
    call = Call(
        actor=actor,
        path=path,
        query=query.value,
        body=body.value,
        as_seen=_as_seen(req, operation),
        listing=query.listing,
        origin=lambda: public_url or origin(req),
        rehearsed=query.rehearsed,
        raw=raw if operation.takes_bytes else b"",
        signature=req.get_header(SIGNATURE) if operation.takes_bytes else None,
        idempotency_key=req.get_header("Idempotency-Key"),
        platform=platform,
    )
    return Asked(
        call=call,
        raw=raw,
        rehearsed=query.rehearsed,
        fresh=query.fresh or wants_fresh(req.env.get("HTTP_CACHE_CONTROL")),
        faults=(*query.faults, *body.faults),
        is_judgeable=_is_judgeable(operation, query, body),
        has_body=operation.body is not None,
    )


def origin(req: falcon.Request) -> str:
    """Empty, for a relative address, where the caller's Host is nothing to repeat."""
    host = req.get_header("Host", default="")
    return f"{req.scheme}://{host}" if _HOST.fullmatch(host) else ""


def _is_judgeable(operation: Operation, query: Query, body: Reading) -> bool:
    if query.value is None:
        return False
    # A change without a body is not judged by anything that was sent.
    if operation.body_may_be_left_out and not body.faults:
        return True
    return body.value is not None if operation.body is not None else not operation.writes


def _as_seen(req: falcon.Request, operation: Operation) -> Expectation[Any] | None:
    if not (operation.writes and operation.conditional):
        return None
    return etags.expectation(req.get_header("If-Match"), req.get_header("If-None-Match"))


def _of_the_query(fault: Fault) -> ParameterFault:
    return ParameterFault.of(fault.pointer.removeprefix("/"), fault.code, fault.detail)


def _place(fault: Fault) -> tuple[bool, str | None]:
    return isinstance(fault, ParameterFault), member_of(fault)
