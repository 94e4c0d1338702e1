"""Lets a subscriber handle an event, again when it failed, and steps aside in the end: nothing is passed over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from fivapp_whatsapp.errors import StoreError
from fivapp_whatsapp.models import new_id
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Clock, Metrics
from fivapp_whatsapp.ports.plugins import PluginFailure, PluginStore, StoredEvent, Timer

_log = get_logger(__name__)
# Before each of the three quick tries, and from then on before each of the later ones; then it is dead.
QUICK_SECONDS = (0.0, 0.2, 1.0)
LATER_SECONDS = (5.0, 30.0, 300.0, 1800.0, 7200.0)
_PAUSE_LOOK_SECONDS = 1.0
_STORE_RETRY_SECONDS = 1.0
T = TypeVar("T")


class HookFailed(Exception):
    """A function of a plugin failed or came too late; `reason` names the error's type and where, no values."""

    def __init__(self, hook: str, reason: str) -> None:
        super().__init__(reason)
        self.hook = hook
        self.reason = reason


class HookPaused(Exception):
    """A hook of a plugin is paused: its events wait."""

    def __init__(self, hook: str) -> None:
        super().__init__(hook)
        self.hook = hook


class Subscriber(Protocol):
    """Who is told of events: a plugin, or the reply chain."""

    name: str

    @property
    def types(self) -> frozenset[str]:
        """Return the event types of interest."""
        ...

    @property
    def strict(self) -> bool:
        """Tell whether an event that fails stays in front of its conversation."""
        ...

    async def handle(self, tenant_id: str, event: StoredEvent, attempt: int) -> asyncio.Future[None] | None:
        """Handle an event; raises HookFailed, HookPaused, StoreError (tried again without counting).

        A future that is returned ends later: the next event of the conversation need not wait for it, but the
        lane's place stays before the event until then.
        """
        ...

    def paused(self, tenant_id: str) -> str | None:
        """Return why a tenant's events are to wait, or None."""
        ...


class Activity:
    """Counts what is being worked at, so that somebody can wait until all that is left waits for the clock."""

    def __init__(self) -> None:
        self._count = 0
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def count(self) -> int:
        """Return how much is being worked at."""
        return self._count

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Work inside."""
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """Wait for the clock inside, in the midst of work."""
        self._add(-1)
        try:
            yield
        finally:
            self._add(1)

    async def settled(self) -> None:
        """Wait until nothing is being worked at."""
        await self._settled.wait()

    def _add(self, number: int) -> None:
        self._count += number
        if self._count > 0:
            self._settled.clear()
        else:
            self._settled.set()


class Attempts:
    """Three quick tries, then a failure that is kept; `quick` and `later` are the seconds before each."""

    def __init__(
        self,
        store: PluginStore,
        *,
        clock: Clock,
        metrics: Metrics,
        activity: Activity,
        quick: Sequence[float] = QUICK_SECONDS,
        later: Sequence[float] = LATER_SECONDS,
    ) -> None:
        self.activity = activity
        self.later = later
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._quick = quick

    async def event(
        self, subscriber: Subscriber, tenant_id: str, event: StoredEvent, crowded: Callable[[], bool] = bool
    ) -> asyncio.Future[None] | None:
        """Have an event handled, whatever it takes; returns what the subscriber returned, None after a failure.

        One whose hook is paused waits, unless it is `crowded` behind it: then it steps aside for the other hooks.
        """

        async def handle(attempt: int) -> asyncio.Future[None] | None:
            return await subscriber.handle(tenant_id, event, attempt)

        def failure(reason: str, hook: str, attempts: int) -> PluginFailure:
            return self._failure(
                tenant_id, subscriber.name, hook, reason, attempts, conversation_id=event.conversation_id, event=event
            )

        def paused() -> str | None:
            return subscriber.paused(tenant_id)

        return await self._tries(subscriber.name, handle, paused, failure, crowded, strict=lambda: subscriber.strict)

    async def timer(self, timer: Timer, handle: Callable[[int], Awaitable[None]]) -> None:
        """Have a timer handled, or kept as a failure. Raises HookPaused: it is due later, in nobody's way."""

        def failure(reason: str, hook: str, attempts: int) -> PluginFailure:
            where = timer.conversation_id
            return self._failure(
                timer.tenant_id, timer.plugin, hook, reason, attempts, conversation_id=where, timer=timer
            )

        await self._tries(timer.plugin, handle, None, failure, bool, strict=lambda: False)

    async def _tries(
        self,
        plugin: str,
        handle: Callable[[int], Awaitable[T]],
        paused: Callable[[], Any] | None,
        failure: Callable[[str, str, int], PluginFailure],
        crowded: Callable[[], bool],
        *,
        strict: Callable[[], bool],
    ) -> T | None:
        attempt = 1
        while True:
            if paused is not None and paused():
                await self.until(lambda: not paused())
            try:
                done = await handle(attempt)
            except HookPaused as exc:
                if paused is None:
                    raise
                if crowded() and not strict():
                    await self._step_aside(failure("it is paused", exc.hook, len(self._quick)))
                    return None
                await self.rest(_PAUSE_LOOK_SECONDS)
                continue
            except StoreError as exc:
                _log.warning("event_waits_for_store", plugin=plugin, error=exc.code)
                await asyncio.sleep(_STORE_RETRY_SECONDS)
                continue
            except HookFailed as exc:
                hook, reason = exc.hook, exc.reason
            except Exception as exc:
                # A defect of ours: it must not hold up what comes behind.
                _log.exception("event_defect", plugin=plugin)
                hook, reason = "", type(exc).__name__
            else:
                self._metrics.count("plugin_events_total", plugin=plugin, outcome="handled")
                return done
            if attempt >= len(self._quick) and not strict():
                await self._step_aside(failure(reason, hook, attempt))
                return None
            self._metrics.count("plugin_events_total", plugin=plugin, outcome="retried")
            waits = (*self._quick, *self.later)
            await self.rest(waits[min(attempt, len(waits) - 1)])
            attempt += 1

    async def _step_aside(self, failure: PluginFailure) -> None:
        """Keep a failure, however long the database takes: only then may the place move on."""
        while True:
            try:
                await self._store.add_failure(failure)
            except StoreError as exc:
                _log.warning("failure_not_stored", plugin=failure.plugin, error=exc.code)
                await asyncio.sleep(_STORE_RETRY_SECONDS)
            except Exception:
                # A defect of ours: its conversation stands still, and the log says so, but nothing is lost.
                _log.exception("failure_not_stored", plugin=failure.plugin)
                await asyncio.sleep(_STORE_RETRY_SECONDS)
            else:
                break
        self._metrics.count("plugin_events_total", plugin=failure.plugin, outcome="failed")
        _log.warning(
            "event_stepped_aside",
            plugin=failure.plugin,
            hook=failure.hook,
            tenant_id=failure.tenant_id,
            attempts=failure.attempts,
        )

    async def keep(self, plugin: str, tenant_id: str, event: StoredEvent, hook: str, reason: str) -> None:
        """Keep an event that could not be handled as a failure."""
        facts = {"conversation_id": event.conversation_id, "event": event}
        await self._step_aside(self._failure(tenant_id, plugin, hook, reason, len(self._quick), **facts))

    def next_try(self, attempts: int) -> datetime | None:
        """Return when something that failed so often is tried again; None when it is dead."""
        number = attempts - len(self._quick)
        return self._clock.now() + timedelta(seconds=self.later[number]) if number < len(self.later) else None

    async def rest(self, seconds: float) -> None:
        """Wait by the clock, as one who does not work."""
        with self.activity.resting():
            await self._clock.sleep(seconds)

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait, as one who does not work."""
        while not ready():
            await self.rest(_PAUSE_LOOK_SECONDS)

    def _failure(
        self, tenant_id: str, plugin: str, hook: str, reason: str, attempts: int, **what: Any
    ) -> PluginFailure:
        return msgspec.structs.replace(
            PluginFailure(
                id=new_id(),
                tenant_id=tenant_id,
                plugin=plugin,
                hook=hook,
                state="retrying",
                attempts=attempts,
                error=reason,
                at=self._clock.now(),
                next_at=self.next_try(attempts),
            ),
            **what,
        )
