"""Sends queued messages: the row is committed first, then the call is made, then its outcome is stored.

A process holds a lease on each send that it makes. A send that may have gone out is not made again: when its
outcome is not known it becomes `unknown`, and a person decides. Only where the connection service says that it
sends nothing twice that has the same id (`idempotent_send`) it is made again in time, with that id.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from .errors import ConnectorError, StoreError
from .models import Message, MessageStatus, SendResult, new_id
from .observe import get_logger
from .places import Places
from .ports import Clock, Connector, Metrics, OutboxItem, Outcome, Queued, Recorded, Store
from .reconciler import Reconciler
from .repeats import Repeats
from .tries import COUNTERS, ENDED, IN_DOUBT, WAITING_FOR, WaitingFor, backoff, outcome_of, repeated

_log = get_logger(__name__)
# A lease lasts as long as several calls may take: one for the call, one for a look at what became of it, one to
# store how it went.
_CALLS_OF_A_LEASE = 3
_LOOK_SECONDS = 0.5
# How often due sends are looked for that nobody told of.
_TICK_SECONDS = 1.0


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
        reconciler: Reconciler,
        call_seconds: float = 10.0,
    ) -> None:
        self.owner = new_id()
        self.lease_seconds = _CALLS_OF_A_LEASE * call_seconds
        self._store = store
        self._connectors = connectors
        self._clock = clock
        self._metrics = metrics
        self._on_call = on_call
        self._reconciler = reconciler
        self._repeats = Repeats(connectors, clock)
        self._wake = asyncio.Event()
        self._places = Places()
        self._tasks: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._draining = False
        # Whether sends may wait for a place: then each that ends lets others be looked for.
        self._crowded = False
        # Weak: an entry lasts as long as somebody waits, however that ends.
        self._waiting: WeakValueDictionary[str, asyncio.Future[Sent]] = WeakValueDictionary()

    @contextlib.contextmanager
    def place(self, tenant_id: str) -> Iterator[str | None]:
        """Hold a place for a send that is being committed: gives who may make it at once, or None to let it wait."""
        if self._draining or not self._places.has_room(tenant_id):
            self._crowded = True
            yield None
            return
        try:
            with self._places.held(tenant_id):
                yield self.owner
        finally:
            self._wake_who_waits()

    def begin(self, queued: Queued) -> None:
        """Make a send that was just committed, or let its turn come; nobody waits for it."""
        if queued.item is not None and not self._draining:
            self._start(queued.item)
        else:
            self.wake()

    def leave(self, queued: Queued, waiting_for: WaitingFor) -> Sent:
        """Return what is known of a send whose time may be long in coming: it is made then, if it still can."""
        self.wake()
        pending = queued.message.status is MessageStatus.PENDING
        return Sent(queued.message, waiting_for=waiting_for if pending else None)

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
        self._places.take(item.tenant_id)
        task = asyncio.create_task(self._deliver(item), name=f"send {item.message_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Also of a task that was cancelled before it began.
        task.add_done_callback(lambda _: self._give_back(item.tenant_id))

    def _give_back(self, tenant_id: str) -> None:
        self._places.give_back(tenant_id)
        self._wake_who_waits()

    def _wake_who_waits(self) -> None:
        if self._crowded:
            self.wake()

    def wake(self) -> None:
        """Look for sends that are due."""
        self._wake.set()

    async def run(self) -> None:
        """Make sends as they become due; runs until cancelled."""
        while True:
            try:
                if not self._places.free:
                    self._crowded = True
                elif await self._claim():
                    continue
            except StoreError as exc:
                _log.warning("outbox_claim_failed", error=exc.code)
            # Timers, other processes' rows and lost wake-ups are found within a second. (wait_for of Python 3.11
            # may swallow a cancellation that comes together with the wake-up.)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()

    async def _claim(self) -> int:
        """Take sends that are due and begin them; returns how many."""
        async with self._claiming:
            if self._draining:
                return 0
            await self._repeats.learn()
            # Before and after: a place that was given back meanwhile was perhaps what a send waited for.
            self._crowded |= self._places.crowded
            claimed = await self._store.claim_sends(
                self.owner,
                self._places.free,
                self.lease_seconds,
                # Each is asked again before a send is repeated, so that one that does not answer yet loses nothing.
                resend=self._repeats.possible,
                share=self._places.share,
                taken=self._places.taken,
            )
            for item in claimed.items:
                self._start(item)
            self._crowded = self._places.crowded
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
        while self._tasks or await self._claim():
            if self._tasks:
                await asyncio.wait(self._tasks)

    @property
    def in_flight(self) -> int:
        """Return how many sends this process makes now."""
        return len(self._tasks)

    async def _deliver(self, item: OutboxItem) -> None:
        started = self._clock.monotonic()
        outcome, raw, error = await self._call(item)
        self._metrics.observe("send_seconds", self._clock.monotonic() - started, outcome=outcome.kind)
        recorded = await self._record(item, outcome)
        message = recorded.message
        if outcome.kind == "accepted" or error is not None:
            await self._on_call(item, error)
        pending = message.status is MessageStatus.PENDING
        waiting_for = WAITING_FOR.get(outcome.code or "") if pending else None
        ended = not pending or waiting_for is not None
        if ended and (future := self._waiting.get(item.message_id)) and not future.done():
            future.set_result(Sent(message, raw, waiting_for))
        if recorded.frees or outcome.kind != "accepted":
            self.wake()

    async def _call(self, item: OutboxItem) -> tuple[Outcome, Any, ConnectorError | None]:
        if item.in_doubt and (refused := await self._refuse_repeat(item)) is not None:
            return refused, None, None
        error: ConnectorError | None = None
        try:
            result: SendResult = await self._connectors[item.connector].send(item.send)
        except ConnectorError as exc:
            outcome, error = outcome_of(exc, item.attempt), exc
        except Exception as exc:
            # A defect of the connector after the request may have gone out: never blindly again.
            _log.exception("connector_defect")
            outcome = Outcome(kind="unknown", code="connector_defect", detail=type(exc).__name__)
        else:
            return _accepted(result), result.raw, None
        if outcome.kind != "unknown":
            return outcome, None, error
        found = await self._reconciler.find(item.connector, item.send.session_id, item.message_id)
        if found is not None:
            return _accepted(found), found.raw, None
        return await self._again_if_harmless(item, outcome), None, error

    async def _refuse_repeat(self, item: OutboxItem) -> Outcome | None:
        """Return what becomes of a send that may have gone out before and must not be made again now, or None."""
        match await self._repeats.ask(item.connector):
            case True:
                return None
            case False:
                return IN_DOUBT
            case None:
                return msgspec.structs.replace(IN_DOUBT, kind="retry", retry_after=backoff(item.attempt))

    async def _again_if_harmless(self, item: OutboxItem, outcome: Outcome) -> Outcome:
        """Turn an outcome that is not known into another try, where the service does not send one id twice."""
        await self._repeats.ask(item.connector)
        return repeated(outcome, item.attempt) if item.connector in self._repeats.known else outcome

    async def _record(self, item: OutboxItem, outcome: Outcome) -> Recorded:
        """Store the outcome; while the database is away this waits, for forgetting it would be a second send."""
        while True:
            try:
                recorded = await self._store.record_outcome(item, self.owner, outcome)
            except StoreError as exc:
                _log.warning("outcome_not_stored", error=exc.code, message_id=item.message_id)
                await asyncio.sleep(1)
            else:
                ended = ENDED.get(recorded.message.status) if outcome.kind == "retry" else None
                self._metrics.count(ended or COUNTERS[outcome.kind])
                return recorded


def _accepted(result: SendResult) -> Outcome:
    return Outcome(kind="accepted", native_id=result.native_id, at=result.at, fault=False)
