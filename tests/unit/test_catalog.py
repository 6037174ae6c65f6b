import pytest

from ktrlplane.domain.access import Permission, PermissionEntry
from ktrlplane.domain.catalog import Availability, BrokenCatalog, Catalog, shared_actions
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.ids import PermissionId
from ktrlplane.domain.roles import CONTROL_PLANE_PERMISSIONS, CONTROL_PLANE_ROLES, OWNER
from tests.platforms import CATALOG


def entry(product: str, action: str) -> PermissionEntry:
    return PermissionEntry(
        permission_id=PermissionId("p"), resource_type=product, action=action, description=""
    )


def knowing(*entries: PermissionEntry) -> Catalog:
    return Catalog(
        platform="Test", resource_types=(), roles=(), permissions=entries, creator_roles=()
    )


def test_a_type_is_found_by_its_name_and_by_its_former_ones() -> None:
    kettle = CATALOG.resource_type("Acme.Kettle")
    assert kettle is not None
    assert CATALOG.resource_type("Acme.Pot") is kettle
    assert CATALOG.resource_type("acme.kettle") is None


def test_tiers_and_presets_are_found_by_name() -> None:
    kettle = CATALOG.resource_type("Acme.Kettle")
    assert kettle is not None
    antique, office = kettle.tier("antique"), kettle.preset("office")
    assert antique is not None
    assert antique.availability is Availability.RETIRED
    assert kettle.tier("platinum") is None
    assert office is not None
    assert office.sku == "gold"
    assert kettle.preset("home") is None
    assert [tier.sku for tier in kettle.offered()] == ["free", "gold"]


def test_the_control_plane_has_its_roles_and_permissions_on_every_platform() -> None:
    assert CATALOG.system_roles()[0] is OWNER
    assert [*CATALOG.system_roles()] == [*CONTROL_PLANE_ROLES, *CATALOG.roles]
    assert [*CATALOG.all_permissions()] == [*CONTROL_PLANE_PERMISSIONS, *CATALOG.permissions]


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("Acme.Kettle:water/boil", "Acme.Kettle"),
        ("Acme.Unheard:of", "Acme.Unheard"),
        ("read", "Konnektr.KtrlPlane"),
        ("manage_access", "Konnektr.KtrlPlane"),
        ("water/boil", "Acme.Kettle"),
        ("water/pour", "Acme.Kettle"),
        ("water/*", "Acme.Kettle"),
        ("toast/brown", "Acme.Toaster"),
        ("toast/brown/twice", None),
        ("juggle", None),
    ],
)
def test_a_bare_action_tells_its_product(text: str, product: str | None) -> None:
    known = knowing(
        entry("Acme.Kettle", "water/*"),
        entry("Acme.Kettle", "water/boil"),
        entry("Acme.Toaster", "toast/brown"),
    )
    action = text.rpartition(":")[2]
    expected = None if product is None else Permission(product, action)
    assert known.permission(text) == expected


def test_an_action_that_two_products_had_would_tell_neither() -> None:
    assert knowing(entry("A", "x/y"), entry("B", "x/*")).permission("x/y") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("x/y", "x/y"), ("x/*", "x/y"), ("x/y", "x/*"), ("x/*", "x/y/*"), ("x/y/z", "x/*")],
)
def test_products_share_no_action(one: str, other: str) -> None:
    (fault,) = shared_actions([entry("A", one), entry("B", other)])
    assert (fault.pointer, fault.code) == ("/B/permissions", "shared_action")
    assert one in fault.detail
    assert other in fault.detail
    assert list(shared_actions([entry("A", one), entry("A", other)])) == []


def test_actions_that_only_begin_alike_are_not_shared() -> None:
    entries = [entry("A", "x/y"), entry("B", "x/yz"), entry("C", "x"), entry("D", "xx/*")]
    assert list(shared_actions(entries)) == []


@pytest.mark.parametrize("action", ["read", "escalate", "report_usage", "*"])
def test_actions_of_the_control_plane_are_its_own(action: str) -> None:
    (fault,) = shared_actions([entry("A", action)])
    assert fault.code == "reserved_action"


def test_a_broken_catalog_counts_its_faults() -> None:
    broken = BrokenCatalog([Fault("catalog.json#", "a", "A."), Fault("catalog.json#", "b", "B.")])
    assert [fault.code for fault in broken.faults] == ["a", "b"]
    assert "2 faults" in str(broken)
