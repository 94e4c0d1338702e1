"""Everything that is kept, as one port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

from .conversations import ConversationStore
from .log import LogStore
from .plugins import PluginStore
from .sends import SendStore
from .sessions import SessionStore
from .tenants import TenantStore


class StoreCheck(msgspec.Struct, frozen=True):
    """What `doctor` and readiness want to know of the database."""

    database: str
    durable: bool
    detail: str
    migrations_pending: int
    quarantined: int
    outbox_waiting: int
    outbox_unknown: int


class Store(TenantStore, SessionStore, ConversationStore, SendStore, LogStore, PluginStore, Protocol):
    """Everything that is kept. All writes go through one group commit; an answer means it is on disk.

    Raises StoreUnavailable when the database does not answer (nothing was stored), Overloaded when too
    many writes wait. A tenant only ever sees its own objects: others do not exist.
    """

    async def start(self) -> None:
        """Open the database, migrate it, start the writer."""
        ...

    async def close(self) -> None:
        """Finish what was submitted and close."""
        ...

    async def check(self) -> StoreCheck:
        """Tell how the database is."""
        ...

    def changes(self) -> AsyncIterator[tuple[str, int]]:
        """Yield (tenant, head) after each commit of any process; a wake-up may be late by a second, none is lost."""
        ...

    async def pass_on(self, tenant_id: str, text: str) -> None:
        """Tell all processes a few words that are kept nowhere, 4,000 bytes at most; who does not hear missed them."""
        ...

    def hear(self, listener: Callable[[str, str], None]) -> None:
        """Call a listener with the tenant and the words that any process passes on."""
        ...
