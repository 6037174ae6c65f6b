"""Every setting of KtrlPlane: its variable, what it may be, and what it is when left out."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, fields, frozen

from ktrlplane.domain.addresses import Network
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.domain.offering import KeptProduct
from ktrlplane.entrypoints import setting_values as values
from ktrlplane.entrypoints.kept_products import kept_products
from ktrlplane.entrypoints.setting_values import MASK, whole_number
from ktrlplane.ports.mail import Sender

PREFIX: Final = "KTRLPLANE_"

DEMO_DEFAULTS: Final = {"deletion_grace": "3600", "webhook_allow": "127.0.0.0/8,::1/128"}
"""What ``serve --demo`` has otherwise, where nobody says."""


class WrongSettings(Exception):
    """Every fault, each a sentence that names the variable."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = tuple(faults)


def _is(read: Callable[[str], Any], *, hide: Callable[[str], str] | None = None) -> dict[str, Any]:
    return {"read": read, "hide": hide}


def _masked(_: str) -> str:
    return MASK


@frozen(kw_only=True)
class Settings:
    """Durations are written in seconds, lists with commas. A variable that is empty counts as
    left out, except where its reader says otherwise."""

    database_url: str | None = field(
        default=None,
        repr=False,
        metadata=_is(values.database_url, hide=values.without_secrets),
    )
    data_dir: Path = field(
        factory=lambda: Path(".ktrlplane").absolute(), metadata=_is(values.path)
    )
    catalog: Path | None = field(default=None, metadata=_is(values.path))
    reserved_ids: tuple[str, ...] = field(default=("argocd",), metadata=_is(values.id_patterns))

    host: str = field(default="127.0.0.1", metadata=_is(values.line))
    port: int = field(default=8080, metadata=_is(whole_number(0, 65535)))
    workers: int = field(default=2, metadata=_is(whole_number(1, 256)))
    threads: int = field(default=8, metadata=_is(whole_number(1, 256)))
    pool_size: int = field(default=8, metadata=_is(whole_number(1, 256)))
    decision_cache: int = field(default=20_000, metadata=_is(whole_number(0, 10_000_000)))
    public_url: str | None = field(default=None, metadata=_is(values.web_url))
    cors_origins: tuple[str, ...] = field(default=(), metadata=_is(values.origins))
    rate_limit: str = field(default="120000/minute", metadata=_is(values.rate))

    auth_issuer: str | None = field(default=None, metadata=_is(values.line))
    auth_audience: str | None = field(default=None, metadata=_is(values.line))
    auth_jwks_url: str | None = field(
        default=None, repr=False, metadata=_is(values.secure_url, hide=values.without_secrets)
    )

    deletion_grace: timedelta = field(default=timedelta(days=1), metadata=_is(values.seconds))
    payment_grace: timedelta = field(default=timedelta(days=7), metadata=_is(values.seconds))
    invitation_ttl: timedelta = field(default=timedelta(days=7), metadata=_is(values.seconds))

    stripe_secret_key: str | None = field(
        default=None, repr=False, metadata=_is(values.secret_key, hide=_masked)
    )
    stripe_webhook_secret: str | None = field(
        default=None, repr=False, metadata=_is(values.signing_secret, hide=_masked)
    )
    stripe_api_base: str | None = field(
        default=None, repr=False, metadata=_is(values.secure_url, hide=values.without_secrets)
    )
    stripe_products: tuple[KeptProduct, ...] = field(default=(), metadata=_is(kept_products))
    loki_url: str | None = field(
        default=None, repr=False, metadata=_is(values.loki_url, hide=values.without_secrets)
    )
    mimir_url: str | None = field(
        default=None, repr=False, metadata=_is(values.mimir_url, hide=values.without_secrets)
    )
    observability_label: str = field(default="resource_id", metadata=_is(values.label_name))
    observability_tenant: str = field(default="project_id", metadata=_is(values.tenant))
    observability_span: timedelta = field(default=timedelta(days=31), metadata=_is(values.span))
    webhook_allow: tuple[Network, ...] = field(default=(), metadata=_is(values.networks))
    smtp_url: str | None = field(
        default=None, repr=False, metadata=_is(values.smtp_url, hide=values.without_secrets)
    )
    mail_from: Sender | None = field(default=None, metadata=_is(values.mail_from))
    otlp_endpoint: str | None = field(
        default=None, repr=False, metadata=_is(values.web_url, hide=values.without_secrets)
    )

    log_format: str = field(default="json", metadata=_is(values.one_of("json", "console")))
    log_level: str = field(
        default="info", metadata=_is(values.one_of("debug", "info", "warning", "error"))
    )

    @property
    def backends(self) -> Mapping[Backend, str]:
        """Where logs and metrics are, as far as that is said."""
        found = {Backend.LOGS: self.loki_url, Backend.METRICS: self.mimir_url}
        return {backend: url for backend, url in found.items() if url is not None}

    @property
    def is_local_issuer(self) -> bool:
        """Whether tokens come from the local development issuer."""
        return self.auth_issuer is None

    @property
    def jwks_url(self) -> str | None:
        """Where the outside issuer publishes its keys (OpenID Connect Discovery 1.0)."""
        if self.auth_jwks_url is not None or self.auth_issuer is None:
            return self.auth_jwks_url
        return f"{self.auth_issuer.rstrip('/')}/.well-known/jwks.json"

    @property
    def sender(self) -> Sender | None:
        """Who mails come from. Where nobody says, it is an address at the host that clients
        know, or None where that can have none."""
        if self.mail_from is not None or self.public_url is None:
            return self.mail_from
        try:
            return Sender(f"no-reply@{urlsplit(self.public_url).hostname}", "KtrlPlane")
        except ValueError:
            return None

    def shown(self) -> Iterator[tuple[str, str]]:
        """Every variable with its value as people may see it."""
        for setting in fields(Settings):
            text = values.written(getattr(self, setting.name))
            hide = setting.metadata["hide"]
            yield variable(setting.name), hide(text) if hide and text else text

    def environment(self) -> dict[str, str]:
        """The variables that give these settings again, secrets included."""
        unchanged = Settings()
        return {
            variable(setting.name): values.written(getattr(self, setting.name))
            for setting in fields(Settings)
            if getattr(self, setting.name) != getattr(unchanged, setting.name)
        }


def variable(name: str) -> str:
    return PREFIX + name.upper()
