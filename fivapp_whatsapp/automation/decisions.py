"""What tenants decided about bots and plugins, remembered for a second: each event asks for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.plugins.registry import Plugin, Plugins
from fivapp_whatsapp.plugins.vault import Vault
from fivapp_whatsapp.ports import Store
from fivapp_whatsapp.ports.plugins import AutomationSettings, PluginSetting
from fivapp_whatsapp.together import Together

# What another process decided holds here a second later; one's own at once.
_SECONDS = 1.0
_MAX_TENANTS = 5_000


class Decision(msgspec.Struct, frozen=True):
    """What holds for a plugin in a tenant; `problem` says why stored settings switch it off.

    `idle` marks a bundled plugin that the tenant has not configured: it has nothing to say, and is not asked.
    """

    on: bool = True
    idle: bool = False
    config: Any = None
    problem: str | None = None
    position: int | None = None


class _Remembered:
    """One tenant's decisions, and until when they are believed."""

    def __init__(self, until: float, automation: AutomationSettings, settings: list[PluginSetting]) -> None:
        self.until = until
        self.automation = automation
        self.settings = {setting.plugin: setting for setting in settings}
        self.plugins: dict[str, Decision] = {}


class Decisions:
    """Reads tenants' decisions; `forget` a tenant after a write of one's own. Raises StoreError."""

    def __init__(self, store: Store, plugins: Plugins, vault: Vault) -> None:
        self._store = store
        self._plugins = plugins
        self._vault = vault
        self._tenants: dict[str, _Remembered] = {}
        # When a second is over all events of a tenant ask again at once: they share one read.
        self._reads: Together[str, _Remembered] = Together(self._read)
        self._forgotten = 0

    async def automation(self, tenant_id: str) -> AutomationSettings:
        """Return what a tenant decided about all bots; those of a suspended tenant are off."""
        return (await self._tenant(tenant_id)).automation

    async def plugin(self, tenant_id: str, name: str) -> Decision:
        """Return what holds for a plugin in a tenant. Raises PluginNotFound."""
        tenant = await self._tenant(tenant_id)
        if (known := tenant.plugins.get(name)) is None:
            plugin, setting = self._plugins.get(name), tenant.settings.get(name)
            known = tenant.plugins[name] = self._decide(tenant_id, plugin, setting)
        return known

    async def order(self, tenant_id: str) -> list[Plugin]:
        """Return the plugins in the order in which a tenant's bots are asked: files first, then as it was set."""
        settings = (await self._tenant(tenant_id)).settings
        return in_order(self._plugins, settings)

    @property
    def patience(self) -> timedelta:
        """Return the longest silence that a bot of this process waits for."""
        hooks = self._plugins.hooks("reply_to")
        return timedelta(seconds=max((hook.options.quiet_for for hook in hooks), default=0.0))

    def known(self, name: str) -> None:
        """Raise PluginNotFound for a plugin that is not there."""
        self._plugins.get(name)

    def forget(self, tenant_id: str | None = None) -> None:
        """Read again what a tenant decided, or all of them."""
        self._forgotten += 1
        if tenant_id is None:
            self._tenants.clear()
        else:
            self._tenants.pop(tenant_id, None)

    def _decide(self, tenant_id: str, plugin: Plugin, setting: PluginSetting | None) -> Decision:
        """Return what a stored setting means for a plugin: settings that cannot be used switch it off."""
        setting = setting or PluginSetting(plugin=plugin.name)
        on = setting.enabled is not False
        idle = plugin.source == "bundled" and setting.config is None
        if plugin.config_type is None:
            return Decision(on, idle, position=setting.position)
        try:
            config = self._vault.config(tenant_id, plugin, setting.config or {})
        except InvalidInput as exc:
            return Decision(False, problem=exc.detail, position=setting.position)
        return Decision(on, idle, config, None, setting.position)

    async def _tenant(self, tenant_id: str) -> _Remembered:
        known = self._tenants.get(tenant_id)
        if known is not None and known.until > time.monotonic():
            return known
        found = await self._reads.get(tenant_id)
        assert found is not None  # noqa: S101  # _read leaves nobody out
        return found

    async def _read(self, tenant_ids: Sequence[str]) -> Mapping[str, _Remembered]:
        forgotten = self._forgotten
        read = await asyncio.gather(*map(self._read_one, tenant_ids))
        found = dict(zip(tenant_ids, read, strict=True))
        if len(self._tenants) + len(found) > _MAX_TENANTS:
            self._tenants.clear()
        if forgotten == self._forgotten:  # else it may be from before the write
            self._tenants.update(found)
        return found

    async def _read_one(self, tenant_id: str) -> _Remembered:
        automation = await self._store.automation_settings(tenant_id)
        tenant = await self._store.tenant(tenant_id)
        if tenant is not None and tenant.suspended:
            automation = msgspec.structs.replace(automation, enabled=False)
        settings = await self._store.plugin_settings(tenant_id)
        return _Remembered(time.monotonic() + _SECONDS, automation, settings)


def in_order(plugins: Plugins, settings: dict[str, PluginSetting]) -> list[Plugin]:
    """Return plugins as they are asked: files, then those with a position by it, then the others as loaded."""

    def place(item: tuple[int, Plugin]) -> tuple[bool, float, int]:
        number, plugin = item
        setting = settings.get(plugin.name)
        position = None if setting is None else setting.position
        return plugin.source != "file", float("inf") if position is None else position, number

    return [plugin for _, plugin in sorted(enumerate(plugins.items), key=place)]
