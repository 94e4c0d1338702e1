"""What a hook may do: its tenant's view of the gateway, its memory, its log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol

from .plugin_ports import PluginStore
from .ports import Clock


class PluginLog(Protocol):
    """The log of a plugin: `log.info("ordered", count=2)`; facts with unknown names are left out of the lines."""

    def debug(self, event: str, **facts: Any) -> Any:
        """Write a line for those who look for a fault."""
        ...

    def info(self, event: str, **facts: Any) -> Any:
        """Write a line."""
        ...

    def warning(self, event: str, **facts: Any) -> Any:
        """Write a line about what an operator should look at."""
        ...

    def error(self, event: str, **facts: Any) -> Any:
        """Write a line about what went wrong."""
        ...


class State:
    """A plugin's memory, for one conversation or for its tenant: JSON values by key, kept across restarts."""

    def __init__(
        self, store: PluginStore, clock: Clock, tenant_id: str, plugin: str, conversation_id: str = ""
    ) -> None:
        self._store = store
        self._clock = clock
        self._where = (tenant_id, plugin, conversation_id)

    async def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or the default when there is none or its time is over."""
        found = await self._store.state(*self._where, key, self._clock.now())
        return default if found is None else found

    async def set(self, key: str, value: Any, *, expires: timedelta | None = None) -> None:
        """Keep a JSON value; it is gone after `expires`. None deletes it."""
        until = None if expires is None else self._clock.now() + expires
        await self._store.set_state(*self._where, key, value, until)

    async def delete(self, key: str) -> None:
        """Forget a value; one that is not there is no error."""
        await self._store.set_state(*self._where, key, None, None)

    async def items(self, prefix: str = "") -> dict[str, Any]:
        """Return the values whose keys begin with a prefix, in the order of keys, 1,000 at most."""
        return await self._store.states(*self._where, prefix, self._clock.now())


class TenantGateway:
    """The gateway as a plugin sees it: one tenant's, in the plugin's name."""
