from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from attrs import fields

from ktrlplane.domain.ids import ProductId
from ktrlplane.domain.offering import KeptProduct
from ktrlplane.entrypoints.setting_sources import load_settings
from ktrlplane.entrypoints.settings import DEMO_DEFAULTS, Settings, WrongSettings, variable

SECRET = "s3cret/word"


def faults(environ: dict[str, str], **more: object) -> tuple[str, ...]:
    with pytest.raises(WrongSettings) as caught:
        load_settings(environ, **more)
    return caught.value.faults


def test_without_anything_everything_has_a_default() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert settings.is_local_issuer
    assert settings.database_url is None
    assert settings.data_dir == Path.cwd() / ".ktrlplane"
    assert settings.deletion_grace == timedelta(days=1)
    assert settings.payment_grace == settings.invitation_ttl == timedelta(days=7)
    assert settings.reserved_ids == ("argocd",)
    assert settings.rate_limit == "120000/minute"


def test_variables_are_read() -> None:
    settings = load_settings(
        {
            "KTRLPLANE_DATABASE_URL": "postgresql://kp:pw@db:5433/kp",
            "KTRLPLANE_DELETION_GRACE": "90",
            "KTRLPLANE_WEBHOOK_ALLOW": "127.0.0.0/8, ::1/128",
            "KTRLPLANE_RESERVED_IDS": "argocd,team-*",
            "KTRLPLANE_CORS_ORIGINS": "https://app.example.com,http://localhost:3000",
            "KTRLPLANE_RATE_LIMIT": "10/second",
            "KTRLPLANE_POOL_SIZE": "3",
            "HOME": "/nowhere",
        }
    )
    assert settings.database_url == "postgresql://kp:pw@db:5433/kp"
    assert settings.deletion_grace == timedelta(seconds=90)
    assert settings.webhook_allow == (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert settings.reserved_ids == ("argocd", "team-*")
    assert settings.cors_origins == ("https://app.example.com", "http://localhost:3000")
    assert settings.rate_limit == "10/second"
    assert settings.pool_size == 3


def test_products_to_keep_are_named_by_tier() -> None:
    graph = KeptProduct(type="Konnektr.Graph", sku="standard", product_id=ProductId("prod_1"))
    flow = KeptProduct(type="Konnektr.Flow", sku="a-b", product_id=ProductId("Flow.x-1"))
    said = "Konnektr.Graph:standard=prod_1, Konnektr.Flow:a-b=Flow.x-1"
    key = {"KTRLPLANE_STRIPE_SECRET_KEY": SECRET}
    settings = load_settings(key | {"KTRLPLANE_STRIPE_PRODUCTS": said})
    assert settings.stripe_products == (graph, flow)
    (told,) = faults({"KTRLPLANE_STRIPE_PRODUCTS": said})
    assert "is set without KTRLPLANE_STRIPE_SECRET_KEY" in told


def test_an_empty_variable_is_left_out_unless_empty_says_something() -> None:
    settings = load_settings(
        {
            "KTRLPLANE_DATABASE_URL": "",
            "KTRLPLANE_PORT": "",
            "KTRLPLANE_RATE_LIMIT": "",
            "KTRLPLANE_RESERVED_IDS": "",
        }
    )
    assert settings.database_url is None
    assert settings.port == 8080
    assert settings.rate_limit == ""
    assert settings.reserved_ids == ()


def test_variables_win_over_the_file_and_flags_over_both(tmp_path: Path) -> None:
    config = tmp_path / "kp.toml"
    config.write_text('port = 1\nworkers = 5\nwebhook_allow = ["10.0.0.0/8"]\npool_size = "4"\n')
    environ = {"KTRLPLANE_CONFIG": str(config), "KTRLPLANE_PORT": "2", "KTRLPLANE_WORKERS": "6"}
    settings = load_settings(environ, flags={"workers": "7"})
    assert (settings.port, settings.workers, settings.pool_size) == (2, 7, 4)
    assert settings.webhook_allow == (ip_network("10.0.0.0/8"),)


def test_the_file_that_is_named_wins_over_the_variable(tmp_path: Path) -> None:
    named, other = tmp_path / "named.toml", tmp_path / "other.toml"
    named.write_text("port = 1")
    other.write_text("port = 2")
    assert load_settings({"KTRLPLANE_CONFIG": str(other)}, named).port == 1


def test_the_demo_has_a_shorter_grace_unless_somebody_says_otherwise() -> None:
    assert load_settings({}, defaults=DEMO_DEFAULTS).deletion_grace == timedelta(hours=1)
    said = {"KTRLPLANE_DELETION_GRACE": "5"}
    assert load_settings(said, defaults=DEMO_DEFAULTS).deletion_grace == timedelta(seconds=5)


def test_the_demo_lets_webhooks_go_to_this_machine_unless_somebody_says_otherwise() -> None:
    local = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert load_settings({}, defaults=DEMO_DEFAULTS).webhook_allow == local
    assert load_settings({}).webhook_allow == ()
    said = {"KTRLPLANE_WEBHOOK_ALLOW": "10.0.0.0/8"}
    assert load_settings(said, defaults=DEMO_DEFAULTS).webhook_allow == (ip_network("10.0.0.0/8"),)


def test_every_fault_is_told_at_once_by_name(tmp_path: Path) -> None:
    config = tmp_path / "kp.toml"
    config.write_text('colour = "red"\nworkers = 0\nthreads = [1]\n')
    found = faults(
        {
            "KTRLPLANE_PORT": "http",
            "KTRLPLANE_DATABSE_URL": "x",
            "KTRLPLANE_DATABASE_URL": f"mysql://kp:{SECRET}@db/kp",
            "KTRLPLANE_STRIPE_API_BASE": "https://payments.example.com",
        },
        config=config,
    )
    assert found == (
        f"colour in {config} is not a setting; ktrlplane config lists them.",
        f"KTRLPLANE_THREADS (threads in {config}) must be a text, a number or a list of texts.",
        "KTRLPLANE_DATABSE_URL is not a setting; did you mean KTRLPLANE_DATABASE_URL?",
        (
            f"KTRLPLANE_WORKERS (workers in {config}) must be a whole number from 1 to 256; "
            "it is '0'."
        ),
        (
            "KTRLPLANE_DATABASE_URL must be an address such as "
            "postgresql://user:password@host:5432/database."
        ),
        "KTRLPLANE_PORT must be a whole number from 0 to 65535; it is 'http'.",
        (
            "KTRLPLANE_STRIPE_API_BASE is set without KTRLPLANE_STRIPE_SECRET_KEY; "
            "set both or neither."
        ),
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AUTH_JWKS_URL", "http://issuer.example.com/keys"),
        ("CATALOG", "a\0b"),
        ("CORS_ORIGINS", "https://app.example.com/path"),
        ("DELETION_GRACE", "-1"),
        ("DELETION_GRACE", "nan"),
        ("DELETION_GRACE", "1e999"),
        ("DELETION_GRACE", "a day"),
        ("INVITATION_TTL", "99999999999999"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("LOKI_URL", "loki:3100"),
        ("LOKI_URL", "http://loki:3100/loki/api/v1"),
        ("LOKI_URL", "http://loki:3100/?a=b"),
        ("MIMIR_URL", "http://mimir/prometheus/"),
        ("MIMIR_URL", "http://mimir#x"),
        ("OBSERVABILITY_LABEL", "resource-id"),
        ("OBSERVABILITY_LABEL", "__name__"),
        ("OBSERVABILITY_SPAN", "0"),
        ("OBSERVABILITY_SPAN", "x"),
        ("STRIPE_SECRET_KEY", "pk_test_x"),
        ("STRIPE_SECRET_KEY", "whsec_x"),
        ("STRIPE_WEBHOOK_SECRET", "sk_test_x"),
        ("POOL_SIZE", "1_0"),
        ("PORT", "65536"),
        ("PORT", "\u0664"),
        ("PUBLIC_URL", "https://[::1"),
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", "10"),
        ("RESERVED_IDS", "Team_A"),
        ("MAIL_FROM", "Acme"),
        ("MAIL_FROM", "a@b.example, c@d.example"),
        ("MAIL_FROM", "Acme\r\nBcc: c@d.example <a@b.example>"),
        ("MAIL_FROM", "kö@example.com"),
        ("SMTP_URL", "mail.example.com"),
        ("SMTP_URL", "smtp://mailer@mail.example.com"),
        ("SMTP_URL", "smtp://:pw@mail.example.com"),
        ("SMTP_URL", "smtp://mail.example.com?starttls=maybe"),
        ("SMTP_URL", "smtp://mail.example.com?x=1"),
        ("SMTP_URL", "smtp://mail.example.com/x"),
        ("SMTP_URL", "smtp://mail.example.com#x"),
        ("SMTP_URL", "smtps://mail.example.com?starttls=required"),
        ("SMTP_URL", "smtp://mailer:pw@mail.example.com?starttls=never"),
        ("SMTP_URL", "smtp://mailer:%FF@mail.example.com"),
        ("STRIPE_API_BASE", "https://"),
        ("STRIPE_SECRET_KEY", "two\nlines"),
        ("STRIPE_PRODUCTS", "prod_1"),
        ("STRIPE_PRODUCTS", "Konnektr.Graph=prod_1"),
        ("STRIPE_PRODUCTS", ":standard=prod_1"),
        ("STRIPE_PRODUCTS", "Konnektr.Graph:standard="),
        ("STRIPE_PRODUCTS", "Konnektr.Graph:standard=prod 1"),
        ("STRIPE_PRODUCTS", "Konnektr.Graph:standard=prod_1;Konnektr.Flow:standard=prod_2"),
        ("WEBHOOK_ALLOW", "10.0.0.1/8"),
        ("WEBHOOK_ALLOW", "localhost"),
        ("WEBHOOK_ALLOW", "127.0.0.0/8;::1/128"),
        ("WEBHOOK_ALLOW", "::ffff:127.0.0.0/104"),
    ],
)
def test_what_a_setting_cannot_be_is_refused_by_name(name: str, text: str) -> None:
    assert any(
        fault.startswith(f"KTRLPLANE_{name} must be ") and fault.endswith(".")
        for fault in faults({f"KTRLPLANE_{name}": text})
    )


@pytest.mark.parametrize("name", ["AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL"])
def test_an_issuer_comes_with_its_audience(name: str) -> None:
    (fault,) = faults({f"KTRLPLANE_{name}": "https://issuer.example.com/"})
    assert fault.startswith(f"KTRLPLANE_{name} is set without KTRLPLANE_AUTH_")


def test_the_keys_are_found_where_the_issuer_publishes_them() -> None:
    environ = {
        "KTRLPLANE_AUTH_ISSUER": "https://tenant.example.com/",
        "KTRLPLANE_AUTH_AUDIENCE": "https://api.example.com",
    }
    settings = load_settings(environ)
    assert not settings.is_local_issuer
    assert settings.jwks_url == "https://tenant.example.com/.well-known/jwks.json"
    elsewhere = environ | {"KTRLPLANE_AUTH_JWKS_URL": "http://127.0.0.1:9/keys"}
    assert load_settings(elsewhere).jwks_url == "http://127.0.0.1:9/keys"


def test_an_issuer_that_is_no_address_needs_one_for_its_keys() -> None:
    environ = {"KTRLPLANE_AUTH_ISSUER": "urn:issuer", "KTRLPLANE_AUTH_AUDIENCE": "kp"}
    (fault,) = faults(environ)
    assert fault.startswith("KTRLPLANE_AUTH_JWKS_URL must be set, since KTRLPLANE_AUTH_ISSUER")


MAIL_SERVER = {"KTRLPLANE_SMTP_URL": "smtp://mail.example.com"}


def test_a_mail_server_needs_the_address_that_links_begin_with() -> None:
    assert faults(MAIL_SERVER) == (
        (
            "KTRLPLANE_SMTP_URL is set without KTRLPLANE_PUBLIC_URL, which the links in mails "
            "begin with; set that too."
        ),
    )


def test_mail_comes_from_the_public_host_unless_somebody_says_otherwise() -> None:
    environ = MAIL_SERVER | {"KTRLPLANE_PUBLIC_URL": "https://kp.example.com:8443/x"}
    assert str(load_settings(environ).sender) == "KtrlPlane <no-reply@kp.example.com>"
    environ["KTRLPLANE_MAIL_FROM"] = "ops@example.com"
    assert str(load_settings(environ).sender) == "ops@example.com"
    assert load_settings({}).sender is None


@pytest.mark.parametrize("host", ["10.0.0.7", "[::1]", "k_p.example", "bücher.example"])
def test_where_mail_cannot_come_from_the_public_host_somebody_has_to_say(host: str) -> None:
    environ = MAIL_SERVER | {"KTRLPLANE_PUBLIC_URL": f"https://{host}:8443"}
    assert faults(environ) == (
        (
            "KTRLPLANE_MAIL_FROM must be set, since mail cannot come from the host in "
            "KTRLPLANE_PUBLIC_URL."
        ),
    )
    assert load_settings(environ | {"KTRLPLANE_MAIL_FROM": "kp@example.com"}).sender is not None


@pytest.mark.parametrize("broken", ["PUBLIC_URL", "MAIL_FROM", "SMTP_URL"])
def test_one_wrong_word_about_mail_is_told_once(broken: str) -> None:
    environ = MAIL_SERVER | {
        "KTRLPLANE_PUBLIC_URL": "https://10.0.0.7",
        "KTRLPLANE_MAIL_FROM": "kp@example.com",
        f"KTRLPLANE_{broken}": "wrong",
    }
    (fault,) = faults(environ)
    assert fault.startswith(f"KTRLPLANE_{broken} must be ")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_password_may_go_unencrypted_to_this_machine(host: str) -> None:
    url = f"smtp://mailer:pw@{host}:2525?starttls=never"
    environ = {"KTRLPLANE_SMTP_URL": url, "KTRLPLANE_PUBLIC_URL": "http://localhost:8080"}
    assert load_settings(environ).smtp_url == url


def test_variables_that_are_not_for_us_are_passed_over() -> None:
    # Those of the tests, and what Kubernetes sets for a service of our name.
    environ = {
        "KTRLPLANE_TEST_DATABASE": "x",
        "KTRLPLANE_SERVICE_HOST": "10.0.0.7",
        "KTRLPLANE_SERVICE_PORT": "8080",
        "KTRLPLANE_SERVICE_PORT_HTTP": "8080",
        "KTRLPLANE_PORT": "tcp://10.0.0.7:8080",
        "KTRLPLANE_PORT_8080_TCP": "tcp://10.0.0.7:8080",
        "KTRLPLANE_PORT_8080_TCP_ADDR": "10.0.0.7",
        "KTRLPLANE_API_SERVICE_HOST": "10.0.0.8",
    }
    assert load_settings(environ) == Settings()


@pytest.mark.parametrize("content", ["port = ", None])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: str | None) -> None:
    config = tmp_path / "kp.toml"
    if content is not None:
        config.write_text(content)
    (fault,) = faults({"KTRLPLANE_CONFIG": str(config)})
    assert fault.startswith(f"KTRLPLANE_CONFIG names {config}, which ")


SECRETIVE = {
    "KTRLPLANE_DATABASE_URL": f"postgresql://kp:{SECRET.replace('/', '%2F')}@db/kp",
    "KTRLPLANE_STRIPE_SECRET_KEY": SECRET,
    "KTRLPLANE_STRIPE_WEBHOOK_SECRET": SECRET,
    "KTRLPLANE_SMTP_URL": "smtps://mailer:s3cret@mail.example.com",
    "KTRLPLANE_PUBLIC_URL": "https://kp.example.com",
    "KTRLPLANE_MAIL_FROM": "Acme, Inc. <no-reply@example.com>",
    "KTRLPLANE_LOKI_URL": "https://kp:s3cret@loki.example.com",
}


def test_no_secret_is_shown() -> None:
    settings = load_settings(SECRETIVE)
    shown = dict(settings.shown())
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(shown)
    assert shown["KTRLPLANE_DATABASE_URL"] == "postgresql://kp:********@db/kp"
    assert shown["KTRLPLANE_STRIPE_SECRET_KEY"] == "********"
    assert shown["KTRLPLANE_SMTP_URL"] == "smtps://mailer:********@mail.example.com"


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("DATABASE_URL", "postgresql:///kp?host=/run/pg&password=s3cret&user=kp"),
        ("DATABASE_URL", "postgresql://db:5432/kp?sslmode=require&sslpassword=s3cret"),
        ("DATABASE_URL", "postgresql://db/kp?pass%77ord=s3cret"),
        ("DATABASE_URL", "postgresql://db/kp?PASSWORD=s3cret"),
        ("DATABASE_URL", "postgresql://db/kp?s3cret"),
        ("DATABASE_URL", "postgresql://kp:s3cret@[::1]:5432/kp?sslmode=require"),
        ("OTLP_ENDPOINT", "https://s3cret@otlp.example.com/v1"),
        ("LOKI_URL", "https://u:s3cret@loki.example.com/x"),
        ("OTLP_ENDPOINT", "https://otlp.example.com/x?token=s3cret&token=s3cret"),
        ("OTLP_ENDPOINT", "https://otlp.example.com#s3cret"),
        ("AUTH_JWKS_URL", "https://s3cret@keys.example.com/keys"),
        ("STRIPE_API_BASE", "https://u:s3cret@payments.example.com"),
        ("SMTP_URL", "smtp://mailer:s3cret@mail.example.com?starttls=required"),
    ],
)
def test_wherever_a_secret_stands_in_an_address_it_is_not_shown(setting: str, url: str) -> None:
    environ = {
        "KTRLPLANE_AUTH_ISSUER": "https://issuer.example.com",
        "KTRLPLANE_AUTH_AUDIENCE": "kp",
        "KTRLPLANE_STRIPE_SECRET_KEY": "key",
        "KTRLPLANE_PUBLIC_URL": "https://kp.example.com",
        f"KTRLPLANE_{setting}": url,
    }
    shown = dict(load_settings(environ).shown())
    assert shown[f"KTRLPLANE_{setting}"] == url.replace("s3cret", "********")


def test_a_password_that_should_have_been_encoded_is_not_shown() -> None:
    for url in ("postgresql://kp:12/s3cret@db/kp", "postgresql://kp:12?s3cret@db/kp"):
        shown = dict(load_settings({"KTRLPLANE_DATABASE_URL": url}).shown())
        assert "s3cret" not in shown["KTRLPLANE_DATABASE_URL"]


def test_a_secret_that_is_wrong_is_not_repeated() -> None:
    found = faults({"KTRLPLANE_STRIPE_SECRET_KEY": "s3cret\nword"})
    assert "s3cret" not in str(found)


def test_every_setting_is_shown() -> None:
    assert [name for name, _ in Settings().shown()] == [
        variable(setting.name) for setting in fields(Settings)
    ]


def test_the_environment_for_others_gives_the_same_settings(tmp_path: Path) -> None:
    environ = SECRETIVE | {
        "KTRLPLANE_DATA_DIR": str(tmp_path),
        "KTRLPLANE_DELETION_GRACE": "1.5",
        "KTRLPLANE_PAYMENT_GRACE": "1000000",
        "KTRLPLANE_RATE_LIMIT": "",
        "KTRLPLANE_RESERVED_IDS": "",
        "KTRLPLANE_WEBHOOK_ALLOW": "10.0.0.0/8,fd00::/8",
        "KTRLPLANE_STRIPE_PRODUCTS": "Acme.Kettle:gold=prod_1,Acme.Kettle:silver=prod_2",
        "KTRLPLANE_CORS_ORIGINS": "https://a.example.com,https://b.example.com",
        "KTRLPLANE_LOG_FORMAT": "CONSOLE",
    }
    settings = load_settings(environ)
    assert load_settings(settings.environment()) == settings
