"""Every service that changes something tells it (product.md R7.1): here by what is written, in
witness.py by what is done."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

import ktrlplane.domain.services

FOLDER: Final = Path(ktrlplane.domain.services.__file__).parent
CHANGING: Final = ("add", "put", "replace", "remove", "leave", "synchronize", "end", "set")
"""How the methods of stores begin that change something."""
BOOKKEEPING: Final = frozenset(
    {"answers", "billing", "events", "inbox", "job_runs", "notifications", "transitions"}
)
"""What the platform remembers for itself, or tells by other means."""
UNTOLD: Final = frozenset({"settle_mail"})
"""How far a mail has come is nobody else's."""
TOLD_BY_WHO_CALLS: Final = frozenset({"end_access", "end_access_on"})
"""What ends with a scope is told by the scope's own end."""


@frozen
class Written:
    """A function: what it calls, whether it changes something and tells it itself."""

    is_public: bool
    calls: frozenset[str]
    changes: bool
    tells: bool


def written() -> Mapping[str, Written]:
    return {
        function.name: Written(
            is_public=not function.name.startswith("_"),
            calls=frozenset(_names(function)),
            changes=any(_changes(store, method) for store, method in _asked_of_stores(function)),
            tells=("events", "add") in set(_asked_of_stores(function)),
        )
        for path in FOLDER.glob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
    }


def _names(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.attr  # of a module, or a method of its own


def _asked_of_stores(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            owner = node.value.value
            is_work = isinstance(owner, ast.Name) and owner.id == "work"
            if is_work or (isinstance(owner, ast.Attribute) and owner.attr == "_work"):
                yield node.value.attr, node.attr


def _changes(store: str, method: str) -> bool:
    return store not in BOOKKEEPING and method.startswith(CHANGING)


def reaches(name: str, what: str, functions: Mapping[str, Written]) -> bool:
    seen: set[str] = set()
    todo = [name]
    while todo:
        here = todo.pop()
        if here in seen or here not in functions:
            continue
        seen.add(here)
        if getattr(functions[here], what):
            return True
        todo += functions[here].calls
    return False


FUNCTIONS: Final = written()
CHANGING_SERVICES: Final = sorted(
    name
    for name, one in FUNCTIONS.items()
    if one.is_public and reaches(name, "changes", FUNCTIONS) and name not in TOLD_BY_WHO_CALLS
)


@pytest.mark.parametrize("name", [name for name in CHANGING_SERVICES if name not in UNTOLD])
def test_a_service_that_changes_something_tells_it(name: str) -> None:
    assert reaches(name, "tells", FUNCTIONS)


def test_what_needs_telling_is_found() -> None:
    """Else the test above would hold of nothing."""
    assert {
        "create_organization",
        "delete_project",
        "grant_role",
        "accept_invitation",
        "heed_reports",
        "end_resources",
        "lift_override",
        "recognize",
        "operator_grant",
        "synchronize_catalog",
        "update_resource",
    } < set(CHANGING_SERVICES)
    assert {"list_projects", "check_permissions", "read_me"}.isdisjoint(CHANGING_SERVICES)
    assert not {name for name in UNTOLD | TOLD_BY_WHO_CALLS if name not in FUNCTIONS}
    assert len(CHANGING_SERVICES) > 35
