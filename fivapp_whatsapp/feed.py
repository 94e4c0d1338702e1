"""Events for browsers: replay from a cursor, then live, without a gap between the two.

The content is always read from the store; a change of the log only wakes. Each tenant with a listener has
one channel that reads new events once, encodes them once, and keeps the frames until all listeners have taken
them: a listener is a place in that list, so it has no queue of its own and cannot fill the memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from .errors import StoreError
from .models import Event
from .observe import get_logger
from .ports import EventPage, LogState, Metrics, NoMetrics, Store

_PAGE = 200
_MAX_FRAMES = 1024
_MAX_BYTES = 4_194_304
# A whole office that reconnects at once must not take every connection of the database.
_MAX_READS = 50
_log = get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class SlowReader(Exception):
    """A listener did not read as fast as events came; it may resume from its last seq."""


class Frame(msgspec.Struct, frozen=True):
    """One text frame; `seq` is None for what is no event."""

    seq: int | None
    type: str
    payload: bytes


def control(kind: str, **data: Any) -> Frame:
    """Make a control frame: hello, live, resync_required."""
    return Frame(None, kind, _encode({"type": kind, "data": data}))


def event_frame(event: Event) -> Frame:
    """Make the frame of an event."""
    body: dict[str, Any] = {"seq": event.seq, "type": event.type, "at": event.at}
    if event.conversation_id is not None:
        body["conversationId"] = event.conversation_id
    body["data"] = event.data
    return Frame(event.seq, event.type, _encode(body))


class _Channel:
    """One tenant's live events: the latest frames, and who listens.

    A place is a number of frames since the channel began; `end` is the place behind the latest frame.
    """

    def __init__(self) -> None:
        self.listeners: set[Subscription] = set()
        self.frames: deque[tuple[int, Frame]] = deque()
        self.bytes = 0
        self.end = 0
        self.seq = 0
        self.closed = False
        self.grown = asyncio.Event()
        self.news = asyncio.Event()
        self.pump: asyncio.Task[None] | None = None

    def add(self, seq: int, frame: Frame) -> None:
        """Take the next frame; the oldest ones make room."""
        self.seq = seq
        self.end += 1
        self.frames.append((seq, frame))
        self.bytes += len(frame.payload)
        while len(self.frames) > _MAX_FRAMES or (self.bytes > _MAX_BYTES and len(self.frames) > 1):
            self._drop()

    def add_passing(self, frame: Frame) -> None:
        """Take a frame that is no event: who is not there now never hears of it."""
        self.trim()
        self.add(self.seq, frame)
        self.announce()

    def trim(self) -> None:
        """Drop the frames that every listener has taken."""
        taken = min((listener.place for listener in self.listeners if listener.place is not None), default=self.end)
        for _ in range(taken - self.end + len(self.frames)):
            self._drop()

    def _drop(self) -> None:
        self.bytes -= len(self.frames.popleft()[1].payload)

    def at(self, place: int) -> tuple[int, Frame]:
        """Return the frame at a place, with its seq. Raises SlowReader when it is gone."""
        index = place - self.end + len(self.frames)
        if index < 0:
            raise SlowReader
        return self.frames[index]

    def announce(self) -> None:
        """Wake all listeners that wait."""
        news, self.news = self.news, asyncio.Event()
        news.set()


class Subscription:
    """One listener: `with feed.subscribe(…) as frames: async for frame in frames: …`.

    The frames end when the feed closes. Raises SlowReader when the listener fell too far behind, StoreError
    when the store fails before the listener is live; after either it may resume from its last seq.
    """

    def __init__(self, feed: Feed, tenant_id: str, after: int | None, epoch: str | None) -> None:
        self.tenant_id = tenant_id
        self.epoch = ""  # the log's epoch, known from the hello frame on
        self._feed = feed
        self._after = after
        self._asked_epoch = epoch
        self._cursor = 0
        self.place: int | None = None  # of the next live frame
        self._channel = _Channel()

    def __enter__(self) -> Subscription:
        self._channel = self._feed._join(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._feed._leave(self)

    @property
    def seq(self) -> int:
        """Return the seq up to which this listener has heard everything, once it is live."""
        return self._cursor

    @property
    def waiting(self) -> int:
        """Return how many live frames this listener has not taken yet."""
        return 0 if self.place is None else self._channel.end - self.place

    async def __aiter__(self) -> AsyncIterator[Frame]:
        channel = self._channel
        if not channel.closed:
            async for frame in self._replay():
                yield frame
        while self.place is not None and not channel.closed:
            while self.place < channel.end:
                seq, frame = channel.at(self.place)
                self.place += 1
                # The replay may have read further than the channel had.
                if seq > self._cursor:
                    if seq > self._cursor + 1:
                        # What lay between was dropped before it could be read.
                        self._cursor = seq - 1
                        yield self._resync("retention")
                    self._cursor = seq
                    yield frame
                elif frame.seq is None:
                    yield frame
            # No await stands between this look and the waiting: no news is missed.
            if not channel.closed:
                await channel.news.wait()

    async def _replay(self) -> AsyncIterator[Frame]:
        state = await self._feed._state(self.tenant_id)
        self._feed._begin(self.tenant_id, self._channel, state.head)
        self.epoch = state.epoch
        yield control("hello", epoch=state.epoch, seq=state.head)
        self._cursor = state.head
        if self._after is not None:
            if reason := self._refusal(self._after, state):
                yield self._resync(reason)
            else:
                self._cursor = self._after
        while self._cursor < self._channel.seq and not self._channel.closed:
            page = await self._feed._events(self.tenant_id, self._cursor)
            # Seqs have no gaps: what is missing in front was dropped while the replay was on its way.
            if not page.events or page.events[0].seq > self._cursor + 1:
                self._cursor = max(page.head, self._channel.seq)
                yield self._resync("retention")
                continue
            for event in page.events:
                self._cursor = event.seq
                yield event_frame(event)
        # No await stands between the last look and taking a place: what was not replayed comes live.
        self.place = self._channel.end
        yield control("live", seq=self._cursor)

    def _refusal(self, after: int, state: LogState) -> str | None:
        if self._asked_epoch is not None and self._asked_epoch != state.epoch:
            return "epoch"
        if after > state.head:
            return "ahead"
        return "retention" if after < state.oldest - 1 else None

    def _resync(self, reason: str) -> Frame:
        return control("resync_required", reason=reason, epoch=self.epoch, seq=self._cursor)


class Feed:
    """Hands each tenant's events to its listeners."""

    def __init__(self, store: Store, *, metrics: Metrics | None = None, retry_seconds: float = 1.0) -> None:
        self._store = store
        self._metrics = metrics or NoMetrics()
        self._retry_seconds = retry_seconds
        self._channels: dict[str, _Channel] = {}
        self._reads = asyncio.Semaphore(_MAX_READS)
        self._closed = False

    def subscribe(self, tenant_id: str, after: int | None = None, epoch: str | None = None) -> Subscription:
        """Listen to a tenant's events after a cursor, or from now; the cursor holds only in its `epoch`."""
        return Subscription(self, tenant_id, after, epoch)

    async def run(self) -> None:
        """Wake channels as the log grows; runs until cancelled."""
        # After a restart of this task wake-ups may be missing: everybody looks once.
        for waiting in self._channels.values():
            waiting.grown.set()
        async for tenant_id, seq in self._store.changes():
            if (channel := self._channels.get(tenant_id)) and seq > channel.seq:
                channel.grown.set()

    def tell_typing(self, tenant_id: str, text: str) -> None:
        """Pass a `typing` frame on to a tenant's listeners of this process."""
        if (channel := self._channels.get(tenant_id)) is not None and not channel.closed:
            channel.add_passing(Frame(None, "typing", text.encode()))

    async def close(self) -> None:
        """End all subscriptions, for good; may be called twice."""
        self._closed = True
        pumps = [self._end(tenant_id) for tenant_id in tuple(self._channels)]
        await asyncio.gather(*(pump for pump in pumps if pump), return_exceptions=True)

    @property
    def listeners(self) -> int:
        """Return how many listeners there are."""
        return sum(len(channel.listeners) for channel in self._channels.values())

    @property
    def waiting(self) -> int:
        """Return how many live frames wait for their listeners, in all."""
        return sum(listener.waiting for channel in self._channels.values() for listener in channel.listeners)

    def _join(self, listener: Subscription) -> _Channel:
        channel = self._channels.get(listener.tenant_id)
        if channel is None:
            channel = _Channel()
            channel.closed = self._closed
            if not self._closed:
                self._channels[listener.tenant_id] = channel
        channel.listeners.add(listener)
        self._metrics.gauge("sockets", self.listeners)
        return channel

    def _leave(self, listener: Subscription) -> None:
        channel = self._channels.get(listener.tenant_id)
        if channel is not None and listener in channel.listeners:
            channel.listeners.discard(listener)
            if not channel.listeners:
                self._end(listener.tenant_id)
        self._metrics.gauge("sockets", self.listeners)

    def _begin(self, tenant_id: str, channel: _Channel, head: int) -> None:
        if channel.pump is None and not channel.closed:
            channel.seq = head
            # The log may have grown since its head was read, when nobody was there to be woken.
            channel.grown.set()
            channel.pump = asyncio.create_task(self._pump(tenant_id, channel), name=f"feed {tenant_id}")

    def _end(self, tenant_id: str) -> asyncio.Task[None] | None:
        channel = self._channels.pop(tenant_id)
        channel.closed = True
        channel.announce()
        if channel.pump:
            channel.pump.cancel()
        return channel.pump

    async def _state(self, tenant_id: str) -> LogState:
        async with self._reads:
            return await self._store.log_state(tenant_id)

    async def _events(self, tenant_id: str, after: int) -> EventPage:
        async with self._reads:
            return await self._store.events(tenant_id, after, _PAGE)

    async def _pump(self, tenant_id: str, channel: _Channel) -> None:
        while True:
            await channel.grown.wait()
            channel.grown.clear()
            try:
                await self._drain(tenant_id, channel)
            except Exception as exc:
                # Whatever failed, the listeners stay and the same events are read again: none is passed over.
                if isinstance(exc, StoreError):
                    _log.warning("feed_read_failed", error=exc.code)
                else:
                    _log.exception("feed_read_failed")
                await asyncio.sleep(self._retry_seconds)
                channel.grown.set()

    async def _drain(self, tenant_id: str, channel: _Channel) -> None:
        full = True
        while full:
            page = await self._store.events(tenant_id, channel.seq, _PAGE)
            channel.trim()
            for event in page.events:
                channel.add(event.seq, event_frame(event))
            channel.announce()
            full = len(page.events) == _PAGE
            # The listeners take their frames before the next page can push them out.
            await asyncio.sleep(0)
