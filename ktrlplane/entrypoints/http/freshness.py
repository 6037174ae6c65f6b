"""What a request says of how old an answer may be (RFC 9111 section 5.2.1)."""

import re
from functools import lru_cache
from typing import Final

_DIRECTIVE: Final = re.compile(r'([^\s,;="]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,;"]*))?')
_UNCACHED: Final = frozenset({"no-cache", "no-store"})


@lru_cache(maxsize=256)
def wants_fresh(cache_control: str | None) -> bool:
    """Whether nothing that was remembered will do, not even for a second. Of what is not
    well-formed, that is heeded which can be read."""
    for name, value in _DIRECTIVE.findall(cache_control or ""):
        known = name.lower()
        if known in _UNCACHED or (known == "max-age" and not value.strip('"0')):
            return True
    return False
