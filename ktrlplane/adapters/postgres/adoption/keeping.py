"""A report as JSON, in which it is kept."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import asdict

from ktrlplane.ports.adoption import AdoptionReport, Finding, Kind, Tally, Weight


def written(report: AdoptionReport) -> str:
    # PostgreSQL's jsonb takes no NUL, and its text gave us none.
    return json.dumps(asdict(report))


def read_back(report: Mapping[str, Any]) -> AdoptionReport:
    return AdoptionReport(
        tallies=tuple(
            Tally(**{**tally, "kind": Kind(tally["kind"])}) for tally in report["tallies"]
        ),
        findings=tuple(
            Finding(
                weight=Weight(one["weight"]),
                kind=Kind(one["kind"]),
                code=one["code"],
                detail=one["detail"],
                ids=tuple(one["ids"]),
            )
            for one in report["findings"]
        ),
    )
