import json
import shutil
import socket
import sys
from pathlib import Path

import pytest

from ktrlplane.adapters.system import SystemClock
from ktrlplane.adapters.tokens import LOCAL_AUDIENCE, LOCAL_ISSUER, JwtTokens, LocalKeys
from ktrlplane.ports.identity import Claims
from tests.entrypoints.conftest import Ktrlplane, sentences

ORCHARD = Path(__file__).parent.parent / "catalogs" / "orchard"
OUTSIDE = {"AUTH_ISSUER": "https://tenant.example.com/", "AUTH_AUDIENCE": "kp"}


def verified(token: str, data_dir: Path) -> Claims:
    tokens = JwtTokens(
        LocalKeys(data_dir), SystemClock(), issuer=LOCAL_ISSUER, audience=LOCAL_AUDIENCE
    )
    return tokens.verify(token)


def test_token_prints_a_token_and_nothing_else(ktrlplane: Ktrlplane, tmp_path: Path) -> None:
    outcome = ktrlplane(
        "token", "--sub", "auth0|ada", "--email", "ada@example.com", "--name", "Ada", "--ttl", "60"
    )
    assert outcome.status == 0
    claims = verified(outcome.out.removesuffix("\n"), tmp_path / ".ktrlplane")
    assert claims.principal_id.value == "auth0|ada"
    assert (claims.email, claims.email_verified, claims.name) == ("ada@example.com", True, "Ada")
    assert not claims.is_service_account
    assert (claims.expires_at - claims.issued_at).total_seconds() == 60


def test_a_token_of_a_new_key_comes_with_a_word_about_it(
    ktrlplane: Ktrlplane, tmp_path: Path
) -> None:
    (said,) = sentences(ktrlplane("token", "--sub", "ada", DATA_DIR="kept"))
    assert f"new key in {tmp_path / 'kept'}: " in said
    assert ktrlplane("token", "--sub", "ada", DATA_DIR="kept").err == ""


def test_token_says_when_an_address_is_unverified(ktrlplane: Ktrlplane, tmp_path: Path) -> None:
    outcome = ktrlplane(
        "token", "--sub", "ada", "--email", "ada@example.com", "--unverified", DATA_DIR="kept"
    )
    assert not verified(outcome.out.strip(), tmp_path / "kept").email_verified


@pytest.mark.parametrize("client", ["meter", "meter@clients"])
def test_token_speaks_for_machines_too(ktrlplane: Ktrlplane, tmp_path: Path, client: str) -> None:
    outcome = ktrlplane("token", "--sub", client, "--m2m")
    claims = verified(outcome.out.strip(), tmp_path / ".ktrlplane")
    assert claims.is_service_account
    assert claims.principal_id.value == client


def test_tokens_come_from_the_outside_issuer_where_there_is_one(ktrlplane: Ktrlplane) -> None:
    outcome = ktrlplane("token", "--sub", "ada", **OUTSIDE)
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert said.startswith("Tokens come from https://tenant.example.com/ here")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("token", "--sub", "two words"), "visible ASCII"),
        (("token", "--sub", "ada", "--email", "nonsense"), "e-mail"),
    ],
)
def test_a_token_that_nobody_would_accept_is_not_made(
    ktrlplane: Ktrlplane, arguments: tuple[str, ...], told: str
) -> None:
    outcome = ktrlplane(*arguments)
    (said,) = sentences(outcome)
    assert (outcome.status, outcome.out) == (1, "")
    assert told in said


def test_a_data_directory_that_cannot_be_used_is_told(
    ktrlplane: Ktrlplane, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    outcome = ktrlplane("token", "--sub", "ada", DATA_DIR=str(tmp_path / "file"))
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "KTRLPLANE_DATA_DIR" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("token",),
        ("token", "--sub", "ada", "--ttl", "0"),
        ("fly",),
        ("serve", "--server", "apache"),
        ("migrate", "--colour"),
        ("grant", "--principal", "ada", "--role", "Owner", "--scope-type", "planet"),
        (
            *("grant", "--principal", "ada", "--role", "Owner"),
            *("--scope-type", "project", "--scope-id", "Not A Label"),
        ),
        (
            *("grant", "--principal", "ada", "--role", "Owner"),
            *("--scope-type", "global", "--scope-id", "acme"),
        ),
        (
            *("revoke", "--principal", "ada", "--role", "Owner"),
            *("--scope-type", "global", "--scope-id", "acme"),
        ),
        (
            *("grant", "--principal", "ada", "--role", "Owner", "--scope-type", "global"),
            *("--expires-at", "2030-01-01T00:00:00"),
        ),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(
    ktrlplane: Ktrlplane, arguments: tuple[str, ...]
) -> None:
    outcome = ktrlplane(*arguments)
    (said,) = sentences(outcome)
    assert outcome.status == 2
    assert "--help" in said


def test_every_wrong_setting_is_told(ktrlplane: Ktrlplane) -> None:
    outcome = ktrlplane("config", PORT="http", COLOUR="red")
    assert outcome.status == 1
    assert sentences(outcome) == [
        "KTRLPLANE_COLOUR is not a setting; ktrlplane config lists them.",
        "KTRLPLANE_PORT must be a whole number from 0 to 65535; it is 'http'.",
    ]


@pytest.mark.parametrize("before", [True, False])
def test_config_takes_a_file_before_or_after_the_command(
    ktrlplane: Ktrlplane, tmp_path: Path, *, before: bool
) -> None:
    (tmp_path / "kp.toml").write_text('port = 9\nstripe_secret_key = "s3cret"\n')
    option = ("--config", "kp.toml")
    outcome = ktrlplane(*option, "config") if before else ktrlplane("config", *option)
    lines = outcome.out.splitlines()
    assert "KTRLPLANE_PORT=9" in lines
    assert "KTRLPLANE_STRIPE_SECRET_KEY=********" in lines


def test_the_shipped_catalog_is_valid(ktrlplane: Ktrlplane) -> None:
    outcome = ktrlplane("catalog", "validate")
    assert outcome.status == 0
    assert outcome.out.startswith("The catalog of Konnektr is valid: 4 resource types, ")


def test_a_catalog_is_named_by_argument_or_by_setting(ktrlplane: Ktrlplane) -> None:
    by_argument = ktrlplane("catalog", "validate", str(ORCHARD))
    by_setting = ktrlplane("catalog", "validate", CATALOG=str(ORCHARD))
    assert by_argument == by_setting
    assert by_argument.out.startswith("The catalog of Orchard is valid: 2 resource types, ")


def test_what_is_there_once_is_counted_as_one(ktrlplane: Ktrlplane, tmp_path: Path) -> None:
    shutil.copytree(ORCHARD / "Orchard.Weather", tmp_path / "Orchard.Weather")
    platform = json.loads((ORCHARD / "catalog.json").read_text())
    (tmp_path / "catalog.json").write_text(
        json.dumps(platform | {"roles": [], "creator_roles": []})
    )
    assert " is valid: 1 resource type, " in ktrlplane("catalog", "validate", str(tmp_path)).out


@pytest.mark.parametrize("before", [True, False])
def test_an_option_that_names_no_file_is_called_by_its_name(
    ktrlplane: Ktrlplane, *, before: bool
) -> None:
    option = ("--config", "/nonesuch")
    outcome = ktrlplane(*option, "config") if before else ktrlplane("config", *option)
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert said.startswith("--config names /nonesuch, which cannot be read")


def test_every_fault_of_a_broken_catalog_is_told(ktrlplane: Ktrlplane, tmp_path: Path) -> None:
    (tmp_path / "Broken.One").mkdir()
    (tmp_path / "catalog.json").write_text('{"platform": 3, "colour": "red"}')
    (tmp_path / "Broken.One" / "manifest.json").write_text("{")
    outcome = ktrlplane("catalog", "validate", str(tmp_path))
    said = sentences(outcome)
    assert outcome.status == 1
    assert {line.partition("#")[0] for line in said} == {
        "catalog.json",
        "Broken.One/manifest.json",
        "Broken.One/settings.schema.json",
    }
    assert len(said) > 3


def test_a_catalog_is_shown_as_json(ktrlplane: Ktrlplane) -> None:
    shown = json.loads(ktrlplane("catalog", "show", str(ORCHARD)).out)
    assert shown["platform"] == "Orchard"
    kind = shown["resource_types"][0]
    assert set(kind["schemas"]) == {tier["sku"] for tier in kind["tiers"]}


def test_the_api_document_is_printed(ktrlplane: Ktrlplane) -> None:
    document = json.loads(ktrlplane("openapi").out)
    assert document["openapi"] == "3.1.0"
    assert "/api/v1/organizations" in document["paths"]


@pytest.mark.parametrize("command", ["serve", "migrate", "worker", "grants"])
def test_an_unreachable_database_is_one_sentence_without_the_password(
    ktrlplane: Ktrlplane, command: str
) -> None:
    port = () if command != "serve" else ("--port", "0")
    outcome = ktrlplane(
        command,
        *port,
        DATABASE_URL="postgresql://kp:s3cret@127.0.0.1:1/kp",
        LOG_LEVEL="error",
    )
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "127.0.0.1:1" in said
    assert "s3cret" not in said


def test_the_local_issuer_is_for_this_machine_alone(ktrlplane: Ktrlplane) -> None:
    outcome = ktrlplane("serve", "--host", "0.0.0.0", "--port", "0")
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "KTRLPLANE_AUTH_ISSUER" in said


def test_the_demo_wants_the_local_issuer(ktrlplane: Ktrlplane) -> None:
    outcome = ktrlplane("serve", "--demo", **OUTSIDE)
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "--demo" in said


def test_a_busy_port_is_one_sentence(ktrlplane: Ktrlplane) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        outcome = ktrlplane("serve", "--port", str(port))
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert said.startswith(f"Port {port} of 127.0.0.1 is in use")


def test_serve_tells_every_fault_of_a_broken_catalog(ktrlplane: Ktrlplane, tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text("{")
    outcome = ktrlplane("serve", "--port", "0", CATALOG=str(tmp_path))
    assert outcome.status == 1
    named, *faults = sentences(outcome)
    assert named.startswith(f"KTRLPLANE_CATALOG names {tmp_path}, ")
    assert any(said.startswith("catalog.json") for said in faults)
    assert not (tmp_path / ".ktrlplane").exists()


def test_a_server_that_is_not_installed_is_one_sentence(
    ktrlplane: Ktrlplane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "granian", None)
    outcome = ktrlplane("serve", "--port", "0", "--server", "granian")
    (said,) = sentences(outcome)
    assert outcome.status == 1
    assert "the extra fast (pip install '.[fast]' in a clone)" in said


@pytest.mark.parametrize("group", [(), ("catalog",)])
def test_without_a_command_one_is_shown_what_there_is(
    ktrlplane: Ktrlplane, group: tuple[str, ...]
) -> None:
    outcome = ktrlplane(*group)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("Usage: ktrlplane")
    assert "Commands:" in outcome.err
