"""Making what the former system let through what it has to be here."""

import hashlib
import json
import re
from collections.abc import Collection
from datetime import datetime
from typing import Final, TypedDict, TypeVar

from ktrlplane.domain.documents import Document, faults_of
from ktrlplane.domain.ids import Identity, OrganizationId
from ktrlplane.domain.naming import (
    MAX_DESCRIPTION_LENGTH,
    MAX_NAME_LENGTH,
    is_web_address,
    name_is_lawful,
)

K = TypeVar("K", bound=Identity)

_MAX_LABEL: Final = 63
_LONGEST: Final = MAX_DESCRIPTION_LENGTH
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")
_HOST: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?(/.*)?", re.ASCII)


def identity(kind: type[K], text: str) -> K | None:
    """None where ``text`` cannot be one."""
    try:
        return kind(text)
    except ValueError:
        return None


def digest(text: str) -> str:
    """32 hex digits that no other text has."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def named_after(kind: type[K], text: str, prefix: str) -> K:
    """``text`` where it can be an id, or else one made of it, always the same."""
    return identity(kind, text) or kind(f"{prefix}_{digest(text)}")


def label_like(text: str, taken: Collection[OrganizationId]) -> OrganizationId:
    """A DNS label that reads like ``text`` and is none of ``taken``; always the same."""
    stem = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not stem or not stem[0].isalpha():
        stem = f"org-{stem}".rstrip("-")
    wanted = identity(OrganizationId, stem[:_MAX_LABEL].rstrip("-"))
    if wanted is not None and wanted not in taken:
        return wanted
    suffix = digest(text)[:16]
    return OrganizationId(f"{stem[: _MAX_LABEL - len(suffix) - 1].rstrip('-')}-{suffix}")


def name_like(text: str, otherwise: str) -> str:
    """``text`` as far as it can be a name; ``otherwise`` where nothing is left of it."""
    if name_is_lawful(text):
        return text
    mended = _CONTROLS.sub(" ", text).strip()[:MAX_NAME_LENGTH].strip()
    return mended if name_is_lawful(mended) else otherwise


def description_like(text: str) -> str:
    """``text`` as far as it can be a description."""
    lines = "".join(one if one == "\n" or one.isprintable() else " " for one in text)
    return text if lines == text and len(text) <= _LONGEST else lines.strip()[:_LONGEST].strip()


def web_address(text: str | None) -> str | None:
    """Something that a browser may be sent to, or None. The former system left out the scheme
    now and then."""
    if not text or is_web_address(text):
        return text or None
    whole = f"https://{text}"
    return whole if _HOST.fullmatch(text) and is_web_address(whole) else None


def settings(text: str | None) -> Document | None:
    """To the letter as PostgreSQL writes jsonb, so that numbers stay what they are; None for
    what cannot be kept."""
    if text is None or text == "null":
        return Document("{}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # a number of thousands of digits, a bottomless nesting
        return None
    return Document(text) if isinstance(value, dict) and not faults_of(value) else None


class Times(TypedDict):
    created_at: datetime
    updated_at: datetime


def times(created_at: datetime | None, updated_at: datetime | None, now: datetime) -> Times:
    """Those that were never said count as the other one, or as now."""
    return Times(
        created_at=created_at or updated_at or now,
        updated_at=updated_at or created_at or now,
    )
