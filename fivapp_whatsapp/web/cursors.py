"""Cursors of lists: opaque text around a position, refused when it is not exactly what this list once gave."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TypeVar

import msgspec

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.models import Page

MAX_LIMIT = 200
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,96}")
_POSITION = re.compile(r"0|[1-9][0-9]{0,18}")
_ID = re.compile(r"[0-9a-f]{32}")
_WAIT = re.compile(r"(0|[1-9][0-9]{0,18})\.[0-9a-f]{32}")
_MAX_POSITION = 2**63 - 1
P = TypeVar("P", bound=Page)


def encode_cursor(items: str, position: int) -> str:
    """Return the cursor of a position in a list of such items."""
    return _encode(items, str(position))


def decode_cursor(items: str, cursor: str | None) -> int | None:
    """Return the position of a cursor. Raises InvalidInput (`invalid_cursor`) for what no list of such items gave."""
    place = _decode(items, cursor, _POSITION)
    if place is not None and int(place) > _MAX_POSITION:
        raise _refusal()
    return None if place is None else int(place)


def encode_id_cursor(items: str, last: str) -> str:
    """Return the cursor behind an item, for lists in the order of their ids."""
    return _encode(items, last)


def decode_id_cursor(items: str, cursor: str | None) -> str | None:
    """Return the id of the last item that was given. Raises InvalidInput (`invalid_cursor`)."""
    return _decode(items, cursor, _ID)


def decode_place(items: str, cursor: str | None, *, waiting: bool = False) -> str | None:
    """Return the store's place of a cursor of conversations, by activity or by wait. Raises InvalidInput."""
    place = _decode(items, cursor, _WAIT if waiting else _POSITION)
    if place is not None and int(place.partition(".")[0]) > _MAX_POSITION:
        raise _refusal()
    return place


def _encode(items: str, place: str) -> str:
    return base64.urlsafe_b64encode(f"{items}.{place}".encode()).rstrip(b"=").decode()


def _decode(items: str, cursor: str | None, kind: re.Pattern[str]) -> str | None:
    if cursor is None:
        return None
    if _CURSOR.fullmatch(cursor):
        try:
            content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            content = ""
        _, _, place = content.partition(".")
        if kind.fullmatch(place) and _encode(items, place) == cursor:
            return place
    raise _refusal()


def _refusal() -> InvalidInput:
    return InvalidInput("This cursor is not one that was given here.", code="invalid_cursor")


def with_cursor(items: str, page: P) -> P:
    """Return a page of the store with its position wrapped into a cursor of such items."""
    position = page.next_cursor
    cursor = None if position is None else _encode(items, position)
    return msgspec.structs.replace(page, next_cursor=cursor)
