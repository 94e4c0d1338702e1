"""Sends queued messages: the row is committed first, then the call is made, then its outcome is stored.

A process holds a lease on each send that it makes. A send that may have gone out is not made again: when its
outcome is not known it becomes `unknown`, and a person decides. Only where the connection service says that it
sends nothing twice that has the same id (`idempotent_send`) it is made again in time, with that id.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal
from weakref import WeakValueDictionary

import msgspec

from .errors import (
    ConnectorError,
    ConnectorKeyRefused,
    ConnectorNotConnected,
    ConnectorRejected,
    ConnectorUnavailable,
    StoreError,
)
from .models import Message, MessageStatus, SendResult, new_id
from .observe import get_logger
from .ports import Clock, Connector, Metrics, OutboxItem, Outcome, Queued, Store
from .repeats import Repeats

_log = get_logger(__name__)
# A lease lasts as long as several calls may take: one for a send to wait for its turn, one for the call, one to
# store how it went.
_CALLS_OF_A_LEASE = 3
_RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_IN_FLIGHT = 64
_LOOK_SECONDS = 0.5
WaitingFor = Literal["session_connected", "connection_service"]


class Sent(msgspec.Struct, frozen=True):
    """What a request learns of its send: the message, and the service's own answer.

    `waiting_for` says what a pending message waits for, where waiting for its end would be in vain.
    """

    message: Message
    raw: Any = None
    waiting_for: WaitingFor | None = None


class Outbox:
    """Makes the sends of one process; several processes share the work by leases in the store.

    `call_seconds` is how long a connector's call may take; `on_call` hears of each call that was answered,
    with its error or None, and raises nothing.
    """

    def __init__(
        self,
        store: Store,
        connectors: Mapping[str, Connector],
        *,
        clock: Clock,
        metrics: Metrics,
        on_call: Callable[[OutboxItem, ConnectorError | None], Awaitable[None]],
        call_seconds: float = 10.0,
    ) -> None:
        self.owner = new_id()
        self.lease_seconds = _CALLS_OF_A_LEASE * call_seconds
        self._call_seconds = call_seconds
        self._store = store
        self._connectors = connectors
        self._clock = clock
        self._metrics = metrics
        self._on_call = on_call
        self._repeats = Repeats(connectors, clock)
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._draining = False
        # Weak: an entry lasts as long as somebody waits, however that ends.
        self._waiting: WeakValueDictionary[str, asyncio.Future[Sent]] = WeakValueDictionary()

    def begin(self, queued: Queued) -> None:
        """Make a send that was just committed, or let its turn come; nobody waits for it."""
        if queued.item is not None and not self._draining:
            self._start(queued.item)
        else:
            self.wake()

    def leave(self, queued: Queued) -> Sent:
        """Return what is known of a send whose session is not connected: it is made when that is, if it still can."""
        self.wake()
        pending = queued.message.status is MessageStatus.PENDING
        return Sent(queued.message, waiting_for="session_connected" if pending else None)

    async def finish(self, queued: Queued, wait: float) -> Sent:
        """Make a send that was just committed, or let its turn come, and wait up to so many seconds for its end.

        A message that is still `pending` then goes on without the caller.
        """
        message = queued.message
        if message.status is not MessageStatus.PENDING:
            return Sent(message)
        ended = self._expect(message.id)
        if queued.item is not None:
            self._start(queued.item)
        else:
            self.wake()
        now = asyncio.get_running_loop().time
        deadline = now() + wait
        while (left := deadline - now()) > 0:
            # Not cancelled by the time-out: two requests with one key wait for the same end.
            await asyncio.wait([ended], timeout=min(left, _LOOK_SECONDS))
            if ended.done():
                return ended.result()
            # Another process may have made it, or its time have run out: nobody here is told then.
            message = await self._store.message(queued.tenant_id, message.id) or message
            if message.status is not MessageStatus.PENDING:
                break
        return Sent(message)

    def _expect(self, message_id: str) -> asyncio.Future[Sent]:
        """Return a future of the send's end in this process; it stays open when another process makes the send."""
        future = self._waiting.get(message_id)
        if future is None:
            future = self._waiting[message_id] = asyncio.get_running_loop().create_future()
        return future

    def _start(self, item: OutboxItem) -> None:
        """Make a send that this process holds the lease of."""
        task = asyncio.create_task(self._deliver(item, self._clock.monotonic()), name=f"send {item.message_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def wake(self) -> None:
        """Look for sends that are due."""
        self._wake.set()

    async def run(self) -> None:
        """Make sends as they become due; runs until cancelled."""
        while True:
            try:
                free = max(0, _IN_FLIGHT - len(self._tasks))
                if free and await self._claim(free):
                    continue
            except StoreError as exc:
                _log.warning("outbox_claim_failed", error=exc.code)
            # Timers, other processes' rows and lost wake-ups are found within a second. (wait_for of Python 3.11
            # may swallow a cancellation that comes together with the wake-up.)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
            self._wake.clear()

    async def _claim(self, limit: int) -> int:
        """Take sends that are due and begin them; returns how many."""
        async with self._claiming:
            if self._draining:
                return 0
            await self._repeats.learn()
            claimed = await self._store.claim_sends(self.owner, limit, self.lease_seconds, resend=self._repeats.known)
            for item in claimed.items:
                self._start(item)
        for name, ended in (("messages_failed_total", claimed.expired), ("messages_unknown_total", claimed.unknown)):
            if ended:
                self._metrics.count(name, ended)
        return len(claimed.items)

    async def drain(self, seconds: float) -> None:
        """Begin no more sends, for good, and wait for those in flight, at most so long.

        What is left is broken off; it keeps its lease, and ends as `unknown` when that is over.
        """
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async with self._claiming:
                    pass  # what is just being claimed is in flight as well
                while self._tasks:
                    await asyncio.wait(self._tasks)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Wait until no send is due or being made; what waits for its time or session stays. Raises StoreError."""
        while self._tasks or await self._claim(_IN_FLIGHT):
            if self._tasks:
                await asyncio.wait(self._tasks)

    @property
    def in_flight(self) -> int:
        """Return how many sends this process makes now."""
        return len(self._tasks)

    async def _deliver(self, item: OutboxItem, taken_at: float) -> None:
        async with self._slots:
            started = self._clock.monotonic()
            # Behind many slow ones its lease could end under the call, and another process call it unknown.
            late = started - taken_at > self._call_seconds
            outcome, raw, error = (_LATE, None, None) if late else await self._call(item)
            self._metrics.observe("send_seconds", self._clock.monotonic() - started, outcome=outcome.kind)
        message = await self._record(item, outcome)
        if outcome.kind == "accepted" or error is not None:
            await self._on_call(item, error)
        pending = message.status is MessageStatus.PENDING
        waiting_for = _WAITING_FOR.get(outcome.code or "") if pending else None
        ended = not pending or waiting_for is not None
        if ended and (future := self._waiting.get(item.message_id)) and not future.done():
            future.set_result(Sent(message, raw, waiting_for))
        self.wake()

    async def _call(self, item: OutboxItem) -> tuple[Outcome, Any, ConnectorError | None]:
        if item.in_doubt and (refused := await self._refuse_repeat(item)) is not None:
            return refused, None, None
        try:
            result: SendResult = await self._connectors[item.connector].send(item.send)
        except ConnectorError as exc:
            return await self._again_if_harmless(item, _outcome(exc, item.attempt)), None, exc
        except Exception as exc:
            # A defect of the connector after the request may have gone out: never blindly again.
            _log.exception("connector_defect")
            outcome = Outcome(kind="unknown", code="connector_defect", detail=type(exc).__name__)
            return await self._again_if_harmless(item, outcome), None, None
        return Outcome(kind="accepted", native_id=result.native_id, at=result.at), result.raw, None

    async def _refuse_repeat(self, item: OutboxItem) -> Outcome | None:
        """Return what becomes of a send that may have gone out before and must not be made again now, or None."""
        match await self._repeats.ask(item.connector):
            case True:
                return None
            case False:
                return _IN_DOUBT
            case None:
                return msgspec.structs.replace(_IN_DOUBT, kind="retry", retry_after=_backoff(item.attempt))

    async def _again_if_harmless(self, item: OutboxItem, outcome: Outcome) -> Outcome:
        """Turn an outcome that is not known into another try, where the service does not send one id twice."""
        if outcome.kind != "unknown":
            return outcome
        await self._repeats.ask(item.connector)
        if item.connector not in self._repeats.known:
            return outcome
        return msgspec.structs.replace(outcome, kind="retry", in_doubt=True, retry_after=_backoff(item.attempt))

    async def _record(self, item: OutboxItem, outcome: Outcome) -> Message:
        """Store the outcome; while the database is away this waits, for forgetting it would be a second send."""
        while True:
            try:
                message = await self._store.record_outcome(item, self.owner, outcome)
            except StoreError as exc:
                _log.warning("outcome_not_stored", error=exc.code, message_id=item.message_id)
                await asyncio.sleep(1)
            else:
                ended = _ENDED.get(message.status) if outcome.kind == "retry" else None
                self._metrics.count(ended or _COUNTERS[outcome.kind])
                return message


def _outcome(error: ConnectorError, attempt: int) -> Outcome:
    """Return what an error of a send means: tried again when nothing was done, ended by a no, else in doubt."""
    if isinstance(error, ConnectorUnavailable):
        delay = error.retry_after or _backoff(attempt)
        return Outcome(kind="retry", code=error.code, detail=error.detail, retry_after=delay)
    if isinstance(error, ConnectorRejected):
        return Outcome(kind="failed", code=error.reason, detail=error.detail)
    return Outcome(kind="unknown", code=error.code, detail=error.detail)


def _backoff(attempt: int) -> float:
    seconds = _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS)) - 1]
    return seconds * random.uniform(0.5, 1)  # noqa: S311  # jitter, no secret


_LATE = Outcome(kind="retry", code="too_many_sends", detail="Too many sends were being made at once.")
_IN_DOUBT = Outcome(
    kind="unknown",
    code="outcome_unknown",
    detail="It may have been sent; the connection service does not say that it can be asked again.",
    in_doubt=True,
)
# A person has to do something first, which takes longer than any request waits.
_WAITING_FOR: Mapping[str, WaitingFor] = {
    ConnectorNotConnected.code: "session_connected",
    ConnectorKeyRefused.code: "connection_service",
}
# How a send ends that was to be tried again, when there is no time left for it.
_ENDED: Mapping[MessageStatus, str] = {
    MessageStatus.EXPIRED: "messages_failed_total",
    MessageStatus.UNKNOWN: "messages_unknown_total",
}
_COUNTERS: Mapping[str, str] = {
    "accepted": "messages_sent_total",
    "failed": "messages_failed_total",
    "unknown": "messages_unknown_total",
    "retry": "sends_retried_total",
}
