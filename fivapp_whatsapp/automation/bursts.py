"""Turns that wait until their contact is silent: bots with `quiet_for` are asked once about all that was written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fivapp_whatsapp.errors import StoreError
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Clock

from .attempts import Attempts
from .chain import Turn

_log = get_logger(__name__)
_STORE_RETRY_SECONDS = 1.0
_Key = tuple[str, str]


class Burst:
    """A turn that waits, or is asked after its wait; `done` ends when it was committed."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.older: list[Burst] = []
        # Clear while it is being asked.
        self.free = asyncio.Event()
        self.free.set()
        self.task: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Tell that it was committed, and all that it took over with it."""
        for burst in self.older:
            burst.end()
        if not self.done.done():
            self.done.set_result(None)


class Bursts:
    """The waiting turns of a process, one a conversation; `go_on` asks further and tells whether all is done.

    `fail` keeps a turn that a defect of ours broke. Waiting is not written down: the lane's place stays before the
    messages, so another process begins to wait anew.
    """

    def __init__(
        self,
        attempts: Attempts,
        clock: Clock,
        go_on: Callable[[Turn], Awaitable[bool]],
        fail: Callable[[Turn, Exception], Awaitable[None]],
    ) -> None:
        self._attempts = attempts
        self._clock = clock
        self._go_on = go_on
        self._fail = fail
        self._bursts: dict[_Key, Burst] = {}

    async def asked(self, key: _Key) -> None:
        """Wait while a turn of the conversation is being asked: answers keep their order."""
        while (burst := self._bursts.get(key)) is not None and not burst.free.is_set():
            await burst.free.wait()

    def take(self, key: _Key) -> Burst | None:
        """Return the turn that waits in a conversation, for a newer message that takes over from it.

        No await may stand between `asked` and this: a turn that is being asked goes its way to the end.
        """
        burst = self._bursts.pop(key, None)
        if burst is not None and burst.task is not None:
            burst.task.cancel()
        return burst

    def wait(self, burst: Burst) -> asyncio.Future[None]:
        """Let a turn wait until its time; the future ends when it was committed."""
        key = burst.turn.key
        self._bursts[key] = burst
        burst.task = asyncio.create_task(self._run(key, burst), name="burst")
        burst.done.add_done_callback(lambda done: self._broken_off(key, burst) if done.cancelled() else None)
        return burst.done

    def _broken_off(self, key: _Key, burst: Burst) -> None:
        """The lane went to another process: it waits there, with all that it took over."""
        if self._bursts.get(key) is burst:
            self.take(key)
        for older in burst.older:
            older.done.cancel()

    async def _run(self, key: _Key, burst: Burst) -> None:
        turn = burst.turn
        while True:
            while turn.wait_until is not None and (left := turn.wait_until - self._clock.now()).total_seconds() > 0:
                await self._clock.sleep(left.total_seconds())
            done = False
            burst.free.clear()
            try:
                with self._attempts.activity.busy():
                    done = await self._ask(turn)
            finally:  # also when it is broken off: somebody may wait for its end
                if done and self._bursts.get(key) is burst:
                    del self._bursts[key]
                burst.free.set()
            if done:
                burst.end()
                return

    async def _ask(self, turn: Turn) -> bool:
        while True:
            try:
                return await self._go_on(turn)
            except StoreError as exc:
                _log.warning("reply_waits_for_store", error=exc.code)
                await asyncio.sleep(_STORE_RETRY_SECONDS)
            except Exception as exc:
                _log.exception("reply_defect")
                await self._fail(turn, exc)
                return True
