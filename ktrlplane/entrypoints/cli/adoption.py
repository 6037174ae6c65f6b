"""What became, or would become, of the former system's rows, for a person and for a program."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from attrs import asdict

from ktrlplane.entrypoints.cli.refusals import Refused
from ktrlplane.entrypoints.tables import on_a_line, table
from ktrlplane.ports.adoption import AdoptionReport, Finding, Weight

_HEAD: Final = ("OF THE FORMER SYSTEM", "ROWS", "KEPT", "INVITED", "DROPPED")
_NAMED: Final = 5
_TITLES: Final = {
    Weight.IN_THE_WAY: "In the way, to be mended before anything can be done:",
    Weight.DROPPED: "Dropped:",
    Weight.NOTED: "Kept, and to be looked at:",
}


def told(report: AdoptionReport) -> Iterator[str]:
    """Lines. Of long lists of ids the first ones: the file has all."""
    rows = [
        (one.kind.value, str(one.rows), str(one.kept), str(one.invited), str(one.dropped))
        for one in report.tallies
    ]
    yield from table(_HEAD, rows)
    for weight, findings in groupby(report.findings, key=lambda one: one.weight):
        yield ""
        yield _TITLES[weight]
        yield from _listed(findings)


def _listed(findings: Iterable[Finding]) -> Iterator[str]:
    for one in findings:
        yield f"  {len(one.ids)} {one.kind} ({one.code}): {one.detail}"
        more = len(one.ids) - _NAMED
        shown = [*map(on_a_line, one.ids[:_NAMED]), *([f"and {more} more"] * (more > 0))]
        yield f"    {', '.join(shown)}"


def write_report(path: Path, report: AdoptionReport) -> None:
    """Raises: Refused."""
    try:
        path.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
    except OSError as exc:
        raise Refused(f"The report cannot be written to {path}: {exc.strerror}.") from exc
