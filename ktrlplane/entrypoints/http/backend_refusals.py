"""What a backend says when it does not do what it was asked: what of it who asked is told, and
what the operator."""

import logging
import zlib
from typing import Final

import structlog

from ktrlplane.domain.errors import DomainError, UpstreamError, ValidationFailed
from ktrlplane.domain.observability.answers import OK, refusal_of
from ktrlplane.domain.observability.backend_queries import BackendQuery
from ktrlplane.ports.telemetry import Answer

JSON: Final = "application/json"
SENTENCE_BYTES: Final = 16 * 1024
SAID_BYTES: Final = 300

_log = structlog.get_logger("ktrlplane.http")


def require_good(answer: Answer, query: BackendQuery, request_id: str) -> None:
    """Raises: UpstreamError, OutcomeUnknown, ValidationFailed."""
    if answer.status == OK and answer.media_type == JSON:
        return
    body = _unpacked(answer.beginning) if answer.compressed else answer.beginning
    if answer.status == OK:
        refusal: DomainError = UpstreamError("The backend does not answer as it should.")
    else:
        refusal = refusal_of(answer.status, body, hidden=(query.tenant,))
    about_the_query = isinstance(refusal, ValidationFailed)
    _log.log(
        logging.INFO if about_the_query else logging.WARNING,
        "backend_refused",
        request_id=request_id,
        backend=query.backend.value,
        resource_id=query.subject,
        status=answer.status,
        media_type=answer.media_type[:100],
        # What it says of a query may repeat that, which is its author's.
        said=None if about_the_query else _line(body),
    )
    raise refusal


def cause_of(refusal: UpstreamError) -> str | None:
    """For the operator: what the system says. Other errors may repeat what was asked."""
    cause = refusal.__cause__
    if cause is None:
        return None
    return str(cause)[:SAID_BYTES] if isinstance(cause, OSError) else type(cause).__name__


def _line(body: bytes) -> str:
    """For the operator: the beginning, on one line."""
    text = body[:SAID_BYTES].decode("utf-8", errors="replace")
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _unpacked(body: bytes) -> bytes:
    """So much as may hold a sentence."""
    try:
        return zlib.decompressobj(wbits=31).decompress(body, SENTENCE_BYTES)
    except zlib.error:
        return b""
