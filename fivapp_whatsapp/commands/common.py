"""What several commands share: a loop to run in, a store for a short visit, output as text or JSON."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click
import msgspec

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.settings import Settings

T = TypeVar("T")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop that is installed."""
    try:
        import uvloop  # not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work in an event loop of its own."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


@asynccontextmanager
async def visit_store(settings: Settings) -> AsyncIterator[DatabaseStore]:
    """Open the database for a few short writes, beside a server that may be running."""
    store = DatabaseStore(settings.database_url, server=False)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


def print_json(value: Any) -> None:
    """Print one line of JSON."""
    click.echo(msgspec.json.encode(value).decode())


def print_table(rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows in aligned columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def read_password(prompt: str = "Password") -> str:
    """Ask for a password on a terminal, else read one line of stdin: it never stands in the arguments."""
    if sys.stdin.isatty():
        password: str = click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < 8:
        raise click.UsageError("A password needs 8 characters or more.")
    return password
