"""A clock that a test moves, for the gateway and for the rows of its store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest


class MovingClock:
    """Implements ports.Clock: it stands still but for `move`; who sleeps is woken when their time has come."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC).replace(microsecond=0)
        self._seconds = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._seconds + seconds, woken))
        await woken

    async def move(self, seconds: float, settle: Callable[[], Awaitable[None]] | None = None) -> None:
        """Let time pass, in steps from one sleeper to the next, in twenty steps at most; `settle` runs after each."""
        end = self._seconds + seconds
        while self._seconds < end:
            await self._turns()
            if settle is not None:
                await settle()
            due = min((at for at, woken in self._sleepers if not woken.done()), default=end)
            self._seconds = min(end, max(due, self._seconds + seconds / 20))
            for at, woken in self._sleepers:
                if at <= self._seconds and not woken.done():
                    woken.set_result(None)
            self._sleepers = [(at, woken) for at, woken in self._sleepers if not woken.done()]
        await self._turns()

    async def _turns(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let rows be stored by this clock too."""
        monkeypatch.setattr("fivapp_whatsapp.models._time_ns", lambda: round(self.now().timestamp() * 1000) * 1_000_000)
