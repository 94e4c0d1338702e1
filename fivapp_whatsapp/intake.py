"""The way of a webhook: verify, decode, store; what cannot be read is kept until it can.

Storing makes the event as well, in the same commit; the feed and the hooks hear of it from there.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from .errors import InvalidInput, InvalidWebhookKey, Overloaded, StoreError, UnreadableWebhook
from .models import SessionStatus, SessionUpdate, WebhookEvent
from .observe import get_logger
from .ports import Connector, Metrics, Quarantined, Receipt, Store

_log = get_logger(__name__)
T = TypeVar("T")


class Intake:
    """Takes in webhooks; `on_connected` hears of a session that a webhook says is connected, after the answer."""

    def __init__(
        self,
        store: Store,
        connectors: Mapping[str, Connector],
        *,
        metrics: Metrics,
        on_connected: Callable[[str], Awaitable[None]],
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._metrics = metrics
        self._on_connected = on_connected
        self._tasks: set[asyncio.Task[None]] = set()
        self._line: _Line | None = None

    async def receive(self, connector: str, key: str | None, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Verify, decode and store one webhook, as Gateway.receive says."""
        started = time.perf_counter()
        bridge = self._connectors[connector]
        if not bridge.verify_webhook(key, headers, body):
            self._metrics.count("webhooks_total", answer="unauthorized")
            raise InvalidWebhookKey
        try:
            events = bridge.decode_webhook(body)
            receipt = await self._counted(self._store.receive(connector, events, body))
        except UnreadableWebhook as exc:
            return await self._keep(connector, body, exc.detail, started)
        except InvalidInput as exc:
            # What no database can keep would fail each time it is sent again: its bytes are kept instead.
            return await self._keep(connector, body, exc.code, started)
        self._note(receipt, started)
        self._look_for_connected(events)
        return receipt

    async def release(self, session_id: str | None = None) -> None:
        """Process what waits in quarantine, oldest first; what still cannot be read stays there."""
        last: str | None = None
        while waiting := await self._store.quarantined(session_id, after=last):
            last = waiting[-1].id
            for kept in waiting:
                await self._process(kept)

    async def close(self) -> None:
        """Wait for what goes on behind the answers."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, connector: str, body: bytes, reason: str, started: float) -> Receipt:
        await self._counted(self._store.quarantine(connector, body, reason))
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
        count = self._metrics.count
        if receipt.stored:
            count("messages_received_total", receipt.stored)
        if receipt.duplicates:
            count("messages_duplicated_total", receipt.duplicates)
        if receipt.quarantined:
            count("webhooks_quarantined_total", receipt.quarantined)
        count("webhooks_total", answer="quarantined" if receipt.quarantined else "stored")

    def _write_line(self) -> None:
        if self._line is not None:
            self._line.write()
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

    async def _process(self, kept: Quarantined) -> None:
        bridge = self._connectors.get(kept.connector)
        if bridge is None:
            return
        try:
            events = bridge.decode_webhook(kept.raw)
            receipt = await self._store.receive(kept.connector, events, kept.raw, quarantine_id=kept.id)
        except (UnreadableWebhook, InvalidInput):
            return
        if receipt.stored:
            self._metrics.count("messages_received_total", receipt.stored)


class _Line:
    """The log's line about the webhooks that shared a commit: what they brought, and the longest time of them."""

    def __init__(self) -> None:
        self._count = self._stored = self._duplicates = self._quarantined = self._statuses = 0
        self._started = math.inf

    def add(self, receipt: Receipt, started: float) -> None:
        self._count += 1
        self._stored += receipt.stored
        self._duplicates += receipt.duplicates
        self._quarantined += receipt.quarantined
        self._statuses += receipt.statuses
        self._started = min(self._started, started)

    def write(self) -> None:
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
