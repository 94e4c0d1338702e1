"""Counts syncs before answers: strace beside gateway and PostgreSQL says what reached the disk, and when."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

_CALLS = "fsync,fdatasync,read,recvfrom,write,writev,sendto,sendmsg"
_LINE = re.compile(r"^(\d+) +(\d+\.\d+) (?:<\.\.\. (\w+) resumed>|(\w+)\((\d+)?)(.*)$")
_SYNCS = frozenset({"fsync", "fdatasync"})
_ATTACH_SECONDS = 10.0


def missing() -> str | None:
    """Return what there is not on this machine to count with, or None."""
    return None if shutil.which("strace") else "there is no strace"


class Counted(msgspec.Struct):
    """Answers to webhooks, and those of them before which something was synced since the request had come."""

    answered: int = 0
    synced: int = 0


class Tracer:
    """strace on some processes and all that they start, until `stop`."""

    def __init__(self, pids: Sequence[int], file: Path) -> None:
        self._file = file
        words = [word for pid in pids for word in ("-p", str(pid))]
        self._process = subprocess.Popen(
            ["strace", "-f", "-ttt", "-s", "32", "-e", f"trace={_CALLS}", "-e", "signal=none", "-o", file, *words],
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    async def attached(self) -> None:
        """Wait until it watches. Raises RuntimeError when it may not."""
        assert self._process.stderr is not None
        async with asyncio.timeout(_ATTACH_SECONDS):
            line = await asyncio.to_thread(self._process.stderr.readline)
        if b"attached" not in line:
            raise RuntimeError(f"strace: {line.decode(errors='replace').strip()}")

    async def stop(self) -> list[str]:
        """End it and return the lines that it wrote."""
        self._process.terminate()
        await asyncio.to_thread(self._process.communicate)
        return self._file.read_text(errors="replace").splitlines()


def count(lines: Iterable[str]) -> Counted:
    """Look whether each answer to a webhook came after a sync that began when its request was there."""
    counted = Counted()
    asked: dict[tuple[int, int], float] = {}
    began: dict[str, tuple[str, float]] = {}
    last_sync = (0.0, 0.0)
    for moment, pid, call, descriptor, rest, resumed in sorted(_calls(lines)):
        if call in _SYNCS:
            if rest.endswith("<unfinished ...>"):
                began[pid] = (call, moment)
            elif "= 0" in rest:
                start = began.pop(pid, (call, moment))[1] if resumed else moment
                last_sync = max(last_sync, (start, moment))
        elif "POST /api/webhooks" in rest:
            asked[0, descriptor] = moment
        elif "HTTP/1.1 200" in rest and (came := asked.pop((0, descriptor), None)) is not None:
            counted.answered += 1
            counted.synced += last_sync[0] >= came
    return counted


def _calls(lines: Iterable[str]) -> Iterable[tuple[float, str, str, int, str, bool]]:
    """Take lines apart: when, which thread, which call, on which descriptor, the rest, whether it is its second half.

    The second half of a read has the data and no descriptor: it is that of the first half.
    """
    unfinished: dict[str, int] = {}
    for line in lines:
        if (found := _LINE.match(line)) is None:
            continue
        pid, moment, resumed, call, descriptor, rest = found.groups()
        number = unfinished.pop(pid, -1) if resumed else int(descriptor or -1)
        if rest.endswith("<unfinished ...>"):
            unfinished[pid] = number
        yield float(moment), pid, resumed or call, number, rest, resumed is not None
