"""Who wakes whom: the heads of the tenants' logs, told after each commit of this process and of others.

A look at all heads every second makes good for what was not told: a lost wake-up costs a second, never an event.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from weakref import WeakSet

from fivapp_whatsapp.errors import StoreError
from fivapp_whatsapp.observe import get_logger

from .postgres import PostgresEngine
from .postgres_writer import CHANNEL

_log = get_logger(__name__)
LOOK_SECONDS = 1.0
# The channel of what is passed on and kept nowhere.
PASSING = "fivapp_passing"
_RECONNECT_SECONDS = 1.0


class Changes:
    """Spreads the heads of logs to all who listen; `look_seconds` lie between two looks at all of them."""

    def __init__(
        self, read_heads: Callable[[], Awaitable[dict[str, int]]], *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._read_heads = read_heads
        self._look_seconds = look_seconds
        self._heads: dict[str, int] = {}
        # Weak: a listener that is dropped without a word is gone.
        self._listeners: WeakSet[Listener] = WeakSet()
        self._closed = False
        self._hearers: list[Callable[[str, str], None]] = []

    def hear(self, listener: Callable[[str, str], None]) -> None:
        """Call a listener with the tenant and the words that are passed on."""
        self._hearers.append(listener)

    def pass_on(self, tenant_id: str, text: str) -> None:
        """Tell those who listen here some words that are kept nowhere."""
        for listener in self._hearers:
            listener(tenant_id, text)

    def publish(self, heads: dict[str, int]) -> None:
        """Tell new heads; older ones are dropped."""
        for tenant_id, seq in heads.items():
            if seq > self._heads.get(tenant_id, 0):
                self._heads[tenant_id] = seq
                for listener in self._listeners:
                    listener.tell(tenant_id, seq)

    def listen(self) -> Listener:
        """Return an iterator of (tenant, head) as logs grow from now on; several growths may come as one."""
        listener = Listener()
        if self._closed:
            listener.end()
        self._listeners.add(listener)
        return listener

    def close(self) -> None:
        """End all listening."""
        self._closed = True
        for listener in self._listeners:
            listener.end()

    async def watch(self) -> None:
        """Look at all heads again and again; runs until cancelled."""
        while True:
            try:
                self.publish(await self._read_heads())
            except StoreError as exc:
                _log.warning("heads_not_read", error=exc.code)
            except Exception:
                # This look is what makes good for all that is lost elsewhere: it goes on whatever happens.
                _log.exception("heads_not_read")
            await asyncio.sleep(self._look_seconds)

    async def hear_postgres(self, engine: PostgresEngine) -> None:
        """Hear what other processes NOTIFY, on a connection of its own that is made anew when it is lost."""
        while True:
            try:
                connection = await engine.connect()
                lost = asyncio.Event()
                connection.add_termination_listener(lambda *_, lost=lost: lost.set())
                try:
                    await connection.add_listener(CHANNEL, self._heard)
                    await connection.add_listener(PASSING, self._heard_words)
                    await lost.wait()
                finally:
                    with contextlib.suppress(Exception):
                        await connection.close(timeout=1)
            except Exception as exc:
                # Hearing is only for speed; watch() goes on without it.
                _log.warning("notify_lost", error=type(exc).__name__)
            await asyncio.sleep(_RECONNECT_SECONDS)

    def _heard_words(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        tenant_id, _, text = str(payload).partition(" ")
        self.pass_on(tenant_id, text)

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        tenant_id, _, seq = str(payload).partition(" ")
        if seq.isdecimal():
            self.publish({tenant_id: int(seq)})


class Listener:
    """The newest heads that one listener has not taken yet: never more than one a tenant."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._heads: dict[str, int] = {}
        self._ended = False

    def tell(self, tenant_id: str, seq: int) -> None:
        """Take a new head."""
        self._heads[tenant_id] = seq
        self._wake.set()

    def end(self) -> None:
        """Let the iteration end once what was told is taken."""
        self._ended = True
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[tuple[str, int]]:
        return self

    async def __anext__(self) -> tuple[str, int]:
        while not self._heads:
            if self._ended:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        tenant_id = next(iter(self._heads))
        return tenant_id, self._heads.pop(tenant_id)
