"""The file that a webhook tells of: where it is, never its bytes."""

from __future__ import annotations

import re
from typing import Any

from fivapp_whatsapp.models import Media

from . import wire
from .words import MEDIA_KINDS, message_kind

# A path is relative to the service; `//host` would be another one.
_URL = re.compile(r"(?:https?://|/(?!/))[!-~]+")


def attachment(event: dict[str, Any]) -> Media | None:
    """Return the file that a message tells of, or None; of one sent inline its size, type and name."""
    named = event.get("media")
    source = named if isinstance(named, dict) else event
    url = wire.pick(source, ("url", "mediaUrl")) if source is named else wire.pick(event, ("mediaUrl",))
    inline = wire.pick(source, ("base64", "data")) if source is named else None
    if url is None and inline is None and source is not named and message_kind(event.get("type")) not in MEDIA_KINDS:
        return None
    if isinstance(url, str) and url.startswith("data:"):
        inline, url = url.partition(",")[2], None
    return Media(
        url=_url(url),
        mime_type=wire.line(wire.pick(source, ("mimetype", "mimeType", "mime_type"))),
        filename=wire.line(wire.pick(source, ("filename", "fileName"))),
        size=_size(wire.pick(source, ("size",)), inline),
    )


def _url(value: Any) -> str | None:
    is_url = isinstance(value, str) and len(value) <= wire.MAX_URL and _URL.fullmatch(value)
    return value if is_url else None


def _size(told: Any, inline: Any) -> int | None:
    size = wire.number(told)
    if size is None and isinstance(inline, str):
        size = len(inline.rstrip("=")) * 3 // 4
    return size if size is not None and size >= 0 else None
