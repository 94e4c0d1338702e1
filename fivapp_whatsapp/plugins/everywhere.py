"""How plugins do for each tenant in all processes: each tells the others, and a person's word reaches each of them.

What a process knows itself is exact. Of the others it knows what they told last: told when it changes, and again every
15 s, it holds for 40. A process in which a plugin is paused listens each second for the word to go on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

import msgspec

from fivapp_whatsapp.errors import StoreError
from fivapp_whatsapp.models import new_id
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Clock
from fivapp_whatsapp.ports.plugins import PluginStore, ToldHealth

from .health import PluginHealth, in_one_process, together
from .registry import Plugins
from .runner import Runner

_VALID = timedelta(seconds=40)
_Key = tuple[str, str]
_log = get_logger(__name__)


class HealthEverywhere:
    """The health of all plugins; `look_seconds` is how often this process looks, `repeat_seconds` when it retells."""

    def __init__(
        self,
        store: PluginStore,
        plugins: Plugins,
        runner: Runner,
        clock: Clock,
        *,
        look_seconds: float = 1.0,
        repeat_seconds: float = 15.0,
    ) -> None:
        self._store = store
        self._plugins = plugins
        self._runner = runner
        self._clock = clock
        self._look_seconds = look_seconds
        self._repeat_seconds = repeat_seconds
        self._process = new_id()
        self._told: dict[_Key, PluginHealth] = {}
        self._told_at = 0.0

    async def of(self, tenant_id: str) -> dict[str, PluginHealth]:
        """Return how each plugin does for a tenant, all processes together. Raises StoreUnavailable."""
        elsewhere: defaultdict[_Key, list[PluginHealth]] = defaultdict(list)
        for told in await self._store.plugin_healths(tenant_id, self._clock.now()):
            if told.process != self._process and (health := read(told)) is not None:
                elsewhere[told.process, told.plugin].append(health)
        known = {plugin.name: [self._runner.health(plugin.name, tenant_id)] for plugin in self._plugins.items}
        for (_, plugin), healths in elsewhere.items():
            if plugin in known:
                known[plugin].append(in_one_process(healths))
        return {plugin: together(healths) for plugin, healths in known.items()}

    async def resume(self, plugin: str, tenant_id: str) -> None:
        """Lift a tenant's pauses of a plugin: here at once, elsewhere within seconds. Raises StoreUnavailable."""
        self._runner.resume(plugin, tenant_id)
        await self._store.resume_plugin(plugin, tenant_id)

    async def run(self) -> None:
        """Tell the other processes what this one knows, for ever; nothing is told while all plugins are well."""
        try:
            while True:
                await asyncio.sleep(self._look_seconds)
                await self._look()
        except asyncio.CancelledError:
            if self._told:
                await self._tell({}, all_=True)
            raise

    async def _look(self) -> None:
        now = self._runner.healths()
        old = bool(now) and self._clock.monotonic() - self._told_at >= self._repeat_seconds
        if (old or _facts(now) != _facts(self._told) or _any_paused(now)) and await self._tell(now, all_=old):
            await self._tell(self._runner.healths())

    async def _tell(self, healths: dict[_Key, PluginHealth], *, all_: bool = False) -> bool:
        """Tell the others what they do not know, or all; True when a person's word came with the answer."""
        known = {} if all_ else _facts(self._told)
        news = {key: health for key, health in healths.items() if known.get(key) != _fact(health)}
        values = {key: msgspec.to_builtins(health) for key, health in news.items()}
        try:
            resumed = await self._store.tell_healths(self._process, values, self._clock.now() + _VALID, all_=all_)
        except StoreError as exc:
            _log.warning("plugin_health_untold", error=exc.code)
            return False
        self._told = healths
        if all_:
            self._told_at = self._clock.monotonic()
        for tenant_id, plugin in resumed:
            self._runner.resume(plugin, tenant_id)
        return bool(resumed)


def read(told: ToldHealth) -> PluginHealth | None:
    """Return what a process told; None for what another version of this package says in its own way."""
    try:
        health = msgspec.convert(told.health, PluginHealth)
    except msgspec.ValidationError:
        return None
    return _going_on(health) if told.resumed else health


def _going_on(health: PluginHealth) -> PluginHealth:
    if health.reason == "hanging":  # no word brings threads back
        return health
    return msgspec.structs.replace(health, paused_until=None, reason=None, paused_hooks=(), paused_in=0, for_all=False)


def _any_paused(healths: Mapping[_Key, PluginHealth]) -> bool:
    return any(health.reason is not None for health in healths.values())


def _facts(healths: Mapping[_Key, PluginHealth]) -> dict[_Key, PluginHealth]:
    return {key: _fact(health) for key, health in healths.items()}


def _fact(health: PluginHealth) -> PluginHealth:
    # The end of a pause is reckoned anew each time, and differs by microseconds.
    return msgspec.structs.replace(health, paused_until=None)
