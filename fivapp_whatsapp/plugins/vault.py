"""Secrets in plugins' settings: sealed before they are stored, opened when they are read.

The key is made of FIVAPP_JWT_SECRET (else of the connection service's key), and a secret opens in its own tenant and
plugin alone. What an older version stored as it was is read as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fivapp_whatsapp.errors import InvalidInput, SettingsError
from fivapp_whatsapp.sealing import CannotOpen, Sealer, is_sealed
from fivapp_whatsapp.settings import Settings

from .config import change_secrets, merge_secrets, parse_config
from .registry import Plugin

_PURPOSE = "plugin secrets"
_NO_KEY = "Secrets are stored sealed, and there is no key for that: the operator sets FIVAPP_JWT_SECRET first."


class Vault:
    """Seals and opens the secrets of all plugins' settings."""

    def __init__(self, settings: Settings) -> None:
        self._sealer = Sealer(lambda: settings.key_for(_PURPOSE))

    def closed(
        self, tenant_id: str, plugin: Plugin, values: Mapping[str, Any], old: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return settings as they are stored, in which what cannot be opened of the `old` ones stays until it is set.

        Raises InvalidInput when there is a secret, and no key.
        """
        place, done = _place(tenant_id, plugin), set[str]()

        def seal(value: Any, _: str) -> Any:
            # One that two forms of a value call a secret comes twice.
            if not value or (isinstance(value, str) and value in done):
                return value
            done.add(sealed := self._sealer.seal(msgspec.json.encode(value), place))
            return sealed

        def keep(value: Any, before: Any, _: str) -> Any:
            # Nobody was shown it, so nobody means to remove it; the key may come back.
            return before if not value and self._is_locked(before, place) else value

        try:
            closed = _changed(plugin, values, seal)
        except SettingsError:
            raise InvalidInput(_NO_KEY, code="no_key") from None
        return merge_secrets(plugin.config_type, closed, old, keep) if old and plugin.config_type else closed

    def _is_locked(self, value: Any, place: str) -> bool:
        try:
            return is_sealed(value) and not self._sealer.open(value, place)
        except CannotOpen:
            return True

    def opened(self, tenant_id: str, plugin: Plugin, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return stored settings with their secrets, and the names of those that cannot be opened: they are empty."""
        place, locked = _place(tenant_id, plugin), dict[str, None]()

        def unseal(value: Any, name: str) -> Any:
            if not is_sealed(value):
                return value
            try:
                return msgspec.json.decode(self._sealer.open(value, place))
            except CannotOpen:
                locked[name] = None
                return ""

        return _changed(plugin, values, unseal), list(locked)

    def config(self, tenant_id: str, plugin: Plugin, values: Mapping[str, Any]) -> Any:
        """Return stored settings as the plugin's struct. Raises InvalidInput, also for locked secrets."""
        assert plugin.config_type is not None  # noqa: S101  # who has no settings is not asked
        opened, locked = self.opened(tenant_id, plugin, values)
        if locked:
            raise _locked(locked)
        return parse_config(plugin.config_type, opened)


def _changed(plugin: Plugin, values: Mapping[str, Any], change: Any) -> dict[str, Any]:
    if plugin.config_type is None:
        return dict(values)
    return change_secrets(plugin.config_type, values, change)


def _place(tenant_id: str, plugin: Plugin) -> str:
    return f"{tenant_id} {plugin.name}"


def _locked(names: Sequence[str]) -> InvalidInput:
    errors = [{"pointer": f"#/config/{name.replace('.', '/')}", "code": "locked"} for name in names]
    words = f"Stored with another key than the server has now: {', '.join(names)}. Fill it in again and save"
    return InvalidInput(
        f"{words}, or have the operator set FIVAPP_JWT_SECRET to what it was.", code="secrets_locked", errors=errors
    )
