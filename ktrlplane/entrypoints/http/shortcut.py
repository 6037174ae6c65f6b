"""The way of a permission check that was answered before: past everything that only other
requests need.

Products ask the same again and again, on every request of theirs. Where nothing but the token
and the query says what is asked, and the answer is known and still follows from what people
hold, it goes out as it is; in whatever is out of the ordinary, the application is asked. Both
give the same answer, which a test holds them to.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from logging import DEBUG
from typing import Any, Final

import structlog
from attrs import frozen

from ktrlplane.domain.errors import Unauthenticated
from ktrlplane.entrypoints.http import metrics
from ktrlplane.entrypoints.http.dispatch import Responder
from ktrlplane.entrypoints.http.middleware import new_request_id
from ktrlplane.entrypoints.http.replies import Kept
from ktrlplane.entrypoints.setting_values import is_loopback
from ktrlplane.ports.identity import Claims

Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]

_ASKS_MORE: Final = (
    "HTTP_CACHE_CONTROL",
    "HTTP_IF_MATCH",
    "HTTP_IF_NONE_MATCH",
    "HTTP_ORIGIN",
    "HTTP_X_REQUEST_ID",
)
_BEARER: Final = "Bearer "
_log = structlog.get_logger("ktrlplane.http")


@frozen
class Shortcut:
    """A WSGI application in front of ``app``. ``responders`` are by address, ``loopback_only``
    is whether others are refused."""

    app: Application
    responders: Mapping[str, Responder]
    loopback_only: bool = False

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        began = time.perf_counter()
        path = environ["PATH_INFO"]
        responder = self.responders.get(path)
        if responder is None or not self._is_plain(environ):
            return self.app(environ, start_response)
        known = _known(responder, environ)
        if known is None:
            return self.app(environ, start_response)
        kept, claims = known
        limits = responder.edge.rate_limit.headers_of(claims.principal_id.value)
        if limits is None:
            return self.app(environ, start_response)
        written = kept.written
        headers = [("x-request-id", new_request_id()), *written.headers, *limits]
        start_response("200 OK", headers)
        metrics.tally("GET", path, 200, time.perf_counter() - began)
        # A list, which servers know the whole of: granian passes anything else on piece by piece.
        return [written.body]

    def _is_plain(self, environ: dict[str, Any]) -> bool:
        if environ["REQUEST_METHOD"] != "GET" or not environ.keys().isdisjoint(_ASKS_MORE):
            return False
        if self.loopback_only and not is_loopback(environ.get("REMOTE_ADDR", "")):
            return False
        return not self._are_all_told

    @cached_property
    def _are_all_told(self) -> bool:
        """In the log, also what was read well. Of when the first one comes: nobody sets another
        level while a process serves, and to look each time would cost as much as all the rest
        of finding out whether a request is plain."""
        told: bool = _log.is_enabled_for(DEBUG)
        return told


def _known(responder: Responder, environ: Mapping[str, Any]) -> tuple[Kept, Claims] | None:
    """None wherever there is anything to do or to say but what was said before."""
    edge, header = responder.edge, environ.get("HTTP_AUTHORIZATION", "")
    if not header.startswith(_BEARER):
        return None
    try:
        claims = edge.tokens.verify(header[len(_BEARER) :].strip())
    except Unauthenticated:
        return None
    kept = responder.replies.find(environ.get("QUERY_STRING", ""), claims.principal_id)
    if kept is None or not edge.recognition.knows(claims):
        return None
    if not kept.is_good(None, edge.transact, edge.platform.now()):
        return None
    return kept, claims
