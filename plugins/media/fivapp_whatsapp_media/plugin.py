"""Media: keeps the files of messages and shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fivapp_whatsapp import Gateway, Message, Settings, TenantGateway, hookimpl

from .config import MediaConfig, MediaSettings
from .keeper import UPLOAD, FileNotKept, Keeper, keeper_of
from .library import Library
from .links import Links
from .previews import Previews
from .routes import handlers

_FETCH_SECONDS = 120.0


def make_keeper(settings: Settings) -> Keeper:
    """Return the keeper of an installation's files. Raises SettingsError."""
    mine = settings.of_plugin("media", MediaSettings)
    library = Library(mine.store_url or _beside_the_database(settings))
    return Keeper(library, Previews(mine.pixels), Links(settings.key_for("media links")), mine)


def _beside_the_database(settings: Settings) -> str:
    kind, _, path = settings.database_url.partition(":///")
    folder = Path(path).absolute().parent if kind == "sqlite" else Path.cwd()
    return (folder / "media").as_uri()


@hookimpl
def plugin_config() -> type[MediaConfig]:
    """Return what a tenant may set."""
    return MediaConfig


@hookimpl
def startup(gateway: Gateway) -> None:
    """Open the store, so that a mistake in its URL shows at the start."""
    gateway.shared("media")["keeper"] = make_keeper(gateway.settings)


@hookimpl
def register_routes() -> Sequence[Any]:
    """Return the routes under /api/media."""
    return handlers()


@hookimpl(timeout=_FETCH_SECONDS)
async def message_received(message: Message, gateway: TenantGateway, config: MediaConfig) -> None:
    """Fetch the file of a message at once, for its address does not last."""
    if message.media is None or message.media.url is None or not config.fetch:
        return
    await keeper_of(gateway.shared).fetch(gateway, message, config)


@hookimpl
async def message_sent(message: Message, gateway: TenantGateway, config: MediaConfig) -> None:
    """Keep the file of a message that was sent with a link of ours for as long as the message's own."""
    keeper = keeper_of(gateway.shared)
    link = keeper.own_link(gateway.tenant_id, message.media.url if message.media else None)
    if link is None or await keeper.file(gateway, message.id) is not None:
        return
    try:
        file = await keeper.file_to_show(gateway, message.id)
    except FileNotKept:
        return  # told so late that the upload is over
    await keeper.remember(gateway, message, file, config)


@hookimpl(timeout=_FETCH_SECONDS)
async def timer(key: str, gateway: TenantGateway, config: MediaConfig) -> None:
    """Delete what is too old, and uploads that nobody sent."""
    if key.startswith(UPLOAD):
        await keeper_of(gateway.shared).end_upload(gateway, key.removeprefix(UPLOAD))
    elif key == "sweep":
        await keeper_of(gateway.shared).sweep(gateway, config, gateway.now())
