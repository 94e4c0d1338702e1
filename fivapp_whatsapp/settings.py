"""Settings, from the environment or a `.env` file: one frozen struct, one table of names.

`load_settings()` reads them; `.env.example` names each one, and a test holds the two together.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values
from msgspec import Meta, inspect

from .errors import SettingsError

T = TypeVar("T", bound=msgspec.Struct)
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]


class Secret(str):
    """A text that shows nothing of itself in a repr or a log."""

    def __repr__(self) -> str:
        return "Secret('***')" if self else "Secret('')"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator can set; the names in the environment are those of `ENVIRONMENT`."""

    connection_service_url: str = "http://localhost:3001"
    connection_service_api_key: Secret = Secret("")
    database_url: Secret = Secret("sqlite:///fivapp.db")

    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: str = ""
    allowed_origins: list[str] = []

    jwt_secret: Secret = Secret("")
    jwt_public_key: str = ""
    jwt_jwks_url: str = ""
    jwt_audience: str = ""
    jwt_issuer: str = ""
    jwt_cookie: str = ""
    logout_url: str = ""
    jwt_claim_user: str = "sub"
    jwt_claim_tenant: str = "tenantId"
    jwt_claim_role: str = "role"
    jwt_claim_name: str = "name"
    jwt_claim_program: str = "program"
    session_hours: Annotated[float, Meta(gt=0, le=720)] = 12.0

    webhook_keys: list[Secret] = []
    webhook_body_limit: Count = 1_048_576
    webhook_pending_limit: Count = 10_000
    webhooks_kept_days: Annotated[float, Meta(ge=0, le=365)] = 3.0
    body_limit: Count = 262_144

    requests_at_once: Count = 10_000
    rate_user: Count = 200
    rate_user_burst: Count = 400
    rate_tenant: Count = 1_000
    rate_failed_logins: Count = 20
    trusted_proxies: list[str] = []

    connector: str = "connection_service"
    connector_timeout: Seconds = 10.0
    connector_connections: Count = 80
    http_allow: list[str] = []
    cloud_api_app_secret: Secret = Secret("")
    cloud_api_verify_token: Secret = Secret("")
    send_wait: Annotated[float, Meta(gt=0, le=9)] = 8.0
    send_expiry: Seconds = 600.0
    send_rate: Annotated[float, Meta(ge=0, le=1000)] = 10.0
    send_burst: Count = 100
    poll_pairing: Seconds = 2.0
    poll_connected: Seconds = 30.0
    silence_seconds: Annotated[float, Meta(ge=0, le=604_800)] = 600.0
    quiet_hours: Annotated[float, Meta(ge=0, le=8_784)] = 0.0

    plugins: list[str] = []
    bot_replies_per_minute: Count = 10
    bot_replies_per_hour: Count = 60
    language: Annotated[str, Meta(pattern="^(pt|en)$")] = "pt"

    events_kept_days: Annotated[float, Meta(gt=0, le=3650)] = 7.0
    sockets_per_user: Count = 20
    sockets_per_tenant: Count = 500

    # What is set for plugins: FIVAPP_<PLUGIN>_<FIELD> of those that are installed, as text.
    plugin_variables: dict[str, Secret] = {}

    log_level: Annotated[str, Meta(pattern="(?i)^(debug|info|warning|error)$")] = "info"
    log_format: Annotated[str, Meta(pattern="^(json|console)$")] = "json"
    demo: bool = False

    def of_plugin(self, plugin: str, kind: type[T]) -> T:
        """Return an operator's settings of a plugin as its own struct: its field `url` is FIVAPP_<PLUGIN>_URL.

        Raises SettingsError with the names of all that cannot be used, never with a value.
        """
        prefix = f"FIVAPP_{plugin.replace('-', '_')}_".upper()
        names = {prefix + name.upper(): name for name in kind.__struct_fields__}
        given = {name: text for name, text in self.plugin_variables.items() if name.startswith(prefix)}
        problems = [f"{name}: there is no such setting" for name in given if name not in names]
        values = {names[name]: str(text) for name, text in given.items() if name in names}
        for name in tuple(values):
            try:
                msgspec.convert({name: values[name]}, kind, strict=False, dec_hook=_decode)
            except msgspec.ValidationError:
                problems.append(f"{prefix}{name.upper()}: cannot be used as it is")
        if problems:
            raise SettingsError(problems=sorted(problems))
        return msgspec.convert(values, kind, strict=False, dec_hook=_decode)

    def key_for(self, purpose: str) -> bytes:
        """Return 32 secret bytes for one purpose, the same in every process: of FIVAPP_JWT_SECRET, else the API key.

        Raises SettingsError when there is neither.
        """
        secret = self.jwt_secret or self.connection_service_api_key
        if not secret:
            raise SettingsError(problems=["FIVAPP_JWT_SECRET is missing: links are signed with a key made of it."])
        return hmac.digest(secret.encode(), f"fivapp {purpose} 1".encode(), hashlib.sha256)

    @property
    def accepted_webhook_keys(self) -> tuple[str, ...]:
        """Return what a webhook's key may be: FIVAPP_WEBHOOK_KEYS, else the connection service's key."""
        keys = [key for key in self.webhook_keys if key]
        return tuple(keys) or ((self.connection_service_api_key,) * bool(self.connection_service_api_key))


_UNPREFIXED = ("connection_service_url", "connection_service_api_key", "database_url")
ENVIRONMENT: dict[str, str] = {
    (name if name in _UNPREFIXED else f"fivapp_{name}").upper(): name
    for name in Settings.__struct_fields__
    if name != "plugin_variables"
}
_LISTS = frozenset(("allowed_origins", "http_allow", "plugins", "trusted_proxies", "webhook_keys"))


def load_settings(
    environment: Mapping[str, str] | None = None, *, env_file: str | Path | None = ".env", **overrides: Any
) -> Settings:
    """Read the settings: `overrides` win over the environment, which wins over the `.env` file.

    A name that ends in `_FILE` is read from the file that it names (for secrets). Raises SettingsError
    with the names of all settings that cannot be used, never with a value.
    """
    environment = os.environ if environment is None else environment
    problems: list[str] = []
    layers = (environment, _dotenv(env_file, problems))
    values: dict[str, Any] = {}
    for variable, name in ENVIRONMENT.items():
        text = _find(variable, layers, problems)
        if text:
            values[name] = _split(text) if name in _LISTS else text
    unknown = sorted(
        k.removesuffix("_FILE")
        for k in {*layers[0], *layers[1]}
        if k.startswith("FIVAPP_") and k.removesuffix("_FILE") not in ENVIRONMENT and k not in _OTHERS
    )
    theirs = _of_plugins(unknown)
    problems += [f"{name}: there is no such setting" for name in unknown if name not in theirs]
    found = {name: _find(name, layers, problems) for name in theirs}
    values["plugin_variables"] = {name: text for name, text in found.items() if text}
    return _convert({**values, **overrides}, problems)


def _of_plugins(names: Iterable[str]) -> set[str]:
    """Return the variables among these that belong to plugins that are installed, which may be given by a file."""
    if not names:
        return set()
    prefixes = tuple(f"FIVAPP_{one.name.replace('-', '_')}_".upper() for one in entry_points(group="fivapp_whatsapp"))
    return {name for name in names if name.startswith(prefixes)}


# Read by tests and tools, not by the gateway.
_OTHERS = frozenset(("FIVAPP_TEST_POSTGRES_URL",))


def _dotenv(path: str | Path | None, problems: list[str]) -> dict[str, str]:
    try:
        return {k: v for k, v in (dotenv_values(path) if path else {}).items() if v is not None}
    except (OSError, UnicodeDecodeError) as exc:
        problems.append(f"{path}: {type(exc).__name__}")
        return {}


def _find(variable: str, layers: Sequence[Mapping[str, str]], problems: list[str]) -> str | None:
    """Return a setting's text from the first layer that names it, itself or by its file."""
    for layer in layers:
        if (text := layer.get(variable)) is not None:
            return text
        if path := layer.get(f"{variable}_FILE"):
            return _read(variable, path, problems)
    return None


def _read(variable: str, path: str, problems: list[str]) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError) as exc:
        # What is no absolute path may be the secret itself, under the wrong name.
        name = path if os.path.isabs(path) else "the file, looked for from the current folder,"
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text in UTF-8"
        problems.append(f"{variable}_FILE: {name} cannot be read ({reason})")
        return None


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _convert(values: dict[str, Any], problems: list[str]) -> Settings:
    names = {name: variable for variable, name in ENVIRONMENT.items()}
    good: dict[str, Any] = {}
    for name, value in values.items():
        # Field by field, so that one start-up names every mistake and not only the first.
        try:
            msgspec.convert({name: value}, Settings, strict=False, dec_hook=_decode)
            good[name] = value
        except msgspec.ValidationError:
            problems.append(f"{names.get(name, name)}: {_EXPECTED.get(name, 'there is no such setting')}")
            continue
        if name in _ADDRESSES and value and not _is_address(value):
            problems.append(f"{names[name]}: {_ADDRESS}")
        if name == "http_allow" and not all(map(_HOST_AND_PORT.fullmatch, value)):
            problems.append(f"{names[name]}: must be names with their ports, such as localhost:11434")
    if problems:
        raise SettingsError(problems=sorted(problems))
    return msgspec.convert(good, Settings, strict=False, dec_hook=_decode)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username or re.search(r"\s", url))
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain


def _expected(kind: inspect.Type) -> str:
    """Say in plain words what a setting must be."""
    match kind:
        case inspect.IntType(ge=least, le=most):
            return f"must be a whole number from {least} to {most}"
        case inspect.FloatType(ge=least, le=most) if least is not None:
            return f"must be a number from {least} to {most}"
        case inspect.FloatType(gt=above, le=most):
            return f"must be a number above {above}, {most} at most"
        case inspect.BoolType():
            return "must be true or false"
        case inspect.StrType(pattern=str(pattern)) if words := re.search(r"\(([a-z|]+)\)\$$", pattern):
            return f"must be one of {words[1].replace('|', ', ')}"
        case inspect.ListType():
            return "must be a list"
    return "must be a text"


# An IPv6 address stands in brackets, as in a URL.
_HOST_AND_PORT = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_ADDRESSES = frozenset(("connection_service_url", "public_url", "logout_url"))
_ADDRESS = "must be an address that begins with http:// or https://, without login, query or spaces"


def _decode(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"Expected {kind.__name__}")


_EXPECTED = {field.name: _expected(field.type) for field in inspect.type_info(Settings).fields}  # type: ignore[attr-defined]  # of a struct
