"""A process of a run: started, killed, and started again on the same port."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .caller import Caller, NoAnswer

_START_SECONDS = 90.0
_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_us() -> None:
    """Let the kernel kill this process when its parent is gone, however that ended (prctl(2))."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


class Child:
    """A process that is started again on the same port, with a log that all its lives share."""

    def __init__(self, name: str, arguments: Sequence[str], port: int, folder: Path, settings: dict[str, str]) -> None:
        self.name = name
        self.port = port
        self.log = folder / f"{name}.log"
        self.ready = False
        self._command = [sys.executable, "-m", *arguments]
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the id of its present life. Raises RuntimeError when there is none."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None

    async def start(self, *words: str) -> None:
        """Start it, with more words for this life, and wait until it answers. Raises RuntimeError."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # returns at once
                [*self._command, *words],
                env=self._settings,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                preexec_fn=_end_with_us,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not await self._answers():
            if not self.alive and words:
                return  # what befell it came before it answered
            if not self.alive or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
            await asyncio.sleep(0.05)
        self.ready = True

    async def _answers(self) -> bool:
        caller = Caller()
        try:
            await caller.post(self.port, b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n", seconds=2)
        except NoAnswer:
            return False
        finally:
            caller.close()
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        self.ready = False
        self.signal(signal.SIGKILL)
        await self.ended(10)

    async def stop(self, seconds: float = 30.0) -> int:
        """Ask it to end and return its exit code; it is killed when that takes too long."""
        self.ready = False
        self.signal(signal.SIGTERM)
        return await self.ended(seconds)

    async def ended(self, seconds: float) -> int:
        """Wait for its end and return its exit code; it is killed when that takes too long."""
        process = self._process
        if process is None:
            return 0
        deadline = time.monotonic() + seconds
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
            await asyncio.sleep(0.01)
        return process.returncode
