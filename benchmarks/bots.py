"""Plugins for the rows about hooks, as files: five that hear of messages, five that do not, those that misbehave."""

from __future__ import annotations

from pathlib import Path

from tests.planted import MISBEHAVING

from .slots import Slots, make

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


def listeners(folder: Path, count: int) -> tuple[list[Path], Slots]:
    """Write plugins that hear of messages; they tell how many calls they had and when the last returned."""
    slots = [make(folder / f"hears{number}.slot") for number in range(count)]
    return [_write(folder, slot.stem, _HEARS.replace("{slot!r}", repr(str(slot)))) for slot in slots], Slots(slots)


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
