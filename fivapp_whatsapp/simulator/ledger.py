"""The ledger: every message that reached a phone, once for each time it arrived."""

from __future__ import annotations

from collections import deque
from datetime import datetime

import msgspec

MAX_ITEMS = 200_000


class LedgerItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One arrival of one message at a phone."""

    message_id: str
    client_message_id: str | None
    session_id: str
    to: str
    kind: str
    text: str
    at: datetime


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
