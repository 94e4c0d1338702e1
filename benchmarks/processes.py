"""Processes of one run: servers, the connection service, the load generator. All end with the run."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from .browsers import Expect, Open, Seen
from .load import Burst, Told

_START_SECONDS = 60.0
_told = msgspec.json.Decoder(Told)
_seen = msgspec.json.Decoder(Seen)


class Server(msgspec.Struct, frozen=True):
    """A server of this machine; `log` is what it wrote to stderr, `start_seconds` until it answered."""

    name: str
    port: int
    pid: int
    log: Path
    start_seconds: float = 0.0


class Secrets(msgspec.Struct, frozen=True):
    """What a run's servers and requests share, made anew for each run."""

    api_key: str
    jwt_secret: str
    app_secret: str

    @classmethod
    def new(cls) -> Secrets:
        """Make them."""
        return cls(secrets.token_hex(24), secrets.token_hex(32), secrets.token_hex(16))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def environment(keys: Secrets, service_port: int, database_url: str) -> dict[str, str]:
    """Return the environment of a server of ours: an operator's settings, whose rates let one user load one session."""
    ours = ("FIVAPP_", "DATABASE_URL", "CONNECTION_SERVICE_", "PICCOLO_CONF")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    unlimited = {f"FIVAPP_RATE_{name}": "10000000" for name in ("USER", "USER_BURST", "TENANT")}
    unlimited |= {f"FIVAPP_SOCKETS_PER_{name}": "10000" for name in ("USER", "TENANT")}
    # Else a session's pace is measured: ten sends a second, whatever a send costs.
    unlimited["FIVAPP_SEND_RATE"] = "0"
    return {
        **kept,
        **unlimited,
        "CONNECTION_SERVICE_URL": f"http://127.0.0.1:{service_port}",
        "CONNECTION_SERVICE_API_KEY": keys.api_key,
        "FIVAPP_JWT_SECRET": keys.jwt_secret,
        "FIVAPP_CLOUD_API_APP_SECRET": keys.app_secret,
        "DATABASE_URL": database_url,
    }


@contextlib.contextmanager
def running(
    name: str, arguments: Sequence[str], folder: Path, settings: dict[str, str], *, port: int
) -> Iterator[Server]:
    """Run a module of Python until the block ends, and go on once it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    log, began = folder / f"{name}.log", time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], env=settings, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        _wait_until_it_answers(process, port, log)
        yield Server(name, port, process.pid, log, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
            sock.sendall(request)
            if sock.recv(12):
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{log.name} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


class Generator:
    """The load generator: one process for a whole run."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid = self._process.pid

    def send(self, burst: Burst) -> Told:
        """Send a burst and wait for its end."""
        body = msgspec.msgpack.encode(burst)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(b"%d\n%b" % (len(body), body))
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError("the load generator ended")
        return _told.decode(line)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Browsers:
    """Browsers, which are a process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.browsers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid = self._process.pid

    def open(self, order: Open) -> None:
        """Open sockets and wait until they are."""
        self._order(order)
        self._line()

    def expect(self, order: Expect) -> None:
        """Tell them what is to come; they count from here on."""
        self._order(order)
        self._line()

    def seen(self) -> Seen:
        """Wait until all have come."""
        return _seen.decode(self._line())

    def close(self) -> None:
        """End them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _order(self, order: Open | Expect) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the browsers ended")
        return line
