"""What a resource is configured to be: exported, imported, and what a change would cost."""

from typing import Any, Final

import pytest

from ktrlplane.domain.catalog import ResourceType
from tests.http.marks import on_stores_and_catalogs
from tests.http.world import Caller, World, faults, refusal

pytestmark = [on_stores_and_catalogs, pytest.mark.priced, pytest.mark.usefixtures("plant")]

RESOURCES: Final = "/projects/plant/resources"
ONE: Final = "/resources/one"


@pytest.fixture
def one(world: World, ada: Caller) -> Any:
    name, _, other = world.a_setting()
    return ada.makes(RESOURCES, world.wish("one", settings_json={name: other}))


def _configuration(one: Any) -> dict[str, Any]:
    return {name: one[name] for name in ("name", "type", "sku", "settings_json")}


def test_what_is_exported_makes_another_like_it(world: World, ada: Caller, one: Any) -> None:
    exported = ada.sees(f"{ONE}/export")
    assert exported == _configuration(one)
    assert exported == ada.sees(f"{RESOURCES}/one/export")
    ada.makes("/projects", {"id": "mill", "name": "Mill", "org_id": "acme"})
    made = ada.makes("/projects/mill/resources/import", exported)
    assert _configuration(made) == exported
    assert made["resource_id"] != "one"
    assert (made["status"], made["generation"]) == ("Creating", 1)
    named = ada.makes("/projects/mill/resources/import", exported | {"id": "two", "name": "Two"})
    assert (named["resource_id"], named["name"]) == ("two", "Two")


def test_what_is_exported_goes_into_another_that_keeps_its_name(
    world: World, ada: Caller, one: Any
) -> None:
    ada.makes("/projects", {"id": "mill", "name": "Mill", "org_id": "acme"})
    ada.makes("/projects/mill/resources", world.wish("two", name="Two"))
    exported = ada.sees(f"{ONE}/export")
    changed = ada.post("/resources/two/import", exported)
    assert changed.status_code == 200
    assert _configuration(changed.json) == exported | {"name": "Two"}
    assert changed.json["generation"] == 2
    again = ada.post("/projects/mill/resources/two/import", exported).json
    assert again == changed.json


def test_a_configuration_of_another_type_is_refused(world: World, ada: Caller, one: Any) -> None:
    others = [kind for kind in world.catalog.resource_types if kind.type != one["type"]]
    for kind in [*(other.type for other in others), "No.Such"]:
        body = _configuration(one) | {"type": kind}
        assert faults(ada.post(f"{ONE}/import", body)) == {"/type": "other_type"}
        foreign = body | {"sku": "no-such", "settings_json": {"no-such": 1}}
        assert faults(ada.post(f"{ONE}/import", foreign)) == {"/type": "other_type"}
    assert ada.sees(ONE) == one


def test_what_is_imported_is_checked_like_anything_else(
    world: World, ada: Caller, one: Any
) -> None:
    body = _configuration(one) | {"settings_json": {"no such setting": 1}, "colour": "red"}
    found = faults(ada.post(f"{ONE}/import", body))
    assert found["/colour"] == "unknown_field"
    assert "/settings_json/no such setting" in found
    assert found == faults(ada.post(f"{RESOURCES}/import", body))
    assert faults(ada.post(f"{RESOURCES}/import", {})) == dict.fromkeys(
        ("/name", "/type", "/sku", "/settings_json"), "required"
    )


def test_an_import_heeds_what_its_caller_has_seen(world: World, ada: Caller, one: Any) -> None:
    tag = ada.get(ONE).headers["etag"]
    ada.patch(ONE, {"name": "New"})
    answer = ada.post(f"{ONE}/import", _configuration(one), headers={"If-Match": tag})
    assert refusal(answer) == (412, "precondition_failed")


def _price(kind: ResourceType, sku: str) -> tuple[int, str]:
    tier = kind.tier(sku)
    assert tier is not None
    return (tier.prices[0].amount, tier.sku) if tier.prices else (0, tier.sku)


def test_a_rehearsal_tells_what_a_change_would_cost(world: World, ada: Caller) -> None:
    kind = world.kind
    cheap, dear = (tier.sku for tier in kind.offered()[:2])
    world.pays("organization acme")
    rehearsed = "?validate_only=true"
    answer = ada.post(f"{RESOURCES}{rehearsed}", world.wish(sku=cheap)).json
    assert answer["price_before"] is None
    assert (answer["price_after"]["amount"], answer["price_after"]["sku"]) == _price(kind, cheap)
    ada.makes(RESOURCES, world.wish("one", sku=cheap))
    for method in ("PATCH", "PUT"):
        answer = ada.ask(method, f"{ONE}{rehearsed}", {"sku": dear}).json
        before, after = answer["price_before"], answer["price_after"]
        assert (before["amount"], before["sku"]) == _price(kind, cheap)
        assert (after["amount"], after["sku"]) == _price(kind, dear)
    assert "price_after" not in ada.patch(ONE, {"sku": dear}).json
    body = _configuration(ada.sees(ONE)) | {"sku": cheap}
    answer = ada.post(f"{ONE}/import{rehearsed}", body).json
    assert (answer["price_before"]["sku"], answer["price_after"]["sku"]) == (dear, cheap)
    assert ada.sees(ONE)["sku"] == dear


def test_a_rehearsal_of_a_stranger_tells_nothing(world: World, ada: Caller, one: Any) -> None:
    eve = world.person("eve")
    for method, path, body in (
        ("PATCH", ONE, {"name": "New"}),
        ("POST", f"{ONE}/import", _configuration(one)),
        ("PATCH", "/resources/nowhere", {"name": "New"}),
    ):
        answer = eve.ask(method, f"{path}?validate_only=true", body)
        assert refusal(answer) == (404, "not_found")
