"""What happens to every request: an id, a few headers, a line in the log."""

import random
import re
import time
from logging import DEBUG, INFO
from typing import Any, Final

import falcon
import structlog
from attrs import frozen

from ktrlplane.domain.errors import Forbidden
from ktrlplane.entrypoints.http import metrics, waiting
from ktrlplane.entrypoints.setting_values import is_loopback

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_REFUSED: Final = 400
_log = structlog.get_logger("ktrlplane.http")


def new_request_id() -> str:
    """Nobody need be unable to guess it, so it costs no system call."""
    return f"{random.getrandbits(128):032x}"


def begin(req: falcon.Request, resp: falcon.Response) -> None:
    """``X-Request-Id`` is taken where it is plain, made otherwise, and returned.

    A few methods are refused before any middleware sees them: whoever needs the id first
    calls this, and it does its work once.
    """
    if hasattr(req.context, "request_id"):
        return
    given = req.env.get("HTTP_X_REQUEST_ID")
    lawful = given is not None and _REQUEST_ID.fullmatch(given)
    req.context.request_id = given if lawful else new_request_id()
    req.context.actor = None
    req.context.began = time.perf_counter()
    seat = waiting.seat_here()
    if seat is not None and seat.request_id is not None and seat.began is not None:
        # It is asked again.
        req.context.request_id, req.context.began = seat.request_id, seat.began
    elif seat is not None:
        seat.request_id, seat.began = req.context.request_id, req.context.began
    resp.set_header("X-Request-Id", req.context.request_id)
    resp.set_header("X-Content-Type-Options", "nosniff")


@frozen
class RequestIds:
    """Begins every request and tells its end: changes and refusals always, what was read well
    only at the level ``debug``."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        begin(req, resp)

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,
        succeeded: bool,  # noqa: FBT001
    ) -> None:
        begin(req, resp)
        status = falcon.http_status_to_code(resp.status)
        seconds = time.perf_counter() - req.context.began
        metrics.count(req, status, seconds)
        # Products read on every request of theirs: what went well is counted, not told.
        level = DEBUG if req.method == "GET" and status < _REFUSED else INFO
        if not _log.is_enabled_for(level):
            return
        _log.log(
            level,
            "request",
            request_id=req.context.request_id,
            method=req.method,
            path=req.path,
            status=status,
            principal=req.context.actor,
            milliseconds=round(seconds * 1000, 2),
        )


def is_from_here(req: falcon.Request) -> bool:
    """From this machine."""
    return is_loopback(req.remote_addr.removeprefix("::ffff:"))


@frozen
class LoopbackOnly:
    """Whoever reaches the local development issuer can be anybody, so nobody else may ask."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Raises: Forbidden."""
        if not is_from_here(req):
            raise Forbidden(
                "The local development issuer serves this machine alone. "
                "Set an issuer of your own to serve others."
            )


_EXPOSED: Final = (
    "ETag",
    "Idempotency-Replayed",
    "KtrlPlane-Last-Entry",
    "Link",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-Id",
)


class Cors(falcon.CORSMiddleware[Any, Any]):
    """For browsers on ``origins``, all of them for ``*``; no credentials but the
    Authorization header."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        allowed = "*" if "*" in origins else list(origins)
        super().__init__(allow_origins=allowed, expose_headers=list(_EXPOSED))

    def process_response(self, *args: Any) -> None:
        super().process_response(*args)
        # What a cache keeps for one origin is no answer to another.
        args[1].append_header("Vary", "Origin")
