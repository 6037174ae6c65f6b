"""Where settings come from: flags, variables, a TOML file."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import Attribute, evolve, fields_dict

from ktrlplane.entrypoints import setting_values as values
from ktrlplane.entrypoints.settings import PREFIX, Settings, WrongSettings, variable

CONFIG: Final = "KTRLPLANE_CONFIG"

_NEEDS: Final = {
    "auth_issuer": "auth_audience",
    "auth_audience": "auth_issuer",
    "auth_jwks_url": "auth_issuer",
    "stripe_webhook_secret": "stripe_secret_key",
    "stripe_api_base": "stripe_secret_key",
    "stripe_products": "stripe_secret_key",
}

# A Kubernetes service named ktrlplane puts these into the environment of every pod beside it.
_SERVICE_LINK: Final = re.compile(r".*(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://")


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
