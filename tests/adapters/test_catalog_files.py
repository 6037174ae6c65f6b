import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.domain.access import Permission
from ktrlplane.domain.catalog import Availability, BrokenCatalog, Enforcement
from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.ids import RoleId
from ktrlplane.domain.settings import AtMost, References, Unique

ORCHARD = Path(__file__).parents[1] / "catalogs" / "orchard"
VALIDATOR = JsonSchemaValidator()

WATER = "Orchard.Irrigation"
MANIFEST = f"{WATER}/manifest.json"
SETTINGS = f"{WATER}/settings.schema.json"
OVERLAY = f"{WATER}/tiers/seedling.schema.json"
GARDEN = f"{WATER}/presets/garden.json"
SKY = "Orchard.Weather/manifest.json"
SKY_SETTINGS = "Orchard.Weather/settings.schema.json"


@pytest.fixture
def orchard(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ORCHARD, tmp_path / "orchard"))


def told(root: Path) -> list[Fault]:
    with pytest.raises(BrokenCatalog) as broken:
        load_catalog(root, VALIDATOR)
    return list(broken.value.faults)


def faults(root: Path) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in told(root)]


def detail(root: Path) -> str:
    (fault,) = told(root)
    return fault.detail


def change(root: Path, name: str, at: str, value: Any) -> None:
    """Sets the member at ``at``; ``...`` takes it away; a last step ``-`` appends."""
    document = json.loads((root / name).read_text())
    *steps, last = [
        int(step) if step.isdecimal() else step.replace("~1", "/") for step in at.split("/")[1:]
    ]
    parent = document
    for step in steps:
        parent = parent[step]
    if value is ...:
        del parent[last]
    elif last == "-":
        parent.append(value)
    else:
        parent[last] = value
    (root / name).write_text(json.dumps(document))


def test_the_shipped_catalog_loads() -> None:
    catalog = load_catalog(default_catalog(), VALIDATOR)
    assert [kind.type for kind in catalog.resource_types] == [
        "Konnektr.Assembler",
        "Konnektr.Compass",
        "Konnektr.Flow",
        "Konnektr.Graph",
    ]
    graph = catalog.resource_type("Konnektr.DigitalTwins")
    assert graph is catalog.resource_type("Konnektr.Graph") is not None
    for kind in catalog.resource_types:
        assert [tier.sku for tier in kind.tiers] == ["free", "standard"]
        assert [preset.name for preset in kind.presets] == [
            "development",
            "staging",
            "production",
        ]
        assert kind.tiers[0].prices == ()
        assert kind.tiers[1].prices[0].currency == "eur"
        assert kind.schemas["free"].overlay
    assert {role.name: len(role.permissions) for role in catalog.roles}.items() >= {
        "Konnektr.Data.Owner": 5,
        "Konnektr.Graph.Owner": 5,
        "Konnektr.Graph.Viewer": 6,
    }.items()
    assert catalog.creator_roles == (RoleId("10000000-0005-0000-0000-000000000001"),)


def test_another_platform_brings_its_own(orchard: Path) -> None:
    catalog = load_catalog(orchard, VALIDATOR)
    assert catalog.platform == "Orchard"
    assert catalog.creator_roles == (RoleId("orchard-grower"),)
    assert [role.name for role in catalog.roles] == [
        "Orchard.Grower",
        "Orchard.Neighbour",
        "Orchard.Irrigation.Waterer",
    ]
    assert Permission("Orchard.Weather", "stations/*") in catalog.roles[0].permissions
    assert catalog.roles[2].permissions[0] == Permission(WATER, "valves/read")
    assert catalog.roles[2].is_system
    assert len(catalog.permissions) == 6


def test_a_resource_type_is_all_that_its_files_say(orchard: Path) -> None:
    water = load_catalog(orchard, VALIDATOR).resource_type("Orchard.Sprinkler")
    assert water is not None
    assert water.type == WATER
    assert [tier.availability for tier in water.tiers] == [
        Availability.OFFERED,
        Availability.OFFERED,
        Availability.HIDDEN,
        Availability.RETIRED,
    ]
    seedling = water.tiers[0]
    assert (seedling.max_per_project, seedling.max_per_organization) == (2, 3)
    assert seedling.limits[0].enforcement is Enforcement.HARD
    assert water.tiers[1].prices[0].lookup_key == "orchard-irrigation-grove-month"
    assert water.meters[0].unit == "litre"
    rules = water.schemas["grove"].rules
    assert [type(rule) for rule in rules] == [References, Unique, Unique, AtMost]
    assert water.schemas["seedling"].with_defaults({})["litresPerDay"] == 100
    assert water.schemas["grove"].with_defaults({})["litresPerDay"] == 200
    garden = water.preset("garden")
    assert garden is not None
    assert garden.settings_json == Document((orchard / GARDEN).read_text())


def test_a_tier_may_be_tried_and_paid_for_in_several_currencies(orchard: Path) -> None:
    for number, currency in enumerate(("eur", "jpy")):
        price = {"lookup_key": f"grove-{number}", "amount": 9, "interval": "month"}
        change(orchard, MANIFEST, "/tiers/1/prices/-", price | {"currency": currency})
    change(orchard, MANIFEST, "/tiers/1/trial_days", 14)
    change(orchard, MANIFEST, "/tiers/0/trial_days", 0)
    water = load_catalog(orchard, VALIDATOR).resource_type(WATER)
    assert water is not None
    assert [tier.trial_days for tier in water.tiers] == [0, 14, 0, 0]
    kinds = {(price.currency, price.interval) for price in water.tiers[1].prices}
    assert kinds == {("usd", "month"), ("usd", "year"), ("eur", "month"), ("jpy", "month")}


def test_all_that_is_wrong_with_prices_is_told(orchard: Path) -> None:
    for tier in (1, 2):
        change(orchard, MANIFEST, f"/tiers/{tier}/prices/1/interval", "month")
    change(orchard, MANIFEST, "/tiers/3/prices/0/lookup_key", "orchard-weather-almanac-month")
    change(orchard, MANIFEST, "/tiers/0/trial_days", 1)
    change(orchard, MANIFEST, "/tiers/0/prices", [])
    assert faults(orchard) == [
        (f"{MANIFEST}#/tiers/0/trial_days", "no_price"),
        (f"{MANIFEST}#/tiers/1/prices/1", "duplicate"),
        (f"{MANIFEST}#/tiers/2/prices/1", "duplicate"),
        (f"{SKY}#/tiers/0/prices/0/lookup_key", "duplicate"),
    ]
    assert "in usd each month at /tiers/1/prices/0" in told(orchard)[1].detail


def test_other_folders_and_hidden_files_do_not_disturb(orchard: Path) -> None:
    (orchard / "events").mkdir()
    (orchard / "events" / "created.json").write_text("{")
    (orchard / WATER / "tiers" / ".draft.schema.json").write_text("{")
    (orchard / ".git").mkdir()
    load_catalog(orchard, VALIDATOR)


def test_a_meta_schema_beside_a_catalog_is_not_believed(orchard: Path) -> None:
    (orchard / "manifest.schema.json").write_text("true")
    (orchard / "catalog.schema.json").write_text("{}")
    change(orchard, "catalog.json", "/platform", "")
    assert faults(orchard) == [("catalog.json#/platform", "min_length")]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "no folder" in detail(tmp_path / "nowhere")


def test_an_empty_folder_lacks_everything(tmp_path: Path) -> None:
    assert faults(tmp_path) == [
        ("catalog.json#", "missing_file"),
        ("catalog.json#", "no_resource_types"),
    ]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b'{\n  "type": "a",\n  oops\n}', "not_json", "line 3, column 3"),
        (b"", "not_json", "line 1, column 1"),
        (b'{"type": "\xff"}', "not_utf8", "byte 10"),
        (b'{"minimum": NaN}', "not_json", "NaN"),
        (b'{"minimum": 1e999}', "number_range", "too large"),
        (b'{"title": "\\u0000"}', "nul", "NUL"),
        (b"[" * 100_000, "too_deep", "64"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "too_deep", "64"),
        (b"9" * 5_000, "not_json", "digits"),
        (b"[]", "type", "object"),
    ],
)
def test_what_is_no_json_object_is_told(
    orchard: Path, content: bytes, code: str, words: str
) -> None:
    (orchard / SETTINGS).write_bytes(content)
    assert words in detail(orchard)
    ((pointer, found),) = faults(orchard)
    assert pointer.startswith(f"{SETTINGS}#")
    assert found == code


@pytest.mark.parametrize("name", [MANIFEST, SETTINGS, "catalog.json"])
def test_a_file_that_is_missing_is_told(orchard: Path, name: str) -> None:
    (orchard / name).unlink()
    assert faults(orchard) == [(f"{name}#", "missing_file")]


def test_a_file_that_cannot_be_read_is_told(orchard: Path) -> None:
    (orchard / GARDEN).unlink()
    (orchard / GARDEN).mkdir()
    assert faults(orchard) == [(f"{GARDEN}#", "unreadable")]


def test_keys_that_stand_twice_are_told(orchard: Path) -> None:
    (orchard / OVERLAY).write_text(
        '{"properties": {"pumps": {"maxItems": 1, "maxItems": 2}}, "title": "", "title": ""}'
    )
    assert faults(orchard) == [
        (f"{OVERLAY}#/properties/pumps/maxItems", "duplicate_key"),
        (f"{OVERLAY}#/title", "duplicate_key"),
    ]


TIER = json.loads((ORCHARD / MANIFEST).read_text())["tiers"][1]
METER = json.loads((ORCHARD / MANIFEST).read_text())["meters"][1]
ROLE = {
    "role_id": "r",
    "name": "R",
    "display_name": "R",
    "description": "R.",
    "display_order": 1,
    "permissions": ["valves/read"],
}


@pytest.mark.parametrize(
    ("name", "at", "value", "expected"),
    [
        # the shape of manifests
        (MANIFEST, "/kategory", "Water", ("/kategory", "unknown_field")),
        (MANIFEST, "/category", ..., ("/category", "required")),
        (MANIFEST, "/tiers/1/prices/0/currency", "€ur", ("/tiers/1/prices/0/currency", "pattern")),
        (MANIFEST, "/tiers/1/prices/0/currency", "eur\n",
         ("/tiers/1/prices/0/currency", "pattern")),
        (MANIFEST, "/tiers/1/prices/0/amount", 0, ("/tiers/1/prices/0/amount", "minimum")),
        (MANIFEST, "/tiers/0/availability", "sold out", ("/tiers/0/availability", "enum")),
        (MANIFEST, "/tiers/0/limits/0/enforcement", "firm",
         ("/tiers/0/limits/0/enforcement", "enum")),
        (MANIFEST, "/tiers", [], ("/tiers", "min_items")),
        (MANIFEST, "/rules/0/rule", "refers", ("/rules/0/rule", "enum")),
        (MANIFEST, "/rules/1/at", ..., ("/rules/1/at", "required")),
        (MANIFEST, "/roles/-", 3, ("/roles/1", "type")),
        ("catalog.json", "/creator_roles", "Orchard.Grower", ("/creator_roles", "type")),
        # names
        (MANIFEST, "/type", "Orchard.Water", ("/type", "folder_name")),
        (MANIFEST, "/tiers/-", {**TIER, "prices": []}, ("/tiers/4/sku", "duplicate")),
        (MANIFEST, "/tiers/2/prices/0/lookup_key", "orchard-irrigation-grove-month",
         ("/tiers/2/prices/0/lookup_key", "duplicate")),
        (SKY, "/tiers/0/prices/1/lookup_key", "orchard-irrigation-grove-month",
         ("/tiers/0/prices/1/lookup_key", "duplicate")),
        (MANIFEST, "/tiers/1/prices/1/interval", "month", ("/tiers/1/prices/1", "duplicate")),
        (MANIFEST, "/tiers/0/trial_days", 14, ("/tiers/0/trial_days", "no_price")),
        (MANIFEST, "/tiers/1/trial_days", 366, ("/tiers/1/trial_days", "maximum")),
        (MANIFEST, "/tiers/1/trial_days", -1, ("/tiers/1/trial_days", "minimum")),
        (MANIFEST, "/tiers/1/trial_days", 1.5, ("/tiers/1/trial_days", "type")),
        (MANIFEST, "/tiers/1/trial_days", True, ("/tiers/1/trial_days", "type")),
        (MANIFEST, "/aliases", ["Orchard.Weather"], ("/aliases/0", "duplicate")),
        (MANIFEST, "/aliases", [WATER], ("/aliases/0", "duplicate")),
        (MANIFEST, "/aliases", ["Konnektr.KtrlPlane"], ("/aliases/0", "duplicate")),
        (SKY, "/aliases", ["Orchard.Sprinkler"], ("/aliases/0", "duplicate")),
        (MANIFEST, "/meters/-", METER, ("/meters/2/name", "duplicate")),
        (MANIFEST, "/permissions/1/permission_id", "valves-read",
         ("/permissions/1/permission_id", "duplicate")),
        (SKY, "/permissions/0/permission_id", "valves-read",
         ("/permissions/0/permission_id", "duplicate")),
        (SKY, "/permissions/0/permission_id", "00000000-0001-0000-0000-000000000001",
         ("/permissions/0/permission_id", "duplicate")),
        (MANIFEST, "/permissions/-",
         {"permission_id": "x", "action": "valves/read", "description": "See."},
         ("/permissions/3/action", "duplicate")),
        (MANIFEST, "/roles/-", {**ROLE, "name": "Orchard.Grower"}, ("/roles/1/name", "duplicate")),
        (MANIFEST, "/roles/-", {**ROLE, "role_id": "irrigation-waterer"},
         ("/roles/1/role_id", "duplicate")),
        (MANIFEST, "/roles/-", {**ROLE, "name": "orchard-grower"}, ("/roles/1/name", "duplicate")),
        (MANIFEST, "/roles/-", {**ROLE, "name": "Owner"}, ("/roles/1/name", "duplicate")),
        (MANIFEST, "/roles/-", {**ROLE, "role_id": "10000000-0001-0000-0000-000000000001"},
         ("/roles/1/role_id", "duplicate")),
        # what refers to what
        (MANIFEST, "/roles/0/permissions/-", "valves/*/x",
         ("/roles/0/permissions/2", "unknown_permission")),
        (MANIFEST, "/roles/0/permissions/-", "valves/paint",
         ("/roles/0/permissions/2", "unknown_permission")),
        ("catalog.json", "/roles/0/permissions/-", "Orchard.Weather:stations/paint",
         ("/roles/0/permissions/3", "unknown_permission")),
        ("catalog.json", "/creator_roles", ["Orchard.Gardener"],
         ("/creator_roles/0", "unknown_role")),
        ("catalog.json", "/creator_roles", ["service-account-meter"],
         ("/creator_roles/0", "unknown_role")),
        (MANIFEST, "/tiers/0/limits/0/meter", "wine",
         ("/tiers/0/limits/0/meter", "unknown_meter")),
        (MANIFEST, "/presets/0/sku", "sapling", ("/presets/0/sku", "unknown_sku")),
        (MANIFEST, "/rules/0/from", "/zones/*/pomp", ("/rules/0/from", "unknown_place")),
        (MANIFEST, "/rules/0/to", "/pumps/name", ("/rules/0/to", "unknown_place")),
        (MANIFEST, "/rules/3/greater", "/moisture/high/up", ("/rules/3/greater", "unknown_place")),
        # presets
        (GARDEN, "/pumps/-", {"name": "second"}, ("/pumps", "max_items")),
        (GARDEN, "/pomps", [], ("/pomps", "unknown_field")),
        (GARDEN, "/zones", [{"name": "a", "pump": "sea"}], ("/zones/0/pump", "unknown_pump")),
        (GARDEN, "/moisture", {"low": 90}, ("/moisture/low", "moisture_range")),
        # settings schemas
        (SETTINGS, "/properties/nightOnly/type", "bolean", ("/properties/nightOnly/type", "enum")),
        (SETTINGS, "/properties/zones/maxItems", -1, ("/properties/zones/maxItems", "minimum")),
        (SETTINGS, "/$schema", "http://json-schema.org/draft-07/schema#", ("/$schema", "dialect")),
        (SETTINGS, "/properties/zones/maxItem", 3,
         ("/properties/zones/maxItem", "unknown_keyword")),
        (SETTINGS, "/properties/zones/unevaluatedItems", False,
         ("/properties/zones/unevaluatedItems", "unsupported_keyword")),
        (SETTINGS, "/properties/zones/$id", "https://example.com/z",
         ("/properties/zones/$id", "unsupported_keyword")),
        (SETTINGS, "/properties/zones/items/$ref", "#/$defs/Zoo",
         ("/properties/zones/items/$ref", "unknown_ref")),
        (SETTINGS, "/properties/zones/items/$ref", "https://example.com/zone.json",
         ("/properties/zones/items/$ref", "foreign_ref")),
        (SETTINGS, "/properties/zones/items/$ref", "zone.json#/Zone",
         ("/properties/zones/items/$ref", "foreign_ref")),
        (SETTINGS, "/$defs/Zone/properties/inner", {"$ref": "#/$defs/Zone"},
         ("/$defs/Zone/properties/inner/$ref", "recursive_ref")),
        (SETTINGS, "/$defs/Zone/properties/name/pattern", "^([a-z]$",
         ("/$defs/Zone/properties/name/pattern", "bad_pattern")),
        (SETTINGS, "/$defs/Pump/patternProperties", {"^(x": {}},
         ("/$defs/Pump/patternProperties/^(x", "bad_pattern")),
        (SETTINGS, "/properties/nightOnly/format", "secret-ref",
         ("/properties/nightOnly/format", "secret_ref")),
        (SETTINGS, "/$defs/Pump/additionalProperties", ..., ("/$defs/Pump", "open_object")),
        (SETTINGS, "/additionalProperties", ..., ("", "open_object")),
        (SETTINGS, "/properties/litresPerDay/default", 0,
         ("/properties/litresPerDay/default", "minimum")),
        (SETTINGS, "/$defs/Pump/properties/power/default", "wind",
         ("/$defs/Pump/properties/power/default", "enum")),
        (SETTINGS, "/properties/moisture/default", {"low": 101},
         ("/properties/moisture/default", "maximum")),
        (SETTINGS, "/examples/0/zones/0/minutes", 999, ("/examples/0", "maximum")),
        (SETTINGS, "/examples/0/zones/0/name", ..., ("/examples/0", "required")),
        # overlays
        (OVERLAY, "/properties/pumps/maxItems", "1", ("/properties/pumps/maxItems", "type")),
        (OVERLAY, "/properties/pumps", None, ("/properties/pumps", "null_in_overlay")),
        (OVERLAY, "/required", None, ("/required", "null_in_overlay")),
        (OVERLAY, "/properties/pomps", {"maxItems": 1}, ("/properties/pomps", "unknown_setting")),
        (OVERLAY, "/properties/zones/items", {"properties": {"nome": {}}},
         ("/properties/zones/items/properties/nome", "unknown_setting")),
        (OVERLAY, "/$defs/Zoo", {"maxItems": 1}, ("/$defs/Zoo", "unknown_setting")),
        (OVERLAY, "/properties/moisture", {"$ref": "#/$defs/Moist"},
         ("/properties/moisture/$ref", "unknown_ref")),
        (OVERLAY, "/properties/litresPerDay/maximum", 50,
         ("/properties/litresPerDay/default", "maximum")),
    ],
)  # fmt: skip
def test_one_fault_is_told_where_it_is(
    orchard: Path, name: str, at: str, value: Any, expected: tuple[str, str]
) -> None:
    change(orchard, name, at, value)
    found = faults(orchard)
    pointer, code = expected
    assert (f"{name}#{pointer}", code) in found
    # What follows from a name that nothing has any more may be told beside it.
    assert len(found) == 1 or code in ("folder_name", "min_items", "pattern", "type")


def test_what_an_overlay_takes_away_hides_none_of_its_other_faults(orchard: Path) -> None:
    change(orchard, OVERLAY, "/properties/pumps", None)
    change(orchard, OVERLAY, "/properties/pomps", {"maxItems": 1})
    change(orchard, OVERLAY, "/properties/litresPerDay/maximum", 50)
    assert faults(orchard) == [
        (f"{OVERLAY}#/properties/pumps", "null_in_overlay"),
        (f"{OVERLAY}#/properties/pomps", "unknown_setting"),
        (f"{OVERLAY}#/properties/litresPerDay/default", "maximum"),
    ]


def test_what_an_overlay_takes_away_does_not_hide_its_shape(orchard: Path) -> None:
    change(orchard, OVERLAY, "/properties/pumps", None)
    change(orchard, OVERLAY, "/properties/litresPerDay/maximum", "50")
    assert faults(orchard) == [
        (f"{OVERLAY}#/properties/pumps", "null_in_overlay"),
        (f"{OVERLAY}#/properties/litresPerDay/maximum", "type"),
    ]


@pytest.mark.parametrize("permission", ["fly", "Orchard.Irrigation:", "ORCHARD irrigation:Valves"])
def test_a_permission_that_is_none_is_told_once_and_in_words(
    orchard: Path, permission: str
) -> None:
    change(orchard, "catalog.json", "/roles/0/permissions", [permission])
    assert faults(orchard) == [("catalog.json#/roles/0/permissions/0", "unknown_permission")]
    assert "pattern" not in detail(orchard)
    assert "Product:action" in detail(orchard)


def test_a_type_may_ask_for_settings_that_have_no_default(orchard: Path) -> None:
    change(orchard, SKY_SETTINGS, "/required", ["stationKey"])
    change(orchard, SKY_SETTINGS, "/examples", ...)
    load_catalog(orchard, VALIDATOR)
    change(orchard, SKY_SETTINGS, "/properties/frostWarning/default", 99)
    (fault,) = told(orchard)
    assert fault.pointer == f"{SKY_SETTINGS}#/properties/frostWarning/default"
    assert fault.detail == "This default is refused by its own schema. It must be at most 10."


def test_a_default_is_checked_whatever_its_setting_is_called(orchard: Path) -> None:
    name = "a/b ~%20#é"
    setting = {"type": "integer", "default": "no number"}
    change(orchard, SKY_SETTINGS, "/properties/" + name.replace("/", "~1"), setting)
    at = "/properties/a~1b ~0%20#é/default"
    assert faults(orchard) == [(f"{SKY_SETTINGS}#{at}", "type")]


def test_a_role_may_hold_what_the_control_plane_knows(orchard: Path) -> None:
    change(orchard, "catalog.json", "/roles/1/permissions/-", "Konnektr.KtrlPlane:read")
    change(orchard, "catalog.json", "/creator_roles/-", "Viewer")
    load_catalog(orchard, VALIDATOR)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("read", "reserved_action"),
        ("valves/read", "shared_action"),
        ("valves/paint", "shared_action"),
    ],
)
def test_an_action_belongs_to_one_product(orchard: Path, action: str, code: str) -> None:
    entry = {"permission_id": "x", "action": action, "description": "Do it."}
    change(orchard, SKY, "/permissions/-", entry)
    found = faults(orchard)
    assert (f"{SKY}#/permissions", code) in found
    assert {told for _, told in found} == {code}


def test_files_and_manifest_must_agree(orchard: Path) -> None:
    shutil.copy(orchard / OVERLAY, orchard / WATER / "tiers" / "bonsai.schema.json")
    (orchard / WATER / "tiers" / "notes.txt").write_text("x")
    (orchard / WATER / "presets" / "desert.json").write_text("{}")
    (orchard / GARDEN).unlink()
    assert faults(orchard) == [
        (f"{MANIFEST}#/presets/0/name", "missing_file"),
        (f"{WATER}/presets/desert.json#", "unknown_preset"),
        (f"{WATER}/tiers/bonsai.schema.json#", "unknown_sku"),
        (f"{WATER}/tiers/notes.txt#", "stray_file"),
    ]


def test_what_an_unreadable_manifest_would_have_said_is_not_missed(orchard: Path) -> None:
    (orchard / MANIFEST).write_text("{")
    assert faults(orchard) == [(f"{MANIFEST}#", "not_json")]


def _break_a_name(root: Path) -> None:
    change(root, MANIFEST, "/type", 3)


def _break_json(root: Path) -> None:
    (root / GARDEN).write_text("{")


def _break_a_limit(root: Path) -> None:
    change(root, MANIFEST, "/tiers/0/limits/0/meter", "wine")


def _break_a_schema(root: Path) -> None:
    change(root, SKY_SETTINGS, "/properties/frostWarning/typo", 1)


def _break_a_role(root: Path) -> None:
    change(root, "catalog.json", "/roles/0/permissions", ["Orchard.Nowhere:a"])


def _break_an_overlay(root: Path) -> None:
    change(root, OVERLAY, "/properties/pumps", None)


EVERY_WAY: list[Callable[[Path], None]] = [
    _break_a_name,
    _break_json,
    _break_a_limit,
    _break_a_schema,
    _break_a_role,
    _break_an_overlay,
]


def test_every_fault_is_told_at_once_and_in_order(orchard: Path) -> None:
    for break_it in EVERY_WAY:
        break_it(orchard)
    expected = [
        (f"{MANIFEST}#/tiers/0/limits/0/meter", "unknown_meter"),
        (f"{MANIFEST}#/type", "type"),
        (f"{GARDEN}#", "not_json"),
        (f"{OVERLAY}#/properties/pumps", "null_in_overlay"),
        (f"{SKY_SETTINGS}#/properties/frostWarning/typo", "unknown_keyword"),
        ("catalog.json#/roles/0/permissions/0", "unknown_permission"),
    ]
    assert faults(orchard) == expected
    assert faults(orchard) == expected


@pytest.fixture
def sky(orchard: Path) -> Path:
    """The smallest catalog there is: it loads fast."""
    shutil.rmtree(orchard / WATER)
    platform = {"platform": "Sky", "creator_roles": [], "roles": []}
    (orchard / "catalog.json").write_text(json.dumps(platform))
    load_catalog(orchard, VALIDATOR)
    return orchard


SHAPES = (None, 3, "x", [], {}, [None], [{}], {"a": {}}, {"a": None}, [[3]], True)


def test_a_manifest_of_any_shape_raises_nothing_but_its_faults(sky: Path) -> None:
    document = json.loads((sky / SKY).read_text())
    for key in document:
        for value in SHAPES:
            (sky / SKY).write_text(json.dumps({**document, key: value}))
            with suppress(BrokenCatalog):
                load_catalog(sky, VALIDATOR)


@pytest.mark.parametrize("name", [SKY_SETTINGS, "Orchard.Weather/tiers/almanac.schema.json"])
def test_a_schema_of_any_shape_raises_nothing_but_its_faults(sky: Path, name: str) -> None:
    (sky / name).parent.mkdir(exist_ok=True)
    document = json.loads((sky / name).read_text()) if (sky / name).exists() else {}
    keys = ("properties", "$defs", "allOf", "$ref", "items", "required", "examples", "default",
            "if", "patternProperties", "dependentRequired", "type", "$id", "$schema")  # fmt: skip
    for key in keys:
        for value in SHAPES:
            (sky / name).write_text(json.dumps({**document, key: value}))
            with suppress(BrokenCatalog):
                load_catalog(sky, VALIDATOR)
