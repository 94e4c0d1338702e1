"""What a tenant's admins see of the plugins, and decide about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from fivapp_whatsapp.errors import GatewayError, InvalidInput
from fivapp_whatsapp.models import GroupBots, Model
from fivapp_whatsapp.ports.plugins import AutomationSettings, PluginSetting

from .config import config_schema, default_config, masked, parse_config, unmasked
from .health import PluginHealth

if TYPE_CHECKING:
    from fivapp_whatsapp.gateway import Gateway

    from .registry import Plugin


class PluginView(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A plugin as one tenant has it.

    `config` are the tenant's settings, or what holds while there are none; secrets in it are masked. `schema` is
    their JSON schema. What is no distribution, such as a file, has no `version`. `problem` says why the stored
    settings cannot be used: the plugin is off until they can.
    """

    name: str
    title: str
    version: str | None = None
    distribution: str | None = None
    source: str
    hooks: Sequence[str]
    enabled: bool
    configured: bool
    health: PluginHealth
    position: int | None = None
    config: Mapping[str, Any] | None = None
    schema: Mapping[str, Any] | None = None
    problem: str | None = None


class BrokenView(Model, frozen=True, kw_only=True):
    """A plugin that could not be loaded, and why, one sentence for each mistake."""

    name: str
    distribution: str
    problems: Sequence[str]


class PluginChange(Model, frozen=True, kw_only=True):
    """What is to change for a tenant in a plugin; what is UNSET stays. `config=None` goes back to the defaults."""

    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    config: Mapping[str, Any] | msgspec.UnsetType | None = msgspec.UNSET


class AutomationView(Model, frozen=True, kw_only=True):
    """What a tenant decided about all bots, and the order in which they are asked."""

    enabled: bool
    group_bots: GroupBots
    pause_minutes: int
    order: Sequence[str]


class PluginAdmin:
    """Shows and changes what a tenant decided about plugins."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._store = gateway.store

    # --- plugins -------------------------------------------------------------------------------

    async def plugins(self, tenant_id: str) -> list[PluginView]:
        """List the plugins that are loaded, in the order in which this tenant's bots are asked."""
        settings = {one.plugin: one for one in await self._store.plugin_settings(tenant_id)}
        order = await self._gateway.automation.order(tenant_id)
        healths = await self._gateway.plugin_health.of(tenant_id)
        return [self._view(tenant_id, one, settings.get(one.name), healths[one.name]) for one in order]

    def broken(self) -> list[BrokenView]:
        """List the plugins that could not be loaded."""
        return [
            BrokenView(name=one.name, distribution=one.distribution, problems=one.problems)
            for one in self._gateway.plugins.broken
        ]

    async def plugin(self, tenant_id: str, name: str) -> PluginView:
        """Return one plugin. Raises PluginNotFound."""
        plugin = self._gateway.plugins.get(name)
        return await self._now(tenant_id, plugin, await self._setting(tenant_id, name))

    async def change_plugin(self, tenant_id: str, name: str, change: PluginChange) -> PluginView:
        """Switch a plugin on or off, or change its settings. Raises PluginNotFound, InvalidInput."""
        plugin = self._gateway.plugins.get(name)
        old = await self._setting(tenant_id, name) or PluginSetting(plugin=name)
        new = old
        if not isinstance(change.config, msgspec.UnsetType):
            new = msgspec.structs.replace(new, config=self._checked(tenant_id, plugin, change.config, old.config))
        if not isinstance(change.enabled, msgspec.UnsetType):
            new = msgspec.structs.replace(new, enabled=change.enabled)
        if new != old:
            await self._gateway.change_plugin(tenant_id, new, was_on=old.enabled is not False)
        return await self._now(tenant_id, plugin, new)

    async def resume(self, tenant_id: str, name: str) -> None:
        """Lift the tenant's pauses of a plugin that failed or blocked, in all processes. Raises PluginNotFound.

        What is paused for all tenants stays so: that is not one tenant's to decide.
        """
        await self._gateway.plugin_health.resume(self._gateway.plugins.get(name).name, tenant_id)

    async def _now(self, tenant_id: str, plugin: Plugin, setting: PluginSetting | None) -> PluginView:
        return self._view(tenant_id, plugin, setting, (await self._gateway.plugin_health.of(tenant_id))[plugin.name])

    async def _setting(self, tenant_id: str, name: str) -> PluginSetting | None:
        return next((one for one in await self._store.plugin_settings(tenant_id) if one.plugin == name), None)

    def _checked(
        self, tenant_id: str, plugin: Plugin, values: Mapping[str, Any] | None, old: Mapping[str, Any] | None
    ) -> dict[str, Any] | None:
        if values is None:
            return None
        if plugin.config_type is None:
            pointer = {"pointer": "#/config", "code": "unknown_field"}
            raise InvalidInput("This plugin has no settings.", code="invalid_config", errors=[pointer])
        vault = self._gateway.vault
        before, _ = vault.opened(tenant_id, plugin, old or {})
        whole = unmasked(plugin.config_type, values, before)
        parse_config(plugin.config_type, whole)
        return vault.closed(tenant_id, plugin, whole, old)

    def _view(self, tenant_id: str, plugin: Plugin, setting: PluginSetting | None, health: PluginHealth) -> PluginView:
        kind, problem, config, schema = plugin.config_type, None, None, None
        stored = None if setting is None else setting.config
        if kind is not None:
            schema = config_schema(kind)
            opened, _ = self._gateway.vault.opened(
                tenant_id, plugin, default_config(kind) if stored is None else stored
            )
            config = masked(kind, opened)
            problem = None if stored is None else self._problem(tenant_id, plugin, stored)
        return PluginView(
            name=plugin.name,
            title=plugin.title,
            version=plugin.version or None,
            distribution=plugin.distribution or None,
            source=plugin.source,
            hooks=sorted(plugin.hooks),
            enabled=setting is None or setting.enabled is not False,
            configured=stored is not None,
            health=health,
            position=None if setting is None else setting.position,
            config=config,
            schema=schema,
            problem=problem,
        )

    def _problem(self, tenant_id: str, plugin: Plugin, stored: Mapping[str, Any]) -> str | None:
        try:
            self._gateway.vault.config(tenant_id, plugin, stored)
        except GatewayError as exc:
            return exc.detail
        return None

    # --- all bots ------------------------------------------------------------------------------

    async def automation(self, tenant_id: str) -> AutomationView:
        """Return what a tenant decided about all bots."""
        settings = await self._store.automation_settings(tenant_id)
        order = [plugin.name for plugin in await self._gateway.automation.order(tenant_id)]
        return AutomationView(
            enabled=settings.enabled,
            group_bots=settings.group_bots,
            pause_minutes=settings.pause_minutes,
            order=order,
        )

    async def change_automation(
        self, tenant_id: str, settings: AutomationSettings, order: Sequence[str] | None
    ) -> AutomationView:
        """Change it; `order` names plugins, those left out follow. Raises PluginNotFound."""
        if order is not None:
            await self._reorder(tenant_id, order)
        await self._gateway.change_automation(tenant_id, settings)
        return await self.automation(tenant_id)

    async def _reorder(self, tenant_id: str, order: Sequence[str]) -> None:
        if len(set(order)) != len(order):
            raise InvalidInput("The order names a plugin twice.", errors=[{"pointer": "#/order", "code": "invalid"}])
        for name in order:
            self._gateway.plugins.get(name)
        settings = {one.plugin: one for one in await self._store.plugin_settings(tenant_id)}
        for plugin in self._gateway.plugins.items:
            old = settings.get(plugin.name) or PluginSetting(plugin=plugin.name)
            place = order.index(plugin.name) if plugin.name in order else None
            if place != old.position:
                new = msgspec.structs.replace(old, position=place)
                await self._gateway.change_plugin(tenant_id, new, was_on=old.enabled is not False)
