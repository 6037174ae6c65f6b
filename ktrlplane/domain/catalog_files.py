"""The files of a catalog, read but not yet trusted."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen

from ktrlplane.domain.documents import select
from ktrlplane.domain.errors import Fault

CATALOG: Final = "catalog.json"
MANIFEST: Final = "manifest.json"
SETTINGS: Final = "settings.schema.json"
DASHBOARD: Final = "dashboard.json"


File = Mapping[str, Any] | None


@frozen
class Text:
    """One text that a file says, and where."""

    file: str
    at: str
    text: str

    def fault(self, code: str, detail: str) -> Fault:
        return Fault(f"{self.file}#{self.at}", code, detail)


def texts(file: str, document: object, pattern: str) -> Iterator[Text]:
    """Those at ``pattern``; what is no text there is for the meta-schema to say."""
    for at, value in select(document, pattern):
        if isinstance(value, str):
            yield Text(file, at, value)


@frozen(kw_only=True)
class TypeFiles:
    """A resource type's folder. ``overlays`` are by sku and ``presets`` by name, as their
    files are named. None is what could not be read, or a dashboard that there is not."""

    folder: str
    manifest: File
    settings: File
    overlays: Mapping[str, File] = field(factory=dict)
    presets: Mapping[str, File] = field(factory=dict)
    dashboard: File = None

    @property
    def manifest_file(self) -> str:
        return f"{self.folder}/{MANIFEST}"

    @property
    def settings_file(self) -> str:
        return f"{self.folder}/{SETTINGS}"

    @property
    def dashboard_file(self) -> str:
        return f"{self.folder}/{DASHBOARD}"

    def overlay_file(self, sku: str) -> str:
        return f"{self.folder}/tiers/{sku}.schema.json"

    def preset_file(self, name: str) -> str:
        return f"{self.folder}/presets/{name}.json"

    def said(self, pattern: str) -> list[Text]:
        return list(texts(self.manifest_file, self.manifest, pattern))


@frozen(kw_only=True)
class CatalogFiles:
    """``types`` are in the order of their folders' names."""

    platform: File
    types: tuple[TypeFiles, ...] = ()

    def said(self, pattern: str) -> list[Text]:
        return list(texts(CATALOG, self.platform, pattern))
