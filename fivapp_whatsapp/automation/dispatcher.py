"""Tells subscribers of stored events: at least once, in order per conversation, after the commit.

A subscriber's place in a tenant's log is a lane, held by one process under a lease. Nothing is written for an event
but the place, about each second, and failures: a crash repeats what came after the saved place, and loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from fivapp_whatsapp.errors import StoreError
from fivapp_whatsapp.models import new_id
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Metrics, Store
from fivapp_whatsapp.ports.plugins import Lane

from .attempts import Attempts, Subscriber
from .lane import Way

_log = get_logger(__name__)
_LEASE_SECONDS = 15.0
_LOOK_SECONDS = 1.0
_IDLE_SECONDS = 30.0
_PAGE = 200
_LANES = 2_000
_CLAIMED = 100
_READS_AT_ONCE = 8
_Key = tuple[str, str]


class Dispatcher:
    """Holds lanes for the subscribers of this process; several processes share the work by leases in the store.

    `find` tells the subscribers: a plugin's file that is loaded again may hear of events for the first time.
    `lease_seconds` is how long the lanes of a process that died stay untouched, `look_seconds` how long a lost
    wake-up may go unnoticed, `idle_seconds` how long a lane without news is kept. Times here are the machine's.
    """

    def __init__(
        self,
        store: Store,
        find: Callable[[], Iterable[Subscriber]],
        attempts: Attempts,
        *,
        metrics: Metrics,
        lease_seconds: float = _LEASE_SECONDS,
        look_seconds: float = _LOOK_SECONDS,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self.owner = new_id()
        self.subscribers: dict[str, Subscriber] = {each.name: each for each in find()}
        self._find = find
        self._store = store
        self._attempts = attempts
        self._metrics = metrics
        self._lease_seconds = lease_seconds
        self._look_seconds = look_seconds
        self._idle_seconds = idle_seconds
        self._ways: dict[_Key, Way] = {}
        self._heads: dict[str, int] = {}
        self._asked: dict[str, float] = {}
        self._moved: dict[_Key, float] = {}
        self._saved_at = self._held_at = self._claim_at = 0.0
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._draining = False

    # --- running -------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the lanes that are missing, at the heads of their logs: once, before `run`. Raises StoreError."""
        if self.subscribers:
            await self._store.open_lanes(tuple(self.subscribers))

    async def hear(self) -> None:
        """Hear of news in the logs; runs until cancelled."""
        async for tenant_id, head in self._store.changes():
            self._heads[tenant_id] = max(head, self._heads.get(tenant_id, 0))
            if self._concerns(tenant_id):
                self._news.set()

    async def run(self) -> None:
        """Take lanes, read events and hand them out; runs until cancelled."""
        while True:
            try:
                await self.step()
            except StoreError as exc:
                _log.warning("dispatcher_waits", error=exc.code)
                await asyncio.sleep(self._look_seconds)
            await self._wait(self._look_seconds)

    async def step(self) -> None:
        """Do what is due: take lanes, read what they have not, save their places. Raises StoreError."""
        async with self._turn:
            # Also by one that hands out no more: else its loop would go round without ever waiting.
            self._news.clear()
            if self._draining:
                return
            if time.monotonic() >= self._claim_at:
                await self._claim()
            await self._read()
            if time.monotonic() >= self._saved_at + self._look_seconds:
                await self._keep()

    async def drain(self, seconds: float) -> None:
        """Hand out no more, wait for what is being handled, at most so long, and give the lanes up."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async with self._turn:  # what is just being read is not handed out any more
                    for way in self._ways.values():
                        way.stop()
                await self._attempts.activity.settled()
        await asyncio.gather(*(way.leave() for way in self._ways.values()))
        with contextlib.suppress(StoreError):
            await self._give_up(list(self._ways))

    async def idle(self) -> None:
        """Wait until everything in the logs has been handled by this process, or waits for the clock.

        What waits: a bot for its contact's silence, an event for its next try, a paused plugin's events.
        """
        while self.subscribers:
            heads = await self._log_heads()
            self._claim_at = 0.0
            self._heads.update(heads)
            await self.step()
            await self._attempts.activity.settled()
            behind = [way for way in self._ways.values() if way.read < heads.get(way.tenant_id, 0) and way.ready]
            done = not behind and self._claim_at > 0 and self._attempts.activity.count == 0
            if done and heads == await self._log_heads():
                return

    async def _log_heads(self) -> dict[str, int]:
        return {tenant.id: (await self._store.log_state(tenant.id)).head for tenant in await self._store.tenants()}

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    # --- lanes ---------------------------------------------------------------------------------

    def _concerns(self, tenant_id: str) -> bool:
        """Tell whether news of a tenant is to be acted upon at once, and see to it that its lanes are asked for."""
        held = sum((tenant_id, name) in self._ways for name in self.subscribers)
        if held < len(self.subscribers) and time.monotonic() >= self._asked.get(tenant_id, 0.0) + self._look_seconds:
            # Another process may hold what is missing: it is asked for once, then again each second like all lanes.
            self._asked[tenant_id] = time.monotonic()
            self._claim_at = 0.0
            return True
        return held > 0

    async def _welcome(self) -> None:
        """Let new subscribers hear of what comes from now on."""
        new = {each.name: each for each in self._find() if each.name not in self.subscribers}
        if new:
            await self._store.open_lanes(tuple(new))
            self.subscribers.update(new)

    async def _claim(self) -> None:
        self._claim_at = time.monotonic() + self._look_seconds
        await self._welcome()
        await self._make_room()
        held = Counter(name for _, name in self._ways)
        room = {name: self._share - held[name] for name in self.subscribers if held[name] < self._share}
        if not room:
            return
        # No subscriber can get beyond its share, whosever lanes they are that come.
        limit = min(_CLAIMED, *room.values())
        lanes = await self._store.claim_lanes(self.owner, tuple(room), self._lease_seconds, limit=limit)
        # Lanes of one's own come again as well, after the others.
        new = [lane for lane in lanes if (lane.tenant_id, lane.plugin) not in self._ways]
        for lane in new:
            key = (lane.tenant_id, lane.plugin)
            self._ways[key] = Way(lane, self.subscribers[lane.plugin], self._attempts, self._news.set)
            self._moved[key] = time.monotonic()
        if len(new) == limit:
            self._claim_at = 0.0
            self._news.set()

    async def _make_room(self) -> None:
        """Give up idle lanes of a subscriber that has its share, the longest idle first: others may have waited."""
        held = Counter(name for _, name in self._ways)
        full = {name for name, count in held.items() if count >= self._share}
        heads = self._heads
        ready = [
            key
            for key, way in self._ways.items()
            if key[1] in full and not way.open and way.read >= heads.get(key[0], way.read + 1)
        ]
        await self._give_up(sorted(ready, key=lambda key: self._moved[key])[:_CLAIMED])

    @property
    def _share(self) -> int:
        """Return how many lanes one subscriber may have: one that hangs in all of its own leaves the others theirs."""
        return max(1, _LANES // len(self.subscribers))

    async def _keep(self) -> None:
        """Save the places that moved, hold on to the rest in time, and let go of lanes without news."""
        now = time.monotonic()
        self._saved_at = now
        renew = now >= self._held_at + self._lease_seconds / 3
        idle, kept = [], []
        for key, way in self._ways.items():
            if way.seq != way.saved or way.open:
                self._moved[key] = now
            if now >= self._moved[key] + self._idle_seconds:
                idle.append(key)
            elif renew or way.seq != way.saved:
                kept.append(key)
        if renew:
            self._held_at = now
        if kept:
            await self._hold(kept)
        if idle:
            await self._give_up(idle)
        self._tell_lag()

    async def _hold(self, keys: Sequence[_Key]) -> None:
        lanes = [self._lane(key) for key in keys]
        held = {(lane.tenant_id, lane.plugin) for lane in await self._keep_lanes(lanes, self._lease_seconds)}
        for lane in lanes:
            key = (lane.tenant_id, lane.plugin)
            if key in held:
                self._ways[key].saved = lane.seq
            else:
                _log.warning("lane_lost", plugin=lane.plugin, tenant_id=lane.tenant_id)
                self._moved.pop(key, None)
                await self._ways.pop(key).leave()

    async def _give_up(self, keys: Sequence[_Key]) -> None:
        lanes = [self._lane(key) for key in keys]
        for key in keys:
            self._ways.pop(key, None)
            self._moved.pop(key, None)
        if lanes:
            await self._keep_lanes(lanes, 0)

    async def _keep_lanes(self, lanes: Sequence[Lane], lease_seconds: float) -> list[Lane]:
        return await self._store.keep_lanes(self.owner, lanes, lease_seconds)

    def _lane(self, key: _Key) -> Lane:
        return Lane(key[0], key[1], self._ways[key].seq)

    def _tell_lag(self) -> None:
        lag = dict.fromkeys(self.subscribers, 0)
        for way in self._ways.values():
            lag[way.subscriber.name] += max(0, self._heads.get(way.tenant_id, 0) - way.seq)
        for name, events in lag.items():
            self._metrics.gauge("plugin_lag", events, plugin=name)

    # --- reading -------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Read for all lanes that are behind, tenant by tenant, some tenants at once."""
        behind: dict[str, list[Way]] = {}
        for way in self._ways.values():
            if way.read < self._heads.get(way.tenant_id, way.read + 1) and way.ready:
                behind.setdefault(way.tenant_id, []).append(way)
        slots = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(tenant_id: str, ways: list[Way]) -> None:
            async with slots:
                await self._read_tenant(tenant_id, ways)

        await asyncio.gather(*(read(tenant_id, ways) for tenant_id, ways in behind.items()))

    async def _read_tenant(self, tenant_id: str, ways: list[Way]) -> None:
        """Bring lanes of one tenant to its head; those that stand at the same place share a read."""
        while ways:
            after = min(way.read for way in ways)
            together = [way for way in ways if way.read == after]
            # What was told as committed before the read is in it: beyond a short page there is nothing up to there.
            head = self._heads.get(tenant_id, 0)
            limit = min(_PAGE, *(way.room for way in together))
            types = frozenset[str]().union(*(way.subscriber.types for way in together))
            events = await self._store.stored_events(tenant_id, after, limit, types)
            upto = events[-1].seq if events else after
            full = len(events) == limit
            for way in together:
                way.take(events, upto if full else max(upto, head))
            if not full:
                # Not the head of before: what was told meanwhile may not have been in the read.
                self._heads[tenant_id] = max(upto, self._heads.get(tenant_id, 0))
            ways = [way for way in ways if way.room > 0 and (full or way not in together)]
