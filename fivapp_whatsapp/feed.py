"""Events for browsers: replay from a cursor, then live, without a gap between the two.

The content is always read from the store; a change of the log only wakes. Each tenant with a listener has
one channel that reads new events once and hands the same bytes to all listeners.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import structlog

from .errors import StoreError
from .models import Event
from .ports import Metrics, NoMetrics, Store

_PAGE = 200
_MAX_FRAMES = 256
_MAX_BYTES = 1_048_576
_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class SlowReader(Exception):
    """A listener did not read as fast as events came; it may resume from its last seq."""


class Frame(msgspec.Struct, frozen=True):
    """One text frame; `seq` is None for control frames."""

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
    """One tenant's live events."""

    def __init__(self, tenant_id: str, seq: int) -> None:
        self.tenant_id = tenant_id
        self.seq = seq
        self.listeners: set[Subscription] = set()
        self.wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Subscription:
    """What one listener hears: iterate over its frames. Raises SlowReader when too many wait."""

    def __init__(self, feed: Feed, tenant_id: str, after: int | None, epoch: str | None) -> None:
        self.tenant_id = tenant_id
        self._feed = feed
        self._after = after
        self._epoch = epoch
        self._cursor = 0
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._overflow = False

    def push(self, frame: Frame) -> None:
        """Take a live frame; called by the channel."""
        if frame.seq is not None and frame.seq <= self._cursor:
            return
        if len(self._frames) >= _MAX_FRAMES or self._bytes > _MAX_BYTES:
            self._overflow = True
        else:
            self._frames.append(frame)
            self._bytes += len(frame.payload)
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Frame]:
        async for frame in self._replay():
            yield frame
        try:
            while True:
                while self._frames:
                    frame = self._frames.popleft()
                    self._bytes -= len(frame.payload)
                    self._cursor = frame.seq or self._cursor
                    yield frame
                if self._overflow:
                    raise SlowReader
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._feed.leave(self)

    async def _replay(self) -> AsyncIterator[Frame]:
        store = self._feed.store
        state = await store.log_state(self.tenant_id)
        yield control("hello", epoch=state.epoch, seq=state.head)
        self._cursor = state.head
        if self._after is not None:
            reason = None
            if self._epoch is not None and self._epoch != state.epoch:
                reason = "epoch"
            elif self._after > state.head:
                reason = "ahead"
            elif self._after < state.oldest - 1:
                reason = "retention"
            if reason:
                yield control("resync_required", reason=reason, epoch=state.epoch, seq=state.head)
            else:
                self._cursor = self._after
        while True:
            channel = await self._feed.channel(self.tenant_id)
            while self._cursor < channel.seq:
                page = await store.events(self.tenant_id, self._cursor, _PAGE)
                for event in page.events:
                    self._cursor = event.seq
                    yield event_frame(event)
                if not page.events:
                    self._cursor = channel.seq
            # No await stands between this check and the joining: what was not replayed comes live.
            if self._feed.join(channel, self):
                break
        yield control("live", seq=self._cursor)


class Feed:
    """Hands each tenant's events to its listeners."""

    def __init__(self, store: Store, *, metrics: Metrics | None = None) -> None:
        self.store = store
        self._metrics = metrics or NoMetrics()
        self._channels: dict[str, _Channel] = {}

    def subscribe(self, tenant_id: str, after: int | None = None, epoch: str | None = None) -> Subscription:
        """Listen to a tenant's events after a cursor, or from now."""
        return Subscription(self, tenant_id, after, epoch)

    async def run(self) -> None:
        """Wake channels as the log grows; runs until cancelled."""
        # After a restart of this task wake-ups may be missing: everybody looks once.
        for waiting in self._channels.values():
            waiting.wake.set()
        async for tenant_id, seq in self.store.changes():
            if (channel := self._channels.get(tenant_id)) and seq > channel.seq:
                channel.wake.set()

    async def close(self) -> None:
        """Stop all channels."""
        tasks = [channel.task for channel in self._channels.values() if channel.task]
        self._channels.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def listeners(self) -> int:
        """Return how many listeners there are."""
        return sum(len(channel.listeners) for channel in self._channels.values())

    async def channel(self, tenant_id: str) -> _Channel:
        """Return the tenant's channel, started at the head of its log; for subscriptions."""
        if tenant_id not in self._channels:
            state = await self.store.log_state(tenant_id)
            if tenant_id not in self._channels:
                channel = self._channels[tenant_id] = _Channel(tenant_id, state.head)
                channel.task = asyncio.create_task(self._pump(channel), name=f"feed {tenant_id}")
        return self._channels[tenant_id]

    def join(self, channel: _Channel, subscription: Subscription) -> bool:
        """Let a subscription hear a channel from now on; False when the channel has ended meanwhile."""
        if self._channels.get(channel.tenant_id) is not channel:
            return False
        channel.listeners.add(subscription)
        return True

    def leave(self, subscription: Subscription) -> None:
        """Forget a listener; a channel without listeners ends."""
        channel = self._channels.get(subscription.tenant_id)
        if channel is None:
            return
        channel.listeners.discard(subscription)
        if not channel.listeners and channel.task:
            channel.task.cancel()
            del self._channels[subscription.tenant_id]

    async def _pump(self, channel: _Channel) -> None:
        while True:
            await channel.wake.wait()
            channel.wake.clear()
            try:
                await self._drain(channel)
            except StoreError as exc:
                _log.warning("feed_read_failed", error=exc.code)
                await asyncio.sleep(1)
                channel.wake.set()

    async def _drain(self, channel: _Channel) -> None:
        while True:
            page = await self.store.events(channel.tenant_id, channel.seq, _PAGE)
            for event in page.events:
                frame = event_frame(event)
                channel.seq = event.seq
                for listener in tuple(channel.listeners):
                    listener.push(frame)
            if len(page.events) < _PAGE:
                return
