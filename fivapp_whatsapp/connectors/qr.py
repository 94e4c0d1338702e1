"""QR codes in every form that connection services give them, as the data URL that a page shows."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import segno

from .wire import pick

QR = ("qrCode", "qr", "qr_base64", "qrDataUrl", "qrCodeData")

_MAX_IMAGE = 262_144
_MAX_CODE = 1024
_DATA_URL = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# What WhatsApp's app scans: `2@…`, in newer versions behind an address of wa.me.
_CODE = re.compile(r"(?:https://wa\.me/\S*#)?[0-9]@\S+")


def qr_data_url(value: Any) -> str | None:
    """Return a QR code as an image's data URL.

    Takes a data URL, a bare base64 PNG or JPEG, WhatsApp's raw `2@…` (which is rendered), or an object that
    holds one of them; None for anything else, for it goes into a page.
    """
    if isinstance(value, dict):
        value = pick(value, ("base64", "data", "code", "value"))
    if not isinstance(value, str) or len(value) > _MAX_IMAGE:
        return None
    value = value.strip()
    if value.startswith("data:"):
        value = "".join(value.split())
        return value if _DATA_URL.fullmatch(value) else None
    if len(value) <= _MAX_CODE and _CODE.fullmatch(value):
        return _render(value)
    mime = "png" if value.startswith("iVBOR") else "jpeg" if value.startswith("/9j/") else None
    value = "".join(value.split())
    return f"data:image/{mime};base64,{value}" if mime and _BASE64.fullmatch(value) else None


def find_qr(document: dict[str, Any]) -> str | None:
    """Return the QR code of a service's answer, by any of its names, as a data URL, or None."""
    for path in QR:
        if found := qr_data_url(pick(document, (path,))):
            return found
    return None


# A page polls the same code every few seconds, and drawing takes tens of milliseconds.
@lru_cache(maxsize=32)
def _render(code: str) -> str:
    return segno.make_qr(code, error="l").png_data_uri(scale=6, border=4)
