"""/api/media: files to see, to hear and to download, links to them, and uploads."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from fivapp_whatsapp import Gateway, TenantGateway, public_route, upload_route

from .config import MediaConfig
from .keeper import File, FileNotKept, Keeper, keeper_of
from .kinds import family_of, safe_name
from .library import key_of
from .links import Link

View = NamedDependency[TenantGateway]
Host = NamedDependency[Gateway]
Config = NamedDependency[MediaConfig]
Preview = Annotated[bool, QueryParameter(description="The small picture of it instead.")]
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_SENDABLE = {"image": "image", "video": "video", "audio": "audio"}


class MediaLink(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A link to a file that needs no login, until a time."""

    url: str
    expires_at: datetime


class Upload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that is kept and may be sent: `media` and `kind` go into `send-message` as they are."""

    kind: str
    media: dict[str, str]
    size: int
    preview: bool
    expires_at: datetime
    width: int | None = None
    height: int | None = None
    seconds: float | None = None


def handlers() -> list[Any]:
    """Return the route handlers."""

    @get("/{message_id:str}", operation_id="readMedia", summary="A message's file")
    async def read(
        request: Request[Any, Any, Any],
        gateway: View,
        message_id: FromPath[str],
        preview: Preview = False,
        download: Annotated[bool, QueryParameter(description="Save it instead of showing it.")] = False,
    ) -> Response[Any]:
        """Return a message's file, whole or the asked range of bytes; what a browser could run is a download."""
        keeper = keeper_of(gateway.shared)
        file = await keeper.file_to_show(gateway, _id_of(message_id))
        return await _serve(
            request, keeper, keeper.link(gateway, file, 0, preview=preview), file.size, download=download
        )

    @get("/{message_id:str}/facts", operation_id="readMediaFacts", summary="What is known of a message's file")
    async def facts(gateway: View, message_id: FromPath[str]) -> File:
        """Return type, size, pixels, seconds, pages, and the loudness of a recording along the way."""
        return await keeper_of(gateway.shared).file_to_show(gateway, _id_of(message_id))

    @get("/{message_id:str}/link", operation_id="linkMedia", summary="A link to a message's file")
    async def link(
        request: Request[Any, Any, Any], gateway: View, message_id: FromPath[str], preview: Preview = False
    ) -> MediaLink:
        """Return a link that opens the file without a login for some minutes: for programs, and for other windows."""
        keeper = keeper_of(gateway.shared)
        file = await keeper.file_to_show(gateway, _id_of(message_id))
        seconds = keeper.settings.link_seconds
        url = keeper.url(gateway, file, seconds, base=str(request.base_url), preview=preview)
        return MediaLink(url=url, expires_at=gateway.now() + timedelta(seconds=seconds))

    @get("/signed/{token:str}", operation_id="readSignedMedia", summary="A file by its link", opt=public_route)
    async def signed(
        request: Request[Any, Any, Any],
        host: Host,
        token: FromPath[str],
        download: Annotated[bool, QueryParameter(description="Save it instead of showing it.")] = False,
    ) -> Response[Any]:
        """Return the file that a link opens, until its time is over."""
        keeper = keeper_of(host.shared("media"))
        found = keeper.links.read(token)
        size = None if found is None else await keeper.library.size(key_of(found.tenant_id, found.sha256))
        if found is None or size is None:
            raise FileNotKept("This link is over, or never was one.")
        return await _serve(request, keeper, found, size, download=download)

    @post("/{message_id:str}/retry", operation_id="retryMedia", summary="Fetch a file again", status_code=200)
    async def retry(gateway: View, config: Config, message_id: FromPath[str]) -> File:
        """Fetch the file of a message again, now."""
        keeper = keeper_of(gateway.shared)
        message = await gateway.message(_id_of(message_id))
        if message.direction == "incoming" and message.media is not None:
            await keeper.fetch(gateway, message, config)
        return await keeper.file_to_show(gateway, message.id)

    @post("/", operation_id="uploadMedia", summary="Upload a file", opt=upload_route, request_max_body_size=None)
    async def upload(
        request: Request[Any, Any, Any],
        gateway: View,
        filename: Annotated[str | None, QueryParameter(max_length=255, description="Its name.")] = None,
    ) -> Upload:
        """Keep a file that is to be sent: the body is its bytes. The reply goes into `send-message`."""
        keeper = keeper_of(gateway.shared)
        file = await keeper.upload(gateway, request.stream(), filename)
        seconds = keeper.settings.upload_link_seconds
        url = keeper.url(gateway, file, seconds, base=str(request.base_url))
        return Upload(
            kind=_SENDABLE.get(family_of(file.mime_type), "document"),
            media={"url": url, "mimeType": file.mime_type, "filename": file.filename},
            size=file.size,
            preview=file.preview,
            expires_at=gateway.now() + timedelta(seconds=seconds),
            width=file.width,
            height=file.height,
            seconds=file.seconds,
        )

    return [read, facts, link, signed, retry, upload]


def _id_of(text: str) -> str:
    if not _ID.fullmatch(text):
        raise FileNotKept
    return text


async def _serve(
    request: Request[Any, Any, Any], keeper: Keeper, link: Link, size: int, *, download: bool
) -> Response[Any]:
    key = key_of(link.tenant_id, link.sha256, preview=link.preview)
    if link.preview and (size := await keeper.library.size(key) or 0) == 0:
        raise FileNotKept
    mime_type = "image/webp" if link.preview else link.mime_type
    etag = f'"{link.sha256[:32]}{"p" if link.preview else ""}"'
    headers = {**_headers(link, mime_type, download), "etag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(content=b"", status_code=304, headers=headers, media_type=mime_type)
    wanted = _range(request.headers.get("range"), request.headers.get("if-range"), etag, size)
    if wanted is None:
        start, end, status = 0, size, 200
    elif wanted[0] >= wanted[1]:
        return Response(
            content=b"", status_code=416, headers={**headers, "content-range": f"bytes */{size}"}, media_type=mime_type
        )
    else:
        (start, end), status = wanted, 206
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    return Stream(keeper.library.read(key, start, end), status_code=status, headers=headers, media_type=mime_type)


def _headers(link: Link, mime_type: str, download: bool) -> dict[str, str]:
    """Return headers under which a browser runs nothing of a file, and keeps it only if it asks each time."""
    shown = family_of(mime_type) in ("image", "video", "audio") and not download
    name = safe_name(link.name, mime_type)
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return {
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "content-disposition": (
            f"{'inline' if shown else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
        ),
        "content-security-policy": _POLICY,
        "cross-origin-resource-policy": "same-site",
        "x-content-type-options": "nosniff",
    }


def _range(header: str | None, condition: str | None, etag: str, size: int) -> tuple[int, int] | None:
    """Return the one range that is asked for, from and up to; None for the whole (RFC 9110, 14)."""
    match = _RANGE.fullmatch(header or "")
    if match is None or (condition is not None and condition != etag) or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start, last = int(match[1]), int(match[2] or size)
    if match[2] and last < start:
        return None
    return start, min(last + 1, size)
