"""The ledger: every message that reached a phone, once for each time it arrived."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime

import msgspec

from .phones import PhoneMessage

MAX_ITEMS = 200_000


class LedgerItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One arrival of one message at a phone; the type and the size (bytes) of its file where they are known."""

    message_id: str
    client_message_id: str | None
    session_id: str
    to: str
    kind: str
    text: str
    at: datetime
    media_type: str | None = None
    media_size: int | None = None


def arrival(session_id: str, message: PhoneMessage) -> LedgerItem:
    """Return the arrival of a message at a session's phone."""
    return LedgerItem(
        message_id=message.id,
        client_message_id=message.client_message_id,
        session_id=session_id,
        to=message.chat_id,
        kind=message.kind,
        text=message.text,
        at=datetime.fromtimestamp(message.at / 1000, UTC),
        media_type=message.media.mime_type if message.media else None,
        media_size=message.media.size if message.media else None,
    )


class Ledger:
    """Keeps the newest arrivals, oldest first."""

    def __init__(self, limit: int = MAX_ITEMS) -> None:
        self._items: deque[LedgerItem] = deque(maxlen=limit)

    def add(self, item: LedgerItem) -> None:
        """Write down one arrival."""
        self._items.append(item)

    def items(self, session_id: str | None = None) -> list[LedgerItem]:
        """List arrivals, of one session or of all."""
        return [item for item in self._items if session_id is None or item.session_id == session_id]
