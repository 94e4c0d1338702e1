"""Threads for the plain functions of one hook: a function that hangs costs this hook a thread, and nobody else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

# So many work at once; one that hangs is replaced, as long as its hook is not paused for that.
AT_MOST = 12


class PluginThreads:
    """Runs jobs in daemon threads, which no end of the process waits for; further jobs wait for a free one.

    What is counted here is counted in the event loop's thread alone: whoever submits tells also what came back.
    """

    def __init__(self, plugin: str, hook: str) -> None:
        self._name = f"plugin {plugin} {hook}"
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._count = 0
        self._open = 0
        self._hung = 0

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job, which raises nothing, as soon as a thread is free."""
        self._open += 1
        self._jobs.put(job)
        self._fit()

    def returned(self) -> None:
        """Take note that a job came to its end."""
        self._open -= 1

    def hangs(self, change: int) -> None:
        """Take note of a thread that hangs (1), which gets a successor, or of one that came back at last (-1)."""
        self._hung += change
        self._fit()

    def close(self) -> None:
        """Let the threads end once they are done with what waits."""
        for _ in range(self._count):
            self._jobs.put(None)

    def _fit(self) -> None:
        """Start a thread for a job that has none, or let one end that is too many."""
        most = AT_MOST + self._hung
        if self._open > self._count and self._count < most:
            self._count += 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        elif self._count > most:
            self._count -= 1
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # what it holds is not to live until the next one comes
