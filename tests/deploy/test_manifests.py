"""The manifests as they lie in the folder."""

import re
from typing import Any, Final

import psycopg
import pytest

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from tests.deploy.rendering import MANIFESTS, Renderer

FILES: Final = sorted(path.name for path in MANIFESTS.glob("*.yaml"))
DURATION: Final = re.compile(r"([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+")
WORKLOADS: Final = ("assembler", "compass", "flow")


def every(renderer: Renderer) -> list[dict[str, Any]]:
    return [one for file in FILES for one in renderer.manifests(file)]


def test_names_are_unique(renderer: Renderer) -> None:
    """The operator knows its objects by them."""
    names = [one["metadata"]["name"] for one in every(renderer)]
    assert len(set(names)) == len(names)
    assert {one["metadata"]["namespace"] for one in every(renderer)} == {"ktrlplane"}


def test_each_says_how_often_it_is_looked_at_and_where_the_address_is(renderer: Renderer) -> None:
    for one in every(renderer):
        spec = one["spec"]
        assert DURATION.fullmatch(spec["pollInterval"])
        assert spec["prune"]
        assert spec["database"] == {
            "type": "postgres",
            "connectionSecretRef": {"name": "ktrlplane-operator", "uriKey": "uri"},
        }
        watched = spec.get("changeDetection")
        if watched:
            assert watched["enabled"]
            assert watched["tableName"] in spec["query"]
            assert watched["timestampColumn"] == "updated_at"
            assert DURATION.fullmatch(watched["changePollInterval"])


def test_every_resource_type_of_the_catalog_is_made_and_told_of(renderer: Renderer) -> None:
    catalog = load_catalog(default_catalog(), JsonSchemaValidator())
    told = {
        kind
        for one in every(renderer)
        if "statusUpdateQueryTemplate" in one["spec"]
        for kind in re.findall(r"'(Konnektr\.\w+)'", one["spec"]["query"])
    }
    assert told >= {one.type for one in catalog.resource_types}


@pytest.mark.postgres
@pytest.mark.usefixtures("postgres_units")
def test_the_operators_role_may_ask_every_query(
    renderer: Renderer, operator: psycopg.Connection[Any]
) -> None:
    for one in every(renderer):
        operator.execute(one["spec"]["query"].encode())


def test_no_sql_has_what_the_operator_would_take_for_its_end(renderer: Renderer) -> None:
    """It cuts text at semicolons, and knows no comments."""
    thing = {"metadata": {"name": "one; two -- three", "generation": 1}}
    for file in FILES:
        for one in renderer.manifests(file):
            texts = [one["spec"]["query"]]
            if "statusUpdateQueryTemplate" in one["spec"]:
                texts += renderer.reports(file, one["metadata"]["name"], [thing])
            assert not [text for text in texts if re.search(r";|--", text)]


def test_all_deployments_are_told_of_in_the_same_way(renderer: Renderer) -> None:
    templates = {
        one["spec"]["statusUpdateQueryTemplate"]
        for one in every(renderer)
        if one["metadata"]["name"] in WORKLOADS
    }
    assert len(templates) == 1
