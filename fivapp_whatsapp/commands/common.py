"""What several commands share: a loop to run in, a store for a short visit, output as text or JSON."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from fivapp_whatsapp.db.engine import SQLiteEngine, make_engine
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.settings import Settings

T = TypeVar("T")


plugin_option = click.option(
    "--plugin",
    "plugin_files",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python file with hooks; may be given several times.",
)


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
async def visit_store(settings: Settings, *, may_create: bool = False) -> AsyncIterator[DatabaseStore]:
    """Open the database for a short visit, beside a server that may be running.

    Raises ClickException for an SQLite file that is not there, unless it may be made.
    """
    if not may_create:
        require_database(settings)
    store = DatabaseStore(settings.database_url, server=False)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


def missing_file(settings: Settings) -> Path | None:
    """Return the SQLite file of DATABASE_URL when it is not there yet. Raises SettingsError."""
    engine = make_engine(settings.database_url)
    if isinstance(engine, SQLiteEngine) and not Path(engine.path).exists():
        return Path(engine.path).absolute()
    return None


def require_database(settings: Settings) -> None:
    """Refuse to look into an SQLite file that is not there, which would make it. Raises ClickException."""
    if file := missing_file(settings):
        raise click.ClickException(
            f"There is no database file {file}. Set DATABASE_URL, or make it: fivapp-whatsapp migrate"
        )


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
