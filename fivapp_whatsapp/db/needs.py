"""What a batch of operations must load before it may change anything."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from .row import Row


class Needs:
    """Which rows a batch must load; operations add to it."""

    def __init__(self) -> None:
        self.tenants: set[str] = set()
        self.rows: defaultdict[type[Row], set[tuple[Any, ...]]] = defaultdict(set)
        self.natives: set[tuple[str, str]] = set()
        self.parked: set[tuple[str, str]] = set()
        self.sends_of: set[str] = set()
        self.texts_of: set[str] = set()
        self.unread: set[tuple[str, int]] = set()
        self.automatic_in: set[str] = set()
        self.accounts: set[tuple[str, str]] = set()

    def tenant(self, tenant_id: str) -> None:
        """Lock the tenant: needed by everything that writes an event or changes a tenant's rows."""
        self.tenants.add(tenant_id)

    def row(self, kind: type[Row], *key: Any) -> None:
        """Load a row by its primary key."""
        self.rows[kind].add(key)

    def native(self, session_id: str, native_id: str) -> None:
        """Load a message by WhatsApp's id."""
        self.natives.add((session_id, native_id))

    def parked_statuses(self, session_id: str, native_id: str) -> None:
        """Load the statuses that wait for a native id."""
        self.parked.add((session_id, native_id))

    def sends(self, conversation_id: str, *, texts: bool = False) -> None:
        """Load the sends of a conversation whose end is not known; with `texts` their messages too."""
        self.sends_of.add(conversation_id)
        if texts:
            self.texts_of.add(conversation_id)

    def account(self, tenant_id: str, login: str) -> None:
        """Load an account by its login."""
        self.accounts.add((tenant_id, login))

    def automatic(self, conversation_id: str) -> None:
        """Load when a conversation got automatic messages within the last hour."""
        self.automatic_in.add(conversation_id)

    def unread_after(self, conversation_id: str, seq: int) -> None:
        """Count a conversation's incoming messages after a seq."""
        self.unread.add((conversation_id, seq))
