"""Tables for people."""

from collections.abc import Iterator, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines with columns as wide as what is in them; the last one is as long as it is."""
    everything = [head, *rows]
    widths = [max(len(row[column]) for row in everything) for column in range(len(head))]
    for row in everything:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def on_a_line(text: str) -> str:
    """What others have written may be anything, and a terminal obeys what it is shown."""
    return text if text.isprintable() and text.strip() else repr(text)
