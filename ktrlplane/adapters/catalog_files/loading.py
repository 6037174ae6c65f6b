"""From a folder to a catalog, or to everything that is wrong with it."""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path

from ktrlplane.adapters.catalog_files.building import catalog_of
from ktrlplane.adapters.catalog_files.reading import Reading
from ktrlplane.adapters.catalog_files.settings import settings_faults
from ktrlplane.domain.catalog import BrokenCatalog, Catalog
from ktrlplane.domain.catalog_faults import catalog_faults
from ktrlplane.domain.catalog_files import CATALOG, File
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.settings import SettingsSchema, rule_of
from ktrlplane.ports.schemas import SettingsValidator


def default_catalog() -> Path:
    """The catalog that KtrlPlane ships: inside the package where it was installed from a
    wheel, beside it in the source tree."""
    package = Path(str(resources.files("ktrlplane")))
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parent / "schemas"


def load_catalog(path: Path, validator: SettingsValidator) -> Catalog:
    """Raises: BrokenCatalog, with every fault: a file's together, files in order."""
    if not path.is_dir():
        detail = f"There is no folder {path}. Name the folder that has {CATALOG} in it."
        raise BrokenCatalog([Fault(f"{CATALOG}#", "missing_file", detail)])
    reading = Reading(path)
    files = reading.catalog()
    faults = [*reading.faults, *catalog_faults(files)]
    faults += _shape_faults(CATALOG, files.platform, validator)
    for kind in files.types:
        misshapen = list(_shape_faults(kind.manifest_file, kind.manifest, validator))
        faults += misshapen
        faults += _shape_faults(kind.dashboard_file, kind.dashboard, validator)
        sound = {} if kind.manifest is None or misshapen else kind.manifest
        rules = tuple(map(rule_of, sound.get("rules", ())))
        faults += settings_faults(kind, rules, validator)
    if faults:
        raise BrokenCatalog(_in_order(faults))
    return catalog_of(files)


def _shape_faults(name: str, document: File, validator: SettingsValidator) -> Iterator[Fault]:
    if document is not None:
        for fault in validator.violations(_meta_schema(Path(name).stem), document):
            yield Fault(f"{name}#{fault.pointer}", fault.code, fault.detail)


@cache
def _meta_schema(name: str) -> SettingsSchema:
    """As KtrlPlane ships it: one that lies beside a catalog is for editors."""
    shipped = Reading(default_catalog()).document(f"{name}.schema.json")
    assert shipped is not None, "KtrlPlane ships its meta-schemas"
    return SettingsSchema(shipped)


def _in_order(faults: Iterable[Fault]) -> list[Fault]:
    once = dict.fromkeys(faults)
    # What names nothing is told as that, whichever form it has.
    better = {fault.pointer for fault in once if fault.code.startswith("unknown_")}
    told = [fault for fault in once if fault.code != "pattern" or fault.pointer not in better]
    return sorted(told, key=lambda fault: fault.pointer.partition("#")[0])
