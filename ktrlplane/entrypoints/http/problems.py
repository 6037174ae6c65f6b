"""Refusals as the edge says them: problem+json (RFC 9457)."""

import html
import re
from typing import Final

import falcon
import structlog
from attrs import frozen

from ktrlplane.domain import errors
from ktrlplane.domain.errors import DomainError, Fault, Kind
from ktrlplane.entrypoints.http import rendering
from ktrlplane.entrypoints.http.middleware import begin
from ktrlplane.entrypoints.http.source_words import in_words_of_source

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[dict[Kind, int]] = {
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.PRECONDITION_FAILED: 412,
    Kind.INVALID: 422,
    Kind.MALFORMED: 400,
    Kind.UNAVAILABLE: 502,
    Kind.UNCONFIGURED: 503,
    Kind.UNKNOWN: 504,
    Kind.UNPAID: 402,
}


@frozen
class Definition:
    """What one code means, wherever it comes up."""

    code: str
    status: int
    title: str
    advice: str


_log = structlog.get_logger(__name__)


class EdgeError(Exception):
    """A refusal that only the edge knows: how the request itself is written."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        faults: tuple[Fault, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.faults = faults
        self.headers = headers or {}


def _of(refusal: type[DomainError], advice: str) -> Definition:
    return Definition(refusal.code, STATUS[refusal.kind], refusal.title, advice)


# Every code of the platform has its page, those of products' routes included.
DEFINITIONS: Final[dict[str, Definition]] = {
    definition.code: definition
    for definition in (
        Definition(
            "malformed_request",
            400,
            "The request cannot be read",
            "Send well-formed JSON and each query parameter once.",
        ),
        Definition(
            "unknown_parameter",
            400,
            "There is no such query parameter",
            "Leave it out or correct its name; the API document lists what each route takes.",
        ),
        _of(errors.UnsafeQuery, "Write it without the part that the detail names."),
        _of(
            errors.Unauthenticated,
            "Send `Authorization: Bearer <token>` with a token that is signed by the "
            "configured issuer, made for this audience, and not expired.",
        ),
        _of(
            errors.PaymentRequired,
            "Do what the detail says, such as adding a payment method; then try again.",
        ),
        _of(errors.Forbidden, "Ask somebody with manage_access to grant a role that may do it."),
        _of(
            errors.LimitExceeded,
            "Delete something, choose a higher tier, or ask the operator for more.",
        ),
        _of(
            errors.NotFound,
            "Check the id. What you may not read looks the same as what is not there.",
        ),
        Definition(
            "method_not_allowed",
            405,
            "This cannot be done to this address",
            "The Allow header lists what can.",
        ),
        _of(errors.AlreadyExists, "Choose another id; an id that was used once stays taken."),
        _of(errors.Conflict, "Read the present state, then decide again."),
        _of(errors.InvalidTransition, "Read the present status; not every step can follow it."),
        _of(errors.LastOwner, "Make another user Owner first, without an expiry."),
        _of(errors.NotEmpty, "Delete what is in it first, or send cascade=true."),
        _of(errors.IdempotencyInProgress, "Wait for the first request, then send this again."),
        _of(errors.PreconditionFailed, "Read it again and send its new ETag in If-Match."),
        Definition(
            "payload_too_large",
            413,
            "The body is too large",
            "Send at most 1 MiB, and 64 KiB of parameters as a form.",
        ),
        Definition(
            "unsupported_media_type",
            415,
            "The body is of the wrong type",
            "Send JSON with `Content-Type: application/json`.",
        ),
        _of(errors.ValidationFailed, "Correct what `errors` points at; it names every fault."),
        _of(errors.IdempotencyKeyReused, "Use a new Idempotency-Key for a new request."),
        Definition("rate_limited", 429, "Too many requests", "Wait as long as Retry-After says."),
        Definition(
            "internal_error",
            500,
            "Something broke on our side",
            "Try again; if it stays, tell the operator the request id.",
        ),
        _of(errors.UpstreamError, "Try again in a moment; if it stays, tell the operator."),
        Definition(
            "upstream_timeout",
            504,
            "A service that this one depends on is too slow",
            "Try again in a moment, or ask for less.",
        ),
        _of(errors.NotConfigured, "Ask the platform's operator."),
    )
}


def problem(
    code: str, detail: str, *, request_id: str, status: int | None = None
) -> dict[str, object]:
    """``status`` is the one that goes with the code, unless HTTP has one that says more."""
    definition = DEFINITIONS[code]
    return {
        "type": f"/problems/{code}",
        "title": definition.title,
        "status": status or definition.status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }


def write(
    req: falcon.Request,
    resp: falcon.Response,
    code: str,
    detail: str,
    faults: tuple[Fault, ...] = (),
) -> None:
    begin(req, resp)
    content = problem(code, detail, request_id=req.context.request_id)
    if faults:
        content["errors"] = faults
    status = DEFINITIONS[code].status
    agent = req.get_header("User-Agent", default="")
    resp.status = status
    resp.content_type = MEDIA_TYPE
    resp.data = rendering.dump(in_words_of_source(req.path, agent, status, content, faults))
    resp.text = None
    resp.set_header("Cache-Control", "no-store")


def refuse(req: falcon.Request, resp: falcon.Response, refusal: DomainError, _: object) -> None:
    write(req, resp, refusal.code, refusal.detail, refusal.faults)
    if refusal.kind is Kind.UNAUTHENTICATED:
        resp.set_header("WWW-Authenticate", _challenge(req))
    if refusal.kind is Kind.UNAVAILABLE:
        resp.set_header("Retry-After", "1")


def _challenge(req: falcon.Request) -> str:
    """RFC 6750 section 3: a request without any token is told no error."""
    if req.get_header("Authorization") is None:
        return 'Bearer realm="ktrlplane"'
    return 'Bearer realm="ktrlplane", error="invalid_token"'


def refuse_at_edge(
    req: falcon.Request, resp: falcon.Response, refusal: EdgeError, _: object
) -> None:
    write(req, resp, refusal.code, refusal.detail, refusal.faults)
    for name, value in refusal.headers.items():
        resp.set_header(name, value)


_OF_STATUS: Final = {
    404: ("not_found", "There is nothing at this address. The API document lists what is."),
    405: ("method_not_allowed", "This address does not take this method."),
    413: ("payload_too_large", "Send at most 1 MiB."),
    415: ("unsupported_media_type", "Send JSON."),
}


def refuse_in_falcons_words(
    req: falcon.Request, resp: falcon.Response, refusal: falcon.HTTPError, _: object
) -> None:
    status = falcon.http_status_to_code(refusal.status)
    said = (refusal.description or "The request cannot be read").rstrip(".")
    code, detail = _OF_STATUS.get(status, ("malformed_request", f"{said}."))
    if isinstance(refusal, falcon.HTTPMethodNotAllowed):
        taken = (refusal.headers or {}).get("Allow", "")  # type: ignore[union-attr]
        detail = f"This address takes {taken}."
    write(req, resp, code, detail)
    for name, value in (refusal.headers or {}).items():  # type: ignore[union-attr]
        resp.set_header(name, value)


def break_down(req: falcon.Request, resp: falcon.Response, bug: Exception, _: object) -> None:
    _log.error("request_failed", request_id=req.context.request_id, path=req.path, exc_info=bug)
    write(
        req,
        resp,
        "internal_error",
        "This is a fault of ours. Nothing was changed; the request id tells us where to look.",
    )


_QUOTED: Final = re.compile("`([^`]*)`")


def page(definition: Definition) -> str:
    """The page at ``/problems/{code}``."""
    title, advice = html.escape(definition.title), html.escape(definition.advice)
    advice = _QUOTED.sub(r"<code>\1</code>", advice)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{definition.code}</title></head><body><main>"
        f"<h1>{title}</h1><p>Code <code>{definition.code}</code>, "
        f"HTTP status {definition.status}.</p><p>{advice}</p></main></body></html>"
    )
