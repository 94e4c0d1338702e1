"""Asks for the status of running sessions while it matters: often until they are settled, now and then afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from .errors import ConnectorError, ConnectorKeyRefused, ConnectorRestricted, SessionNotFound, StoreError
from .models import Session, SessionProblem, SessionStatus, SessionUpdate
from .observe import get_logger, operation
from .ports import Clock, Connector, Metrics, OutboxItem, Store
from .pulse import Pulse
from .states import NEEDS_A_PERSON, ailment, problem_of, wants_start

_log = get_logger(__name__)
_TICK = 0.5
_FIRST_RESTART_SECONDS = 10.0
_LONGEST_RESTART_SECONDS = 300.0
_RESTRICTED_SECONDS = 900.0
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
        silence_seconds: float,
        quiet_seconds: float,
        on_connected: Callable[[str], Awaitable[None]],
        pulse: Pulse,
    ) -> None:
        self._silence = silence_seconds
        self._quiet = quiet_seconds
        self._pulse = pulse
        self._store = store
        self._connectors = connectors
        self._clock = clock
        self._metrics = metrics
        self._pairing = pairing_seconds
        self._connected = connected_seconds
        self._on_connected = on_connected
        self._due: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._restarts: dict[str, _Restarts] = {}
        self._troubled: set[str] = set()
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
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TICK):
                        await self._wake.wait()
                self._wake.clear()
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

    async def start(self, session: Session) -> tuple[Session, SessionUpdate]:
        """Ask the connection service to start a session and store what it says. Raises ConnectorError."""
        self._restarts.setdefault(session.id, _Restarts()).made(self._clock.monotonic())
        update = await self._connectors[session.connector].start_session(session.id, session.name)
        return await self.report(session, update), update

    async def heard(self, item: OutboxItem, error: ConnectorError | None) -> None:
        """Learn of a session by how a send of it was answered; raises nothing."""
        session_id = item.send.session_id
        if error is None:
            self._pulse.sent(session_id)
            if session_id in self._troubled:
                self._ask_soon(session_id)
            return
        try:
            await self._learn(item.tenant_id, session_id, error)
        except (StoreError, SessionNotFound) as exc:
            _log.warning("session_problem_not_stored", session_id=session_id, error=exc.code)

    async def _learn(self, tenant_id: str, session_id: str, error: ConnectorError) -> None:
        if isinstance(error, ConnectorRestricted):
            status = SessionStatus.RESTRICTED
            # Where no end is told it is looked at again after a while; else each look and each send would take turns.
            until = error.until or self._clock.now() + timedelta(seconds=_RESTRICTED_SECONDS)
            update = SessionUpdate(session_id=session_id, status=status, reason=error.detail, until=until)
            await self._store.change_session(tenant_id, session_id, update=update)
        elif not isinstance(error, ConnectorKeyRefused):
            self._ask_soon(session_id)
        elif session_id not in self._troubled and (session := await self._store.session(tenant_id, session_id)):
            await self.fail(session, error)

    def _ask_soon(self, session_id: str) -> None:
        self._due.pop(session_id, None)
        self._wake.set()

    async def fail(self, session: Session, error: ConnectorError) -> None:
        """Store that the connection service does not answer, or answers but will not serve us, which tells people."""
        problem = problem_of(error)
        if session.problem is not problem:
            self._troubled.add(session.id)
            _log.warning(
                "session_problem", session_id=session.id, problem=problem.value, error=error.code, detail=error.detail
            )
            await self._store.change_session(
                session.tenant_id, session.id, problem=problem, error=error.detail, epoch=session.epoch
            )

    async def report(self, session: Session, update: SessionUpdate) -> Session:
        """Store what the connection service answered; a new connection is told to `on_connected`."""
        ailing = await self._ailment(session) if update.status is SessionStatus.CONNECTED else None
        facts: dict[str, Any] = {}
        if ailing is not None:
            facts = {"problem": SessionProblem.DEGRADED, "error": ailing}
            self._troubled.add(session.id)
        elif session.problem is not None:
            facts = {"problem": None, "error": None}
        after = await self._store.change_session(
            session.tenant_id, session.id, update=update, epoch=session.epoch, **facts
        )
        if ailing is not None and session.problem is not SessionProblem.DEGRADED:
            _log.warning("session_problem", session_id=session.id, problem=after.problem, error="ailing", detail=ailing)
        if after.status is SessionStatus.CONNECTED:
            self._restarts.pop(after.id, None)
        if after.status is not session.status:
            self._due.pop(after.id, None)
            if after.status is SessionStatus.CONNECTED:
                await self._on_connected(after.id)
        return after

    async def _ailment(self, session: Session) -> str | None:
        if session.desired != "running" or session.status is not SessionStatus.CONNECTED:
            return None  # what was before this connection says nothing of it
        await self._pulse.flush()
        health = await self._store.session_health(session.id)
        return ailment(health, self._clock.now(), self._silence, self._quiet)

    async def _look(self) -> None:
        await self._pulse.flush()
        sessions = await self._store.running_sessions()
        counts = dict.fromkeys(SessionStatus, 0)
        problems = dict.fromkeys(SessionProblem, 0)
        now = self._clock.monotonic()
        self._troubled = {session.id for session in sessions if session.problem is not None}
        for session in sessions:
            counts[session.status] += 1
            if session.problem is not None:
                problems[session.problem] += 1
            if self._due.get(session.id, 0.0) <= now and session.id not in self._tasks:
                task = asyncio.create_task(self._poll(session), name=f"poll {session.id}")
                self._tasks[session.id] = task
                task.add_done_callback(functools.partial(self._polled, session.id))
        for status, count in counts.items():
            self._metrics.gauge("session_status", count, status=status.value)
        for problem, count in problems.items():
            self._metrics.gauge("session_problem", count, problem=problem.value)
        known = {session.id for session in sessions}
        for forgotten in self._due.keys() - known:
            del self._due[forgotten]
        for forgotten in self._restarts.keys() - known:
            del self._restarts[forgotten]

    def _polled(self, session_id: str, _: asyncio.Task[None]) -> None:
        self._tasks.pop(session_id, None)

    async def _poll(self, session: Session) -> None:
        async with self._limit:
            try:
                session, _ = await self.ask(session)
                session = await self._restart(session)
            except SessionNotFound:
                return
            except ConnectorError:
                pass  # is stored, and told to people, as the session's problem
            except StoreError as exc:
                _log.warning("session_poll_failed", session_id=session.id, error=exc.code)
            delay = self._connected if session.status in _SETTLED else self._pairing
            # Jitter, so that many sessions and processes do not ask in step.
            self._due[session.id] = self._clock.monotonic() + delay * random.uniform(0.8, 1.0)  # noqa: S311  # no secret

    async def _restart(self, session: Session) -> Session:
        """Start a session that is to run and that the connection service does not know, now and then; return it."""
        restarts = self._restarts.get(session.id)
        waits = restarts is not None and self._clock.monotonic() < restarts.next_at
        if waits or not wants_start(session):
            return session
        with operation("session_restart", tenant_id=session.tenant_id, session_id=session.id):
            session, _ = await self.start(session)
        return session


class _Restarts:
    """When a session may be started again: after ten seconds, then ever later until it was connected."""

    __slots__ = ("_delay", "next_at")

    def __init__(self) -> None:
        self.next_at = float("-inf")
        self._delay = _FIRST_RESTART_SECONDS

    def made(self, now: float) -> None:
        """Note that it was started now."""
        self.next_at = now + self._delay
        self._delay = min(self._delay * 2, _LONGEST_RESTART_SECONDS)
