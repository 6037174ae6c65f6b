"""From a request to an operation and back: authenticate, read, transact, write."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from typing import Final
from urllib.parse import urlencode

import falcon
from attrs import evolve, field, frozen

from ktrlplane.domain.errors import (
    DomainError,
    Fault,
    Forbidden,
    NotFound,
    PreconditionFailed,
    UnsafeQuery,
    ValidationFailed,
)
from ktrlplane.domain.ids import PrincipalId, ResourceId
from ktrlplane.domain.lifecycle import SETTLED, Status
from ktrlplane.domain.services.idempotency import once
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.users import recognize
from ktrlplane.entrypoints.http import etags, rendering
from ktrlplane.entrypoints.http.asking import Asked, ask, origin
from ktrlplane.entrypoints.http.authentication import Recognition, bearer
from ktrlplane.entrypoints.http.denials import remember
from ktrlplane.entrypoints.http.operations import Operation, Reply
from ktrlplane.entrypoints.http.problems import EdgeError
from ktrlplane.entrypoints.http.proxying import Proxy
from ktrlplane.entrypoints.http.rates import RateLimit
from ktrlplane.entrypoints.http.replies import Observed, Replies, Written
from ktrlplane.entrypoints.http.streaming import stream
from ktrlplane.entrypoints.http.waiting import is_asked_again, waited
from ktrlplane.entrypoints.transactions import Transact, Unrehearsable
from ktrlplane.ports.identity import Claims, Tokens
from ktrlplane.ports.stores import Answer
from ktrlplane.ports.unit_of_work import UnitOfWork

NOBODY: Final = PrincipalId("nobody")
_KEY_LENGTH: Final = 255


@frozen(kw_only=True)
class Edge:
    """What the edge needs to serve operations."""

    transact: Transact
    platform: Platform
    tokens: Tokens
    rate_limit: RateLimit
    proxy: Proxy
    public_url: str | None = None
    recognition: Recognition = field(init=False)

    @recognition.default
    def _(self) -> Recognition:
        return Recognition(self.transact, self.platform)


@frozen
class Responder:
    """Serves one operation; ``respond`` is a Falcon responder."""

    operation: Operation
    edge: Edge
    replies: Replies = field(factory=Replies, init=False)

    def respond(self, req: falcon.Request, resp: falcon.Response, **path: str) -> None:
        operation, edge = self.operation, self.edge
        claims = None
        if not operation.public:
            claims = bearer(req, edge.tokens)
            req.context.actor = claims.principal_id.value
            edge.rate_limit.count(claims.principal_id.value, resp, again=is_asked_again())
            if operation.judges and self._is_answered(req, resp, claims):
                return
        actor = NOBODY if claims is None else claims.principal_id
        asked = ask(
            req,
            operation,
            path=path,
            actor=actor,
            platform=edge.platform.serving(req.context.request_id)
            if operation.writes or operation.sensitive
            else edge.platform,
            public_url=edge.public_url,
        )
        if claims is not None:
            # Whatever becomes of what they ask, who calls has signed in. Inside a transaction it
            # would hold the caller's address while it waits for a tenant, and whoever grants
            # holds them the other way round.
            edge.recognition(claims, accepts=not asked.rehearsed and not asked.faults)
        if asked.faults:
            raise asked.refusal(self._found_too(asked, claims))
        act = self._write if operation.writes else self._read
        try:
            act(req, resp, asked, claims)
        except ValidationFailed as refusal:
            raise asked.refusal(refusal.faults) from refusal
        except (Forbidden, NotFound, UnsafeQuery) as refusal:
            if operation.remembers_refusals and not asked.rehearsed:
                remember(edge.transact, operation, asked.call, refusal)
            raise

    def _read(
        self, req: falcon.Request, resp: falcon.Response, asked: Asked, claims: Claims | None
    ) -> None:
        operation, edge = self.operation, self.edge
        observed = Observed(lambda work: operation.handle(work, asked.call))

        def read() -> Reply:
            seen = observed if operation.judges else observed.handle
            return edge.transact.read(seen, fresh=asked.fresh)

        reply = self._waited(asked, read) if operation.waits else read()
        if reply.passed_on is not None:
            edge.proxy.answer(req, resp, reply.passed_on, asked.call.actor, asked.raw)
            return
        if reply.parts is not None:
            stream(req, resp, operation, reply, edge.transact)
            return
        written = Written.of(rendering.dump(reply.content), tagged=operation.tagged)
        if operation.judges:
            actor, witness = asked.call.actor, observed.witness
            self.replies.keep(req, actor, written, witness, fresh=asked.fresh)
        self._give(req, resp, written)
        if reply.next_cursor is not None:
            resp.set_header("Link", f'<{_next_url(req, edge, reply.next_cursor)}>; rel="next"')

    def _waited(self, asked: Asked, read: Callable[[], Reply]) -> Reply:
        """Raises: Parked."""

        def over(keys: Collection[str]) -> Collection[str]:
            named = [ResourceId(key) for key in keys]
            statuses = self.edge.transact.read(lambda work: work.resources.statuses(named))
            return [one.value for one in named if statuses.get(one, Status.DELETED) in SETTLED]

        return waited(
            asked.call.query.wait,
            read,
            lambda reply: reply.content.status in SETTLED,
            asked.call.path["resource_id"],
            over,
        )

    def _is_answered(self, req: falcon.Request, resp: falcon.Response, claims: Claims) -> bool:
        """With what was answered before, if that still follows from what people hold."""
        edge = self.edge
        kept = self.replies.find(req.query_string, claims.principal_id)
        if kept is None:
            return False
        edge.recognition(claims)
        said = req.env.get("HTTP_CACHE_CONTROL")
        if not kept.is_good(said, edge.transact, edge.platform.now()):
            return False
        self._give(req, resp, kept.written)
        return True

    def _give(self, req: falcon.Request, resp: falcon.Response, written: Written) -> None:
        resp.data = written.body
        if not self.operation.public:
            resp.set_header("Cache-Control", "private, no-cache")
        if written.tag is not None:
            _tag(req, resp, written.tag)

    def _write(
        self, req: falcon.Request, resp: falcon.Response, asked: Asked, claims: Claims | None
    ) -> None:
        operation, edge, rehearsed = self.operation, self.edge, asked.rehearsed
        key = _idempotency_key(req) if operation.method == "POST" else None
        fingerprint = _fingerprint(req, asked.raw)

        def act(work: UnitOfWork) -> Answer:
            reply = operation.handle(work, asked.call)
            return _answer(operation, reply, fingerprint, rehearsed=rehearsed)

        def act_once(work: UnitOfWork) -> tuple[Answer, bool]:
            if claims is not None:
                recognize(work, claims, platform=edge.platform)
            if key is None or rehearsed:
                return act(work), False
            return once(work, key, fingerprint, lambda: act(work), **asked.call.asked)

        transact = edge.transact.rehearse if rehearsed else edge.transact
        try:
            answer, replayed = transact(act_once)
        except Unrehearsable:  # what comes next is the payment provider's to do
            answer, replayed = Answer(fingerprint=b"", status=204, headers=(), body=b""), False
        then = operation.then
        if then is not None and not rehearsed:
            reply = edge.transact.read(lambda work: then(work, asked.call), fresh=True)
            answer = evolve(answer, body=rendering.dump(reply.content))
        _send(resp, answer)
        if replayed:
            resp.set_header("Idempotency-Replayed", "true")

    def _found_too(self, asked: Asked, claims: Claims | None) -> Iterable[Fault]:
        """What the service finds wrong with what could be read. It decides first what the
        caller may know: any other refusal of its waits until the rest is right."""
        operation, edge = self.operation, self.edge
        if not asked.is_judgeable:
            return ()

        def act(work: UnitOfWork) -> None:
            if operation.writes and claims is not None:
                recognize(work, claims, platform=edge.platform)
            operation.handle(work, asked.call)

        try:
            if operation.writes:
                edge.transact.rehearse(act)
            else:
                edge.transact.read(act, fresh=asked.fresh)
        except ValidationFailed as refusal:
            return refusal.faults
        except (DomainError, Unrehearsable):
            return ()
        return ()


def _tag(req: falcon.Request, resp: falcon.Response, tag: str) -> None:
    """Raises: PreconditionFailed."""
    resp.set_header("ETag", tag)
    if_match, if_none_match = req.env.get("HTTP_IF_MATCH"), req.env.get("HTTP_IF_NONE_MATCH")
    # Both are read before either is heeded, so that a malformed one is always told.
    is_other = if_match is not None and not etags.matches(if_match, tag)
    is_known = if_none_match is not None and etags.unchanged(if_none_match, tag)
    if is_other:
        raise PreconditionFailed("It is no longer as If-Match says; read it again.")
    if is_known:
        resp.status = falcon.HTTP_304
        resp.data = None


def _next_url(req: falcon.Request, edge: Edge, cursor: str) -> str:
    parameters = {name: text for name, text in req.params.items() if name != "offset"}
    query = urlencode(parameters | {"cursor": cursor})
    return f"{edge.public_url or origin(req)}{req.path}?{query}"


def _answer(operation: Operation, reply: Reply, fingerprint: bytes, *, rehearsed: bool) -> Answer:
    body = b"" if reply.content is None else rendering.dump(reply.content)
    if reply.preview is not None:
        body = rendering.joined(body, rendering.dump(reply.preview))
    headers = []
    if operation.tagged and body:
        headers.append(("ETag", etags.tag_of(body)))
    if reply.location is not None and not rehearsed:
        headers.append(("Location", reply.location))
    status = reply.status or operation.status
    if rehearsed:
        status = 200 if body else 204
    return Answer(fingerprint=fingerprint, status=status, headers=tuple(headers), body=body)


def _send(resp: falcon.Response, answer: Answer) -> None:
    resp.status = answer.status
    for name, value in answer.headers:
        resp.set_header(name, value)
    if answer.body:
        resp.data = answer.body
    resp.set_header("Cache-Control", "no-store")


def _fingerprint(req: falcon.Request, raw: bytes) -> bytes:
    """Of what was asked: a key may not be used again for anything else."""
    asked = f"{req.method} {req.path}?{req.query_string}\n".encode()
    return hashlib.sha256(asked + raw).digest()


def _idempotency_key(req: falcon.Request) -> str | None:
    """Raises: EdgeError."""
    key = req.get_header("Idempotency-Key")
    if key is None:
        return None
    if not key.isascii() or not key.isprintable() or not 1 <= len(key) <= _KEY_LENGTH:
        raise EdgeError(
            "malformed_request",
            f"An Idempotency-Key has 1 to {_KEY_LENGTH} printable ASCII characters.",
        )
    return key
