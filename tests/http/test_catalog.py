"""The catalog and its prices, for everybody."""

from typing import Any

import jsonschema
import pytest

from tests.http.marks import on_both_catalogs
from tests.http.world import Caller, World, faults, ids, refusal

pytestmark = [on_both_catalogs, pytest.mark.priced]
TYPES = "/catalog/resource-types"


def test_every_type_is_listed_with_what_is_offered(world: World, nobody: Caller) -> None:
    listed = nobody.sees(TYPES)
    assert ids(listed, "type") == [kind.type for kind in world.catalog.resource_types]
    assert listed["next_cursor"] is None
    for kind, shown in zip(world.catalog.resource_types, listed["items"], strict=True):
        assert shown["display_name"] == kind.display_name
        assert [tier["sku"] for tier in shown["tiers"]] == [tier.sku for tier in kind.offered()]
        assert shown["presets"] == [preset.name for preset in kind.presets]
        assert shown == nobody.sees(f"{TYPES}/{kind.type}")


def test_a_former_name_leads_to_the_present_one(world: World, nobody: Caller) -> None:
    kind = next(kind for kind in world.catalog.resource_types if kind.aliases)
    for part in ("", "/tiers", "/schema", "/presets"):
        former, present = f"{TYPES}/{kind.aliases[0]}{part}", f"{TYPES}/{kind.type}{part}"
        assert nobody.sees(former) == nobody.sees(present)


def test_tiers_tell_what_they_cost_and_allow(world: World, nobody: Caller) -> None:
    for kind in world.catalog.resource_types:
        for tier, shown in zip(
            kind.offered(), nobody.sees(f"{TYPES}/{kind.type}/tiers")["items"], strict=True
        ):
            assert shown["sku"] == tier.sku
            assert shown["trial_days"] == tier.trial_days
            assert [one["amount"] for one in shown["prices"]] == [p.amount for p in tier.prices]
            assert [one["maximum"] for one in shown["limits"]] == [m.maximum for m in tier.limits]


def test_a_schema_is_one_and_has_the_tiers_overlay(world: World, nobody: Caller) -> None:
    for kind in world.catalog.resource_types:
        base = nobody.sees(f"{TYPES}/{kind.type}/schema")
        assert base == kind.base_schema
        for tier in kind.tiers:
            schema = nobody.sees(f"{TYPES}/{kind.type}/schema?sku={tier.sku}")
            assert schema == kind.schemas[tier.sku].effective
            jsonschema.Draft202012Validator.check_schema(schema)


def test_presets_fit_the_schema_of_their_tier(world: World, nobody: Caller) -> None:
    kind = world.kind
    for preset in nobody.sees(f"{TYPES}/{kind.type}/presets")["items"]:
        assert set(preset) == {"name", "display_name", "description", "sku", "settings_json"}
        schema = nobody.sees(f"{TYPES}/{kind.type}/schema?sku={preset['sku']}")
        jsonschema.Draft202012Validator(schema).validate(preset["settings_json"])


def test_a_price_is_told_for_every_tier(world: World, nobody: Caller) -> None:
    for kind in world.catalog.resource_types:
        for tier in kind.tiers:
            shown = nobody.sees(f"/resource-pricing?type={kind.type}&sku={tier.sku}")
            price: Any = tier.prices[0] if tier.prices else None
            assert shown == {
                "price_id": price and _price_id(world, price.lookup_key),
                "amount": price.amount if price else 0,
                "currency": world.catalog.currency(),
                "interval": price.interval if price else "month",
                "sku": tier.sku,
                "resource_type": kind.type,
            }


@pytest.mark.parametrize(
    "part", ["", "/tiers", "/schema", "/presets", "/schema?sku=gold", "/dashboard"]
)
@pytest.mark.parametrize("name", ["Nobody.Sells", "konnektr.graph", "%00", "x" * 500, "%3Cb%3E"])
def test_what_is_not_in_the_catalog_is_not_found(nobody: Caller, part: str, name: str) -> None:
    result = nobody.get(f"{TYPES}/{name}{part}")
    assert refusal(result) == (404, "not_found")
    assert len(result.content) < 1_000


def _price_id(world: World, lookup_key: str) -> str:
    return str(world.payments.prices([lookup_key])[lookup_key].price_id)


def test_a_tier_that_is_not_there_has_neither_schema_nor_price(
    world: World, nobody: Caller
) -> None:
    for path in (
        f"{TYPES}/{world.kind.type}/schema?sku=gold",
        f"/resource-pricing?type={world.kind.type}&sku=gold",
        "/resource-pricing?type=Nobody.Sells&sku=free",
    ):
        assert refusal(nobody.get(path)) == (404, "not_found")
    assert faults(nobody.get("/resource-pricing?type=")) == {"/sku": "required"}


def test_a_token_is_no_hindrance(ada: Caller, nobody: Caller) -> None:
    assert ada.sees(TYPES) == nobody.sees(TYPES)
    headers = {"Authorization": "Bearer nonsense"}
    assert nobody.get(TYPES, headers=headers).status_code == 200


def test_a_retired_tier_is_told_of_where_one_asks(world: World, nobody: Caller) -> None:
    for kind in world.catalog.resource_types:
        path = f"/catalog/resource-types/{kind.type}/tiers"
        shown = [(one["sku"], one["availability"]) for one in nobody.sees(path)["items"]]
        assert {availability for _, availability in shown} <= {"offered"}
        more = [
            (one["sku"], one["availability"])
            for one in nobody.sees(f"{path}?include_retired=true")["items"]
        ]
        assert set(shown) <= set(more)
        assert {availability for _, availability in more} <= {"offered", "retired"}
        for tier in kind.tiers:
            known = nobody.sees(f"{path}/{tier.sku}")
            assert (known["sku"], known["availability"]) == (tier.sku, tier.availability)
            assert ((tier.sku, "retired") in more) == (tier.availability == "retired")


def test_tier_is_another_name_of_sku(world: World, nobody: Caller, ada: Caller) -> None:
    kind = world.kind
    path, sku = f"/catalog/resource-types/{kind.type}/schema", kind.tiers[-1].sku
    assert nobody.sees(f"{path}?tier={sku}") == nobody.sees(f"{path}?sku={sku}")
    by_sku = nobody.sees(f"/resource-pricing?type={kind.type}&sku={sku}")
    assert nobody.sees(f"/resource-pricing?resource_type={kind.type}&tier={sku}") == by_sku
    assert faults(nobody.get("/resource-pricing")) == {"/type": "required", "/sku": "required"}
    clash = nobody.get(f"/resource-pricing?type={kind.type}&resource_type=No&sku={sku}&tier=no")
    assert faults(clash) == {"/resource_type": "one_of", "/tier": "one_of"}
    assert not ada.sees("/resources?tier=no")["items"]
    assert faults(ada.get("/resources?tier=no&sku=yes")) == {"/tier": "one_of"}
