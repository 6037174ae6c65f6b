"""Reading the bodies of requests."""

from typing import Final

import attrs
import falcon
import orjson

from ktrlplane.domain.documents import TOO_DEEP, pointer
from ktrlplane.domain.errors import MAX_FAULTS, Fault, summary
from ktrlplane.entrypoints.http import parsing, repeats, wire
from ktrlplane.entrypoints.http.problems import EdgeError
from ktrlplane.entrypoints.http.wire import Reading

_KIB: Final = 1024
MAX_BYTES: Final = 1024 * _KIB
MAX_FORM_BYTES: Final = 64 * _KIB
"""Of parameters of a query: 8 KiB of it are 24 in percent-encoding."""
JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"


def raw_body(req: falcon.Request, most: int = MAX_BYTES) -> bytes:
    """``most`` counts bytes. Raises: EdgeError."""
    if (req.content_length or 0) > most:
        raise _too_large(most)
    terminated = req.content_length is None and req.env.get("wsgi.input_terminated", False)
    stream = req.stream if terminated else req.bounded_stream
    try:
        raw: bytes = stream.read(most + 1)
    except Exception as exc:  # each server has its own for what a client did
        raise _broken_off() from exc
    if len(raw) > most:
        raise _too_large(most)
    if len(raw) < (req.content_length or 0):
        raise _broken_off()
    return raw


def _broken_off() -> EdgeError:
    return EdgeError("malformed_request", "The body breaks off, or is not framed as HTTP says.")


def _too_large(most: int) -> EdgeError:
    said = "1 MiB" if most == MAX_BYTES else f"{most // _KIB} KiB"
    return EdgeError("payload_too_large", f"Send at most {said}.")


def read_body(req: falcon.Request, raw: bytes, kind: type) -> Reading:
    """Raises: EdgeError for what is not read at all."""
    if not raw:
        raise EdgeError("malformed_request", "Send a JSON object as the body.")
    _require_json(req)
    try:
        value, faults = parsing.parse(raw)
    except orjson.JSONDecodeError as exc:
        raise EdgeError(
            "malformed_request",
            f"The body is not JSON: {exc.msg} (line {exc.lineno}, column {exc.colno}).",
        ) from exc
    if not any(fault.code == TOO_DEEP for fault in faults):
        _require_no_repeats(raw, value)
    if req.method in ("PATCH", "PUT"):
        faults += _nulls(value, kind)
    return wire.read(value, kind, faults)


def require_empty(raw: bytes) -> None:
    """Where nothing is asked for but by the address: an empty object says as little as no body
    at all. Raises: EdgeError for what somebody would believe to have said."""
    detail = "This takes no body."
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        if not raw.strip():
            return
        raise EdgeError("malformed_request", detail) from exc
    if value is None or value == {}:
        return
    if not isinstance(value, dict):
        raise EdgeError("malformed_request", detail)
    faults = [
        Fault(pointer([name]), "unknown_field", f"{detail[:-1]}; there is no such field here.")
        for name in sorted(value)[:MAX_FAULTS]
    ]
    raise EdgeError("validation_failed", summary(faults), faults=tuple(faults))


def _require_no_repeats(raw: bytes, value: object) -> None:
    """Nobody could tell which one counts; orjson takes the last and says nothing."""
    repeated = repeats.find(raw, value)
    if repeated:
        raise EdgeError("malformed_request", summary(repeated), faults=tuple(repeated))


def _require_json(req: falcon.Request) -> None:
    accepted = (JSON, MERGE_PATCH) if req.method == "PATCH" else (JSON,)
    media_type, parameters = falcon.parse_header(req.content_type or "")
    charset = parameters.get("charset", "utf-8").lower()
    if media_type.lower() not in accepted or charset != "utf-8":
        raise EdgeError(
            "unsupported_media_type",
            f"Send JSON in UTF-8 with the header Content-Type: {' or '.join(accepted)}.",
            headers={"Accept-Patch": ", ".join(accepted)} if req.method == "PATCH" else {},
        )
    if req.get_header("Content-Encoding", default="identity").lower() != "identity":
        raise EdgeError("unsupported_media_type", "Send the body without Content-Encoding.")


def _nulls(value: object, kind: type) -> list[Fault]:
    """What may be left out may not be null: nobody could tell what it means."""
    if not isinstance(value, dict):
        return []
    optional = {f.name for f in attrs.fields(kind) if f.default is not attrs.NOTHING}
    detail = "Leave this out to keep it as it is; it cannot be null."
    return [
        Fault(pointer([name]), "null", detail)
        for name, member in value.items()
        if member is None and name in optional
    ]
