"""What happens to every request: an id, a few headers, a line in the log."""

import re
import time
import uuid
from typing import Any, Final

import falcon
import structlog
from attrs import frozen

from ktrlplane.entrypoints.http import metrics

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_log = structlog.get_logger("ktrlplane.http")


@frozen
class RequestIds:
    """``X-Request-Id`` is taken where it is plain, made otherwise, and returned."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = req.get_header("X-Request-Id")
        lawful = given is not None and _REQUEST_ID.fullmatch(given)
        req.context.request_id = given if lawful else uuid.uuid4().hex
        req.context.actor = None
        req.context.began = time.perf_counter()
        resp.set_header("X-Request-Id", req.context.request_id)
        resp.set_header("X-Content-Type-Options", "nosniff")

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,
        succeeded: bool,  # noqa: FBT001
    ) -> None:
        status = falcon.http_status_to_code(resp.status)
        seconds = time.perf_counter() - req.context.began
        metrics.count(req, status, seconds)
        _log.info(
            "request",
            request_id=req.context.request_id,
            method=req.method,
            path=req.path,
            status=status,
            principal=req.context.actor,
            milliseconds=round(seconds * 1000, 2),
        )


def cors(origins: tuple[str, ...]) -> "falcon.CORSMiddleware[Any, Any]":
    """For browsers on ``origins``; no credentials but the Authorization header."""
    return falcon.CORSMiddleware(
        allow_origins=list(origins),
        expose_headers=["ETag", "Link", "Location", "Retry-After", "X-Request-Id"],
    )
