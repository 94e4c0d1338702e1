"""Work that processes share by leases: begun when it is due, a share for each plugin, held on to while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, Protocol, TypeVar

from fivapp_whatsapp.ports import Clock

from .attempts import Activity

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0
# So much of one plugin is worked at once in a process: what hangs there takes nobody else's place.
SHARE = 20


class Work(Protocol):
    """A timer or a failure."""

    @property
    def id(self) -> str:
        """Return its id."""
        ...

    @property
    def plugin(self) -> str:
        """Return whose it is."""
        ...


W = TypeVar("W", bound=Work)


class Due(Generic[W]):
    """What one process works at, by id.

    `claim` takes what is due of some plugins, so much at most; `hold` renews leases; `work` raises nothing. `on_room`
    hears when a plugin that had its share can have more.
    """

    def __init__(
        self,
        claim: Callable[[Sequence[str], int], Awaitable[list[W]]],
        hold: Callable[[Sequence[W]], Awaitable[None]],
        work: Callable[[W], Coroutine[Any, Any, None]],
        *,
        activity: Activity,
        clock: Clock,
        on_room: Callable[[], None],
    ) -> None:
        self._claim = claim
        self._hold = hold
        self._work = work
        self._activity = activity
        self._clock = clock
        self._on_room = on_room
        self._items: dict[str, W] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._of: Counter[str] = Counter()
        self._held_at = clock.monotonic()
        self._draining = False

    async def begin(self, plugins: Sequence[str]) -> int:
        """Begin what is due of these plugins, and return how much. Raises StoreError."""
        begun = 0
        while not self._draining:
            # Among many that are quickly done this goes on for long.
            await self.renew()
            free = [name for name in plugins if self._of[name] < SHARE]
            if not free:
                break
            # No plugin can get beyond its share, whosever work it is that comes.
            room = min(SHARE - self._of[name] for name in free)
            if not self._items:
                # Leases are reckoned from before the claim, however long it takes.
                self._held_at = self._clock.monotonic()
            due = await self._claim(free, room)
            for each in due:
                self._start(each)
            begun += len(due)
            if len(due) < room:
                break
        return begun

    async def renew(self) -> None:
        """Hold on to what runs for long: nobody else is to begin it. Raises StoreError."""
        if self._items and self._clock.monotonic() - self._held_at >= RENEW_SECONDS:
            self._held_at = self._clock.monotonic()
            await self._hold(list(self._items.values()))

    async def drain(self, seconds: float) -> None:
        """Begin nothing more, and wait for what runs, at most so long; the rest is for another process."""
        self._draining = True
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, item: W) -> None:
        if item.id in self._tasks:
            return  # its lease ran out while the database was away
        self._items[item.id] = item
        self._of[item.plugin] += 1
        busy = contextlib.ExitStack()
        busy.enter_context(self._activity.busy())
        task = self._tasks[item.id] = asyncio.create_task(self._work(item), name=f"due {item.plugin}")

        def ended(_: object) -> None:
            busy.close()
            self._ended(item)

        task.add_done_callback(ended)

    def _ended(self, item: W) -> None:
        del self._tasks[item.id], self._items[item.id]
        self._of[item.plugin] -= 1
        if self._of[item.plugin] == SHARE - 1:
            self._on_room()
