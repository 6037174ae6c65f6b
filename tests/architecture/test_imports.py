"""The inside imports nothing but the standard library and attrs: a blacklist forgets."""

import importlib.util
import sys

import grimp
import pytest

GRAPH = grimp.build_graph("ktrlplane", include_external_packages=True)
ALLOWED = sys.stdlib_module_names | {"attr", "attrs", "ktrlplane"}
INSIDE = GRAPH.find_descendants("ktrlplane.domain") | GRAPH.find_descendants("ktrlplane.ports")


@pytest.mark.parametrize("module", sorted(INSIDE))
def test_the_inside_imports_only_attrs(module: str) -> None:
    names = GRAPH.find_modules_directly_imported_by(module)
    assert {name.partition(".")[0] for name in names} <= ALLOWED


def test_the_inside_is_found() -> None:
    assert {"ktrlplane.domain.access", "ktrlplane.ports.stores"} <= INSIDE


@pytest.mark.parametrize("banned", ["datetime.now(", "time.time(", "utcnow(", "TYPE_CHECKING"])
def test_the_domain_has_no_clock_of_its_own(banned: str) -> None:
    sources = {module: _source(module) for module in INSIDE if module.startswith("ktrlplane.do")}
    assert [module for module, text in sources.items() if banned in text] == []


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.loader is not None
    return spec.loader.get_source(module) or ""  # type: ignore[attr-defined]
