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
_LOKI_FAILS: Final = 500
"""It does so too where the query does not go with what there is."""
_TOO_SLOW: Final = frozenset({408, 504})
_LONGEST: Final = 300

_BEFORE: Final = re.compile(
    r"invalid parameter \"(?:query|match\[\])\": |[0-9]+:[0-9]+: "
    r"|parse error(?: at line [0-9]+, col [0-9]+)? ?: |execution: |expanding series: "
)
"""What stands before the sentence. Places are those in the query that the backend got, which is
longer than the one that was asked."""
_OF_QUERIES: Final = re.compile(
    r"(?:syntax error|unexpected |unknown |expected |invalid (?:expression|destination|source) "
    r"|error unquoting |queries require at least one |ranges only allowed |duplicate "
    r"|log queries are not supported as an instant query type|query processing would load too many"
    r"|exceeded maximum resolution|maximum (?:of|number of) series |max(?:imum)? entries limit "
    r"|the query would read too many|the query time range exceeds the limit "
    r"|the query (?:hit|exceeded) the (?:max|maximum|aggregated) "
    r"|could not parse |stage |not a valid |incompatible |aggregation |the capture )"
)
"""How what Prometheus, Mimir and Loki say of queries begins."""
_OF_DATA: Final = (
    "found duplicate series for the match group",
    "multiple matches for labels",
    "many-to-many matching not allowed",
    "vector cannot contain metrics with the same labelset",
    "invalid regular expression in label_replace()",
    "pipeline error",
)
"""And of what they found by them: whole sentences, behind which labels stand, that may name
anything."""
_OF_THE_INSIDE: Final = re.compile(
    r"://|\.go\b|goroutine|(?:[0-9]{1,3}\.){3}[0-9]{1,3}|\[[0-9a-f:]{3,}\]:|:[0-9]{4,5}\b"
    r"|X-Scope|org[ _-]?id|tenant|user=|/[a-z]+/[a-z]+/|rpc error|dial |\.svc\b|\.local\b",
    re.IGNORECASE,
)


def refusal_of(status: int, body: bytes, *, hidden: tuple[str, ...]) -> DomainError:
    """For an answer other than 200. ``hidden`` is text that nobody is told."""
    kind, words = _said(body)
    if status in _TOO_SLOW or kind == "timeout":
        return OutcomeUnknown("The backend did not answer in time; ask for less.")
    said = _said_of_data(words)
    if status not in _ABOUT_THE_REQUEST and (said is None or status != _LOKI_FAILS):
        return UpstreamError("The backend does not answer as it should.")
    said = said or _said_of_query(words, hidden)
    detail = f"The backend refuses this query: {said.rstrip('.')}." if said else _REFUSED
    return ValidationFailed([Fault("/query", "query", detail)])


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


def _said_of_data(words: str) -> str | None:
    return next((said for said in _OF_DATA if said in words[:_LONGEST]), None)


def _said_of_query(words: str, hidden: tuple[str, ...]) -> str | None:
    while found := _BEFORE.match(words):
        words = words[found.end() :]
    if not words or len(words) > _LONGEST or not words.isprintable():
        return None
    if any(re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", words) for text in hidden):
        return None
    is_fit = _OF_QUERIES.match(words) is not None and _OF_THE_INSIDE.search(words) is None
    return words if is_fit else None
