"""Tolerant reading of what connection services write: JSON, aliases of fields, ids, phones, flags and times."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from fivapp_whatsapp import addresses
from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.text import clean_line, clean_text

MAX_DEPTH = 64
MAX_ID = 255
MAX_NAME = 200
MAX_URL = 4096

SESSION_ID = ("tenantId", "tenant_id")
MESSAGE_ID = ("messageId", "message_id", "id", "key.id", "messages.0.id", "results.message_id")
CLIENT_MESSAGE_ID = ("clientMessageId", "client_message_id")
PHONE = ("phone", "phoneNumber", "phone_number", "me.id")
NAME = ("name", "displayName", "display_name", "pushName")
CONNECTED = ("connected", "isConnected")
TIMESTAMP = ("timestamp", "messageTimestamp")

_decoder = msgspec.json.Decoder()
_BOM = b"\xef\xbb\xbf"
# Possessive, so that a hostile body is read once and never again from the middle.
_BRACKETS_AND_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.?+)*+"?|[\[{]|[\]}]', re.DOTALL)
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_LONE_PERHAPS = re.compile(rb"\\u[dD][89a-fA-F]")
# Nearly every address and id is written so already; these two keep the long way for the others.
_PLAIN_ADDRESS = re.compile(r"[0-9]{5,20}@(?:c\.us|s\.whatsapp\.net)")
_PLAIN_ID = re.compile(r"[!-~]{1,255}")
# WhatsApp was founded in 2009: an older time is a clock that was never set, or a unit misread.
_OLDEST = datetime(2009, 1, 1, tzinfo=UTC)
_SECONDS_END = 1e11
_UNTIL = ("restrictedUntil", "restricted_until", "bannedUntil", "until", "error.until")
_YEAR = timedelta(days=366)
_DAY = timedelta(days=1)


class Unreadable(Exception):
    """A text that is not the JSON that we read; its words never quote the text."""


def read_json(body: bytes) -> Any:
    """Return what a JSON text says; a byte-order mark and lone surrogates are forgiven. Raises Unreadable."""
    if _depth_exceeds(body, MAX_DEPTH):
        raise Unreadable("nested too deeply")
    try:
        return _decode(body)
    except Unreadable:
        # JavaScript writes half an emoji as a lone surrogate when a text was cut in its middle.
        mended = body.removeprefix(_BOM)
        if _LONE_PERHAPS.search(mended):
            mended = _ESCAPES.sub(_mend_escape, mended)
        if mended == body:
            raise
    return _decode(mended)


def pick(document: Mapping[str, Any], paths: tuple[str, ...]) -> Any:
    """Return the first value that is there and not empty; a path is `a`, `a.b` or `a.0.b`."""
    for path in paths:
        value = _walk(document, path) if "." in path else document.get(path)
        if value is not None and value != "":
            return value
    return None


def identifier(value: Any) -> str | None:
    """Return an id as text, or None: of a serialized key object its id, of one too long for an index its hash."""
    if isinstance(value, str) and _PLAIN_ID.fullmatch(value):
        return value
    if isinstance(value, dict):
        value = pick(value, ("_serialized", "id"))
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    if len(value) > MAX_ID:
        return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return clean_line(value, MAX_ID) or None


def message_id(document: Mapping[str, Any]) -> str | None:
    """Return WhatsApp's id of a message, by any of its names, or None."""
    for path in MESSAGE_ID:
        if found := identifier(pick(document, (path,))):
            return found
    return None


def line(value: Any, limit: int = MAX_NAME) -> str | None:
    """Return a name or a short word as one clean line, or None."""
    return (clean_line(value, limit) or None) if isinstance(value, str) else None


def text(value: Any) -> str | None:
    """Return a message's text, clean; a number is taken as its digits."""
    if isinstance(value, str):
        return clean_text(value)
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def number(value: Any) -> int | None:
    """Return a whole number that a signed 64-bit column holds, also out of its digits, or None."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and -(2**63) <= value < 2**63 else None


def flag(value: Any) -> bool | None:
    """Return a yes or no: true, 1 and "true" alike; None for anything else."""
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    return None


def address(value: Any) -> str | None:
    """Return a WhatsApp address in its normal spelling, or None for what can be none."""
    if isinstance(value, str) and _PLAIN_ADDRESS.fullmatch(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 64:
        value = str(value)
    if isinstance(value, dict):
        value = pick(value, ("_serialized", "id"))
    if not isinstance(value, str) or len(value) > MAX_ID:
        return None
    try:
        return addresses.normalize(value)
    except InvalidInput:
        return None


def phone(value: Any) -> str | None:
    """Return a phone number in digits, out of a number in any spelling or an address, or None."""
    found = address(value)
    return addresses.phone(found) if found else None


def moment(value: Any, now: datetime) -> datetime | None:
    """Return a UTC time out of seconds (below 1e11), milliseconds, their digits, or ISO 8601 (UTC without zone).

    None for what is no time, lies before 2009, or more than a day after `now`.
    """
    try:
        found = _moment(value)
        return found if found and _OLDEST <= found <= now + _DAY else None
    except (ValueError, OverflowError, OSError):
        return None


def until_of(document: dict[str, Any], now: datetime) -> datetime | None:
    """Return when a restriction ends: a time that lies ahead, by a year at most, or None."""
    try:
        found = _moment(pick(document, _UNTIL))
        return found if found and now < found <= now + _YEAR else None
    except (ValueError, OverflowError, OSError):
        return None


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        value = value.strip()
        if re.fullmatch(r"[0-9]{1,16}(\.[0-9]{0,9})?", value):
            return _moment(float(value))
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return datetime.fromtimestamp(value if value < _SECONDS_END else value / 1000, UTC)


def _walk(value: Any, path: str) -> Any:
    for part in _parts(path):
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and len(value) > part else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


@cache
def _parts(path: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdigit() else part for part in path.split("."))


def _decode(body: bytes) -> Any:
    try:
        return _decoder.decode(body)
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None


def _depth_exceeds(body: bytes, limit: int) -> bool:
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for match in _BRACKETS_AND_STRINGS.finditer(body):
        if (token := match[0]) in (b"[", b"{"):
            depth += 1
            if depth > limit:
                return True
        elif token in (b"]", b"}"):
            depth -= 1
    return False


def _mend_escape(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if match[1] else match[0]
