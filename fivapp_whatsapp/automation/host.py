"""All that runs plugins in one process, put together: who calls them, who tells them of events, who asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fivapp_whatsapp.models import Session
from fivapp_whatsapp.outbox import Outbox
from fivapp_whatsapp.plugins.everywhere import HealthEverywhere
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.plugins.runner import Runner
from fivapp_whatsapp.plugins.vault import Vault
from fivapp_whatsapp.ports import Clock, Connector, Metrics, Store
from fivapp_whatsapp.ports.plugins import Limits
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.tenant import Scope, TenantGateway

from .asking import Asking
from .attempts import Activity, Attempts, Subscriber
from .chain import HOOK
from .decisions import Decisions
from .dispatcher import Dispatcher
from .failures import Failures
from .lines import reason_line
from .outgoing import Outgoing
from .rehearsal import Rehearsal
from .replies import Automation
from .timers import Timers
from .told import SOURCES, Contexts, ToldAfter, reason

if TYPE_CHECKING:
    from fivapp_whatsapp.gateway import Gateway

Work = tuple[str, Callable[[], Awaitable[None]]]


class PluginHost:
    """Runs the plugins of a gateway: `open` once the store is, its `works` as long as the gateway, then `drain`."""

    def __init__(
        self,
        gateway: Gateway,
        plugins: Plugins,
        store: Store,
        outbox: Outbox,
        settings: Settings,
        connector: Callable[[Session], Connector],
        *,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.plugins = plugins
        self.runner = Runner(plugins, clock=clock, metrics=metrics)
        self.health = HealthEverywhere(store, plugins, self.runner, clock)
        self.vault = Vault(settings)
        self.decisions = Decisions(store, plugins, self.vault)
        self._gateway = gateway
        self._store = store
        self._activity = Activity()
        self._attempts = Attempts(store, clock=clock, metrics=metrics, activity=self._activity)
        self._asking = Asking(self.runner, self.decisions, self.view)
        self._contexts = Contexts(store, clock)
        self.outgoing = Outgoing(
            store, plugins, self._asking, self.decisions, connector, clock=clock, language=settings.language
        )
        self.automation = Automation(
            store,
            self._asking,
            self.decisions,
            self.outgoing,
            outbox,
            self._attempts,
            clock=clock,
            limits=Limits(settings.bot_replies_per_minute, settings.bot_replies_per_hour),
            expiry_seconds=settings.send_expiry,
            language=settings.language,
            rehearse=self._rehearse,
        )
        self.dispatcher = Dispatcher(store, self._subscribers, self._attempts, metrics=metrics)
        owner = self.dispatcher.owner
        self.timers = Timers(store, plugins, self._asking, self.decisions, self._attempts, owner=owner, clock=clock)
        self.failures = Failures(
            store,
            self._attempts,
            self.dispatcher.subscribers,
            self.timers,
            pauses=self._asking.pauses,
            owner=owner,
            clock=clock,
            metrics=metrics,
        )

    def _subscribers(self) -> Iterator[Subscriber]:
        for name in self.plugins.names_with(*SOURCES):
            yield ToldAfter(name, self.plugins, self._asking, self.decisions, self._contexts)
        if self.plugins.hooks(HOOK):
            yield self.automation

    def view(self, tenant_id: str, plugin: str, scope: Scope | None = None) -> TenantGateway:
        """Return a tenant's gateway as a plugin sees it."""
        return TenantGateway(self._gateway, tenant_id, plugin, scope)

    def _rehearse(self, tenant_id: str, memory: Mapping[str, Any] | None) -> Rehearsal:
        return Rehearsal(self._gateway, tenant_id, memory)

    def works(self) -> list[Work]:
        """Return what is to run as long as the gateway does."""
        return [
            ("plugin watchdog", self.runner.run),
            ("plugin health", self.health.run),
            ("dispatcher news", self.dispatcher.hear),
            ("dispatcher", self.dispatcher.run),
            ("plugin failures", self.failures.run),
            ("timers", self.timers.run),
        ]

    async def open(self) -> None:
        """Open the lanes and tell the plugins that the gateway has started. Raises StoreError."""
        await self.dispatcher.open()
        await self._call_all("startup")

    async def idle(self) -> None:
        """Wait until all events and timers are handled, or wait for the clock: for tests and for those who replay."""
        while True:
            await self.timers.idle()
            await self.dispatcher.idle()
            if not await self.timers.run_due() and not self._activity.count:
                return

    async def drain(self, seconds: float) -> None:
        """Begin nothing more, wait for what runs, and tell the plugins that the gateway stops."""
        parts = (self.dispatcher, self.timers, self.failures)
        await asyncio.gather(*(part.drain(seconds) for part in parts))
        await self._call_all("shutdown")

    async def close(self) -> None:
        """End what plugins left running."""
        await self.runner.close()

    async def _call_all(self, hook: str) -> None:
        """Call a hook of all plugins that have it, side by side; what fails there is theirs."""
        hooks = self.plugins.hooks(hook)
        results = await asyncio.gather(*(self.runner.call(each, {"gateway": self._gateway}) for each in hooks))
        for each, result in zip(hooks, results, strict=True):
            if hook == "startup" and result.outcome in ("failed", "late"):
                # It is called all the same, but people are to know that it may not work.
                self.plugins.complain(each.plugin, f"startup failed: {reason_line(reason(each, result), 'en')}")
