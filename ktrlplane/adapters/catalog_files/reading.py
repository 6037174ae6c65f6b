"""Reads the files of a catalog. What cannot be read is a fault, and None in its place."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from ktrlplane.domain.catalog_files import (
    CATALOG,
    DASHBOARD,
    MANIFEST,
    SETTINGS,
    CatalogFiles,
    File,
    TypeFiles,
)
from ktrlplane.domain.documents import MAX_DEPTH, escape, faults_of, members
from ktrlplane.domain.errors import Fault

_OF_A_TYPE = (MANIFEST, SETTINGS, "tiers", "presets", DASHBOARD)
_OVERLAY, _PRESET = ".schema.json", ".json"


class _Repeating(dict[str, Any]):
    """An object that says some of its keys twice."""

    repeated: tuple[str, ...] = ()


class Reading:
    """One walk over a catalog's folder; ``faults`` grow as files are read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: list[Fault] = []

    def catalog(self) -> CatalogFiles:
        platform = self.document(CATALOG)
        return CatalogFiles(platform=platform, types=tuple(map(self._type, self._folders())))

    def document(self, name: str) -> File:
        """The JSON object in the file ``name``."""
        try:
            document = _parsed((self.root / name).read_bytes().decode())
        except (OSError, ValueError, RecursionError) as exc:
            self._fault(name, *_why(exc))
            return None
        faults = [*faults_of(document), *_repeated(document)]
        if not isinstance(document, dict):
            faults = [Fault("", "type", "The file must hold an object.")]
        self.faults += [Fault(f"{name}#{f.pointer}", f.code, f.detail) for f in faults]
        return document if isinstance(document, dict) and not faults else None

    def _fault(self, name: str, code: str, detail: str) -> None:
        self.faults.append(Fault(f"{name}#", code, detail))

    def _folders(self) -> list[str]:
        """Other folders may stand beside those of resource types: event schemas, notes."""
        return [
            name
            for name in self._names("")
            if any((self.root / name / part).exists() for part in _OF_A_TYPE)
        ]

    def _type(self, folder: str) -> TypeFiles:
        return TypeFiles(
            folder=folder,
            manifest=self.document(f"{folder}/{MANIFEST}"),
            settings=self.document(f"{folder}/{SETTINGS}"),
            overlays=self._named(f"{folder}/tiers", _OVERLAY),
            presets=self._named(f"{folder}/presets", _PRESET),
            dashboard=self._optional(folder, DASHBOARD),
        )

    def _optional(self, folder: str, name: str) -> File:
        return self.document(f"{folder}/{name}") if name in self._names(folder) else None

    def _named(self, folder: str, ending: str) -> Mapping[str, File]:
        found = {}
        for name in self._names(folder):
            if name.endswith(ending):
                found[name.removesuffix(ending)] = self.document(f"{folder}/{name}")
            else:
                detail = f"Files in this folder are named <name>{ending}; rename or remove it."
                self._fault(f"{folder}/{name}", "stray_file", detail)
        return found

    def _names(self, folder: str) -> list[str]:
        """What is in a folder, in order, but hidden files; nothing where there is no folder."""
        try:
            paths = sorted((self.root / folder).iterdir())
        except FileNotFoundError:
            return []
        except OSError as exc:
            detail = f"This folder cannot be read: {exc.strerror}."
            self._fault(folder or ".", "unreadable", detail)
            return []
        return [path.name for path in paths if not path.name.startswith((".", "__pycache__"))]


def _why(failure: OSError | ValueError | RecursionError) -> tuple[str, str]:
    """A code and a sentence."""
    match failure:
        case FileNotFoundError():
            return "missing_file", "This file is missing."
        case OSError():
            return "unreadable", f"This cannot be read: {failure.strerror}."
        case UnicodeDecodeError():
            return "not_utf8", f"This is not UTF-8: byte {failure.start} is no character's."
        case json.JSONDecodeError():
            where = f"line {failure.lineno}, column {failure.colno}"
            return "not_json", f"This is not JSON at {where}: {failure.msg}."
        case RecursionError():
            return "too_deep", f"Nest at most {MAX_DEPTH} levels."
        case _:
            return "not_json", str(failure)


def _parsed(text: str) -> object:
    """Raises: ValueError, json.JSONDecodeError among them."""
    return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"This is not JSON: {word} is no number that JSON knows.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    keys = [key for key, _ in pairs]
    repeating = _Repeating(made)
    repeating.repeated = tuple(key for key in made if keys.count(key) > 1)
    return repeating


def _repeated(document: object) -> list[Fault]:
    found = []
    todo = [("", document)]
    while todo:
        at, value = todo.pop()
        if isinstance(value, _Repeating):
            detail = "This stands here more than once, and only the last one would count."
            found += [
                Fault(f"{at}/{escape(key)}", "duplicate_key", detail) for key in value.repeated
            ]
        todo += [(f"{at}/{escape(key)}", member) for key, member in members(value)]
    return sorted(found, key=lambda fault: fault.pointer)
