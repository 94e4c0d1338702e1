"""The unit of work: rows of one batch in memory, changed by operations, written back in one transaction.

Operations say which rows they need, then change them as plain Python; nothing they do knows of SQL or of the
database behind. All writers of a tenant hold the lock of its cursor first, so what was read stays true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar, cast

import msgspec

from fivapp_whatsapp.models import now_ms

from .rows import AccountRow, CursorRow, EventRow, MessageRow, OutboxRow, ParkedStatusRow, Row
from .statements import Delete, Lookup, Notify, Write

R = TypeVar("R", bound=Row)
T_co = TypeVar("T_co", covariant=True)

_encode = msgspec.json.Encoder().encode
# Rows that are only ever added, and may be there already without being an error.
_IGNORE_TWINS = frozenset({"fivapp_message_status", "fivapp_parked_status", "fivapp_contact_alias"})


class Needs:
    """Which rows a batch must load; operations add to it."""

    def __init__(self) -> None:
        self.tenants: set[str] = set()
        self.rows: defaultdict[type[Row], set[tuple[Any, ...]]] = defaultdict(set)
        self.natives: set[tuple[str, str]] = set()
        self.parked: set[tuple[str, str]] = set()
        self.sends_of: set[str] = set()
        self.unread: set[tuple[str, int]] = set()
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

    def sends(self, conversation_id: str) -> None:
        """Load the unfinished sends of a conversation."""
        self.sends_of.add(conversation_id)

    def account(self, tenant_id: str, login: str) -> None:
        """Load an account by its login."""
        self.accounts.add((tenant_id, login))

    def unread_after(self, conversation_id: str, seq: int) -> None:
        """Count a conversation's incoming messages after a seq."""
        self.unread.add((conversation_id, seq))


class Unit:
    """One batch's rows. `get` and `put` are by primary key; what was put is written at the end."""

    def __init__(self) -> None:
        self.now = now_ms()
        self.heads: dict[str, int] = {}
        self._rows: dict[tuple[type[Row], tuple[Any, ...]], Row] = {}
        self._changed: dict[tuple[type[Row], tuple[Any, ...]], Row] = {}
        self._deleted: dict[tuple[type[Row], tuple[Any, ...]], None] = {}
        self._loaded: set[tuple[type[Row], tuple[Any, ...]]] = set()
        self._natives: dict[tuple[str, str], MessageRow] = {}
        self._parked: defaultdict[tuple[str, str], dict[str, ParkedStatusRow]] = defaultdict(dict)
        self._events: list[EventRow] = []
        self._unread: dict[tuple[str, int], int] = {}

    # --- reading and changing rows, by operations ----------------------------------------------

    def get(self, kind: type[R], *key: Any) -> R | None:
        """Return a row, or None."""
        return cast("R | None", self._rows.get((kind, key)))

    def put(self, row: Row) -> None:
        """Add a row, or note that it was changed."""
        place = (type(row), row.identity)
        self._rows[place] = self._changed[place] = row
        self._deleted.pop(place, None)
        if isinstance(row, MessageRow) and row.native_id is not None:
            self._natives[row.session_id, row.native_id] = row

    def delete(self, row: Row) -> None:
        """Delete a row."""
        place = (type(row), row.identity)
        self._rows.pop(place, None)
        self._changed.pop(place, None)
        if place in self._loaded:
            self._deleted[place] = None

    def by_native(self, session_id: str, native_id: str) -> MessageRow | None:
        """Return the message with WhatsApp's id, or None."""
        return self._natives.get((session_id, native_id))

    def park(self, row: ParkedStatusRow) -> None:
        """Keep a status until its message is known."""
        self._parked[row.session_id, row.native_id][row.status] = row
        self.put(row)

    def take_parked(self, session_id: str, native_id: str) -> list[ParkedStatusRow]:
        """Take the statuses that wait for a native id out of the lot."""
        rows = list(self._parked.pop((session_id, native_id), {}).values())
        for row in rows:
            self.delete(row)
        return rows

    def sends_of(self, conversation_id: str) -> list[OutboxRow]:
        """Return the unfinished sends of a conversation, oldest first."""
        found = (row for (kind, _), row in self._rows.items() if kind is OutboxRow)
        sends = [row for row in cast("Iterable[OutboxRow]", found) if row.conversation_id == conversation_id]
        return sorted(sends, key=lambda row: row.seq)

    def account(self, tenant_id: str, login: str) -> AccountRow | None:
        """Return the account with a login, or None."""
        rows = (row for row in self._rows.values() if isinstance(row, AccountRow))
        return next((row for row in rows if (row.tenant_id, row.login) == (tenant_id, login)), None)

    def unread_after(self, conversation_id: str, seq: int) -> int:
        """Return how many incoming messages a conversation has after a seq, those of this batch included."""
        new = (row for place, row in self._changed.items() if isinstance(row, MessageRow) and place not in self._loaded)
        return self._unread[conversation_id, seq] + sum(
            row.conversation_id == conversation_id and row.seq > seq and row.direction == "incoming" for row in new
        )

    def log(
        self,
        tenant_id: str,
        type_: str,
        *,
        conversation_id: str | None = None,
        message_id: str | None = None,
        session_id: str | None = None,
        data: Any = None,
    ) -> int:
        """Append an event to the tenant's log and return its seq."""
        cursor = self.get(CursorRow, tenant_id)
        if cursor is None:
            raise LookupError("the tenant was not locked")
        cursor.seq += 1
        self.heads[tenant_id] = cursor.seq
        text = None if data is None else _encode(data).decode()
        self._events.append(
            EventRow(tenant_id, cursor.seq, type_, conversation_id, message_id, session_id, text, self.now)
        )
        return cursor.seq

    # --- loading and writing, by the writer -----------------------------------------------------

    def loads(self, needs: Needs) -> Iterable[Lookup]:
        """Say what is to be read, the locks first and in one order for all processes."""
        if needs.tenants:
            yield Lookup(CursorRow, ("tenant_id",), [(t,) for t in sorted(needs.tenants)], lock=True)
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
            place = (type(row), row.identity)
            # Two lookups may bring one row; the first object is the one that operations change.
            known = self._rows.setdefault(place, row)
            self._loaded.add(place)
            if isinstance(known, MessageRow) and known.native_id is not None:
                self._natives[known.session_id, known.native_id] = known
            elif isinstance(known, ParkedStatusRow):
                self._parked[known.session_id, known.native_id][known.status] = known

    def writes(self) -> Iterable[Write | Delete | Notify]:
        """Say what is to be written, the tenants' counters last."""
        tables: defaultdict[tuple[type[Row], str], list[Row]] = defaultdict(list)
        for place, row in self._changed.items():
            kind = place[0]
            twin = "ignore" if kind.table in _IGNORE_TWINS else "error"
            tables[kind, "replace" if place in self._loaded else twin].append(row)
        for (kind, conflict), rows in tables.items():
            yield Write(kind, rows, conflict)
        gone: defaultdict[type[Row], list[tuple[Any, ...]]] = defaultdict(list)
        for kind, key in self._deleted:
            gone[kind].append(key)
        for kind, keys in gone.items():
            yield Delete(kind, keys)
        if self._events:
            yield Write(EventRow, self._events)
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
