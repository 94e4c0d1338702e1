"""Real processes of the command line, for tests: started with a clean environment, always ended."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fivapp_whatsapp.cli import cli

ROOT = Path(__file__).parent.parent
_OURS = ("FIVAPP_", "DATABASE_URL", "CONNECTION_SERVICE_", "PICCOLO_CONF")
START_SECONDS = 40.0
_WRITE = os.O_WRONLY | os.O_CREAT
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["fivapp_whatsapp.app", "fivapp_whatsapp.commands.serve", "fivapp_whatsapp.cli"])


def clean_environment(**values: str) -> dict[str, str]:
    """Return the environment without any setting of ours but these; warnings are errors in our modules."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **values}


def command(*arguments: str, cwd: Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a process of its own that finds the package loaded: loading is most of its time."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        files[0].write_text(stdin, encoding="utf-8")
        process = _FORKS.Process(target=_run, args=(arguments, cwd, clean_environment(**environment), files))
        process.start()
        process.join(START_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, START_SECONDS)
        out, errors = (file.read_text(encoding="utf-8") for file in files[1:])
    return subprocess.CompletedProcess(arguments, process.exitcode, out, errors)


def _run(arguments: tuple[str, ...], cwd: Path, environment: dict[str, str], files: list[Path]) -> None:
    for number, (file, flags) in enumerate(zip(files, (os.O_RDONLY, _WRITE, _WRITE), strict=True)):
        os.dup2(os.open(file, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = map(os.fdopen, range(3), "rww")
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
    warnings.simplefilter("error")
    cli(arguments, prog_name="fivapp-whatsapp")


def wait_for(happened: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Ask until there is an answer; fails when it takes too long."""
    end = time.monotonic() + seconds
    while not (answer := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return answer


class Running:
    """A process that runs on: its lines of stdout as they come, its stderr when asked."""

    def __init__(self, arguments: list[str], cwd: Path, environment: Mapping[str, str]) -> None:
        self._errors = open(cwd / f"stderr-{os.urandom(4).hex()}.log", "w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.lines: list[str] = []
        self._fresh: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def stderr(self) -> str:
        """Return what was written to stderr so far."""
        return Path(self._errors.name).read_text(encoding="utf-8")

    def line(self, timeout: float = START_SECONDS) -> str:
        """Return the next line of stdout; fails when the process ends or takes too long."""
        try:
            line = self._fresh.get(timeout=timeout)
        except queue.Empty:
            line = None
        assert line is not None, f"no line; exit code {self.process.poll()}, stderr:\n{self.stderr[-4000:]}"
        return line

    def json(self) -> Any:
        """Return the next line of stdout, decoded."""
        return json.loads(self.line())

    def end(self, number: int = signal.SIGTERM, timeout: float = START_SECONDS) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout)
        self._reader.join(timeout)
        return code

    def close(self) -> None:
        """End the process, whatever it takes."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self._fresh.put(line)
        self._fresh.put(None)


@contextlib.contextmanager
def running(*arguments: str, cwd: Path, **environment: str) -> Iterator[Running]:
    """Run a command beside the test."""
    with program(sys.executable, "-m", "fivapp_whatsapp", *arguments, cwd=cwd, **environment) as process:
        yield process


@contextlib.contextmanager
def program(*arguments: str, cwd: Path, **environment: str) -> Iterator[Running]:
    """Run any program beside the test."""
    process = Running(list(arguments), cwd, clean_environment(**environment))
    try:
        yield process
    finally:
        process.close()
