"""What a file is, by its bytes; what its sender says of it decides nothing."""

from __future__ import annotations

import re
from typing import Literal

import filetype

Family = Literal["image", "video", "audio", "pdf", "other"]

DOWNLOAD = "application/octet-stream"
HEAD_BYTES = 8192
# What a browser shows without running anything of it; all else is only ever a download.
_SHOWN: dict[str, Family] = {
    "image/jpeg": "image",
    "image/png": "image",
    "image/webp": "image",
    "image/gif": "image",
    "video/mp4": "video",
    "video/webm": "video",
    "video/3gpp": "video",
    "audio/ogg": "audio",
    "audio/mpeg": "audio",
    "audio/mp4": "audio",
    "audio/aac": "audio",
    "audio/amr": "audio",
    "audio/x-wav": "audio",
    "application/pdf": "pdf",
}
# A library's words for what others name otherwise.
_SAME = {"audio/m4a": "audio/mp4", "audio/x-m4a": "audio/mp4", "audio/wav": "audio/x-wav", "video/3gp": "video/3gpp"}
_KINDS: dict[str, frozenset[Family]] = {
    "image": frozenset({"image"}),
    "sticker": frozenset({"image"}),
    "video": frozenset({"video"}),
    "audio": frozenset({"audio", "video"}),  # MP4 without pictures looks like MP4 with them
}
# Marks that turn the reading direction make gpj.exe out of exe.jpg; controls and slashes have no place in a name.
_UNSAFE_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\\/:*?"<>|]+')
# Windows takes these for devices, whatever their ending (Microsoft, "Naming Files, Paths, and Namespaces").
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_MAX_NAME = 150


def type_of(head: bytes) -> str:
    """Return the media type of a file that begins so: one of those that are shown, else DOWNLOAD."""
    found = filetype.guess(head)
    if found is None:
        return DOWNLOAD
    mime_type = str(_SAME.get(found.mime, found.mime))
    return mime_type if mime_type in _SHOWN else DOWNLOAD


def family_of(mime_type: str) -> Family:
    """Return how a file of a type is shown."""
    return _SHOWN.get(mime_type, "other")


def fits(kind: str, mime_type: str) -> bool:
    """Tell whether a message of a kind may hold a file of a type; a document may hold any."""
    allowed = _KINDS.get(kind)
    return allowed is None or family_of(mime_type) in allowed


def safe_name(name: str | None, mime_type: str) -> str:
    """Return a name to save a file under: no path, no marks that hide its ending, at most 150 characters."""
    cleaned = _UNSAFE_IN_NAMES.sub("_", name or "").strip(" ._")[-_MAX_NAME:]
    if cleaned:
        return f"_{cleaned}" if _DEVICES.fullmatch(cleaned) else cleaned
    ending = {"audio/mpeg": "mp3", "audio/ogg": "ogg", "application/pdf": "pdf", "image/jpeg": "jpg"}
    return f"file.{ending.get(mime_type) or (mime_type.partition('/')[2] if mime_type != DOWNLOAD else 'bin')}"
