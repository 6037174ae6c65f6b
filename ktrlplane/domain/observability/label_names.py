"""Names of labels, and those by which backends talk to themselves."""

import re
from typing import Final

INTERNAL: Final = "__"
"""How such names begin: Mimir keeps whole queries in labels of a metric ``__embedded_queries__``,
and tenants are told by ``__tenant_id__`` without a look at selectors."""
METRIC_NAME: Final = "__name__"
_KNOWN: Final = frozenset({METRIC_NAME, "__type__", "__unit__"})

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_ESCAPED: Final = "U__"
_ESCAPE: Final = re.compile(r"_(?:_|([0-9A-Fa-f]{1,6})_)")
_BEYOND: Final = 0x10FFFF


def is_internal(name: str) -> bool:
    return name.startswith(INTERNAL) and name not in _KNOWN


def has_values(name: str) -> bool:
    """Whether a backend may be asked for the values of the label that is written so in an
    address, where newer ones read what begins with ``U__`` as an escaped name."""
    if _NAME.fullmatch(name) is None:
        return False
    if not name.startswith(_ESCAPED):
        return not is_internal(name)
    plain = _ESCAPE.sub(_meant, name.removeprefix(_ESCAPED))
    # One underscore would do no harm, but is hardly told from two here.
    return plain in _KNOWN or not plain.startswith("_")


def _meant(found: re.Match[str]) -> str:
    code = int(found[1] or "5f", 16)
    return chr(code) if code <= _BEYOND else found[0]
