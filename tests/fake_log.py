"""An event log in memory, and a feed over it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

from fivapp_whatsapp.errors import StoreUnavailable
from fivapp_whatsapp.feed import Feed
from fivapp_whatsapp.models import Event
from fivapp_whatsapp.ports import EventPage, LogState, Store

AT = datetime(2026, 1, 1, tzinfo=UTC)


class FakeLog:
    """The four things that a feed uses of a store, each of which may take its time or fail."""

    def __init__(self, *, epoch: str = "e1", chance: random.Random | None = None, pauses: int = 1) -> None:
        self.epoch = epoch
        self.logs: dict[str, list[Event]] = {}
        self.dropped = 0
        self.failing = False
        self.reads = 0
        self.states = 0
        self.chance = chance
        self.pauses = pauses
        self.changed = asyncio.Event()
        self._changes: list[tuple[str, int]] = []

    def commit(self, tenant: str = "acme", count: int = 1, data: Any = None) -> int:
        log = self.logs.setdefault(tenant, [])
        for _ in range(count):
            log.append(Event(seq=len(log) + 1, type="message.created", at=AT, data=data or {"n": len(log) + 1}))
            self._changes.append((tenant, len(log)))
        self.changed.set()
        return len(log)

    async def changes(self) -> AsyncIterator[tuple[str, int]]:
        while True:
            await self.changed.wait()
            self.changed.clear()
            while self._changes:
                yield self._changes.pop(0)

    async def log_state(self, tenant: str) -> LogState:
        self.states += 1
        await self._pause()
        state = LogState(self.epoch, len(self.logs.get(tenant, [])), self.dropped + 1)
        await self._pause()
        return state

    async def events(self, tenant: str, after: int, limit: int) -> EventPage:
        self.reads += 1
        await self._pause()
        log = self.logs.get(tenant, [])
        page = EventPage(log[max(after, self.dropped) :][:limit], len(log))
        await self._pause()
        return page

    async def _pause(self) -> None:
        for _ in range(self.chance.randint(0, 4) if self.chance else self.pauses):
            await asyncio.sleep(0)
        if self.failing:
            raise StoreUnavailable


class Running:
    """A feed over a fake log, with its `run` task."""

    def __init__(self, log: FakeLog, **options: Any) -> None:
        self.log = log
        self.feed = Feed(cast(Store, log), **options)

    async def __aenter__(self) -> Running:
        self._task = asyncio.create_task(self.feed.run())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self.feed.close()

    async def restart(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = asyncio.create_task(self.feed.run())
