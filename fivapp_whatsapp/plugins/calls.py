"""One call of a plugin's function on its way, in a task or in a thread, and what is left of it in the end."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any

from fivapp_whatsapp.observe import get_logger

from .health import Place
from .registry import Hook
from .threads import PluginThreads

_log = get_logger(__name__)


class Call:
    """One call on its way; `late` means that nobody waits for it any more, `running` that a thread is at it."""

    __slots__ = (
        "deadline",
        "error",
        "hangs",
        "hook",
        "key",
        "late",
        "loop",
        "paused",
        "place",
        "running",
        "task",
        "threads",
        "value",
        "waiter",
    )

    def __init__(self, place: Place, hook: Hook, loop: asyncio.AbstractEventLoop) -> None:
        self.place = place
        self.hook = hook
        self.loop = loop
        self.waiter: asyncio.Future[None] = loop.create_future()
        self.task: asyncio.Task[None] | None = None
        self.key: object = self
        self.deadline = 0.0
        self.late = False
        self.paused = False
        self.running = False
        self.hangs = False
        self.threads: PluginThreads | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    @property
    def in_thread(self) -> bool:
        """Tell whether a thread is at work for it."""
        return self.running and self.task is None


class Job:
    """The work of one call for a thread: with a copy of the caller's context, its end told to the loop."""

    __slots__ = ("_arguments", "_call", "_context", "_done")

    def __init__(self, call: Call, arguments: Mapping[str, Any], done: Callable[..., None]) -> None:
        self._call = call
        self._arguments = arguments
        self._context = contextvars.copy_context()
        self._done = done

    def __call__(self) -> None:
        """Do it, in a thread."""
        call, value, error = self._call, None, None
        # Before the look at `late`: the loop sets that first, then looks at this.
        call.running = True
        if not call.late:  # it may have waited for a free thread until its time was over
            try:
                given = {name: self._arguments[name] for name in call.hook.arguments}
                value = self._context.run(call.hook.function, **given)
            except BaseException as exc:  # a thread has nobody else to tell
                error = exc
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            call.loop.call_soon_threadsafe(self._done, call, value, error)


def trace_of(inner: TracebackType | None, ours: str) -> list[str]:
    """Return where an error passed, as "file.py:12:function", the innermost last, without frames of our files."""
    frames: list[str] = []
    while inner is not None:
        code = inner.tb_frame.f_code
        if code.co_filename not in (__file__, ours):
            frames.append(f"{code.co_filename.rpartition('/')[2]}:{inner.tb_lineno}:{code.co_name}")
        inner = inner.tb_next
    return frames[-8:]


def drop(value: Awaitable[Any]) -> None:
    """Let go of something that was to be awaited, without a word of the interpreter about it."""
    if inspect.iscoroutine(value):
        value.close()


def abandon(task: asyncio.Task[None]) -> None:
    """Take a task that swallows every cancel off the loop's list: `asyncio.run` would wait for it for ever."""
    _log.warning("plugin_task_left_running", task=task.get_name())
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # what gather does with the tasks that it holds
    asyncio.tasks._unregister_task(task)
