"""The files that the service keeps: made in code, uploaded for a contact, or fetched because a send named them."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from . import media
from .media import PATH, MediaFile

MAX_FILE = 16 * 1024 * 1024
MAX_KEPT = 128 * 1024 * 1024
MAX_URLS = 1000
FETCH_SECONDS = 3.0
_ENDING = re.compile(r"\.[a-z0-9]{1,8}")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")


class Kept(msgspec.Struct, frozen=True):
    """A file under its id."""

    id: str
    file: MediaFile


class Files:
    """Files by id; the oldest that were added fall out when all together hold more than `max_kept` bytes.

    `addresses` are the base URLs of this service, of which more may become known.
    """

    def __init__(self, addresses: Iterable[str] = (), *, max_kept: int = MAX_KEPT) -> None:
        self._places = {f"{address.rstrip('/')}{PATH}" for address in addresses}
        self._max_kept = max_kept
        self._kept: OrderedDict[str, MediaFile] = OrderedDict()
        self._by_url: OrderedDict[str, str] = OrderedDict()
        self._size = 0
        self._client: httpx.AsyncClient | None = None

    def reached_at(self, address: str) -> None:
        """Remember a base URL of this service: what is below it is no file elsewhere."""
        self._places.add(f"{address.rstrip('/')}{PATH}")

    def add(self, content: bytes, mime_type: str | None = None, filename: str | None = None) -> Kept:
        """Keep a file under a new id; what is not told of its type and name is guessed."""
        mime_type = _plain_type(mime_type) or mimetypes.guess_type(filename or "")[0] or "application/octet-stream"
        ending = _ending(filename) or mimetypes.guess_extension(mime_type) or ""
        media_id = f"{secrets.token_hex(8)}{ending}"
        file = MediaFile(content=content, mime_type=mime_type, filename=filename or media_id)
        self._kept[media_id] = file
        self._size += len(content)
        while self._size > self._max_kept and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1].content)
        return Kept(media_id, file)

    def find(self, media_id: str) -> MediaFile | None:
        """Return a file by its id, or None."""
        return self._kept.get(media_id) or media.find(media_id)

    def at(self, url: str) -> Kept | None:
        """Return the file of ours that a URL names, or the copy that was fetched from it, or None."""
        start, sign, name = url.rpartition(PATH)
        media_id = name if f"{start}{sign}" in self._places else self._by_url.get(url, "")
        file = self.find(media_id)
        return Kept(media_id, file) if file is not None else None

    async def fetch(self, url: str) -> None:
        """Keep a copy of a file elsewhere, this machine included; one that is away or too big is left alone."""
        if url not in self._by_url and self.at(url) is not None:
            return
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                copy = await self._get(url)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            copy = None
        if copy is not None:
            self._by_url[url] = copy.id
            self._by_url.move_to_end(url)
        if len(self._by_url) > MAX_URLS:
            self._by_url.popitem(last=False)

    async def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _get(self, url: str) -> Kept | None:
        if self._client is None:
            self._client = httpx.AsyncClient(trust_env=False, timeout=FETCH_SECONDS)
        async with self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
            if response.status_code != 200:
                return None
            content = bytearray()
            async for piece in response.aiter_raw():
                content += piece
                if len(content) > MAX_FILE:
                    return None
        name = unquote(urlsplit(url).path.rpartition("/")[2])[:200] or None
        return self.add(bytes(content), response.headers.get("content-type"), name)


def guessed_type(url: str, filename: str | None) -> str | None:
    """Return the MIME type that a file's name tells of, or None."""
    return mimetypes.guess_type(filename or urlsplit(url).path)[0]


def _plain_type(mime_type: str | None) -> str | None:
    plain = (mime_type or "").partition(";")[0].strip().lower()
    return plain if _TYPE.fullmatch(plain) else None


def _ending(filename: str | None) -> str | None:
    ending = f".{filename.rpartition('.')[2].lower()}" if filename and "." in filename else ""
    return ending if _ENDING.fullmatch(ending) else None
