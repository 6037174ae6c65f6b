"""The parsers of Prometheus and Loki themselves, and what they make of queries."""

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from attrs import evolve, field, frozen

from ktrlplane.domain.errors import UnsafeQuery
from ktrlplane.domain.observability.matchers import Matcher
from tests.go_programs import built, module_folder

HERE: Final = Path(__file__).parent

Selector = tuple[tuple[str, str, str], ...]
"""Of names, operators and values."""


@frozen
class Reading:
    """``selectors`` are sorted, as what is in them; ``rest`` is the query without; ``again`` are
    those of what they print of it, read again, and none where that is wrong."""

    error: str | None
    selectors: tuple[Selector, ...]
    rest: str
    again: tuple[Selector, ...] = field(eq=False)

    @classmethod
    def of(cls, line: str) -> Self:
        found = json.loads(line)
        selectors, again = (
            tuple(sorted(tuple(sorted(map(tuple, one))) for one in found[name] or ()))
            for name in ("selectors", "again")
        )
        return cls(found.get("error"), selectors, found.get("rest", ""), again)

    def with_matcher(self, matcher: Matcher) -> Self:
        ours = (matcher.label, "=", matcher.value)
        scoped = tuple(sorted(tuple(sorted((ours, *one))) for one in self.selectors))
        return evolve(self, selectors=scoped)


@frozen
class Oracle:
    process: "subprocess.Popen[str]"

    def read(self, query: str) -> Reading:
        pipe_in, pipe_out = self.process.stdin, self.process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(json.dumps(query) + "\n")
        pipe_in.flush()
        return Reading.of(pipe_out.readline())


@contextmanager
def oracle(language: str) -> Iterator[Oracle]:
    """Raises: CannotBuild."""
    program = built(HERE / language)
    process = subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        yield Oracle(process)
    finally:
        process.kill()
        process.communicate()


MATCHER: Final = Matcher("resource_id", 'a"b\\c\nd{}e')
"""Worse than any that there are."""


def judge(them: Oracle, scope: Callable[[str, Matcher], str], query: str) -> UnsafeQuery | None:
    """What we take they take, and each of their selectors has our matcher in it then, and the
    rest stays. Gives why we refuse, where they would not."""
    before = them.read(query)
    try:
        scoped = scope(query, MATCHER)
    except UnsafeQuery as refusal:
        return refusal if before.error is None else None
    assert before.error is None, (query, before.error)
    after = them.read(scoped)
    assert after == before.with_matcher(MATCHER), (query, scoped)
    assert after.again in (after.selectors, ()), (query, scoped, after.again)
    return None


_LITERAL: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`')
_FENCED: Final = re.compile(r"^[ ]*```\w*\n(.*?)^[ ]*```", re.DOTALL | re.MULTILINE)
_INDENTED: Final = re.compile(r"(?:^(?: {4,}|\t).*\n)+", re.MULTILINE)
_EVALUATED: Final = re.compile(
    r"^eval\w*(?: instant at \S+| range from \S+ to \S+ step \S+) (.*)", re.MULTILINE
)


def queries_of_module(language: str, module: str, *patterns: str) -> list[str]:
    """What stands between quotes in a module's tests, in the examples of its documentation, and
    in its scripts: most of it are queries, right and wrong ones."""
    folder = module_folder(HERE / language, module)
    files = [file for pattern in patterns for file in sorted(folder.glob(pattern))]
    assert files, folder
    found = [query for file in files for query in _queries(file)]
    return [one for one in dict.fromkeys(found) if 0 < len(one.encode()) <= 8000]


def _queries(file: Path) -> Iterable[str]:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        blocks = [*_FENCED.findall(text), *_INDENTED.findall(text)]
        return [*blocks, *(line.strip() for block in blocks for line in block.splitlines())]
    if file.suffix == ".test":
        return _EVALUATED.findall(text)
    return [one for one in map(_meant, _LITERAL.findall(text)) if one is not None]


def _meant(literal: str) -> str | None:
    if literal[0] == "`":
        return literal[1:-1]
    try:
        meant: str = json.loads(literal)
    except ValueError:
        return None
    return meant
