"""Resources: settings, presets, tiers and names, on any catalog."""

from typing import Any, Final

import pytest

from ktrlplane.domain.catalog import Catalog, ResourceType
from tests.http.marks import on_stores_and_catalogs
from tests.http.world import Caller, World, faults, refusal

pytestmark = on_stores_and_catalogs

RESOURCES: Final = "/projects/plant/resources"


def _defaults(world: World) -> Any:
    return world.kind.schemas[world.tier.sku].with_defaults({})


def _group(catalog: Catalog) -> tuple[ResourceType, str, str, str]:
    """A type with a setting that is an object with two members that have defaults."""
    for kind in catalog.resource_types:
        for name, known in kind.base_schema["properties"].items():
            inner = [n for n, one in known.get("properties", {}).items() if "default" in one]
            if len(inner) >= 2 and known.get("default") == {}:
                return kind, name, inner[0], inner[1]
    raise AssertionError("no group of settings to try")


@pytest.mark.usefixtures("plant")
def test_a_new_resource_has_every_default(world: World, ada: Caller) -> None:
    made = ada.makes(RESOURCES, world.wish("one"))
    assert made == {
        "resource_id": "one",
        "project_id": "plant",
        "org_id": "acme",
        "name": "One",
        "type": world.kind.type,
        "sku": world.tier.sku,
        "settings_json": _defaults(world),
        "status": "Creating",
        "status_reason": None,
        "generation": 1,
        "observed_generation": 0,
        "holds": [],
        "conditions": [],
        "access_url": None,
        "error_message": None,
        "stripe_price_id": None,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize("settings", [None, {}])
def test_no_settings_are_all_defaults(world: World, ada: Caller, settings: Any) -> None:
    made = ada.makes(RESOURCES, world.wish(settings_json=settings, preset=None))
    assert made["settings_json"] == _defaults(world)


@pytest.mark.usefixtures("plant")
def test_a_former_name_of_a_type_is_understood(world: World, ada: Caller) -> None:
    kind = next(kind for kind in world.catalog.resource_types if kind.aliases)
    wish = world.wish(type=kind.aliases[0], sku=kind.offered()[0].sku)
    assert ada.makes(RESOURCES, wish)["type"] == kind.type


@pytest.mark.usefixtures("plant")
def test_every_preset_of_the_catalog_can_be_had(world: World, ada: Caller) -> None:
    for kind in world.catalog.resource_types:
        for preset in kind.presets:
            wish = world.wish(type=kind.type, sku=preset.sku, preset=preset.name)
            made = ada.makes(RESOURCES, wish)["settings_json"]
            filled = kind.schemas[preset.sku].with_defaults(preset.settings_json.value)
            assert made == filled, (kind.type, preset.name)


@pytest.mark.usefixtures("plant")
def test_settings_go_over_those_of_a_preset(world: World, ada: Caller) -> None:
    name, _, other = world.a_setting()
    preset = next(one for one in world.kind.presets if one.sku == world.tier.sku)
    wish = world.wish(preset=preset.name, settings_json={name: other})
    made = ada.makes(RESOURCES, wish)["settings_json"]
    given = dict(preset.settings_json.value) | {name: other}
    assert made == world.kind.schemas[world.tier.sku].with_defaults(given)


@pytest.mark.usefixtures("plant")
def test_wrong_names_of_the_catalog_are_told_with_the_right_ones(
    world: World, ada: Caller
) -> None:
    result = ada.post(RESOURCES, world.wish(type="Nobody.Sells"))
    assert faults(result) == {"/type": "unknown_type"}
    assert world.kind.type in result.json["detail"]
    result = ada.post(RESOURCES, world.wish(sku="gold", preset="nothing"))
    assert faults(result) == {"/sku": "unknown_sku", "/preset": "unknown_preset"}
    told = " ".join(fault["detail"] for fault in result.json["errors"])
    assert all(one.sku in told for one in world.kind.offered())
    assert all(one.name in told for one in world.kind.presets)


@pytest.mark.usefixtures("one")
def test_a_merge_patch_changes_what_it_names_and_null_takes_away(
    ada: Caller, catalog: Catalog, world: World
) -> None:
    kind, group, first, second = _group(catalog)
    wish = world.wish("two", type=kind.type, sku=kind.offered()[0].sku)
    before = ada.makes(RESOURCES, wish)["settings_json"]
    nested = {group: {first: before[group][first], second: None}}
    after = ada.patch("/resources/two", {"settings_json": nested}).json
    # What null took away is filled in again by its default.
    assert after["settings_json"] == before
    assert after["generation"] == 1
    gone = ada.patch("/resources/two", {"settings_json": {group: None}}).json
    assert gone["settings_json"] == before


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_new_settings_begin_a_new_generation_and_a_new_name_does_not(
    world: World, ada: Caller, method: str
) -> None:
    name, _, other = world.a_setting()
    before = ada.sees("/resources/one")
    renamed = ada.ask(method, "/resources/one", {"name": "Other"}).json
    assert renamed == before | {"name": "Other"}
    changed = ada.ask(method, "/resources/one", {"settings_json": {name: other}}).json
    assert changed["generation"] == 2
    assert changed["settings_json"] == _defaults(world) | {name: other}
    again = ada.ask(method, "/resources/one", {"settings_json": {name: other}}).json
    assert again == changed


@pytest.mark.usefixtures("one")
def test_a_patch_keeps_and_a_put_replaces_whole(world: World, ada: Caller) -> None:
    name, _, other = world.a_setting()
    ada.patch("/resources/one", {"settings_json": {name: other}})
    kept = ada.patch("/resources/one", {"settings_json": {}}).json
    assert kept["settings_json"][name] == other
    replaced = ada.put("/resources/one", {"settings_json": {}}).json
    assert replaced["settings_json"] == _defaults(world)


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("settings", ["x", 1, True, [], [{}]])
def test_settings_are_an_object(ada: Caller, method: str, settings: Any) -> None:
    result = ada.ask(method, "/resources/one", {"settings_json": settings})
    assert faults(result) == {"/settings_json": "type"}


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_tier_can_be_changed_and_must_fit(world: World, ada: Caller, method: str) -> None:
    other = world.kind.offered()[1]
    changed = ada.ask(method, "/resources/one", {"sku": other.sku}).json
    assert (changed["sku"], changed["generation"]) == (other.sku, 2)
    assert faults(ada.ask(method, "/resources/one", {"sku": "gold"})) == {"/sku": "unknown_sku"}
    result = ada.ask(method, "/resources/one", {"sku": None, "type": world.kind.type})
    assert faults(result) == {"/sku": "null", "/type": "unknown_field"}


@pytest.mark.usefixtures("one")
def test_settings_that_a_lesser_tier_does_not_allow_are_all_listed(
    world: World, ada: Caller
) -> None:
    least, most = world.kind.offered()[0], world.kind.offered()[1]
    preset = [one for one in world.kind.presets if one.sku == most.sku][-1]
    wish = world.wish("big", sku=most.sku, preset=preset.name)
    ada.makes(RESOURCES, wish)
    result = ada.patch("/resources/big", {"sku": least.sku})
    found = faults(result)
    assert found
    assert all(pointer.startswith("/settings_json/") for pointer in found)
    assert ada.sees("/resources/big")["sku"] == most.sku


@pytest.mark.usefixtures("one")
def test_what_is_being_deleted_cannot_change_any_more(world: World, ada: Caller) -> None:
    deleted = ada.delete("/resources/one")
    assert (deleted.status_code, deleted.json["status"]) == (202, "Deleting")
    assert ada.delete("/resources/one").json == deleted.json
    for result in (
        ada.patch("/resources/one", {"name": "Other"}),
        ada.put("/resources/one", {"settings_json": {}}),
        ada.post("/resources/one/rbac", {"user_id": "auth0|ada", "role_id": "Viewer"}),
    ):
        assert refusal(result) == (409, "invalid_transition")


@pytest.mark.usefixtures("one")
def test_a_project_on_its_way_out_takes_no_more(world: World, ada: Caller) -> None:
    assert refusal(ada.delete("/projects/plant")) == (409, "not_empty")
    deleted = ada.delete("/projects/plant?cascade=true")
    assert (deleted.status_code, deleted.json["status"]) == (202, "Deleting")
    assert ada.sees("/resources/one")["status"] == "Deleting"
    for result in (
        ada.post(RESOURCES, world.wish()),
        ada.patch("/projects/plant", {"name": "Other"}),
        ada.post("/projects/plant/move", {"org_id": None}),
    ):
        assert refusal(result) == (409, "invalid_transition")


@pytest.mark.usefixtures("one")
def test_an_organization_with_projects_is_deleted_with_all_of_them_or_not_at_all(
    ada: Caller,
) -> None:
    assert refusal(ada.delete("/organizations/acme")) == (409, "not_empty")
    assert refusal(ada.delete("/organizations/acme?cascade=false")) == (409, "not_empty")
    result = ada.delete("/organizations/acme?cascade=true")
    assert (result.status_code, result.content) == (204, b"")
    assert refusal(ada.get("/organizations/acme")) == (404, "not_found")
    assert refusal(ada.get("/projects/plant")) == (404, "not_found")


@pytest.mark.usefixtures("one")
def test_a_project_moves_with_all_in_it(world: World, ada: Caller) -> None:
    ada.makes("/organizations", {"id": "other", "name": "Other"})
    assert ada.post("/projects/plant/move", {"org_id": "other"}).json["org_id"] == "other"
    assert ada.sees("/resources/one")["org_id"] == "other"
    assert ada.post("/projects/plant/move", {"org_id": None}).json["org_id"] is None
    assert ada.sees("/resources/one")["org_id"] is None
    result = ada.post("/projects/plant/move", {})
    assert faults(result) == {"/org_id": "required"}
    result = ada.post("/projects/plant/move", {"org_id": "nowhere"})
    assert refusal(result) == (404, "not_found")


@pytest.mark.usefixtures("acme")
def test_who_may_spend_is_said_with_a_known_word(ada: Caller) -> None:
    result = ada.patch("/organizations/acme", {"purchase_policy": "anybody"})
    assert faults(result) == {"/purchase_policy": "enum"}
    changed = ada.put("/organizations/acme", {"purchase_policy": "project_owners"}).json
    assert (changed["name"], changed["purchase_policy"]) == ("Acme", "project_owners")
