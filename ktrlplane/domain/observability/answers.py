"""What a backend says when it does not do what it was asked, as what its users are told.

Its words are repeated where they speak of the query alone: what it says otherwise may name
hosts, tenants and what is inside of it.
"""

import json
import re
from typing import Final

from ktrlplane.domain.errors import (
    DomainError,
    Fault,
    OutcomeUnknown,
    UpstreamError,
    ValidationFailed,
)

OK: Final = 200
_ABOUT_THE_REQUEST: Final = frozenset({400, 422})
_TOO_SLOW: Final = frozenset({408, 504})
_LONGEST: Final = 300

_OF_QUERIES: Final = re.compile(
    r"(?:invalid parameter \"(?:query|match\[\])\": )?"
    r"(?:[0-9]+:[0-9]+: )?"
    r"(?:parse error(?: at line [0-9]+, col [0-9]+)?: |parse error : "
    r"|multiple matches for labels: |found duplicate series for the match group "
    r"|many-to-many matching not allowed: |vector cannot contain metrics with the same labelset"
    r"|query processing would load too many samples|exceeded maximum resolution"
    r"|invalid (?:expression|destination|source) |error unquoting |unknown function"
    r"|maximum (?:of|number of) series |max(?:imum)? entries limit |the query would read too many"
    r"|the query time range exceeds the limit |queries require at least one "
    r"|log queries are not supported as an instant query type"
    r"|pipeline error: )"
)
"""How what Prometheus, Mimir and Loki say of queries begins."""
_OF_THE_INSIDE: Final = re.compile(
    r"://|\.go\b|goroutine|(?:[0-9]{1,3}\.){3}[0-9]{1,3}|\[[0-9a-f:]{3,}\]:|:[0-9]{4,5}\b"
    r"|X-Scope|org[ _-]?id|tenant|user=|/[a-z]+/[a-z]+/|rpc error|dial |\.svc\b|\.local\b",
    re.IGNORECASE,
)


def refusal_of(status: int, body: bytes, *, hidden: tuple[str, ...]) -> DomainError:
    """For an answer other than 200. ``hidden`` is text that nobody is told."""
    if status in _ABOUT_THE_REQUEST:
        kind, words = _said(body)
        if kind == "timeout":
            return OutcomeUnknown("The backend did not answer in time; ask for less.")
        shown = words if _speaks_of_the_query(words, hidden) else None
        detail = f"The backend refuses this query: {shown.rstrip('.')}." if shown else _REFUSED
        return ValidationFailed([Fault("/query", "query", detail)])
    if status in _TOO_SLOW or _said(body)[0] == "timeout":
        return OutcomeUnknown("The backend did not answer in time; ask for less.")
    return UpstreamError("The backend does not answer as it should.")


_REFUSED: Final = (
    "The backend refuses this query. See that it is right, and that it asks for less than the "
    "backend allows."
)


def _said(body: bytes) -> tuple[str, str]:
    """The kind of error, where there is one, and the words."""
    text = body.decode("utf-8", errors="replace").strip()
    if text.startswith("{"):
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            return "", ""
        kind, words = told.get("errorType", ""), told.get("error", "")
        return (kind, words) if isinstance(kind, str) and isinstance(words, str) else ("", "")
    return "", text


def _speaks_of_the_query(words: str, hidden: tuple[str, ...]) -> bool:
    if not words or len(words) > _LONGEST or not words.isprintable():
        return False
    if any(re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", words) for text in hidden):
        return False
    return _OF_QUERIES.match(words) is not None and _OF_THE_INSIDE.search(words) is None
