"""Finds out who blocks the event loop, from a thread beside it: so it speaks while the loop still stands."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import msgspec

from fivapp_whatsapp.observe import get_logger

_log = get_logger(__name__)
# It is told of again when it goes on for so many times the limit.
_AGAIN = (1, 10, 60)
_MAX_FRAMES = 12


class Stall(msgspec.Struct, frozen=True):
    """A plugin's function that has blocked the loop for so many seconds; `first` is False for each later word on it.

    `tenant_id` is empty when nobody knows for whom it was called. `trace` has "file.py:12:function", innermost last.
    """

    tenant_id: str
    plugin: str
    hook: str
    seconds: float
    trace: list[str]
    first: bool
    loop: asyncio.AbstractEventLoop


class StallWatch:
    """Looks a few times a second at which task the loop runs; the same one in one turn of the loop is a stall.

    `find` says whose it is: (tenant, plugin, hook) from the task and the modules on its stack, innermost first.
    """

    def __init__(
        self,
        find: Callable[[object, list[str]], tuple[str, str, str] | None],
        tell: Callable[[Stall], None],
        *,
        seconds: float = 1.0,
    ) -> None:
        self._find = find
        self._tell = tell
        self._seconds = seconds
        self._pause = seconds / 4
        self._turns = 0

    async def run(self) -> None:
        """Watch the running loop until cancelled."""
        stop = threading.Event()
        loop, thread_id = asyncio.get_running_loop(), threading.get_ident()
        watchdog = threading.Thread(
            target=self._look, args=(loop, thread_id, stop), name="plugin watchdog", daemon=True
        )
        watchdog.start()
        try:
            while True:
                self._turns += 1
                await asyncio.sleep(self._pause)
        finally:
            stop.set()

    def _look(self, loop: asyncio.AbstractEventLoop, thread_id: int, stop: threading.Event) -> None:
        seen: tuple[int, object] | None = None
        since, told = 0.0, 0
        while not stop.wait(self._pause):
            now = (self._turns, asyncio.current_task(loop))
            if now != seen:
                seen, since, told = now, time.monotonic(), 0
                continue
            blocked = time.monotonic() - since
            if told < len(_AGAIN) and blocked >= self._seconds * _AGAIN[told]:
                told += 1
                try:
                    self._report(loop, thread_id, now[1], blocked, first=told == 1)
                except Exception:  # the watch goes on
                    _log.exception("stall_watch_failed")

    def _report(
        self, loop: asyncio.AbstractEventLoop, thread_id: int, task: object, seconds: float, *, first: bool
    ) -> None:
        frames = _frames(sys._current_frames().get(thread_id))
        found = self._find(task, [str(frame.f_globals.get("__name__", "")) for frame in frames])
        if found is None:  # not a plugin's: the loop's lag has its own line
            return
        lines = [f"{_name(frame)}:{frame.f_lineno}:{frame.f_code.co_name}" for frame in frames[:_MAX_FRAMES]]
        self._tell(Stall(*found, seconds=seconds, trace=lines[::-1], first=first, loop=loop))


def _frames(frame: FrameType | None) -> list[FrameType]:
    """Return a stack, innermost first."""
    found: list[FrameType] = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def _name(frame: FrameType) -> str:
    return frame.f_code.co_filename.rpartition("/")[2]
