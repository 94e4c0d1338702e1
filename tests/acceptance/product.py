"""The product as its users have it: a process of its own, spoken to with nothing but HTTP and a WebSocket client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

START_SECONDS = 30.0
PATIENCE = 60.0


class Ready(msgspec.Struct, frozen=True, rename="camel"):
    """The line that `demo --json` prints."""

    gateway: str
    simulator: str
    tenant_id: str
    token: str
    api_key: str
    pid: int


class Product:
    """A running demo."""

    def __init__(self, process: subprocess.Popen[Any], ready: Ready) -> None:
        self.process = process
        self.ready = ready
        self.headers = {"Authorization": f"Bearer {ready.token}"}

    def client(self) -> httpx.AsyncClient:
        """Make a client of the gateway with an admin's token."""
        # Without certificates, whose reading takes longer than a test's calls.
        return httpx.AsyncClient(base_url=self.ready.gateway, headers=self.headers, timeout=PATIENCE, verify=False)

    def simulator(self) -> httpx.AsyncClient:
        """Make a client of the simulated connection service."""
        return httpx.AsyncClient(base_url=self.ready.simulator, timeout=PATIENCE, verify=False)

    def socket(self, **query: str | int) -> connect:
        """Open a WebSocket with the token in its header."""
        url = httpx.URL(self.ready.gateway.replace("http", "ws", 1) + "/api/ws", params=query)
        return connect(str(url), additional_headers=self.headers)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def demo(
    data: Path,
    *,
    database_url: str | None = None,
    environment: dict[str, str] | None = None,
    port: int = 0,
    plugins: Sequence[Path] = (),
    arguments: Sequence[str] = (),
) -> Iterator[Product]:
    """Run `demo --json` and end it with SIGTERM; its log goes to `demo.log` in the data folder."""
    data.mkdir(exist_ok=True)
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("FIVAPP_", "CONNECTION_SERVICE"))}
    settings |= environment or {}
    if database_url is not None:
        settings["DATABASE_URL"] = database_url
    command = [
        sys.executable,
        "-m",
        "fivapp_whatsapp",
        "demo",
        "--json",
        "--port",
        str(port),
        "--data",
        str(data),
        *arguments,
    ]
    command += [word for plugin in plugins for word in ("--plugin", str(plugin))]
    with (data / "demo.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=settings, cwd=data)
    try:
        yield Product(process, _read_line(process, data))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def _read_line(process: subprocess.Popen[bytes], data: Path) -> Ready:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"the demo ended: {(data / 'demo.log').read_text()[-2000:]}")
    return msgspec.json.decode(line, type=Ready)


class Listener:
    """Reads a WebSocket in the background and keeps every frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.frames: list[dict[str, Any]] = []
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self._socket:
            self.frames.append(json.loads(text))

    async def until(self, seen: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Return the first truth that `seen` finds in the frames."""
        return await eventually(lambda: seen(self.frames))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the frames of one type."""
        return [frame for frame in self.frames if frame["type"] == kind]

    async def close(self) -> None:
        """Close the socket."""
        await self._socket.close()
        await asyncio.gather(self._task, return_exceptions=True)


async def eventually(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Look until there is something true to return."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)
    return found


async def later(look: Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """Ask until the answer is something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := await look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)
    return found
