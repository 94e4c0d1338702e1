"""Where a process tells how much it has done and when the last of it ended, for another to read as it happens."""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Sequence
from pathlib import Path

# How many, and when by the machine's monotonic clock.
LAYOUT = "=Qd"


def make(path: Path) -> Path:
    """Make a slot that says nothing yet."""
    path.write_bytes(bytes(struct.calcsize(LAYOUT)))
    return path


def opened(path: Path) -> mmap.mmap:
    """Open a slot to write or read it."""
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


class Slots:
    """What several writers have told."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._slots = [opened(path) for path in paths]

    @property
    def count(self) -> int:
        """Return how much the one that is behind has done."""
        return min(self._read(slot)[0] for slot in self._slots)

    def until(self, count: int, seconds: float) -> float:
        """Wait until each has done so much and return when the last ended. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.count < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.count} of {count} were done in time")
            time.sleep(0.01)
        return max(self._read(slot)[1] for slot in self._slots)

    @staticmethod
    def _read(slot: mmap.mmap) -> tuple[int, float]:
        count, at = struct.unpack_from(LAYOUT, slot)
        return count, at
