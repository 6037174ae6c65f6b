"""The answers in the API document: each operation's own, and the problems that many share."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from attrs import field, frozen

from ktrlplane.domain import errors
from ktrlplane.entrypoints.http import problems
from ktrlplane.entrypoints.http.bodies import JSON
from ktrlplane.entrypoints.http.operations import CREATED, LAST_ENTRY, NDJSON, Operation
from ktrlplane.entrypoints.http.preview_shapes import told_by
from ktrlplane.entrypoints.http.problems import Definition
from ktrlplane.entrypoints.http.schemas import Components, Schema

_OK: Final = 200
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}

HEADERS: Final[dict[str, Schema]] = {
    "X-Request-Id": {"description": "Names this request in logs.", "schema": _TEXT},
    "ETag": {"description": "What If-Match and If-None-Match speak of.", "schema": _TEXT},
    "Location": {"description": "Where the new thing is.", "schema": _TEXT},
    "Link": {"description": 'The next page, as rel="next".', "schema": _TEXT},
    "Idempotency-Replayed": {
        "description": "true where this is the answer that the key got before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    LAST_ENTRY: {
        "description": (
            "SEQUENCE:HASH of the entry that this part of a chain ends with: whoever does not get "
            "that far has not got all."
        ),
        "schema": _TEXT,
    },
    "RateLimit-Limit": {"description": "Requests a window.", "schema": _COUNT},
    "RateLimit-Remaining": {"description": "Requests left in this window.", "schema": _COUNT},
    "RateLimit-Reset": {"description": "Seconds until the next window.", "schema": _COUNT},
    "Retry-After": {"description": "Seconds to wait.", "schema": _COUNT, "required": True},
    "WWW-Authenticate": {"description": "A challenge.", "schema": _TEXT, "required": True},
}
_RATE: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@frozen(kw_only=True)
class ProblemFault:
    """``pointer`` is a JSON pointer into the body or, where ``parameter`` names a parameter,
    into the query. ``position`` counts the characters of a query of logs or metrics before what
    is wrong with it."""

    pointer: str
    code: str
    detail: str
    parameter: str = field(default="", metadata={"left_out": True})
    position: int = field(default=0, metadata={"left_out": True})


@frozen(kw_only=True)
class Problem:
    """What went wrong (RFC 9457). ``code`` never changes; ``errors`` name every fault."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: tuple[ProblemFault, ...] = field(default=(), metadata={"left_out": True})


class Responses:
    """Collects the responses that a document refers to: one for each set of problems that
    share a status."""

    def __init__(self, components: Components) -> None:
        self._components = components
        self.responses: dict[str, Any] = {}
        self.examples: dict[str, Any] = {}

    def of(self, operation: Operation) -> dict[str, Any]:
        """By status."""
        found = self._successes(operation)
        by_status: dict[int, list[Definition]] = {}
        for code in sorted(set(_codes(operation))):
            definition = problems.DEFINITIONS[code]
            by_status.setdefault(definition.status, []).append(definition)
        for status, definitions in sorted(by_status.items()):
            found[str(status)] = self.problem(definitions)
        return found

    def problem(self, definitions: list[Definition]) -> Schema:
        """A reference."""
        codes = [definition.code for definition in definitions]
        name = "Or".join(code.title().replace("_", "") for code in codes)
        if name not in self.responses:
            self.responses[name] = {
                "description": "; ".join(f"`{one.code}`: {one.title}" for one in definitions),
                "headers": _refer(_problem_headers(codes[0])),
                "content": {
                    problems.MEDIA_TYPE: {
                        "schema": self._components.schema(Problem),
                        "examples": {one.code: self._example(one) for one in definitions},
                    }
                },
            }
        return {"$ref": f"#/components/responses/{name}"}

    def _successes(self, operation: Operation) -> dict[str, Any]:
        found = {str(operation.status): self._success(operation, operation.status)}
        if operation.preview is not None:
            found["200"] = self._preview(operation, operation.preview)
        elif operation.writes and operation.answer is not None:
            # A change that is only rehearsed gives 200.
            found.setdefault("200", self._success(operation, _OK))
        if operation.then is not None or operation.acts_elsewhere:
            described = {
                "description": "Rehearsed: all is right, and the rest would be done elsewhere.",
                "headers": _refer(("X-Request-Id",)),
            }
            found["204"] = self._shared("Rehearsed", described)
        if operation.tagged and not operation.writes:
            unchanged = {
                "description": "It is as If-None-Match says.",
                "headers": _refer(("X-Request-Id", "ETag")),
            }
            found["304"] = self._shared("NotModified", unchanged)
        return found

    def _success(self, operation: Operation, status: int) -> Schema:
        phrase = HTTPStatus(status).phrase
        described: dict[str, Any] = {
            "description": phrase,
            "headers": _refer(_headers(operation)),
        }
        kind = operation.answer
        if kind is None:
            return self._shared(phrase.replace(" ", ""), described)
        is_named = isinstance(kind, type) and kind is not dict
        page, what = "", kind.__name__ if is_named else operation.name
        if operation.media_type == NDJSON:
            what = "Lines"
        schema = self._components.schema(kind)
        if operation.listed:
            page, schema = "Page", self._components.page(kind)
        described["content"] = {operation.media_type: {"schema": schema}}
        made = "" if status == _OK else phrase
        key = "WithKey" if operation.writes and operation.method == "POST" else ""
        return self._shared(f"{what[0].upper()}{what[1:]}{page}{made}{key}", described)

    def _preview(self, operation: Operation, kind: type) -> Schema:
        """Of a rehearsal, and of the change itself where that gives 200 too."""
        preview = self._components.schema(kind)
        schema = preview
        if operation.answer is not None:
            answer = self._components.schema(operation.answer)
            schema = {"allOf": [answer, preview]}
            if operation.status == _OK:
                schema = {"anyOf": [schema, answer]}
        name = f"{operation.name[0].upper()}{operation.name[1:]}Preview"
        described = {
            "description": f"With validate_only=true, also {told_by(kind)}.",
            "headers": _refer(_headers(operation)),
            "content": {JSON: {"schema": schema}},
        }
        return self._shared(name, described)

    def _shared(self, name: str, described: dict[str, Any]) -> Schema:
        """A reference, where others of this name are the same."""
        if self.responses.setdefault(name, described) != described:
            return described
        return {"$ref": f"#/components/responses/{name}"}

    def _example(self, definition: Definition) -> Schema:
        self.examples[definition.code] = {
            "summary": definition.title,
            "value": example_of_problem(definition),
        }
        return {"$ref": f"#/components/examples/{definition.code}"}


def _refer(names: Iterable[str]) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _headers(operation: Operation) -> Iterable[str]:
    yield "X-Request-Id"
    if operation.tagged and operation.answer is not None:
        yield "ETag"
    if operation.listed:
        yield "Link"
    if operation.media_type == NDJSON:
        yield LAST_ENTRY
    if operation.status == CREATED:
        yield "Location"
    if operation.writes and operation.method == "POST":
        yield "Idempotency-Replayed"
    if not operation.public:
        yield from _RATE


def _problem_headers(code: str) -> Iterable[str]:
    yield "X-Request-Id"
    if code == errors.Unauthenticated.code:
        yield "WWW-Authenticate"
    if code == "rate_limited":
        yield from _RATE
    if code in ("rate_limited", errors.UpstreamError.code):
        yield "Retry-After"


def _codes(operation: Operation) -> Iterable[str]:
    yield "malformed_request"
    yield "unknown_parameter"
    if not operation.public:
        yield from (errors.Unauthenticated.code, "rate_limited")
        # The caller is made known first, which may collide with others' changes.
        yield errors.Interrupted.code
    if operation.tagged and (operation.conditional or not operation.writes):
        yield errors.PreconditionFailed.code
    if operation.writes or operation.takes_form or operation.body is not None:
        yield "payload_too_large"
    if operation.body is not None:
        yield "unsupported_media_type"
    yield errors.ValidationFailed.code  # each takes parameters, consistency or validate_only
    if operation.writes and operation.method == "POST":
        yield from (errors.IdempotencyInProgress.code, errors.IdempotencyKeyReused.code)
    yield from (refusal.code for refusal in operation.refusals)
    yield from (errors.UpstreamError.code, "internal_error")


def example_of_problem(definition: Definition) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": f"/problems/{definition.code}",
        "title": definition.title,
        "status": definition.status,
        "detail": definition.advice,
        "code": definition.code,
        "request_id": "5f2b1c9e7d3a4f60",
    }
    if definition.code == errors.ValidationFailed.code:
        problem["errors"] = [
            {
                "pointer": "/settings_json/instances",
                "code": "maximum",
                "detail": "This must be at most 1 in this tier.",
            }
        ]
    return problem
