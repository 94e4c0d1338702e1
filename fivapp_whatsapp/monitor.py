"""Asks for the status of running sessions while it matters: often while pairing, now and then when connected."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable, Mapping

import structlog

from .errors import ConnectorError, ConnectorUnavailable, SessionNotFound, StoreError
from .models import Session, SessionProblem, SessionStatus, SessionUpdate
from .ports import Clock, Connector, Metrics, Store

_log = structlog.get_logger(__name__)
_TICK = 0.5
_AT_ONCE = 8


class Monitor:
    """Keeps the stored status of each running session near the truth; webhooks are faster, this never forgets."""

    def __init__(
        self,
        store: Store,
        connectors: Mapping[str, Connector],
        *,
        clock: Clock,
        metrics: Metrics,
        pairing_seconds: float,
        connected_seconds: float,
        on_connected: Callable[[str], Awaitable[None]],
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._clock = clock
        self._metrics = metrics
        self._pairing = pairing_seconds
        self._connected = connected_seconds
        self._on_connected = on_connected
        self._due: dict[str, float] = {}
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                try:
                    await self._look()
                except StoreError as exc:
                    _log.warning("monitor_read_failed", error=exc.code)
                await asyncio.sleep(_TICK)
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def ask(self, session: Session) -> tuple[Session, SessionUpdate]:
        """Ask the connection service for a session's status now and store what it says.

        Raises ConnectorError; a service that does not answer is stored as the problem `unreachable`.
        """
        connector = self._connectors[session.connector]
        try:
            update = await connector.session_status(session.id)
        except ConnectorError as exc:
            if isinstance(exc, ConnectorUnavailable) and session.problem is not SessionProblem.UNREACHABLE:
                await self._store.change_session(
                    session.tenant_id, session.id, problem=SessionProblem.UNREACHABLE, error=exc.detail
                )
            raise
        return await self.report(session, update), update

    async def report(self, session: Session, update: SessionUpdate) -> Session:
        """Store what the connection service said of a session; a new connection is told to `on_connected`."""
        after = await self._store.change_session(session.tenant_id, session.id, update=update)
        if after.status is SessionStatus.CONNECTED and session.status is not SessionStatus.CONNECTED:
            await self._on_connected(after.id)
        return after

    async def _look(self) -> None:
        sessions = await self._store.running_sessions()
        counts = dict.fromkeys(SessionStatus, 0)
        now = self._clock.monotonic()
        for session in sessions:
            counts[session.status] += 1
            if self._due.get(session.id, 0.0) <= now and session.id not in self._tasks:
                task = asyncio.create_task(self._poll(session), name=f"poll {session.id}")
                self._tasks[session.id] = task
                task.add_done_callback(functools.partial(self._polled, session.id))
        for status, count in counts.items():
            self._metrics.gauge("session_status", count, status=status.value)
        known = {session.id for session in sessions}
        for forgotten in self._due.keys() - known:
            del self._due[forgotten]

    def _polled(self, session_id: str, _: asyncio.Task[None]) -> None:
        self._tasks.pop(session_id, None)

    async def _poll(self, session: Session) -> None:
        async with self._limit:
            try:
                after, _ = await self.ask(session)
            except SessionNotFound:
                return
            except (ConnectorError, StoreError) as exc:
                _log.info("session_poll_failed", session_id=session.id, error=exc.code)
                delay = self._connected
            else:
                delay = self._connected if after.status is SessionStatus.CONNECTED else self._pairing
            # Jitter, so that many sessions and processes do not ask in step.
            self._due[session.id] = self._clock.monotonic() + delay * random.uniform(0.8, 1.0)  # noqa: S311
