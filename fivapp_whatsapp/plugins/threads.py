"""Threads for the plain functions of one hook: a function that hangs costs this hook a thread, and nobody else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

AT_MOST = 8


class PluginThreads:
    """Runs jobs in daemon threads, which no end of the process waits for; further jobs wait for a free one."""

    def __init__(self, plugin: str, hook: str) -> None:
        self._name = f"plugin {plugin} {hook}"
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._count = 0

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job, which raises nothing, as soon as a thread is free."""
        self._jobs.put(job)
        if not self._idle.acquire(blocking=False) and self._count < AT_MOST:
            self._count += 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def close(self) -> None:
        """Let the threads end once they are done with what waits."""
        for _ in range(self._count):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job()
            del job  # what it holds is not to live until the next one comes

    def _next(self) -> Callable[[], None] | None:
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            self._idle.release()
            return self._jobs.get()
