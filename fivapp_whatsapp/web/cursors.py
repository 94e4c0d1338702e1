"""Cursors of lists: opaque text around a position, refused when it is not exactly what this list once gave."""

from __future__ import annotations

import base64
import binascii
import re

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.models import Page

MAX_LIMIT = 200
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CONTENT = re.compile(rb"([a-z]+)\.(0|[1-9][0-9]{0,18})")
_MAX_POSITION = 2**63 - 1


def encode_cursor(items: str, position: int) -> str:
    """Return the cursor of a position in a list of such items."""
    return base64.urlsafe_b64encode(f"{items}.{position}".encode()).rstrip(b"=").decode()


def decode_cursor(items: str, cursor: str | None) -> int | None:
    """Return the position of a cursor. Raises InvalidInput (`invalid_cursor`) for what no list of such items gave."""
    if cursor is None:
        return None
    if _CURSOR.fullmatch(cursor):
        try:
            content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except binascii.Error:
            content = b""
        match = _CONTENT.fullmatch(content)
        if match and int(match[2]) <= _MAX_POSITION and encode_cursor(items, int(match[2])) == cursor:
            return int(match[2])
    raise InvalidInput("This cursor is not one that was given here.", code="invalid_cursor")


def with_cursor(items: str, page: Page) -> Page:
    """Return a page of the store with its position wrapped into a cursor of such items."""
    position = page.next_cursor
    cursor = None if position is None else encode_cursor(items, int(position))
    return Page(items=page.items, next_cursor=cursor, seq=page.seq)
