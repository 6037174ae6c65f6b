"""What may be long: pages end early, and histories do not keep all of it."""

from typing import Any

import pytest

from tests.http.marks import on_both_stores
from tests.http.world import Caller

pytestmark = [on_both_stores, pytest.mark.usefixtures("plant")]


def wish(name: str, letter: str) -> dict[str, Any]:
    """About 400 KiB of settings."""
    variables = {f"V{number}": {"value": letter * 4096} for number in range(100)}
    kind = {"type": "Konnektr.Flow", "sku": "standard"}
    return {"id": name, "name": name, **kind, "settings_json": {"environment": variables}}


def test_a_history_says_what_it_does_not_keep(ada: Caller) -> None:
    one = wish("long", "x")
    ada.makes("/projects/plant/resources", one)
    wanted = wish("long", "y")["settings_json"]
    assert ada.patch("/resources/long", {"settings_json": wanted}).status_code == 200
    result = ada.get("/resources/long/history")
    assert len(result.content) < 100 * 1024
    newest, first = result.json["items"]
    assert first["changes"] == []
    at = [f"/settings_json/environment/V{number}/value" for number in range(100)]
    assert [change["pointer"] for change in newest["changes"]] == at
    assert newest["changes"][0] == {
        "pointer": at[0],
        "before": "x" * 4096,
        "after": "y" * 4096,
        "omitted": False,
    }
    assert newest["changes"][-1] == {
        "pointer": at[-1],
        "before": None,
        "after": None,
        "omitted": True,
    }


def test_a_page_of_long_resources_ends_early_and_goes_on(ada: Caller) -> None:
    names = [f"long-{number:02}" for number in range(12)]
    for name in names:
        ada.makes("/projects/plant/resources", wish(name, "x"))
    query = "limit=200&sort=name&include_total=true"
    first = ada.get("/projects/plant/resources", query=query)
    assert len(first.content) < 4.5 * 1024 * 1024
    assert 'rel="next"' in first.headers["link"]
    came = [one["resource_id"] for one in first.json["items"]]
    assert came == names[:10]
    assert first.json["total"] == 12
    cursor = first.json["next_cursor"]
    for more in (f"cursor={cursor}", "offset=10"):
        rest = ada.sees("/projects/plant/resources", query=f"{query}&{more}")
        assert [one["resource_id"] for one in rest["items"]] == names[10:]
        assert rest["next_cursor"] is None
