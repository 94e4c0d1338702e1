"""So many calls at once, let in tenant by tenant: neither a flood of one nor what hangs in its calls is the others'."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator


class Slots:
    """Slots for `size` calls, at most `of_tenant` of one tenant.

    Those that wait are let in one of each tenant in turn, each tenant's in their order.
    """

    def __init__(self, size: int, *, of_tenant: int) -> None:
        self._free = size
        self._of_tenant = of_tenant
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def held(self, tenant_id: str) -> AsyncIterator[None]:
        """Wait for a slot and hold it inside."""
        await self._take(tenant_id)
        try:
            yield
        finally:
            self._give(tenant_id)

    async def _take(self, tenant_id: str) -> None:
        if self._free > 0 and self._held[tenant_id] < self._of_tenant:
            self._free -= 1
            self._held[tenant_id] += 1
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant_id, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.cancelled():
                self._leave(tenant_id, mine)
            else:  # it was let in at the same moment
                self._give(tenant_id)
            raise

    def _give(self, giver: str) -> None:
        """Let the next one in: the slot goes from hand to hand, so that nobody who comes just now is before them."""
        self._held[giver] -= 1
        if not self._held[giver]:
            del self._held[giver]
        for tenant_id in list(self._waiting):
            if self._held[tenant_id] < self._of_tenant and self._let_in(tenant_id):
                return
        self._free += 1

    def _let_in(self, tenant_id: str) -> bool:
        """Let a tenant's first one in, the tenant being the last in turn then; False when all have gone away."""
        waiting = self._waiting.pop(tenant_id)
        while waiting:
            mine = waiting.popleft()
            if not mine.done():
                if waiting:
                    self._waiting[tenant_id] = waiting
                self._held[tenant_id] += 1
                mine.set_result(None)
                return True
        return False

    def _leave(self, tenant_id: str, mine: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(tenant_id)
        if waiting is not None and mine in waiting:
            waiting.remove(mine)
            if not waiting:
                del self._waiting[tenant_id]
