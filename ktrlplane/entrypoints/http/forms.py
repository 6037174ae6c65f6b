"""Parameters of the APIs of Loki and Prometheus: in the address, or in a form that is posted.

There is one way to write each, so that nobody reads another one than is checked here.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

import falcon

from ktrlplane.entrypoints.http.problems import EdgeError

FORM: Final = "application/x-www-form-urlencoded"

_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST: Final = 100


def parameters(req: falcon.Request, raw: bytes) -> Mapping[str, str | list[str]]:
    """``raw`` is the body. Raises: EdgeError for what can be read in two ways."""
    found: dict[str, str | list[str]] = {}
    asked = _pairs(req.query_string)
    posted = _pairs(_form(req, raw)) if raw else []
    both = {name for name, _ in asked} & {name for name, _ in posted}
    if both:
        raise _malformed(f"{min(both)!r} is in the address and in the form; send it once.")
    if len(asked) + len(posted) > _MOST:
        raise _malformed(f"Send {_MOST} parameters at most.")
    for name, text in (*asked, *posted):
        before = found.get(name)
        if before is None:
            found[name] = text
        elif isinstance(before, list):
            before.append(text)
        else:
            found[name] = [before, text]
    return found


def _form(req: falcon.Request, raw: bytes) -> str:
    """Raises: EdgeError."""
    media_type, more = falcon.parse_header(req.content_type or "")
    charset = more.get("charset", "utf-8").lower()
    encoding = req.get_header("Content-Encoding", default="identity").lower()
    if req.method != "POST":
        raise _malformed("Send parameters in the address, or post them.")
    if media_type.lower() != FORM or charset != "utf-8" or encoding != "identity":
        raise _malformed(f"Post parameters in UTF-8 as Content-Type: {FORM}.")
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as exc:
        raise _malformed("A form is in ASCII; write anything else in percent-encoding.") from exc


def _pairs(text: str) -> list[tuple[str, str]]:
    """Raises: EdgeError."""
    if not text:
        return []
    if not text.isascii() or _PERCENT.search(text):
        raise _malformed("A parameter is not in percent-encoding.")
    found = []
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise _malformed("Write parameters as name=value, with & between them.")
        found.append((_decoded(name), _decoded(value)))
    return found


def _decoded(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError as exc:
        raise _malformed("A parameter is not in UTF-8.") from exc


def _malformed(detail: str) -> EdgeError:
    return EdgeError("malformed_request", detail)
