"""Every setting of KtrlPlane: its variable, what it may be, and what it is when left out."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import Attribute, evolve, field, fields, fields_dict, frozen

from ktrlplane.entrypoints import setting_values as values
from ktrlplane.entrypoints.setting_values import MASK, Network, whole_number
from ktrlplane.ports.mail import Sender

PREFIX: Final = "KTRLPLANE_"
CONFIG: Final = "KTRLPLANE_CONFIG"

DEMO_DEFAULTS: Final = {"deletion_grace": "3600"}
"""What ``serve --demo`` has otherwise, where nobody says."""

_NEEDS: Final = {
    "auth_issuer": "auth_audience",
    "auth_audience": "auth_issuer",
    "auth_jwks_url": "auth_issuer",
    "stripe_webhook_secret": "stripe_secret_key",
    "stripe_api_base": "stripe_secret_key",
}

# A Kubernetes service named ktrlplane puts these into the environment of every pod beside it.
_SERVICE_LINK: Final = re.compile(r".*(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://")


class WrongSettings(Exception):
    """Every fault, each a sentence that names the variable."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = tuple(faults)


def _is(read: Callable[[str], Any], *, hide: Callable[[str], str] | None = None) -> dict[str, Any]:
    return {"read": read, "hide": hide}


def _masked(_: str) -> str:
    return MASK


_SECRET: Final = _is(values.line, hide=_masked)


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

    stripe_secret_key: str | None = field(default=None, repr=False, metadata=_SECRET)
    stripe_webhook_secret: str | None = field(default=None, repr=False, metadata=_SECRET)
    stripe_api_base: str | None = field(
        default=None, repr=False, metadata=_is(values.secure_url, hide=values.without_secrets)
    )
    loki_url: str | None = field(
        default=None, repr=False, metadata=_is(values.web_url, hide=values.without_secrets)
    )
    mimir_url: str | None = field(
        default=None, repr=False, metadata=_is(values.web_url, hide=values.without_secrets)
    )
    observability_label: str = field(default="resource_id", metadata=_is(values.label_name))
    observability_tenant: str = field(default="project_id", metadata=_is(values.tenant))
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


def load_settings(
    environ: Mapping[str, str] | None = None,
    config: Path | None = None,
    *,
    defaults: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
) -> Settings:
    """From ``flags`` of the command line, over KTRLPLANE_* variables (of this process, unless
    ``environ`` is given), over the TOML file ``config`` (or that of KTRLPLANE_CONFIG), over
    ``defaults``; the two mappings have the settings' own names.

    Raises: WrongSettings, with every fault.
    """
    environ = os.environ if environ is None else environ
    faults: list[str] = []
    named = "--config"
    if config is None and environ.get(CONFIG):
        config, named = Path(environ[CONFIG]), CONFIG
    texts = {name: (variable(name), text) for name, text in (defaults or {}).items()}
    texts |= _of_file(config, named, faults) if config is not None else {}
    texts |= _of_variables(environ, faults)
    texts |= {name: (f"--{name}", text) for name, text in (flags or {}).items()}
    found: dict[str, Any] = {}
    for name, (label, text) in texts.items():
        setting: Attribute[Any] = fields_dict(Settings)[name]
        try:
            found[name] = setting.metadata["read"](text)
        except ValueError as exc:
            faults.append(f"{label} must be {exc}{_quoted(text, setting)}.")
    faults += _incomplete(texts)
    faults += _underivable(found)
    settings = evolve(Settings(), **found)
    faults += _unmailable(texts, settings)
    if faults:
        raise WrongSettings(faults)
    return settings


def _of_variables(environ: Mapping[str, str], faults: list[str]) -> dict[str, tuple[str, str]]:
    found = {}
    for label, text in sorted(environ.items()):
        if not label.startswith(PREFIX) or label == CONFIG or _is_for_others(label, text):
            continue
        name = label.removeprefix(PREFIX).lower()
        if label != variable(name) or name not in fields_dict(Settings):
            faults.append(f"{label} is not a setting{_did_you_mean(name, variable)}")
        elif text or _empty_says_something(name):
            found[name] = label, text
    return found


def _is_for_others(label: str, text: str) -> bool:
    if label.startswith("KTRLPLANE_TEST_") or _SERVICE_LINK.fullmatch(label):
        return True
    return label.endswith("PORT") and _SERVICE_ADDRESS.match(text) is not None


def _of_file(config: Path, named: str, faults: list[str]) -> dict[str, tuple[str, str]]:
    try:
        document = tomllib.loads(config.read_text())
    except OSError as exc:
        faults.append(f"{named} names {config}, which cannot be read: {exc.strerror}.")
        return {}
    except ValueError as exc:
        faults.append(f"{named} names {config}, which is not a TOML file: {exc}.")
        return {}
    found = {}
    for name, value in document.items():
        label = f"{variable(name)} ({name} in {config})"
        text = _text(value)
        if name not in fields_dict(Settings):
            faults.append(f"{name} in {config} is not a setting{_did_you_mean(name, str)}")
        elif text is None:
            faults.append(f"{label} must be a text, a number or a list of texts.")
        elif text or _empty_says_something(name):
            found[name] = label, text
    return found


def _text(value: object) -> str | None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    return None


def _empty_says_something(name: str) -> bool:
    return name in ("rate_limit", "reserved_ids")


def _quoted(text: str, setting: "Attribute[Any]") -> str:
    return "" if setting.metadata["hide"] else f"; it is {text!r}"


def _did_you_mean(name: str, spelled: Callable[[str], str]) -> str:
    near = difflib.get_close_matches(name.lower(), fields_dict(Settings), n=1)
    return f"; did you mean {spelled(near[0])}?" if near else "; ktrlplane config lists them."


def _incomplete(given: Collection[str]) -> Iterator[str]:
    for name, needed in _NEEDS.items():
        if name in given and needed not in given:
            yield f"{variable(name)} is set without {variable(needed)}; set both or neither."


def _underivable(found: Mapping[str, Any]) -> Iterator[str]:
    if "auth_issuer" not in found or "auth_jwks_url" in found:
        return
    try:
        values.secure_url(found["auth_issuer"])
    except ValueError:
        yield (
            f"{variable('auth_jwks_url')} must be set, since {variable('auth_issuer')} is not "
            "an https:// address to find the keys under."
        )


def _unmailable(given: Collection[str], settings: Settings) -> Iterator[str]:
    if "smtp_url" not in given:
        return
    if "public_url" not in given:
        yield (
            f"{variable('smtp_url')} is set without {variable('public_url')}, which the links in "
            "mails begin with; set that too."
        )
    elif settings.public_url and settings.sender is None and "mail_from" not in given:
        yield (
            f"{variable('mail_from')} must be set, since mail cannot come from the host in "
            f"{variable('public_url')}."
        )
