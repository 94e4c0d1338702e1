"""So many calls at once, let in tenant by tenant: a flood of one keeps the others waiting for one call each."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator


class Slots:
    """Slots for `size` calls; those that wait are let in one of each tenant in turn, each tenant's in their order."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def held(self, tenant_id: str) -> AsyncIterator[None]:
        """Wait for a slot and hold it inside."""
        await self._take(tenant_id)
        try:
            yield
        finally:
            self._give()

    async def _take(self, tenant_id: str) -> None:
        if self._free > 0:
            self._free -= 1
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant_id, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.cancelled():
                self._leave(tenant_id, mine)
            else:  # it was let in at the same moment
                self._give()
            raise

    def _give(self) -> None:
        """Let the next one in: the slot goes from hand to hand, so that nobody who comes just now is before them."""
        while self._waiting:
            tenant_id, waiting = self._waiting.popitem(last=False)
            mine = waiting.popleft()
            if waiting:
                self._waiting[tenant_id] = waiting
            if not mine.done():
                mine.set_result(None)
                return
        self._free += 1

    def _leave(self, tenant_id: str, mine: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(tenant_id)
        if waiting is not None and mine in waiting:
            waiting.remove(mine)
            if not waiting:
                del self._waiting[tenant_id]
