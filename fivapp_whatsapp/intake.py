"""The way of a webhook: verify, decode, store; what cannot be read is kept until it can.

Storing makes the event as well, in the same commit; the feed and the hooks hear of it from there.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from .errors import InvalidInput, InvalidWebhookKey, Overloaded, StoreError, UnreadableWebhook
from .models import IncomingMessage, SessionStatus, SessionUpdate, StatusUpdate, WebhookEvent
from .observe import get_logger
from .ports import Connector, KeptWebhook, Metrics, Quarantined, Receipt, Store
from .pulse import Pulse

_log = get_logger(__name__)
T = TypeVar("T")
_values = msgspec.structs.astuple


class Intake:
    """Takes in webhooks; `on_connected` hears of a session that a webhook says is connected, after the answer."""

    def __init__(
        self,
        store: Store,
        connectors: Mapping[str, Connector],
        *,
        metrics: Metrics,
        on_connected: Callable[[str], Awaitable[None]],
        pulse: Pulse,
    ) -> None:
        self._pulse = pulse
        self._store = store
        self._connectors = connectors
        self._metrics = metrics
        self._on_connected = on_connected
        self._tasks: set[asyncio.Task[None]] = set()
        self._line: _Line | None = None

    async def receive(
        self,
        connector: str,
        key: str | None,
        headers: Mapping[str, str],
        body: bytes,
        session_id: str | None = None,
    ) -> Receipt:
        """Verify, decode and store one webhook, as Gateway.receive says."""
        started = time.perf_counter()
        bridge = self._connectors[connector]
        if not bridge.verify_webhook(key, headers, body):
            self._metrics.count("webhooks_total", answer="unauthorized")
            raise InvalidWebhookKey
        try:
            events = bridge.decode_webhook(body, session_id)
            receipt = await self._counted(self._store.receive(connector, events, body, session_id))
        except UnreadableWebhook as exc:
            return await self._keep(connector, body, session_id, exc.detail, started)
        except InvalidInput as exc:
            # What no database can keep would fail each time it is sent again: its bytes are kept instead.
            return await self._keep(connector, body, session_id, exc.code, started)
        self._note(receipt, started)
        self._pulse.heard(events)
        self._look_for_connected(events)
        return receipt

    async def release(
        self, session_id: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> Replayed:
        """Process what waits in quarantine, oldest first; what still cannot be read stays there."""
        last: str | None = None
        total = Replayed()
        while waiting := await self._store.quarantined(session_id, after=last):
            last = waiting[-1].id
            for kept in waiting:
                at = kept.received_at
                if (since is None or at >= since) and (until is None or at < until):
                    total += await self._process(kept)
        return total

    async def replay(self, since: datetime, until: datetime) -> Replayed:
        """Read what came in a time once more: what waits in quarantine, and what was kept as it came.

        What is there already changes nothing, so it may be done as often as anybody likes. Of kept bodies only
        messages and their statuses count: what a session or a group was then is not what it is now.
        """
        total = await self.release(since=since, until=until)
        last: str | None = None
        while batches := await self._store.kept_webhooks(since, until, after=last):
            last = batches[-1].id
            for body in (body for batch in batches for body in batch.bodies):
                total += await self._read_again(body)
        return total

    async def close(self) -> None:
        """Wait for what goes on behind the answers."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, connector: str, body: bytes, session_id: str | None, reason: str, started: float) -> Receipt:
        await self._counted(self._store.quarantine(connector, body, reason, session_id))
        receipt = Receipt(quarantined=1)
        self._note(receipt, started)
        return receipt

    async def _counted(self, storing: Awaitable[T]) -> T:
        try:
            return await storing
        except Overloaded:
            self._metrics.count("webhooks_total", answer="overloaded")
            raise
        except StoreError:
            self._metrics.count("webhooks_total", answer="unavailable")
            raise

    def _note(self, receipt: Receipt, started: float) -> None:
        if self._line is None:
            # Those of one commit are answered in one round of the event loop: they share a line of the log,
            # which would cost a busy server as much as the rest of the request.
            self._line = _Line()
            asyncio.get_running_loop().call_soon(self._write_line)
        self._line.add(receipt, started)

    def _write_line(self) -> None:
        if self._line is not None:
            self._line.write(self._metrics)
            self._line = None

    def _look_for_connected(self, events: list[WebhookEvent]) -> None:
        for event in events:
            if isinstance(event, SessionUpdate) and event.status is SessionStatus.CONNECTED:
                # Behind the answer: the sender is not to wait for it.
                task = asyncio.create_task(self._tell(event.session_id))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _tell(self, session_id: str) -> None:
        try:
            await self._on_connected(session_id)
        except StoreError as exc:
            _log.warning("release_failed", session_id=session_id, error=exc.code)

    async def _process(self, kept: Quarantined) -> Replayed:
        bridge = self._connectors.get(kept.connector)
        if bridge is None:
            return Replayed(bodies=1, unread=1)
        try:
            events = bridge.decode_webhook(kept.raw, kept.session_id)
            receipt = await self._store.receive(
                kept.connector, events, kept.raw, kept.session_id, quarantine_id=kept.id
            )
        except (UnreadableWebhook, InvalidInput):
            return Replayed(bodies=1, unread=1)
        return self._counted_again(receipt)

    async def _read_again(self, body: KeptWebhook) -> Replayed:
        bridge = self._connectors.get(body.connector)
        try:
            events = [] if bridge is None else bridge.decode_webhook(body.raw, body.session_id)
            lasting = [event for event in events if isinstance(event, IncomingMessage | StatusUpdate)]
            receipt = await self._store.receive(body.connector, lasting, body.raw, replay=True)
        except (UnreadableWebhook, InvalidInput):
            return Replayed(bodies=1, unread=1)
        return Replayed(bodies=1, unread=1) if bridge is None else self._counted_again(receipt)

    def _counted_again(self, receipt: Receipt) -> Replayed:
        if receipt.stored:
            self._metrics.count("messages_received_total", receipt.stored)
        return Replayed(1, 0, receipt.stored, receipt.duplicates, receipt.statuses)


class Replayed(msgspec.Struct, frozen=True):
    """What reading webhooks once more brought: bodies, those that still cannot be read, and what was in the others."""

    bodies: int = 0
    unread: int = 0
    stored: int = 0
    known: int = 0
    statuses: int = 0

    def __add__(self, other: Replayed) -> Replayed:
        return Replayed(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))


class _Line:
    """What is told of the webhooks that shared a commit: counts, and a line with the longest time of them."""

    def __init__(self) -> None:
        self._count = self._stored = self._duplicates = self._quarantined = self._aside = self._statuses = 0
        self._started = math.inf

    def add(self, receipt: Receipt, started: float) -> None:
        self._count += 1
        self._stored += receipt.stored
        self._duplicates += receipt.duplicates
        self._quarantined += receipt.quarantined
        self._aside += receipt.quarantined > 0
        self._statuses += receipt.statuses
        self._started = min(self._started, started)

    def write(self, metrics: Metrics) -> None:
        for name, amount in (
            ("messages_received_total", self._stored),
            ("messages_duplicated_total", self._duplicates),
            ("webhooks_quarantined_total", self._quarantined),
        ):
            if amount:
                metrics.count(name, amount)
        for answer, amount in (("quarantined", self._aside), ("stored", self._count - self._aside)):
            if amount:
                metrics.count("webhooks_total", amount, answer=answer)
        _log.info(
            "webhook",
            outcome="quarantined" if self._quarantined else "ok",
            duration_ms=round((time.perf_counter() - self._started) * 1000, 3),
            count=self._count,
            stored=self._stored,
            duplicates=self._duplicates,
            quarantined=self._quarantined,
            statuses=self._statuses,
        )
