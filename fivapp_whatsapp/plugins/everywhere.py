"""How plugins do in all processes: each tells the others through the store, and a person's word reaches each of them.

What a process knows itself is exact. Of the others it knows what they told last: told when it changes, and again every
15 s, it holds for 40. A process in which a plugin is paused listens each second for the word to go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from fivapp_whatsapp.errors import StoreError
from fivapp_whatsapp.models import new_id
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Clock
from fivapp_whatsapp.ports.plugins import PluginStore, ToldHealth

from .health import PluginHealth
from .registry import Plugins
from .runner import Runner

_VALID = timedelta(seconds=40)
_NEVER = datetime.min.replace(tzinfo=UTC)
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
        self._told: dict[str, PluginHealth] = {}
        self._told_at = 0.0

    async def all(self) -> dict[str, PluginHealth]:
        """Return how each plugin does, all processes together. Raises StoreUnavailable."""
        known = {plugin.name: [self._runner.health(plugin.name)] for plugin in self._plugins.items}
        for told in await self._store.plugin_healths(self._clock.now()):
            health = _read(told)
            if told.process != self._process and told.plugin in known and health is not None:
                known[told.plugin].append(health)
        return {plugin: together(healths) for plugin, healths in known.items()}

    async def resume(self, plugin: str) -> None:
        """Lift a plugin's pause: here at once, in each other process within seconds. Raises StoreUnavailable."""
        self._runner.resume(plugin)
        await self._store.resume_plugin(plugin)

    async def run(self) -> None:
        """Tell the other processes what this one knows, for ever; nothing is told while all plugins are well."""
        try:
            while True:
                await asyncio.sleep(self._look_seconds)
                await self._look()
        except asyncio.CancelledError:
            if self._told:
                await self._tell({})
            raise

    async def _look(self) -> None:
        now = self._unwell()
        changed = _facts(now) != _facts(self._told)
        old = bool(now) and self._clock.monotonic() - self._told_at >= self._repeat_seconds
        if (changed or old or _any_paused(now)) and await self._tell(now):
            await self._tell(self._unwell())

    def _unwell(self) -> dict[str, PluginHealth]:
        healths = {plugin.name: self._runner.health(plugin.name) for plugin in self._plugins.items}
        return {name: health for name, health in healths.items() if health != PluginHealth()}

    async def _tell(self, healths: dict[str, PluginHealth]) -> bool:
        """Tell the others; True when a person's word came with the answer."""
        values = {name: msgspec.to_builtins(health) for name, health in healths.items()}
        try:
            resumed = await self._store.tell_healths(self._process, values, self._clock.now() + _VALID)
        except StoreError as exc:
            _log.warning("plugin_health_untold", error=exc.code)
            return False
        self._told, self._told_at = healths, self._clock.monotonic()
        for plugin in resumed:
            self._runner.resume(plugin)
        return bool(resumed)


def together(healths: Sequence[PluginHealth]) -> PluginHealth:
    """Return a plugin's health in several processes as one: counts are added, of pauses the one that ends last told."""
    paused = [one for one in healths if one.paused_until is not None]
    last = max(paused, key=lambda one: one.paused_until or _NEVER, default=PluginHealth())
    return PluginHealth(
        failures=sum(one.failures for one in healths),
        late=sum(one.late for one in healths),
        stalls=sum(one.stalls for one in healths),
        left=sum(one.left for one in healths),
        paused_until=last.paused_until,
        reason=last.reason,
        paused_hooks=tuple(sorted({hook for one in healths for hook in one.paused_hooks})),
        paused_in=sum(one.paused_in for one in healths),
        last_error=next((one.last_error for one in healths if one.last_error is not None), None),
    )


def _read(told: ToldHealth) -> PluginHealth | None:
    """Return what a process told; None for what another version of this package says in its own way."""
    try:
        health = msgspec.convert(told.health, PluginHealth)
    except msgspec.ValidationError:
        return None
    return _going_on(health) if told.resumed else health


def _going_on(health: PluginHealth) -> PluginHealth:
    return msgspec.structs.replace(health, paused_until=None, reason=None, paused_hooks=(), paused_in=0)


def _any_paused(healths: Mapping[str, PluginHealth]) -> bool:
    return any(health.reason is not None for health in healths.values())


def _facts(healths: Mapping[str, PluginHealth]) -> dict[str, PluginHealth]:
    # The end of a pause is reckoned anew each time, and differs by microseconds.
    return {name: msgspec.structs.replace(one, paused_until=None) for name, one in healths.items()}
