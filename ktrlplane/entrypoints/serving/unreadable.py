"""Answers to what gunicorn cannot read, or fails to serve."""

from typing import Final

import structlog
from gunicorn.http import errors  # type: ignore[import-untyped]

from ktrlplane.entrypoints.http import rendering
from ktrlplane.entrypoints.http.middleware import new_request_id
from ktrlplane.entrypoints.http.problems import MEDIA_TYPE, problem

_STATUS: Final = {
    errors.LimitRequestLine: (414, "URI Too Long"),
    errors.ExpectationFailed: (417, "Expectation Failed"),
    errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    errors.UnsupportedTransferCoding: (501, "Not Implemented"),
}
_OURS: Final = (
    errors.ConfigurationProblem,
    errors.InvalidResponseHeader,
    errors.InvalidResponseHeaderName,
)
_log = structlog.get_logger(__name__)


class TooMuch(Exception):
    """A request is larger than anybody reads; or those ``of_all`` are, together."""

    def __init__(self, *, of_all: bool = False) -> None:
        super().__init__("too much")
        self.of_all = of_all


def answer_to(exc: BaseException, client: str | None) -> bytes:
    """All of it, head and body; the connection ends with it."""
    if isinstance(exc, errors.ParseException) and not isinstance(exc, _OURS):
        status, reason = _STATUS.get(type(exc), (400, "Bad Request"))
        _log.info("request_not_read", client=client, status=status, reason=str(exc))
        code, detail = "malformed_request", f"This is not HTTP as it should be: {exc}."
        if status in {414, 431}:
            detail = "The address or the headers are too long."
    elif isinstance(exc, TooMuch) and exc.of_all:
        _log.warning("requests_too_large_together", client=client)
        status, reason, code = 429, "Too Many Requests", "rate_limited"
        detail = "Too many large requests arrive here at once. Try again."
    elif isinstance(exc, TooMuch):
        status, reason, code = 413, "Content Too Large", "payload_too_large"
        detail = "Send at most 1 MiB, and not in the smallest of pieces."
    else:
        status, reason = 500, "Internal Server Error"
        _log.error("request_failed", exc_info=exc)
        code, detail = "internal_error", "This is a fault of ours. Nothing was changed."
    return _answer(status, reason, code, detail)


def _answer(status: int, reason: str, code: str, detail: str) -> bytes:
    request_id = new_request_id()
    body = rendering.dump(problem(code, detail, request_id=request_id, status=status))
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\nCache-Control: no-store\r\n"
        f"X-Request-Id: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
