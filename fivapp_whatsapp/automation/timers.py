"""Durable timers of plugins: each that is due calls the plugin's `timer` hook, once across processes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from fivapp_whatsapp.errors import StoreError
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.plugins.runner import EVERY, EVERYBODY
from fivapp_whatsapp.ports import Clock, Store
from fivapp_whatsapp.ports.plugins import Timer
from fivapp_whatsapp.tenant import Scope

from .asking import Asking, Context
from .attempts import Attempts, HookPaused
from .decisions import Decisions
from .due import LEASE_SECONDS, Due
from .told import check

_log = get_logger(__name__)
_HOOK = "timer"
_LOOK_SECONDS = 1.0
_PAUSED_SECONDS = 5.0


class Timers:
    """Runs the timers of the plugins that this process has; `owner` is its name for leases."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        asking: Asking,
        decisions: Decisions,
        attempts: Attempts,
        *,
        owner: str,
        clock: Clock,
    ) -> None:
        self._plugins = plugins
        self._store = store
        self._asking = asking
        self._decisions = decisions
        self._attempts = attempts
        self._owner = owner
        self._clock = clock
        self._next: datetime | None = None
        self._wake = asyncio.Event()
        self._due: Due[Timer] = Due(
            self._claim, self._hold, self._run, activity=attempts.activity, clock=clock, on_room=self._wake.set
        )

    @property
    def plugins(self) -> tuple[str, ...]:
        """Return the names of the plugins that have timers."""
        return self._plugins.names_with(_HOOK)

    async def set(self, timer: Timer) -> None:
        """Set a timer. Raises StoreError."""
        await self._store.set_timer(timer)
        if self._next is None or timer.due_at < self._next:
            self._next = timer.due_at
            self._wake.set()

    async def run(self) -> None:
        """Run timers as they become due; runs until cancelled."""
        while True:
            try:
                await self.run_due()
            except StoreError as exc:
                _log.warning("timers_wait", error=exc.code)
            await self._wait()

    async def run_due(self) -> int:
        """Begin the timers that are due, and return how many. Raises StoreError."""
        self._next = None
        await self._due.renew()
        return await self._due.begin([name for name in self.plugins if not self._paused_for_all(name)])

    async def _claim(self, plugins: Sequence[str], limit: int) -> list[Timer]:
        waiting = [place[:2] for place in self._asking.pauses() if place.hook in (_HOOK, EVERY)]
        now = self._clock.now()
        return await self._store.claim_timers(self._owner, plugins, now, limit, LEASE_SECONDS, paused=waiting)

    async def _hold(self, timers: Sequence[Timer]) -> None:
        await self._store.hold_timers(timers, self._owner, self._clock.now(), LEASE_SECONDS)

    async def idle(self) -> None:
        """Wait until every timer that is due was handled, or waits for its next try."""
        await self.run_due()
        await self._attempts.activity.settled()

    async def drain(self, seconds: float) -> None:
        """Begin no more timers, and wait for those that run, at most so long; the rest is for another process."""
        await self._due.drain(seconds)

    def _paused_for_all(self, plugin: str) -> bool:
        return self._asking.paused(plugin, _HOOK, EVERYBODY) is not None

    async def handle(self, timer: Timer, attempt: int) -> None:
        """Call the hook of a timer; nothing when the plugin is off. Raises HookFailed, HookPaused, StoreError."""
        if not (await self._decisions.plugin(timer.tenant_id, timer.plugin)).on:
            return
        context = Context(
            self._store,
            self._clock,
            timer.tenant_id,
            conversation_id=timer.conversation_id,
            key=timer.key,
            data=timer.data,
            message=None,
        )
        for number, hook in enumerate(self._plugins.get(timer.plugin).hooks.get(_HOOK, ())):
            key = f"{timer.id}:{_HOOK}" if number == 0 else f"{timer.id}:{_HOOK}.{number}"
            scope = Scope(key=key, hook=_HOOK, conversation_id=timer.conversation_id, automatic=True)
            check(hook, await self._asking.call(hook, context, scope, attempt=attempt))

    async def _run(self, timer: Timer) -> None:
        async def handle(attempt: int) -> None:
            await self.handle(timer, attempt)

        due_at = None
        try:
            await self._attempts.timer(timer, handle)
        except HookPaused:
            # Its place is for its other timers meanwhile, and for a process where its plugin does well.
            due_at = self._clock.now() + timedelta(seconds=_PAUSED_SECONDS)
        await self._end(timer, due_at)

    async def _end(self, timer: Timer, due_at: datetime | None) -> None:
        try:
            await self._store.end_timer(timer, self._owner, due_at=due_at)
        except StoreError as exc:
            # Its lease runs out, and it runs again: what it sends is keyed.
            _log.warning("timer_not_ended", plugin=timer.plugin, error=exc.code)

    async def _wait(self) -> None:
        """Wait for the next timer that is known here, at most as long as a lost wake-up may take."""
        left = _LOOK_SECONDS
        if self._next is not None:
            left = min(left, max(0.0, (self._next - self._clock.now()) / timedelta(seconds=1)))
        waits: Sequence[asyncio.Task[object]] = (
            asyncio.create_task(self._clock.sleep(left)),
            asyncio.create_task(self._wake.wait()),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        self._wake.clear()
