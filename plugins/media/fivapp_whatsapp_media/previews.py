"""What is seen of a file before it is opened: made in a process of its own, so that a hostile file harms nothing."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import msgspec

from .kinds import Family

_SECONDS = 20.0
_AT_ONCE = 2
_ANSWER = 64 * 1024
_KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")


class Facts(msgspec.Struct, frozen=True, rename="camel"):
    """What a look into a file found: pixels, seconds, pages, 64 loudnesses of 0 to 100; `picture` is a WebP."""

    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    pages: int | None = None
    peaks: list[int] | None = None
    too_many_pixels: bool = False
    preview: bool = False
    picture: bytes | None = None


class Previews:
    """Looks into files, two at once; what cannot be looked into has no facts."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def look(self, path: Path, family: Family) -> Facts:
        """Return what a file shows of itself."""
        if family == "other":
            return Facts()
        async with self._slots:
            with tempfile.TemporaryDirectory(prefix="fivapp-preview-") as folder:
                picture = Path(folder) / "picture.webp"
                answer = await self._ask(family, path, picture)
                facts = _read(answer)
                if facts.preview and picture.exists():
                    return msgspec.structs.replace(facts, picture=picture.read_bytes())
        return msgspec.structs.replace(facts, preview=False)

    async def _ask(self, family: str, path: Path, picture: Path) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            f"{__package__}.preview_worker",
            family,
            str(path),
            str(picture),
            str(self._pixels),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # Nothing of our secrets; numeric libraries would each take a thread a core.
            env={name: value for name in _KEPT if (value := os.environ.get(name))} | {"OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                assert process.stdout is not None  # noqa: S101  # a pipe was asked for
                answer = await process.stdout.read(_ANSWER)
                return answer if await process.wait() == 0 else b""
        except TimeoutError:
            return b""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _read(answer: bytes) -> Facts:
    try:
        return msgspec.json.decode(answer, type=Facts)
    except msgspec.DecodeError:
        return Facts()
