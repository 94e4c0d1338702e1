"""Open sockets and event streams: how many there may be, and one watch over all of them.

A connection ends by `end(code)`, whoever finds the reason first: the reader (flood, the client has gone), the
watch (a send that hangs, a login that is over), or the feed (too far behind, shutdown).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from fivapp_whatsapp.errors import GatewayError, NotAllowed, Overloaded, StoreError
from fivapp_whatsapp.feed import Feed, Frame, SlowReader, Subscription
from fivapp_whatsapp.models import User
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Metrics, NoMetrics

NOT_TEXT, POLICY, TOO_BIG, FAILED, RESTART, TRY_LATER = 1003, 1008, 1009, 1011, 1012, 1013
GONE, LOGIN_OVER = 1006, 4401

StillAllowed = Callable[[], Awaitable[object]]
_log = get_logger(__name__)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What sockets may do; times are in seconds."""

    per_user: int = 20
    per_tenant: int = 500
    in_all: int = 10_000
    send_seconds: float = 5.0
    close_seconds: float = 1.0
    watch_seconds: float = 1.0
    heartbeat_seconds: float = 15.0
    messages_per_minute: int = 60
    message_bytes: int = 4096


class Connection:
    """One socket or event stream of one user; `still_allowed` raises NotAllowed once its login is over."""

    def __init__(self, user: User, still_allowed: StillAllowed) -> None:
        self.user = user
        self.still_allowed = still_allowed
        self.sending_since: float | None = None
        self.code = RESTART
        self.gone = False
        self.outcome = "ok"
        self._ended = False
        self._scope: asyncio.Timeout | None = None

    def end(self, code: int, outcome: str = "ok", *, gone: bool = False) -> None:
        """End the connection with a close code, `gone` when it was the client's; the first reason stays."""
        if not self._ended:
            self._ended, self.code, self.outcome, self.gone = True, code, outcome, gone
            if self._scope is not None:
                self._scope.reschedule(0)

    async def run(
        self,
        subscription: Subscription,
        send: Callable[[Frame], Awaitable[None]],
        *beside: Coroutine[Any, Any, None],
    ) -> None:
        """Pass frames on until something ends it; then `code`, `outcome` and `gone` say what did.

        `beside` is work that runs as long.
        """
        tasks = [asyncio.create_task(work) for work in beside]
        try:
            await self._pass_on(subscription, send)
            self.end(RESTART)
        except SlowReader:
            self.end(TRY_LATER, "slow_reader")
        except OSError:
            # ASGI's word for a client that has gone, and the TimeoutError by which `end` gets us out of there.
            self.end(GONE, gone=True)
        except GatewayError as exc:
            self.end(TRY_LATER, exc.code)
        except Exception:
            _log.exception("socket_failed")
            self.end(FAILED, "internal_error")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, subscription: Subscription, send: Callable[[Frame], Awaitable[None]]) -> None:
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(0 if self._ended else None) as self._scope:
                with subscription as frames:
                    async for frame in frames:
                        self.sending_since = now()
                        await send(frame)
                        self.sending_since = None
        finally:
            self._scope = None
            self.sending_since = None


class Sockets:
    """The connections of this process."""

    def __init__(self, feed: Feed, limits: Limits, metrics: Metrics | None = None) -> None:
        self._feed = feed
        self._limits = limits
        self._metrics = metrics or NoMetrics()
        self._open: set[Connection] = set()
        self._per: Counter[tuple[str, ...]] = Counter()
        self._watches: list[asyncio.Task[None]] = []

    @contextmanager
    def admit(self, connection: Connection) -> Iterator[None]:
        """Count a connection in while the block runs. Raises Overloaded when there are too many."""
        tenant = (connection.user.tenant_id,)
        user = (connection.user.tenant_id, connection.user.id)
        if self._per[user] >= self._limits.per_user:
            raise Overloaded(f"A user may have {self._limits.per_user} live connections.")
        if self._per[tenant] >= self._limits.per_tenant or len(self._open) >= self._limits.in_all:
            raise Overloaded("Too many live connections.")
        self._open.add(connection)
        self._per.update((tenant, user))
        self._watch()
        try:
            yield
        finally:
            self._open.discard(connection)
            self._per.subtract((tenant, user))
            self._per = +self._per  # without the zeros
            self._watch()

    def _watch(self) -> None:
        """Watch while there is something to watch."""
        if self._open and not self._watches:
            self._watches = [asyncio.create_task(watch()) for watch in (self._watch_sends, self._watch_logins)]
        elif not self._open:
            for task in self._watches:
                task.cancel()
            self._watches = []
            self._metrics.gauge("queue_length", 0, queue="sockets")

    async def _watch_sends(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(min(self._limits.watch_seconds, self._limits.send_seconds))
            self._metrics.gauge("queue_length", self._feed.waiting, queue="sockets")
            hanging = now() - self._limits.send_seconds
            for connection in tuple(self._open):
                if connection.sending_since is not None and connection.sending_since < hanging:
                    connection.end(TRY_LATER, "slow_reader")

    async def _watch_logins(self) -> None:
        while True:
            await asyncio.sleep(self._limits.watch_seconds)
            for number, connection in enumerate(tuple(self._open)):
                await self._check(connection)
                # A check that is answered from memory does not wait, and thousands of them must not hold up the loop.
                if number % 50 == 49:
                    await asyncio.sleep(0)

    async def _check(self, connection: Connection) -> None:
        try:
            await connection.still_allowed()
        except NotAllowed as exc:
            connection.end(LOGIN_OVER, exc.code)
        except StoreError:
            return  # without a database there are no events to hear either
        except Exception:
            _log.exception("socket_check_failed")
            connection.end(FAILED, "internal_error")
