"""Pages of the documentation with a part that is made from the code, between two marks."""

from typing import Final

END: Final = "<!-- Made from the code until here -->"


def begin(module: str) -> str:
    return f"<!-- Made from the code: see {module} -->"


def written_between(page: str, begin: str, made: str) -> str:
    """``page`` with ``made`` in its place. Raises: ValueError for a page without the marks."""
    before, found, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ValueError(f"A page needs the marks {begin} and {END}.")
    return f"{before}{begin}\n\n{made}\n{END}{after}"
