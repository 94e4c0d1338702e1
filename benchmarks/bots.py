"""Plugins for the rows about hooks, as files: five that hear of messages, five that do not, those that misbehave."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

from tests.planted import MISBEHAVING

# Where a plugin tells how many calls it had and when the last returned, by the machine's monotonic clock.
_SLOT = "=Qd"
_HEARS = '''
"""Counts the messages that it hears of, where the benchmark reads it."""
import mmap, struct, time
from fivapp_whatsapp import hookimpl

with open({slot!r}, "r+b") as file:
    slot = mmap.mmap(file.fileno(), 0)
calls = 0

@hookimpl
async def message_received(message):
    global calls
    calls += 1
    struct.pack_into("=Qd", slot, 0, calls, time.perf_counter())
'''
_IDLE = '''
"""Has hooks, and none for messages."""
from fivapp_whatsapp import hookimpl

@hookimpl
async def session_status_changed(session):
    pass

@hookimpl
async def timer(key):
    pass
'''


class Listeners:
    """Plugins that hear of messages, and what they have told."""

    def __init__(self, folder: Path, count: int) -> None:
        slots = [folder / f"hears{number}.slot" for number in range(count)]
        for slot in slots:
            slot.write_bytes(bytes(struct.calcsize(_SLOT)))
        self.files = [_write(folder, slot.stem, _HEARS.replace("{slot!r}", repr(str(slot)))) for slot in slots]
        self._slots = [_map(slot) for slot in slots]

    @property
    def calls(self) -> int:
        """Return how many calls the one with the fewest has had."""
        return min(self._read(slot)[0] for slot in self._slots)

    def until(self, calls: int, seconds: float) -> float:
        """Wait until each has had so many calls and return when the last returned. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.calls < calls:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.calls} of {calls} hooks returned in time")
            time.sleep(0.01)
        return max(self._read(slot)[1] for slot in self._slots)

    @staticmethod
    def _read(slot: mmap.mmap) -> tuple[int, float]:
        calls, at = struct.unpack_from(_SLOT, slot)
        return calls, at


def idle(folder: Path, count: int) -> list[Path]:
    """Write plugins without hooks for messages."""
    return [_write(folder, f"idle{number}", _IDLE) for number in range(count)]


def misbehaving(folder: Path) -> list[Path]:
    """Write one of each plugin that does what it must not."""
    return [_write(folder, name, source) for name, source in MISBEHAVING.items()]


def _write(folder: Path, name: str, source: str) -> Path:
    file = folder / f"{name}.py"
    file.write_text(source, encoding="utf-8")
    return file


def _map(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)
