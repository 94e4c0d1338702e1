"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

# What looks again each second needs not be woken for each of a leap: it is woken so often in all. Longer sleeps, and
# times that somebody named, are kept exactly.
_STEPS = 20
_LOOK_SECONDS = 1.0
MONDAY_MORNING = datetime(2026, 3, 2, 12, tzinfo=UTC)


class FakeClock:
    """Implements ports.Clock: it is Monday, 2 March 2026, 12:00 UTC, until `advance` or `move_to` says otherwise.

    `settle`, when it is set, is awaited after each step of the time, so that what the step set off is done before
    the next one.
    """

    def __init__(self, at: datetime = MONDAY_MORNING) -> None:
        self.settle: Callable[[], Awaitable[object]] | None = None
        self._start = at
        self._passed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._stops: list[float] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        """Return the UTC time."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._passed

    def time_ns(self) -> int:
        """Return the time in nanoseconds since 1970, as time.time_ns does."""
        return round(self.now().timestamp() * 1000) * 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait until the time was moved so far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._numbers), woken))
        if seconds > _LOOK_SECONDS:
            heapq.heappush(self._stops, self._passed + seconds)
        await woken

    def stop_at(self, at: datetime) -> None:
        """See to it that an `advance` beyond this time settles at it on its way."""
        heapq.heappush(self._stops, (at - self._start).total_seconds())

    async def advance(self, seconds: float | timedelta) -> None:
        """Let time pass: whoever sleeps is woken in turn, each at their time, and timers are handled when due."""
        left = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
        if left < 0:
            raise ValueError("Time does not go back.")
        target = self._passed + left
        await self._step(self._passed)  # what was just begun may not sleep yet
        while self._passed < target:
            await self._step(min(target, self._next_stop(), max(self._next(), self._passed + left / _STEPS)))

    async def move_to(self, at: datetime) -> None:
        """Let time pass until then, as `advance` does."""
        await self.advance(at - self.now())

    def _next(self) -> float:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else float("inf")

    def _next_stop(self) -> float:
        while self._stops and self._stops[0] <= self._passed:
            heapq.heappop(self._stops)
        return self._stops[0] if self._stops else float("inf")

    async def _step(self, to: float) -> None:
        self._passed = to
        while self._next() <= to:
            heapq.heappop(self._sleepers)[2].set_result(None)
        # What was woken, and what it wakes in turn, gets to run.
        for _ in range(10):
            await asyncio.sleep(0)
        if self.settle is not None:
            await self.settle()
