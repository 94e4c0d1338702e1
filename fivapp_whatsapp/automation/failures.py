"""Tries what stepped aside again: in its own time, out of order, until it is dead and waits for a person."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from fivapp_whatsapp.errors import StoreError
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.plugins.runner import EVERY, EVERYBODY, Place
from fivapp_whatsapp.ports import Clock, Metrics
from fivapp_whatsapp.ports.plugins import PluginFailure, PluginStore, Timer

from .attempts import Attempts, HookFailed, HookPaused, Subscriber
from .due import LEASE_SECONDS, Due

_log = get_logger(__name__)
_LOOK_SECONDS = 1.0
_PAUSED_SECONDS = 5.0


class TimerHandler(Protocol):
    """Calls the hook of a timer."""

    @property
    def plugins(self) -> tuple[str, ...]:
        """Return the names of the plugins that have timers."""
        ...

    async def handle(self, timer: Timer, attempt: int) -> None:
        """Handle a timer. Raises HookFailed, HookPaused, StoreError."""
        ...


class Failures:
    """Tries the failures of this process's subscribers and timers again, `owner` being its name for leases.

    `pauses` lists what is paused now, as the runner does.
    """

    def __init__(
        self,
        store: PluginStore,
        attempts: Attempts,
        subscribers: Mapping[str, Subscriber],
        timers: TimerHandler,
        *,
        pauses: Callable[[], list[Place]],
        owner: str,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._subscribers = subscribers
        self._timers = timers
        self._owner = owner
        self._clock = clock
        self._metrics = metrics
        self._pauses = pauses
        self._wake = asyncio.Event()
        self._due: Due[PluginFailure] = Due(
            self._claim, self._hold, self._again, activity=attempts.activity, clock=clock, on_room=self._wake.set
        )

    async def run(self) -> None:
        """Try again what is due; runs until cancelled."""
        while True:
            try:
                await self.try_due()
            except StoreError as exc:
                _log.warning("failures_wait", error=exc.code)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()

    async def try_due(self) -> int:
        """Begin to try again what is due, and return how much that is. Raises StoreError."""
        await self._due.renew()
        paused = {place.plugin for place in self._pauses() if place[::2] == (EVERYBODY, EVERY)}
        return await self._due.begin(sorted({*self._subscribers, *self._timers.plugins} - paused))

    async def drain(self, seconds: float) -> None:
        """Begin no more, and wait for what is being tried, at most so long."""
        await self._due.drain(seconds)

    async def _claim(self, plugins: Sequence[str], limit: int) -> list[PluginFailure]:
        return await self._store.claim_failures(self._owner, plugins, limit, LEASE_SECONDS, paused=self._pauses())

    async def _hold(self, failures: Sequence[PluginFailure]) -> None:
        await self._store.hold_failures([each.id for each in failures], self._owner, LEASE_SECONDS)

    async def _again(self, failure: PluginFailure) -> None:
        try:
            await self._handle(failure)
        except HookPaused:
            await self._end(failure, "paused", self._clock.now() + timedelta(seconds=_PAUSED_SECONDS), failure.error)
        except HookFailed as exc:
            next_at = self._attempts.next_try(failure.attempts)
            await self._end(failure, "failed" if next_at is None else "retried", next_at, exc.reason)
        except StoreError as exc:
            # Its lease runs out, and it is tried again then.
            _log.warning("failure_waits_for_store", plugin=failure.plugin, error=exc.code)
        except Exception as exc:
            _log.exception("event_defect", plugin=failure.plugin)
            await self._end(failure, "failed", self._attempts.next_try(failure.attempts), type(exc).__name__)
        else:
            await self._end(failure, "handled", None, None)

    async def _handle(self, failure: PluginFailure) -> None:
        if failure.timer is not None:
            await self._timers.handle(failure.timer, failure.attempts)
        elif failure.event is not None and (subscriber := self._subscribers.get(failure.plugin)) is not None:
            rest = await subscriber.handle(failure.tenant_id, failure.event, failure.attempts)
            if rest is not None:
                await self._rest(rest)

    async def _rest(self, rest: asyncio.Future[None]) -> None:
        """Wait for a bot that waits. Raises HookPaused when that was broken off with the lane of a newer message."""
        try:
            await rest
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not rest.cancelled() or (task is not None and task.cancelling()):
                raise
            raise HookPaused("") from None

    async def _end(self, failure: PluginFailure, outcome: str, next_at: datetime | None, error: str | None) -> None:
        try:
            # A pause must not use the tries up: what waited for its end was not tried.
            tried = outcome != "paused"
            await self._store.end_failure(failure.id, self._owner, next_at=next_at, error=error, tried=tried)
        except StoreError as exc:
            _log.warning("failure_not_stored", plugin=failure.plugin, error=exc.code)
            return
        if outcome != "paused":
            self._metrics.count("plugin_events_total", plugin=failure.plugin, outcome=outcome)
        if error is not None and next_at is None:
            _log.error("event_is_dead", plugin=failure.plugin, hook=failure.hook, tenant_id=failure.tenant_id)
