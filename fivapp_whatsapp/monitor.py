"""Asks for the status of running sessions while it matters: often until they are settled, now and then afterwards."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog

from .errors import ConnectorError, ConnectorUnavailable, SessionNotFound, StoreError
from .models import Session, SessionProblem, SessionStatus, SessionUpdate
from .ports import Clock, Connector, Metrics, Store
from .states import NEEDS_A_PERSON

_log = structlog.get_logger(__name__)
_TICK = 0.5
_AT_ONCE = 8
# What changes in these is told by a webhook, or begins with a person.
_SETTLED = NEEDS_A_PERSON | {SessionStatus.CONNECTED}


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
        """Ask the connection service for a session's status now and store what it says. Raises ConnectorError."""
        try:
            update = await self._connectors[session.connector].session_status(session.id)
        except ConnectorError as exc:
            await self.fail(session, exc)
            raise
        return await self.report(session, update), update

    async def fail(self, session: Session, error: ConnectorError) -> None:
        """Store that the connection service does not answer, or answers but will not serve us, which tells people."""
        away = isinstance(error, ConnectorUnavailable)
        problem = SessionProblem.UNREACHABLE if away else SessionProblem.DEGRADED
        if session.problem is not problem:
            _log.warning("session_problem", session_id=session.id, problem=problem.value, error=error.code)
            await self._store.change_session(session.tenant_id, session.id, problem=problem, error=error.detail)

    async def report(self, session: Session, update: SessionUpdate) -> Session:
        """Store what the connection service answered; a new connection is told to `on_connected`."""
        gone = msgspec.UNSET if session.problem is None else None
        after = await self._store.change_session(session.tenant_id, session.id, update=update, problem=gone, error=gone)
        if after.status is not session.status:
            self._due.pop(after.id, None)
            if after.status is SessionStatus.CONNECTED:
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
                session, _ = await self.ask(session)
            except SessionNotFound:
                return
            except ConnectorError:
                pass  # is stored, and told to people, as the session's problem
            except StoreError as exc:
                _log.warning("session_poll_failed", session_id=session.id, error=exc.code)
            delay = self._connected if session.status in _SETTLED else self._pairing
            # Jitter, so that many sessions and processes do not ask in step.
            self._due[session.id] = self._clock.monotonic() + delay * random.uniform(0.8, 1.0)  # noqa: S311  # no secret
