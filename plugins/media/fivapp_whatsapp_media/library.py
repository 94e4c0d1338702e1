"""Where files are kept: each once for a tenant, under its hash, in a folder or an object store."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
import obstore
from obstore.store import LocalStore, from_url

from fivapp_whatsapp import TooLarge, Unprocessable

from .kinds import HEAD_BYTES, type_of

_PIECE = 64 * 1024


class Spooled(msgspec.Struct, frozen=True):
    """A file that has come whole, in a temporary place: its size in bytes, its type by content, its SHA-256."""

    path: Path
    size: int
    mime_type: str
    sha256: str


class Library:
    """Keeps files in an object store; `url` as MediaSettings.store_url has it."""

    def __init__(self, url: str, *, spool: Path | None = None) -> None:
        self._store = open_store(url)
        self._spool = spool

    @contextlib.asynccontextmanager
    async def spooled(self, pieces: AsyncIterator[bytes], limit: int) -> AsyncIterator[Spooled]:
        """Give a file that comes in pieces, on disk while the block runs. Raises TooLarge, Unprocessable (empty)."""
        with self._temporary() as path:
            digest, size, head = hashlib.sha256(), 0, b""
            with path.open("wb") as file:
                async for piece in pieces:
                    size += len(piece)
                    if size > limit:
                        raise TooLarge(f"The file is larger than {limit} bytes.", code="file_too_large")
                    if len(head) < HEAD_BYTES:
                        head += piece[: HEAD_BYTES - len(head)]
                    digest.update(piece)
                    file.write(piece)
            if size == 0:
                raise Unprocessable("The file is empty.", code="file_empty")
            yield Spooled(path, size, type_of(head), digest.hexdigest())

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[Path]:
        descriptor, name = tempfile.mkstemp(prefix="fivapp-media-", dir=self._spool)
        os.close(descriptor)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    async def keep(self, tenant_id: str, file: Spooled) -> bool:
        """Keep a file; False when the tenant had the same bytes already."""
        key = key_of(tenant_id, file.sha256)
        if await self.size(key) == file.size:
            return False
        await obstore.put_async(self._store, key, file.path)
        return True

    async def keep_preview(self, tenant_id: str, sha256: str, picture: bytes) -> None:
        """Keep the preview of a file."""
        await obstore.put_async(self._store, key_of(tenant_id, sha256, preview=True), picture)

    async def size(self, key: str) -> int | None:
        """Return the size of what is kept under a key, or None."""
        try:
            return (await obstore.head_async(self._store, key))["size"]
        except FileNotFoundError:
            return None

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Give the bytes from `start` up to `end`, which is left out, in pieces. Raises FileNotFoundError."""
        options: Any = {"range": (start, end)}
        found = await obstore.get_async(self._store, key, options=options)
        async for piece in found.stream(min_chunk_size=_PIECE):
            yield bytes(piece)

    async def delete(self, tenant_id: str, sha256: str) -> None:
        """Delete a file and its preview; one that is not there is no error."""
        for preview in (False, True):
            with contextlib.suppress(FileNotFoundError):
                await obstore.delete_async(self._store, key_of(tenant_id, sha256, preview=preview))


def open_store(url: str) -> Any:
    """Return the store of a URL; a folder is made when it is not there."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        folder = Path(url2pathname(parts.path))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalStore(folder)
    return from_url(url)


def key_of(tenant_id: str, sha256: str, *, preview: bool = False) -> str:
    """Return where a tenant's file lies: made of our own words alone, never of a name that somebody sent."""
    return f"{tenant_id}/{sha256[:2]}/{sha256}{'.preview' if preview else ''}"
