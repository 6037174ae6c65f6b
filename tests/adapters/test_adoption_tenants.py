import json

import pytest

from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.ports.adoption import Kind
from tests.builders import NOW
from tests.predecessor.rows import (
    EDITOR,
    OWNER,
    THEN,
    becoming,
    dropped,
    held,
    in_the_way,
    noted,
    their_account,
    their_organization,
    their_project,
    their_resource,
    their_user,
)

ADA = their_user("ada")
ACME = their_organization("acme")
IN_ACME = their_project("plant", org_id="acme")
PAID = their_resource("paid", sku="standard")
FREE = their_resource("free")


def resource(*, project=IN_ACME, **but):
    ours = becoming(ACME, project, their_resource("twins", **but))
    return ours.resources[0], noted(ours, Kind.RESOURCES)


# -- ids ---------------------------------------------------------------------------------------


def test_an_organization_whose_id_is_no_label_gets_another_and_all_follow() -> None:
    ours = becoming(
        ADA, their_organization("Acme_Inc"), their_project(org_id="Acme_Inc"), PAID,
        held("ada", OWNER, "organization Acme_Inc"), their_account("organization Acme_Inc"),
    )  # fmt: skip
    assert [one.org_id.value for one in ours.organizations] == ["acme-inc"]
    assert str(ours.projects[0].org_id) == str(ours.resources[0].org_id) == "acme-inc"
    assert [str(one.scope) for one in ours.assignments] == ["organization acme-inc"]
    (account,) = ours.billing_accounts
    assert str(account.scope) == "organization acme-inc"
    assert account.billing_account_id == "bill_Acme_Inc"
    assert noted(ours, Kind.ORGANIZATIONS) == {"id": ("Acme_Inc -> acme-inc",)}


@pytest.mark.parametrize(
    "ids",
    [
        ["acme-inc", "Acme_Inc", "acme.inc", "ACME INC"],
        ["", " ", "-", "ÅÄÖ", "株式会社"],
        ["1", "x" * 200, "x" * 63, "x" * 62 + "_y", "9-" * 40],
    ],
)
def test_what_ids_are_made_of_each_other_stay_apart(ids) -> None:
    ours = becoming(*map(their_organization, sorted(ids)))
    made = {one.org_id.value for one in ours.organizations}
    assert len(made) == len(ids)
    again = becoming(*map(their_organization, sorted(ids)))
    assert again.organizations == ours.organizations


@pytest.mark.parametrize("id_", ["Plant", "3d-plant", "plant_1", "plant-", "x" * 64, ""])
def test_a_namespace_is_not_renamed_behind_anybodys_back(id_) -> None:
    project, inside = their_project(id_, org_id="acme"), their_resource("r", project_id=id_)
    rows = held("ada", EDITOR, f"project {id_}"), held("ada", EDITOR, "resource r")
    ours = becoming(ADA, ACME, project, inside, *rows, their_account(f"project {id_}"))
    assert in_the_way(ours, Kind.PROJECTS) == {"id": (id_,)}
    assert not dropped(ours, Kind.ROLE_ASSIGNMENTS)
    assert not dropped(ours, Kind.BILLING_ACCOUNTS)


@pytest.mark.parametrize("id_", ["kube-system", "default", "argocd", "konnektr-system"])
def test_an_id_that_is_reserved_is_kept_and_told_of(id_) -> None:
    ours = becoming(their_project(id_), their_resource(id_, project_id=id_))
    assert [one.project_id.value for one in ours.projects] == [id_]
    assert [one.resource_id.value for one in ours.resources] == [id_]
    assert noted(ours, Kind.PROJECTS)["reserved"] == (id_,)
    assert noted(ours, Kind.RESOURCES)["reserved"] == (id_,)


@pytest.mark.parametrize("id_", ["kubernetes", "defaults", "argo"])
def test_an_id_that_only_looks_so_is_not(id_) -> None:
    ours = becoming(their_project(id_), their_resource(id_, project_id=id_))
    assert "reserved" not in noted(ours, Kind.PROJECTS) | noted(ours, Kind.RESOURCES)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, {}),
        ({"replicas": 1}, {}),
        ({"replicas": 10_000}, {"settings": ("twins",)}),
        ({"replicas": "two"}, {"settings": ("twins",)}),
        ({"nonsense": 1}, {"settings": ("twins",)}),
    ],
)
def test_settings_that_the_catalog_does_not_allow_are_kept_and_told_of(settings, told) -> None:
    text = json.dumps(settings)
    kept, found = resource(type="Konnektr.Flow", settings_text=text)
    assert kept.settings_json.text == text
    assert found == told


def test_of_what_is_not_sold_nobody_says_whether_its_settings_fit() -> None:
    wrong = '{"nonsense": 1}'
    assert set(resource(type="Konnektr.Gone", settings_text=wrong)[1]) == {"type"}
    assert set(resource(sku="gone", settings_text=wrong)[1]) == {"sku"}


def test_nor_is_what_runs() -> None:
    ours = becoming(ACME, IN_ACME, their_resource("Twins"))
    assert in_the_way(ours, Kind.RESOURCES) == {"id": ("Twins",)}
    assert ours.report.in_the_way()


# -- names and times ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Žlutý kůň 🐎", "Žlutý kůň 🐎"),
        ("  two\tlines\n", "two lines"),
        ("\u00a0", "acme"),
        ("", "acme"),
        ("x" * 254 + " y", "x" * 254),
    ],
)
def test_a_name_is_what_it_can_be_of_what_it_was(name, kept) -> None:
    ours = becoming(their_organization("acme", name=name))
    assert ours.organizations[0].name == kept
    assert ("name" in noted(ours, Kind.ORGANIZATIONS)) is (name != kept)


def test_times_stay() -> None:
    ours = becoming(ACME, IN_ACME, FREE)
    for one in (*ours.organizations, *ours.projects, *ours.resources):
        assert (one.created_at, one.updated_at) == (THEN, THEN)
    assert ours.moment == NOW


# -- status ------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["Deleting", "Archived", "active", "", None])
def test_nothing_is_deleted_by_a_word_that_nobody_knows(word) -> None:
    ours = becoming(ACME, their_project(org_id="acme", status=word))
    assert ours.projects[0].status is ProjectStatus.ACTIVE
    assert noted(ours, Kind.PROJECTS) == {"status": (f"plant ({word})",)}


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Creating", Status.CREATING),
        ("Running", Status.RUNNING),
        ("Updating", Status.UPDATING),
        ("Failed", Status.FAILED),
        ("Degraded", Status.DEGRADED),
        ("Suspended", Status.SUSPENDED),
        ("Healthy", Status.RUNNING),
        ("Progressing", Status.CREATING),
        ("Missing", Status.CREATING),
        ("Unknown", Status.CREATING),
    ],
)
def test_a_status_is_known_by_our_words_and_by_the_reconcilers(word, status) -> None:
    kept, told = resource(status=word)
    assert kept.status is status
    assert kept.generation == 1
    assert kept.observed_generation == (0 if status is Status.CREATING else 1)
    assert not told


@pytest.mark.parametrize("word", ["Deleting", "Deleted", "Brewing", "", None])
def test_another_status_is_creating_and_told_of(word) -> None:
    kept, told = resource(status=word)
    assert kept.status is Status.CREATING
    assert repr(word) in (kept.status_reason or "")
    assert told == {"status": (f"twins ({word})",)}


@pytest.mark.parametrize(("word", "reason"), [("Degraded", "no disk"), ("Running", None)])
def test_what_went_wrong_is_the_reason_for_what_is_wrong(word, reason) -> None:
    kept, _ = resource(status=word, error_message="no disk")
    assert (kept.status_reason, kept.error_message) == (reason, "no disk")


# -- what it is --------------------------------------------------------------------------------


def test_a_former_name_of_a_type_is_the_present_one() -> None:
    kept, told = resource(type="Konnektr.DigitalTwins", stripe_price_id="price_1")
    assert (kept.type, kept.stripe_price_id) == ("Konnektr.Graph", "price_1")
    assert not told


def test_a_type_or_a_tier_that_is_not_sold_is_kept_and_told_of() -> None:
    assert resource(type="Acme.Loom")[1] == {"type": ("twins (Acme.Loom)",)}
    kept, told = resource(sku="platinum")
    assert kept.sku == "platinum"
    assert told == {"sku": ("twins (platinum)",)}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"b": 1.10, "a": 100000000000000000000}', '{"b": 1.10, "a": 100000000000000000000}'),
        ("null", "{}"),
        (None, "{}"),
    ],
)
def test_settings_are_kept_to_the_letter(text, kept) -> None:
    assert resource(settings_text=text)[0].settings_json.text == kept


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '"x"',
        json.dumps({"n": 1}).replace("1", "9" * 5000),
        '{"a": ' * 70 + "1" + "}" * 70,
        "[" * 20_000 + "]" * 20_000,
        json.dumps({"k" * 1025: 1}),
    ],
)
def test_settings_that_cannot_be_kept_are_in_the_way(text) -> None:
    ours = becoming(ACME, IN_ACME, their_resource("twins", settings_text=text))
    assert in_the_way(ours, Kind.RESOURCES) == {"settings": ("twins",)}


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://x.example.com/a", "https://x.example.com/a"),
        ("x.api.graph.example.com", "https://x.api.graph.example.com"),
        ("x.example.com:8443/a?b", "https://x.example.com:8443/a?b"),
        ("javascript:alert(1)", None),
        ("javascript://x.example.com", None),
        ("x y", None),
    ],
)
def test_an_address_is_one_that_people_may_be_sent_to(address, kept) -> None:
    known, told = resource(access_url=address)
    assert known.access_url == kept
    assert ("access_url" in told) is (kept is None)


# -- who pays ----------------------------------------------------------------------------------

ORGANIZATION_PAYS = their_account("organization acme")
PROJECT_PAYS = their_account("project plant")
VISITED = {"stripe_subscription_id": None}


@pytest.mark.parametrize(
    ("rows", "inherits", "told"),
    [
        ([], False, False),
        ([ORGANIZATION_PAYS], True, False),
        ([ORGANIZATION_PAYS, FREE], True, False),
        ([their_account("organization acme", **VISITED)], False, False),
        ([their_account("organization other")], False, False),
        ([ORGANIZATION_PAYS, PROJECT_PAYS], False, False),
        ([ORGANIZATION_PAYS, PROJECT_PAYS, PAID], False, False),
        ([ORGANIZATION_PAYS, their_account("project plant", **VISITED)], True, False),
        ([ORGANIZATION_PAYS, PAID], False, True),
        ([ORGANIZATION_PAYS, FREE, PAID], False, True),
        ([ORGANIZATION_PAYS, their_resource(stripe_price_id="price_1")], False, True),
        ([ORGANIZATION_PAYS, their_resource(type="Acme.Loom", sku="big")], False, True),
        ([ORGANIZATION_PAYS, their_resource(type="Acme.Loom")], True, False),
        ([PAID], False, True),
    ],
)
def test_an_organization_pays_only_for_what_costs_it_nothing_unasked(rows, inherits, told) -> None:
    other = their_organization("other")
    ours = becoming(ACME, other, IN_ACME, *rows)
    assert ours.projects[0].inherits_billing_from_org is inherits
    assert noted(ours, Kind.PROJECTS) == ({"nobody_pays": ("plant",)} if told else {})


def test_what_stands_alone_inherits_from_nobody() -> None:
    ours = becoming(their_project(), their_account("organization plant"))
    assert not ours.projects[0].inherits_billing_from_org


def test_accounts_are_kept_with_what_the_provider_calls_them() -> None:
    ours = becoming(ACME, IN_ACME, PROJECT_PAYS, their_account("organization acme", **VISITED))
    assert [
        (
            one.billing_account_id,
            str(one.scope),
            one.stripe_customer_id,
            one.stripe_subscription_id,
        )
        for one in ours.billing_accounts
    ] == [
        ("bill_plant", "project plant", "cus_1", "sub_1"),
        ("bill_acme", "organization acme", "cus_1", None),
    ]


@pytest.mark.parametrize("scope", ["organization gone", "project acme", "resource twins", "x y"])
def test_an_account_of_nothing_is_dropped_with_its_subscription_told(scope) -> None:
    account = their_account(scope)
    ours = becoming(ACME, IN_ACME, their_resource("twins"), account)
    assert not ours.billing_accounts
    told = f"{account.billing_account_id} (subscription sub_1)"
    assert dropped(ours, Kind.BILLING_ACCOUNTS) == {"no_such_scope": (told,)}
