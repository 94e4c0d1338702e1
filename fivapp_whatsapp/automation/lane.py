"""One subscriber's way through one tenant's log: in order for each conversation, in parallel across them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from fivapp_whatsapp.ports.plugins import Lane, StoredEvent

from .attempts import Attempts, Subscriber

# So many events of a lane may be open at once: read, and not done.
OPEN_EVENTS = 1_000


class Way:
    """A lane that this process holds. `on_room` hears when a lane that was full can take more.

    Its place is the last event up to which all are done; events behind it may be done as well, and are handled
    again when the process dies before the place is saved.
    """

    def __init__(self, lane: Lane, subscriber: Subscriber, attempts: Attempts, on_room: Callable[[], None]) -> None:
        self.tenant_id = lane.tenant_id
        self.subscriber = subscriber
        self.read = self.saved = lane.seq
        self._attempts = attempts
        self._on_room = on_room
        self._full = self._stopping = False
        # Seqs in the order of the log: the first is what holds the place.
        self._open: dict[int, None] = {}
        self._queues: dict[str, deque[StoredEvent]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._rests: set[asyncio.Future[None]] = set()

    @property
    def seq(self) -> int:
        """Return the place: all up to it is done."""
        return next(iter(self._open)) - 1 if self._open else self.read

    @property
    def room(self) -> int:
        """Return how many more events may be opened."""
        return OPEN_EVENTS - len(self._open)

    @property
    def ready(self) -> bool:
        """Tell whether more events may be opened; those of a paused subscriber wait in the log, not in memory."""
        return self.room > 0 and not self.subscriber.paused(self.tenant_id)

    @property
    def open(self) -> int:
        """Return how many events are read and not done."""
        return len(self._open)

    def take(self, events: Iterable[StoredEvent], upto: int) -> None:
        """Take events that follow what was read, and know the log as read up to a seq."""
        types = self.subscriber.types
        for event in events:
            if event.type in types:
                self._add(event)
        self.read = max(self.read, upto)
        self._full |= self.room <= 0

    def _add(self, event: StoredEvent) -> None:
        key = event.conversation_id or event.session_id or ""
        self._open[event.seq] = None
        queue = self._queues.get(key)
        if queue is not None:
            queue.append(event)
            return
        queue = self._queues[key] = deque((event,))
        task = asyncio.create_task(self._work(key, queue), name=f"lane {self.subscriber.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, key: str, queue: deque[StoredEvent]) -> None:
        """Handle the events of one conversation, one after the other."""
        with self._attempts.activity.busy():
            while queue and not self._stopping:
                event = queue[0]
                rest = await self._attempts.event(self.subscriber, self.tenant_id, event, self._crowded)
                queue.popleft()
                if rest is None or rest.done():
                    self._done(event)
                else:
                    self._await(rest, event)
            if not queue:
                del self._queues[key]

    def _await(self, rest: asyncio.Future[None], event: StoredEvent) -> None:
        self._rests.add(rest)

        def ended(future: asyncio.Future[None]) -> None:
            self._rests.discard(future)
            if not future.cancelled():
                self._done(event)

        rest.add_done_callback(ended)

    def _done(self, event: StoredEvent) -> None:
        self._open.pop(event.seq, None)
        if self._full and self.room >= OPEN_EVENTS // 2:
            self._full = False
            self._on_room()

    def _crowded(self) -> bool:
        return self.room <= 0

    def stop(self) -> None:
        """Begin no further event; what is being handled goes on."""
        self._stopping = True

    async def leave(self) -> None:
        """Break off what is being done: whoever holds the lane next does it again."""
        for future in (*self._tasks, *self._rests):
            future.cancel()
        await asyncio.gather(*self._tasks, *self._rests, return_exceptions=True)
