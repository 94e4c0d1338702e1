"""The unit of work: rows of one batch in memory, changed by operations, written back in one transaction.

Operations say which rows they need, then change them as plain Python; nothing they do knows of SQL or of the
database behind. All writers of a tenant hold the lock of its cursor first, so what was read stays true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar, cast

import msgspec

from fivapp_whatsapp.models import new_id, now_ms
from fivapp_whatsapp.ports import KeptWebhook

from .needs import Needs
from .row import Row
from .rows import (
    AccountRow,
    AliasRow,
    CursorRow,
    EventRow,
    MessageRow,
    MessageStatusRow,
    OutboxRow,
    ParkedStatusRow,
    WebhookBatchRow,
)
from .statements import Delete, Lookup, Notify, Write
from .vault import Vault

R = TypeVar("R", bound=Row)
T_co = TypeVar("T_co", covariant=True)

_encode = msgspec.json.Encoder().encode
# What is to happen with a row that is there already without having been loaded; all others are an error.
_TWINS: dict[type[Row], str] = {MessageStatusRow: "earliest", AliasRow: "ignore"}


class Unit:
    """One batch's rows. `get` and `put` are by primary key; what was put is written at the end."""

    def __init__(self) -> None:
        self.now = now_ms()
        self.heads: dict[str, int] = {}
        self._rows: defaultdict[type[Row], dict[tuple[Any, ...], Row]] = defaultdict(dict)
        self._changed: defaultdict[type[Row], dict[tuple[Any, ...], Row]] = defaultdict(dict)
        self._deleted: defaultdict[type[Row], dict[tuple[Any, ...], None]] = defaultdict(dict)
        self._loaded: defaultdict[type[Row], set[tuple[Any, ...]]] = defaultdict(set)
        self._natives: dict[tuple[str, str], MessageRow] = {}
        self._parked: defaultdict[tuple[str, str], dict[str, ParkedStatusRow]] = defaultdict(dict)
        self._sends: defaultdict[str, dict[str, OutboxRow]] = defaultdict(dict)
        self._accounts: dict[tuple[str, str], AccountRow] = {}
        self._events: list[EventRow] = []
        self._unread: dict[tuple[str, int], int] = {}
        self._bodies: list[KeptWebhook] = []
        self._vault: Vault | None = None
        self._automatic: defaultdict[str, list[int]] = defaultdict(list)
        # By what rows of a kind are found beside their primary key.
        self._indexes: dict[type[Row], Callable[[Any], None]] = {
            MessageRow: self._index_message,
            OutboxRow: self._index_send,
            ParkedStatusRow: self._index_parked,
            AccountRow: self._index_account,
        }

    # --- reading and changing rows, by operations ----------------------------------------------

    def get(self, kind: type[R], *key: Any) -> R | None:
        """Return a row, or None."""
        return cast("R | None", self._rows[kind].get(key))

    def put(self, row: Row) -> None:
        """Add a row, or note that it was changed."""
        kind, key = type(row), row.identity
        self._rows[kind][key] = self._changed[kind][key] = row
        if kind in self._deleted:
            self._deleted[kind].pop(key, None)
        self._index(row)

    def delete(self, row: Row) -> None:
        """Delete a row."""
        kind, key = type(row), row.identity
        self._rows[kind].pop(key, None)
        self._changed[kind].pop(key, None)
        if isinstance(row, OutboxRow):
            self._sends[row.conversation_id].pop(row.message_id, None)
        if key in self._loaded[kind]:
            self._deleted[kind][key] = None

    def _index(self, row: Row) -> None:
        if (index := self._indexes.get(type(row))) is not None:
            index(row)

    def _index_message(self, row: MessageRow) -> None:
        if row.native_id is not None:
            self._natives[row.session_id, row.native_id] = row

    def _index_send(self, row: OutboxRow) -> None:
        self._sends[row.conversation_id][row.message_id] = row

    def _index_parked(self, row: ParkedStatusRow) -> None:
        self._parked[row.session_id, row.native_id][row.status] = row

    def _index_account(self, row: AccountRow) -> None:
        self._accounts[row.tenant_id, row.login] = row

    def by_native(self, session_id: str, native_id: str) -> MessageRow | None:
        """Return the message with WhatsApp's id, or None."""
        return self._natives.get((session_id, native_id))

    def parked(self, session_id: str, native_id: str, status: str) -> ParkedStatusRow | None:
        """Return a status that waits for its message, or None."""
        waiting = self._parked.get((session_id, native_id))
        return None if waiting is None else waiting.get(status)

    def take_parked(self, session_id: str, native_id: str) -> list[ParkedStatusRow]:
        """Take the statuses that wait for a native id out of the lot."""
        rows = list(self._parked.pop((session_id, native_id), {}).values())
        for row in rows:
            self.delete(row)
        return rows

    def sends_of(self, conversation_id: str) -> list[OutboxRow]:
        """Return the sends of a conversation whose end is not known, oldest first."""
        return sorted(self._sends[conversation_id].values(), key=lambda row: row.seq)

    def account(self, tenant_id: str, login: str) -> AccountRow | None:
        """Return the account with a login, or None."""
        return self._accounts.get((tenant_id, login))

    def unread_after(self, conversation_id: str, seq: int) -> int:
        """Return how many incoming messages a conversation has after a seq, those of this batch included."""
        loaded, changed = self._loaded[MessageRow], self._changed[MessageRow]
        new = (cast(MessageRow, row) for key, row in changed.items() if key not in loaded)
        return self._unread[conversation_id, seq] + sum(
            row.conversation_id == conversation_id and row.seq > seq and row.direction == "incoming" for row in new
        )

    def automatic(self, conversation_id: str) -> list[int]:
        """Return when a conversation got automatic messages within the last hour; who queues one adds it."""
        return self._automatic[conversation_id]

    def log(
        self,
        tenant_id: str,
        type_: str,
        *,
        conversation_id: str | None = None,
        message_id: str | None = None,
        session_id: str | None = None,
        data: Any = None,
        was: str | None = None,
        reached: str | None = None,
    ) -> int:
        """Append an event to the tenant's log and return its seq."""
        text = None if data is None else _encode(data).decode()
        cursor = self.get(CursorRow, tenant_id)
        if cursor is None:
            raise LookupError("the tenant was not locked")
        cursor.seq += 1
        self.heads[tenant_id] = cursor.seq
        ids = (conversation_id, message_id, session_id)
        self._events.append(EventRow(tenant_id, cursor.seq, type_, *ids, text, self.now, was, reached))
        return cursor.seq

    def keep(self, vault: Vault, body: KeptWebhook) -> None:
        """Keep a webhook's body as it came."""
        self._vault = vault
        self._bodies.append(body)

    # --- loading and writing, by the writer -----------------------------------------------------

    def loads(self, needs: Needs) -> Iterable[Sequence[Lookup]]:
        """Say what is to be read together, once the tenants are locked."""
        yield list(self._lookups(needs))
        # The sends have been loaded meanwhile: now their messages can be named.
        messages = {(send,) for conversation_id in needs.texts_of for send in self._sends[conversation_id]}
        if messages := messages - needs.rows[MessageRow]:
            yield [Lookup(MessageRow, ("id",), sorted(messages))]

    @staticmethod
    def _lookups(needs: Needs) -> Iterable[Lookup]:
        if needs.tenants:
            yield Lookup(CursorRow, ("tenant_id",), sorted((tenant_id,) for tenant_id in needs.tenants))
        for kind, keys in needs.rows.items():
            yield Lookup(kind, kind.primary_key, sorted(keys))
        if needs.natives:
            yield Lookup(MessageRow, ("session_id", "native_id"), sorted(needs.natives))
        if needs.parked:
            yield Lookup(ParkedStatusRow, ("session_id", "native_id"), sorted(needs.parked))
        if needs.accounts:
            yield Lookup(AccountRow, ("tenant_id", "login"), sorted(needs.accounts))
        if needs.sends_of:
            yield Lookup(OutboxRow, ("conversation_id",), sorted((c,) for c in needs.sends_of))

    def counted(self, conversation_id: str, seq: int, count: int) -> None:
        """Take a count of unread messages that was read."""
        self._unread[conversation_id, seq] = count

    def loaded(self, rows: Iterable[Row]) -> None:
        """Take rows that were read."""
        for row in rows:
            kind, key = type(row), row.identity
            # Two lookups may bring one row; the first object is the one that operations change.
            if key not in self._loaded[kind]:
                self._loaded[kind].add(key)
                self._rows[kind][key] = row
                self._index(row)

    def writes(self) -> Iterable[Write | Delete | Notify]:
        """Say what is to be written, the tenants' counters last."""
        for kind, changed in self._changed.items():
            loaded = self._loaded[kind]
            new = [row for key, row in changed.items() if key not in loaded]
            known = [row for key, row in changed.items() if key in loaded]
            if new:
                yield Write(kind, new, _TWINS.get(kind, "error"))
            if known:
                yield Write(kind, known, "replace")
        for kind, gone in self._deleted.items():
            if gone:
                yield Delete(kind, list(gone))
        if self._events:
            yield Write(EventRow, self._events)
        if self._vault is not None:
            packed = self._vault.pack(self._bodies)
            yield Write(WebhookBatchRow, [WebhookBatchRow(new_id(), self.now, len(self._bodies), packed)])
        cursors = [cursor for t in sorted(self.heads) if (cursor := self.get(CursorRow, t)) is not None]
        if cursors:
            yield Write(CursorRow, cursors, "replace")
            yield Notify(self.heads)


class Operation(Protocol[T_co]):
    """One change of what is kept. It checks everything before it changes the first row."""

    def needs(self, needs: Needs) -> None:
        """Add the rows that it reads or changes."""
        ...

    def apply(self, unit: Unit) -> T_co:
        """Change rows and append events; may run twice when its batch is split, each time on fresh rows."""
        ...
