"""What is known of the files of messages, and how a file becomes one that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from fivapp_whatsapp import Conflict, GatewayError, Media, MediaState, Message, NotFound, TenantGateway, Unprocessable

from .config import MediaConfig, MediaSettings
from .kinds import family_of, fits, safe_name
from .library import Library, Spooled
from .links import Link, Links
from .previews import Facts, Previews

MEGABYTE = 1024 * 1024
# The key of the timer of an upload is this and the hash of its file.
UPLOAD = "upload:"
# Within the deadline of the hook, so that what becomes of the file is told.
_FETCH_SECONDS = 100.0
_SWEEP_EVERY = timedelta(days=1)
_AT_ONCE = 500


class File(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A file that is kept for a message: its hash, its type by content, what a look into it found."""

    sha256: str
    size: int
    mime_type: str
    filename: str
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    pages: int | None = None
    peaks: list[int] | None = None
    preview: bool = False


# What no later try changes, and what becomes of the file.
_FINAL: dict[str, MediaState] = {
    "gone": "gone",
    "rejected": "gone",
    "address_refused": "refused",
    "file_too_large": "refused",
    "file_empty": "refused",
    "file_type_mismatch": "refused",
}


class FileNotKept(NotFound):
    """This message has no file that is kept here."""

    code = "file_not_kept"


class StoreNotOpen(Conflict):
    """The store of files could not be opened when the gateway started: see FIVAPP_MEDIA_STORE_URL and the log."""

    code = "media_store_not_open"


class Keeper:
    """Keeps files for all tenants of one installation."""

    def __init__(self, library: Library, previews: Previews, links: Links, settings: MediaSettings) -> None:
        self.library = library
        self.links = links
        self.settings = settings
        self._previews = previews

    async def take(
        self, gateway: TenantGateway, pieces: AsyncIterator[bytes], limit: int, *, kind: str, name: str | None
    ) -> File:
        """Keep a file that comes in pieces. Raises TooLarge, Unprocessable when it is not what is said."""
        async with self.library.spooled(pieces, limit) as spooled:
            if not fits(kind, spooled.mime_type):
                raise Unprocessable(f"The file is no {kind}.", code="file_type_mismatch")
            facts = await self._previews.look(spooled.path, family_of(spooled.mime_type))
            await self.library.keep(gateway.tenant_id, spooled)
            if facts.picture is not None:
                await self.library.keep_preview(gateway.tenant_id, spooled.sha256, facts.picture)
            return _file(spooled, facts, name)

    async def upload(self, gateway: TenantGateway, pieces: AsyncIterator[bytes], name: str | None) -> File:
        """Keep a file that is to be sent, until its link is over or for its message. Raises TooLarge, Unprocessable."""
        file = await self.take(gateway, pieces, self.settings.upload_bytes, kind="document", name=name)
        if file.width and file.height and file.width * file.height > self.settings.pixels:
            await self._delete_unused(gateway, file.sha256)
            raise Unprocessable("The picture has too many pixels.", code="too_many_pixels")
        lasts = timedelta(seconds=self.settings.upload_link_seconds)
        # Its link holds it as a message does: the same bytes may be in an older message whose time is over.
        await gateway.state.set(f"ref:{file.sha256}:upload", True, expires=lasts)
        await gateway.state.set(f"{UPLOAD}{file.sha256}", msgspec.to_builtins(file))
        await gateway.later(f"{UPLOAD}{file.sha256}", lasts)
        return file

    async def end_upload(self, gateway: TenantGateway, sha256: str) -> None:
        """Forget an upload whose link is over, with its file unless a message has it."""
        await gateway.state.delete(f"ref:{sha256}:upload")
        await self._delete_unused(gateway, sha256)
        await gateway.state.delete(f"{UPLOAD}{sha256}")

    def link(self, gateway: TenantGateway, file: File, seconds: int, *, preview: bool = False) -> Link:
        """Return what opens a file, or its preview, for so many seconds. Raises FileNotKept without a preview."""
        if preview and not file.preview:
            raise FileNotKept("There is no preview of this file.")
        until = int(gateway.now().timestamp()) + seconds
        return Link(gateway.tenant_id, file.sha256, file.mime_type, file.filename, until, preview)

    def url(self, gateway: TenantGateway, file: File, seconds: int, *, base: str = "", preview: bool = False) -> str:
        """Return a URL of a file that needs no login, for so many seconds; `base` is ours where none is set."""
        token = self.links.make(self.link(gateway, file, seconds, preview=preview))
        return f"{(gateway.public_url or base).rstrip('/')}/api/media/signed/{token}"

    async def fetch(self, gateway: TenantGateway, message: Message, config: MediaConfig) -> None:
        """Fetch and keep the file of an incoming message, and tell what becomes of it.

        A file that may come later raises what stands against it, so that it is tried again.
        """
        if message.media is None or await self.file(gateway, message.id) is not None:
            return
        await mark(gateway, message, "fetching")
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                await self._fetch(gateway, message, config)
        except Exception as exc:  # a full disk or a store that does not answer must not leave it "fetching" for ever
            final = _FINAL.get(getattr(exc, "reason", exc.code)) if isinstance(exc, GatewayError) else None
            await mark(gateway, await gateway.message(message.id), final or "failed")
            if isinstance(exc, TimeoutError):
                raise FileNotKept("The file did not come in time.") from exc
            if final is None:
                raise

    async def _fetch(self, gateway: TenantGateway, message: Message, config: MediaConfig) -> None:
        media = message.media or Media()
        async with gateway.fetch_media(message) as stream:
            file = await self.take(
                gateway,
                stream.pieces,
                config.max_megabytes * MEGABYTE,
                kind=message.kind.value,
                name=media.filename,
            )
        await self.remember(gateway, message, file, config)

    async def remember(self, gateway: TenantGateway, message: Message, file: File, config: MediaConfig) -> None:
        """Note which file a message has, and tell browsers."""
        day = message.at.astimezone(UTC).date().isoformat()
        await gateway.state.set(f"ref:{file.sha256}:{message.id}", day)
        await gateway.state.set(f"day:{day}:{message.id}", file.sha256)
        await gateway.state.set(f"file:{message.id}", msgspec.to_builtins(file))
        media = message.media or Media()
        known = msgspec.structs.replace(
            media,
            mime_type=file.mime_type,
            filename=media.filename or file.filename,
            size=file.size,
            width=file.width,
            height=file.height,
            seconds=file.seconds,
            state="ready",
            preview=file.preview,
        )
        await gateway.set_media(message.id, known)
        if config.retention_days and await gateway.state.get("sweep") is None:
            await gateway.state.set("sweep", day, expires=2 * _SWEEP_EVERY)
            await gateway.later("sweep", _SWEEP_EVERY)

    async def file(self, gateway: TenantGateway, message_id: str) -> File | None:
        """Return the file that is kept for a message, or None."""
        found = await gateway.state.get(f"file:{message_id}")
        return None if found is None else msgspec.convert(found, File)

    async def file_to_show(self, gateway: TenantGateway, message_id: str) -> File:
        """Return the file of a message; also of one that we sent a link to and that is on its way yet.

        Raises FileNotKept, MessageNotFound.
        """
        if (file := await self.file(gateway, message_id)) is not None:
            return file
        message = await gateway.message(message_id)
        link = self.own_link(gateway.tenant_id, message.media.url if message.media else None)
        known = None if link is None else await gateway.state.get(f"{UPLOAD}{link.sha256}")
        if known is None:
            raise FileNotKept
        return msgspec.convert(known, File)

    def own_link(self, tenant_id: str, url: str | None) -> Link | None:
        """Return what a URL opens when it is a link that we made for this tenant, even when its time is over."""
        link = self.links.read((url or "").rpartition("/")[2], expired=True)
        return link if link is not None and link.tenant_id == tenant_id else None

    async def sweep(self, gateway: TenantGateway, config: MediaConfig, now: datetime) -> None:
        """Delete the files that are older than the tenant keeps them."""
        if not config.retention_days:
            return
        last = (now - timedelta(days=config.retention_days)).date().isoformat()
        days: dict[str, Any] = await gateway.state.items("day:")
        due = [key for key in days if key.split(":")[1] < last][:_AT_ONCE]
        for key in due:
            await self.forget(gateway, key.split(":")[2], key)
        await gateway.later("sweep", timedelta(seconds=5) if len(due) == _AT_ONCE else _SWEEP_EVERY)

    async def forget(self, gateway: TenantGateway, message_id: str, day_key: str) -> None:
        """Delete the file of a message, unless another message has the same bytes."""
        file = await self.file(gateway, message_id)
        if file is not None:
            await gateway.state.delete(f"ref:{file.sha256}:{message_id}")
            await self._delete_unused(gateway, file.sha256)
            await mark(gateway, await gateway.message(message_id), "expired")
            await gateway.state.delete(f"file:{message_id}")
        await gateway.state.delete(day_key)

    async def _delete_unused(self, gateway: TenantGateway, sha256: str) -> None:
        """Delete a file that neither a message nor an upload has."""
        if not await gateway.state.items(f"ref:{sha256}:"):
            await self.library.delete(gateway.tenant_id, sha256)


def keeper_of(shared: Mapping[str, Any]) -> Keeper:
    """Return the keeper that the start of this gateway made. Raises StoreNotOpen when it made none."""
    keeper: Keeper | None = shared.get("keeper")
    if keeper is None:
        raise StoreNotOpen
    return keeper


async def mark(gateway: TenantGateway, message: Message, state: MediaState) -> None:
    """Tell browsers what becomes of a message's file."""
    media = message.media
    if media is not None and media.state != state:
        preview = None if state == "expired" else media.preview
        await gateway.set_media(message.id, msgspec.structs.replace(media, state=state, preview=preview))


def _file(spooled: Spooled, facts: Facts, name: str | None) -> File:
    return File(
        sha256=spooled.sha256,
        size=spooled.size,
        mime_type="application/octet-stream" if facts.too_many_pixels else spooled.mime_type,
        filename=safe_name(name, spooled.mime_type),
        width=facts.width,
        height=facts.height,
        seconds=facts.seconds,
        pages=facts.pages,
        peaks=facts.peaks,
        preview=facts.picture is not None,
    )
