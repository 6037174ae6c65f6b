"""Projects become Namespaces, and those that pay get a client for their machines."""

from typing import Any

import psycopg
import pytest

from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from tests.deploy.kubernetes import faults
from tests.deploy.rendering import Cluster

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("ada")]

NAMESPACES = "namespaces.yaml", "namespaces"
CLIENTS = "auth0-clients.yaml", "auth0-clients"


def test_a_project_is_a_namespace_and_names_its_organization_where_it_has_one(
    cluster: Cluster,
) -> None:
    garage, plant = cluster.of(*NAMESPACES)
    assert not faults(garage)
    assert not faults(plant)
    assert garage == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "garage",
            "labels": {
                "konnektr.io/project-id": "garage",
                "konnektr.io/managed-by": "namespaces",
            },
        },
    }
    assert plant["metadata"]["labels"]["konnektr.io/org-id"] == "acme"


def test_a_namespace_stays_until_nothing_is_in_the_project_any_more(
    cluster: Cluster,
    control: ControlPlane,
    ada: Session,
    owner: psycopg.Connection[Any],
) -> None:
    ada.create_resource("plant", id="twins", name="Twins", type="Konnektr.Graph", sku="free")
    ada.delete_project("plant", cascade=True)

    def names() -> list[str]:
        return [one["metadata"]["name"] for one in cluster.of(*NAMESPACES)]

    assert names() == ["garage", "plant"]
    owner.execute("SELECT ktrlplane.report_status('twins', 'Missing', 1)")
    control.catch_up()
    assert names() == ["garage"]


@pytest.mark.parametrize("name", ["kube-system", "kube-public", "default", "argocd"])
def test_a_namespace_of_the_clusters_own_is_never_managed(
    cluster: Cluster, owner: psycopg.Connection[Any], name: str
) -> None:
    owner.execute(
        "INSERT INTO ktrlplane.projects (project_id, name) VALUES (%s, 'Taken over'),"
        " ('kubernetes', 'Not reserved'), ('default-plant', 'Not reserved')",
        (name,),
    )
    names = [one["metadata"]["name"] for one in cluster.of(*NAMESPACES)]
    assert names == ["default-plant", "garage", "kubernetes", "plant"]


def pays(owner: psycopg.Connection[Any], scope_type: str, scope_id: str) -> None:
    owner.execute(
        "INSERT INTO ktrlplane.billing_accounts VALUES (%s, %s, %s, 'cus_1', 'sub_1')",
        (f"bill_{scope_id}", scope_type, scope_id),
    )


def paid_resource(ada: Session, project: str, sku: str = "standard") -> None:
    ada.create_resource(project, name="One", type="Konnektr.Compass", sku=sku)


def clients(cluster: Cluster) -> list[str]:
    made = cluster.of(*CLIENTS)
    assert not [fault for one in made for fault in faults(one)]
    return [one["spec"]["secretRef"]["name"] for one in made]


def test_a_project_that_pays_for_something_has_a_client(
    cluster: Cluster,
    ada: Session,
    owner: psycopg.Connection[Any],
) -> None:
    paid_resource(ada, "garage")
    assert not clients(cluster)
    pays(owner, "project", "garage")
    assert clients(cluster) == ["auth0-client-garage"]


def test_an_organization_pays_for_the_projects_that_inherit_it(
    cluster: Cluster,
    ada: Session,
    owner: psycopg.Connection[Any],
) -> None:
    paid_resource(ada, "plant")
    pays(owner, "organization", "acme")
    for inherits in (False, True):
        owner.execute("UPDATE ktrlplane.projects SET inherits_billing_from_org = %s", (inherits,))
        expected = ["auth0-client-plant"] if inherits else []
        assert clients(cluster) == expected


def test_what_is_free_needs_no_client(
    cluster: Cluster,
    ada: Session,
    owner: psycopg.Connection[Any],
) -> None:
    paid_resource(ada, "garage", sku="free")
    pays(owner, "project", "garage")
    assert not clients(cluster)


@pytest.mark.parametrize("missing", ["stripe_customer_id", "stripe_subscription_id"])
@pytest.mark.parametrize("value", [None, ""])
def test_an_account_without_a_subscription_does_not_pay(
    cluster: Cluster,
    ada: Session,
    owner: psycopg.Connection[Any],
    missing: str,
    value: str | None,
) -> None:
    paid_resource(ada, "garage")
    pays(owner, "project", "garage")
    owner.execute(f"UPDATE ktrlplane.billing_accounts SET {missing} = %s".encode(), (value,))
    assert not clients(cluster)


def test_a_client_goes_with_the_last_thing_that_is_paid_for(
    cluster: Cluster,
    ada: Session,
    owner: psycopg.Connection[Any],
) -> None:
    paid_resource(ada, "garage")
    pays(owner, "project", "garage")
    ada.delete_resource(ada.resources(project_id="garage").items[0].resource_id)
    assert not clients(cluster)
