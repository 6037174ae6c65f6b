"""Reading the bodies of requests."""

from typing import Any, Final

import attrs
import falcon
import orjson

from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.entrypoints.http import wire
from ktrlplane.entrypoints.http.problems import EdgeError

MAX_BYTES: Final = 1024 * 1024
_JSON: Final = frozenset({"application/json", "application/merge-patch+json"})


def raw_body(req: falcon.Request) -> bytes:
    """At most 1 MiB. Raises: EdgeError."""
    if (req.content_length or 0) > MAX_BYTES:
        raise EdgeError("payload_too_large", "Send at most 1 MiB.")
    terminated = req.content_length is None and req.env.get("wsgi.input_terminated", False)
    stream = req.stream if terminated else req.bounded_stream
    raw: bytes = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise EdgeError("payload_too_large", "Send at most 1 MiB.")
    return raw


def read_body(req: falcon.Request, raw: bytes, kind: type) -> Any:
    """Raises: EdgeError, ValidationFailed."""
    if not raw:
        raise EdgeError("malformed_request", "Send a JSON object as the body.")
    _require_json(req)
    try:
        value = wire.parse(raw)
    except orjson.JSONDecodeError as exc:
        raise EdgeError(
            "malformed_request",
            f"The body is not JSON: {exc.msg} (line {exc.lineno}, column {exc.colno}).",
        ) from exc
    if req.method in ("PATCH", "PUT"):
        _refuse_null(value, kind)
    return wire.read(value, kind)


def _require_json(req: falcon.Request) -> None:
    media_type, _, parameters = (req.content_type or "").partition(";")
    charset = parameters.replace(" ", "").lower()
    if media_type.strip().lower() not in _JSON or charset not in ("", "charset=utf-8"):
        raise EdgeError(
            "unsupported_media_type",
            "Send JSON in UTF-8 with the header Content-Type: application/json.",
            headers={"Accept-Patch": "application/merge-patch+json, application/json"},
        )
    if req.get_header("Content-Encoding", default="identity") != "identity":
        raise EdgeError("unsupported_media_type", "Send the body without Content-Encoding.")


def _refuse_null(value: object, kind: type) -> None:
    """What may be left out may not be null: nobody could tell what it means."""
    if not isinstance(value, dict):
        return
    optional = {f.name for f in attrs.fields(kind) if f.default is not attrs.NOTHING}
    faults = [
        Fault(f"/{name}", "null", "Leave this out to keep it as it is; it cannot be null.")
        for name, member in value.items()
        if member is None and name in optional
    ]
    if faults:
        raise ValidationFailed(faults)
