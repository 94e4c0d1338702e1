"""A database of plain dictionaries: runs the writer's statements without a driver, for tests of thousands of cases."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any, TypeVar

import msgspec

from fivapp_whatsapp.db.operations.sessions import AddSession, ChangeSession
from fivapp_whatsapp.db.operations.tenants import AddTenant
from fivapp_whatsapp.db.row import Row
from fivapp_whatsapp.db.rows import MessageRow
from fivapp_whatsapp.db.statements import Delete, Lookup, MakeWork, Many, Sql, Write
from fivapp_whatsapp.db.unit import Operation
from fivapp_whatsapp.db.writer import UNREAD, apply_all
from fivapp_whatsapp.models import SessionStatus, SessionUpdate

T = TypeVar("T")
R = TypeVar("R", bound=Row)


class MemoryDatabase:
    """Keeps copies of rows by their primary keys."""

    def __init__(self) -> None:
        self.tables: defaultdict[type[Row], dict[tuple[Any, ...], Row]] = defaultdict(dict)

    def rows(self, kind: type[R]) -> list[R]:
        """Return all rows of a table."""
        return list(self.tables[kind].values())  # type: ignore[arg-type]

    def copy(self) -> MemoryDatabase:
        """Return a database with the same rows."""
        other = MemoryDatabase()
        other.tables = copy.deepcopy(self.tables)
        return other

    async def transact(self, make: MakeWork[T]) -> T:
        """Run the work, or leave everything as it was."""
        return self.run(make)

    def run(self, make: MakeWork[T]) -> T:
        """Run the work, or leave everything as it was."""
        before = {kind: dict(rows) for kind, rows in self.tables.items()}
        work, answer = make(), None
        try:
            while True:
                answer = self._answer(work.send(answer))  # type: ignore[arg-type]
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        except BaseException:
            self.tables = defaultdict(dict, before)
            raise

    def apply(self, *operations: Operation[Any]) -> list[Any]:
        """Apply operations as one batch."""
        return self.run(lambda: apply_all(list(operations)))[1]

    def _answer(self, statement: Any) -> list[Any]:
        match statement:
            case Lookup(row=kind, by=by, keys=keys):
                wanted = set(keys)
                found = (row for row in self.tables[kind].values())
                return [copy.copy(row) for row in found if tuple(getattr(row, name) for name in by) in wanted]
            case Many(statements=statements):
                return [self._answer(each) for each in statements]
            case Write(row=kind, rows=rows, conflict=conflict):
                for row in rows:
                    self._write(kind, copy.copy(row), conflict)
            case Delete(row=kind, keys=keys):
                for key in keys:
                    del self.tables[kind][key]
            case Sql(text=text, values=(conversation_id, seq)):
                assert text == UNREAD
                return [(self._unread(conversation_id, seq),)]
        return []

    def _unread(self, conversation_id: str, seq: int) -> int:
        rows = (row for row in self.rows(MessageRow) if row.conversation_id == conversation_id and row.seq > seq)
        return sum(row.direction == "incoming" for row in rows)

    def _write(self, kind: type[Row], row: Row, conflict: str) -> None:
        known: Any = self.tables[kind].get(row.identity)
        if known is None or conflict == "replace":
            self.tables[kind][row.identity] = row
        elif conflict == "earliest":
            self.tables[kind][row.identity] = msgspec.structs.replace(known, at=min(known.at, row.at))  # type: ignore[attr-defined]
        else:
            assert conflict == "ignore", row


def connected_memory() -> MemoryDatabase:
    """Return a database where the tenant acme has a connected session."""
    database = MemoryDatabase()
    database.apply(AddTenant("acme", "Acme"))
    database.apply(AddSession("acme", "acme", "Sales", "connection_service", exists_ok=True))
    update = SessionUpdate(session_id="acme", status=SessionStatus.CONNECTED)
    unset = msgspec.UNSET
    change = {"desired": "running", "name": None, "update": update, "problem": unset, "error": unset}
    database.apply(ChangeSession("acme", "acme", **change, new_epoch=False, deleted=False))  # type: ignore[arg-type]
    return database
