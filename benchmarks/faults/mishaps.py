"""What is put into a gateway's process from outside: crashes at named points, planted bugs, deafness, a wrong clock.

The product has no switch for any of it: functions of its modules are wrapped before it serves.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import struct
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from fivapp_whatsapp import models, outbox, tries
from fivapp_whatsapp.db import postgres_writer, sqlite_writer
from fivapp_whatsapp.db.rows import CursorRow
from fivapp_whatsapp.db.statements import Lookup
from fivapp_whatsapp.intake import Intake
from fivapp_whatsapp.outbox import Outbox
from fivapp_whatsapp.ports import Receipt
from fivapp_whatsapp.ports.clock import SystemClock

Wrapped = Callable[..., Awaitable[Any]]
# More than any batch has events: what one batch takes of the sequence in `cursor_of_sequence`.
_BLOCK = 10_000


def befall(words: list[str]) -> None:
    """Put in what the words name, each `name` or `name:argument:…`."""
    for word in words:
        name, *arguments = word.split(":")
        _MISHAPS[name](*arguments)


# --- crashes at named points -------------------------------------------------------------------------


def _crash(point: str, after: str) -> None:
    """Die at a point, when it is passed for the so-manieth time."""
    left = int(after)

    def passed() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    CRASH_POINTS[point](passed)


def _before(owner: Any, name: str, passed: Callable[[], None]) -> None:
    original = getattr(owner, name)

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        passed()
        return await original(*args, **kwargs)

    setattr(owner, name, wrapped)


def _after(owner: Any, name: str, passed: Callable[[], None]) -> None:
    original = getattr(owner, name)

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = await original(*args, **kwargs)
        passed()
        return result

    setattr(owner, name, wrapped)


def _before_commit(passed: Callable[[], None]) -> None:
    _after(postgres_writer, "_drive", passed)
    original = sqlite_writer._drive

    def wrapped(*args: Any) -> Any:
        result = original(*args)
        passed()
        return result

    sqlite_writer._drive = wrapped  # type: ignore[assignment]


def _after_commit(passed: Callable[[], None]) -> None:
    for database in (postgres_writer.PostgresWriterDatabase, sqlite_writer.SQLiteWriterDatabase):
        _after(database, "transact", passed)


CRASH_POINTS: dict[str, Callable[[Callable[[], None]], None]] = {
    "webhook_read": lambda passed: _before(Intake, "receive", passed),
    "before_commit": _before_commit,
    "after_commit": _after_commit,
    "send_claimed": lambda passed: _before(Outbox, "_call", passed),
    "send_answered": lambda passed: _before(Outbox, "_record", passed),
    "outcome_stored": lambda passed: _after(Outbox, "_record", passed),
}


# --- planted bugs --------------------------------------------------------------------------------------


def _plant(name: str, *arguments: str) -> None:
    PLANTS[name](*arguments)


def _acknowledge_before_commit() -> None:
    """The webhook is answered while its commit is still to come."""
    original = Intake.receive
    tasks: set[asyncio.Task[Receipt]] = set()

    async def receive(*args: Any) -> Receipt:
        task = asyncio.create_task(original(*args))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return Receipt(stored=1)

    Intake.receive = receive  # type: ignore[method-assign,assignment]


def _mark_before_effect(folder: str) -> None:
    """A webhook is noted as seen before it is stored; what was noted is answered as a duplicate."""
    marks = Path(folder)
    marks.mkdir(exist_ok=True)
    original = Intake.receive

    async def receive(*args: Any) -> Receipt:
        body = args[4]
        try:
            (marks / hashlib.sha256(body).hexdigest()).touch(exist_ok=False)
        except FileExistsError:
            return Receipt(duplicates=1)
        return await original(*args)

    Intake.receive = receive  # type: ignore[method-assign,assignment]


def _cursor_of_sequence() -> None:
    """Events are numbered by a sequence before the commit, as auto-increment does, not under the tenant's lock."""
    run, look_up = postgres_writer.run_on_postgres, postgres_writer._look_up

    async def numbered(connection: Any, lookup: Lookup) -> list[Any]:
        await connection.execute(f"CREATE SEQUENCE IF NOT EXISTS planted INCREMENT {_BLOCK}")
        found = await connection.fetch(
            f"SELECT tenant_id, nextval('planted') + {_BLOCK}, epoch FROM fivapp_tenant_cursor"
            " WHERE tenant_id = ANY($1)",
            [key for (key,) in lookup.keys],
        )
        return [CursorRow.of(values) for values in found]

    async def run_one(connection: Any, statement: Any) -> list[Any]:
        if isinstance(statement, Lookup) and statement.row is CursorRow:
            return await numbered(connection, statement)
        return await run(connection, statement)

    async def look_up_all(connection: Any, lookups: Any) -> list[Any]:
        found = zip(lookups, await look_up(connection, lookups), strict=True)
        return [await numbered(connection, each) if each.row is CursorRow else rows for each, rows in found]

    postgres_writer.run_on_postgres, postgres_writer._look_up = run_one, look_up_all
    postgres_writer._opening = lambda statement: postgres_writer._BEGIN


def _blind_resend() -> None:
    """A send whose outcome is not known is sent again."""
    original = tries.outcome_of

    def outcome_of(error: Any, attempt: int) -> Any:
        outcome = original(error, attempt)
        return msgspec.structs.replace(outcome, kind="retry") if outcome.kind == "unknown" else outcome

    outbox.outcome_of = outcome_of  # type: ignore[attr-defined]


PLANTS: dict[str, Callable[..., None]] = {
    "acknowledge_before_commit": _acknowledge_before_commit,
    "mark_before_effect": _mark_before_effect,
    "cursor_of_sequence": _cursor_of_sequence,
    "blind_resend": _blind_resend,
}


# --- the rest -------------------------------------------------------------------------------------------


def _deaf() -> None:
    """No process is told of another's commits: all wake-ups between processes are lost."""
    postgres_writer._NOTIFY = "SELECT ${}::text, p FROM unnest(${}::text[]) AS p WHERE false"
    postgres_writer._change.cache_clear()


def _clock(file: str) -> None:
    """The wall clock is off by the seconds in a file, from one moment to the next; the monotonic one is right."""
    path = Path(file)
    if not path.exists():
        set_clock(path, 0)

    def offset() -> float:
        return float(struct.unpack("d", path.read_bytes())[0])

    real_time, real_ns = time.time, time.time_ns

    def time_ns() -> int:
        return real_ns() + int(offset() * 1e9)

    time.time, time.time_ns = (lambda: real_time() + offset()), time_ns
    models._time_ns = time_ns
    SystemClock.now = lambda _self: datetime.now(UTC) + timedelta(seconds=offset())  # type: ignore[method-assign,assignment]


def set_clock(file: Path, seconds: float) -> None:
    """Move the clock of the gateways that have this file."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(struct.pack("d", seconds))
    fresh.replace(file)


_MISHAPS: dict[str, Callable[..., None]] = {"crash": _crash, "plant": _plant, "deaf": _deaf, "clock": _clock}
