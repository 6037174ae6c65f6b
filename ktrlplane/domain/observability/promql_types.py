"""What expressions of PromQL are."""

from enum import Enum
from typing import NamedTuple


class Type(Enum):
    SCALAR = "a scalar"
    VECTOR = "an instant vector"
    MATRIX = "a range vector"
    STRING = "a string"


class Form(Enum):
    """How it is written, where that decides what may follow."""

    SELECTOR = "selector"
    RANGE = "range"
    SUBQUERY = "subquery"
    OTHER = "other"


class Expression(NamedTuple):
    """``text`` is what a string means that stands alone, be it in parentheses."""

    type: Type
    form: Form
    begin: int
    text: str | None = None
