"""A breach of a schema: a place, a code and the parts of a sentence."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from jsonschema.exceptions import ValidationError

from ktrlplane.domain.documents import pointer
from ktrlplane.domain.errors import Fault

_LONGEST_NAME = 60


class Validator(Protocol):
    """What keywords use of a jsonschema validator."""

    def descend(
        self, instance: Any, schema: Any, path: Any = None, schema_path: Any = None
    ) -> Iterator[ValidationError]: ...

    def evolve(self, *, schema: Any) -> "Validator": ...

    def is_valid(self, instance: Any) -> bool: ...

    def is_type(self, instance: Any, type: str) -> bool: ...  # noqa: A002


class Breach(ValidationError):
    """``predicate`` goes on from the name of the place: "must be at most 6".

    jsonschema carries it from the place of the breach up to the root, prefixing the path.
    Nothing in it comes from the settings but names of members and values that the schema
    itself lists: what people wrote may be long, or a secret.
    """

    def __init__(
        self,
        code: str,
        predicate: str,
        *,
        path: Sequence[str | int] = (),
        advice: str = "",
        allowed: Sequence[Any] = (),
    ) -> None:
        super().__init__(predicate, validator=code, path=path)
        self.predicate = predicate
        self.advice = advice
        self.allowed = allowed
        """The values or types of which one was wanted, where that is what was broken."""
        self.reasons: list[str] = []

    @property
    def code(self) -> str:
        return snake(str(self.validator))

    @property
    def pointer(self) -> str:
        return pointer(list(self.path))

    def fault(self, *, tier: bool) -> Fault:
        sentence = f"{_subject(list(self.path))} {self.predicate}"
        if tier:
            sentence += " in this tier"
        if self.reasons:
            sentence += f" when {' and '.join(dict.fromkeys(self.reasons))}"
        detail = f"{sentence}. {self.advice}".rstrip()
        return Fault(self.pointer, self.code, detail)


def breach(error: ValidationError) -> Breach:
    """``error`` as one of ours. Only a schema that is ``false`` makes others."""
    if isinstance(error, Breach):
        return error
    return Breach("not_allowed", "is not allowed", path=list(error.path))


def because(errors: Iterable[ValidationError], reasons: Sequence[str]) -> Iterator[Breach]:
    for error in errors:
        found = breach(error)
        found.reasons = [*reasons, *found.reasons]
        yield found


def snake(keyword: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", keyword.lstrip("$")).lower()


def short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def _subject(path: Sequence[str | int]) -> str:
    """The last two names, which tell enough, with the indexes between and after them."""
    names = [at for at, step in enumerate(path) if isinstance(step, str)][-2:]
    if not names:
        return "This"
    steps = path[names[0] :]
    text = "".join(f".{short(step)}" if isinstance(step, str) else f"[{step}]" for step in steps)
    return text.removeprefix(".")
