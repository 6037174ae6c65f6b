"""What is said of the fields of commands, beside what they may hold."""

from typing import Any, Final

APART: Final = "apart"


def apart(stand_in: Any = None) -> dict[str, Any]:
    """Metadata of a field by which nothing else in its command is judged.

    Where such a field cannot be read, what is wrong with the rest can be told all the same, by
    the service, which is given the command without the field, or with ``stand_in``, which is
    written as it would come in.
    """
    return {APART: stand_in}
