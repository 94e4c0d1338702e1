"""The demo as a process of its own, for tests of the whole way: every call is real HTTP, every phone is simulated."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx

PATIENCE_SECONDS = 60.0
_SETTINGS = ("FIVAPP_", "DATABASE_URL", "CONNECTION_SERVICE_")
T = TypeVar("T")


class Demo:
    """A running demo whose session is connected: `gateway` and `phone` are clients of its two servers.

    `gateway` has an admin's token, `phone` is the simulated connection service with its phones.
    """

    def __init__(self, ready: dict[str, Any], log: Path) -> None:
        self.tenant_id: str = ready["tenantId"]
        self.log = log
        headers = {"Authorization": f"Bearer {ready['token']}"}
        self.gateway = httpx.Client(base_url=ready["gateway"], headers=headers, timeout=PATIENCE_SECONDS)
        self.phone = httpx.Client(base_url=ready["simulator"], timeout=PATIENCE_SECONDS)

    def connect(self) -> None:
        """Connect the session, and scan its QR code."""
        self.gateway.post("/api/whatsapp/connect", json={}).raise_for_status()
        self.phone.post(f"/simulator/sessions/{self.tenant_id}/scan").raise_for_status()
        status = f"/api/whatsapp/status/{self.tenant_id}"
        eventually(lambda: self.gateway.get(status).json()["connected"])

    def configure(self, plugin: str, **settings: Any) -> None:
        """Replace a plugin's settings for the tenant. Raises httpx.HTTPStatusError when they are refused."""
        self.gateway.put(f"/api/plugins/{plugin}", json={"config": settings}).raise_for_status()

    def says(self, text: str | None, sender: str, **fields: Any) -> str:
        """Let a contact write: `sender` is a number; further fields are those of the simulator. Returns the id."""
        body = {"from": sender, "text": text, **fields}
        answer = self.phone.post(f"/simulator/sessions/{self.tenant_id}/messages", json=body).raise_for_status()
        return str(answer.json()["messageId"])

    def sent(self, to: str | None = None) -> list[dict[str, Any]]:
        """Return what reached phones, once for each time it arrived, the oldest first; `to` is a number or a group."""
        items: list[dict[str, Any]] = self.phone.get("/simulator/ledger").raise_for_status().json()["items"]
        return [item for item in items if to is None or item["to"].partition("@")[0] == to.partition("@")[0]]

    def waits_for(self, count: int, to: str) -> list[dict[str, Any]]:
        """Return what reached a phone, or a group, once it is so many messages; fails when that takes too long."""
        return eventually(lambda: found if len(found := self.sent(to)) >= count else [])

    def close(self) -> None:
        """Close the clients."""
        self.gateway.close()
        self.phone.close()


@contextlib.contextmanager
def running_demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    """Run `fivapp-whatsapp demo` in a folder, on free ports, with its session connected, and end it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    command = [sys.executable, "-m", "fivapp_whatsapp", "demo", "--json", "--port", "0", "--data", str(folder)]
    log = folder / "demo.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [*command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=kept
        )
    try:
        demo = Demo(_ready(process, log), log)
        with contextlib.closing(demo):
            demo.connect()
            yield demo
    finally:
        _end(process)


def eventually(look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """Look until there is something true, and return it; fails when that takes too long."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"It did not happen within {seconds:g} seconds.")
        time.sleep(0.05)
    return found


def _ready(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise AssertionError(f"The demo ended: {log.read_text(encoding='utf-8')[-2000:]}")
    ready: dict[str, Any] = json.loads(line)
    return ready


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    if process.stdout:
        process.stdout.close()
