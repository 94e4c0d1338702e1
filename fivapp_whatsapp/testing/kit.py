"""What the fixtures are made of: a database to copy, the plugins under test, a gateway that runs."""

from __future__ import annotations

import asyncio
import importlib
import secrets
import shutil
import sys
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp.db.engine import make_engine
from fivapp_whatsapp.db.migrate import migrate
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.guarded import guarded_client
from fivapp_whatsapp.models import Author, Message, MessageKind, MessageStatus, SessionStatus, new_id
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.plugins.sources import GROUP
from fivapp_whatsapp.ports.plugins import PluginFailure, Timer
from fivapp_whatsapp.settings import Secret, Settings

from .clock import FakeClock
from .connector import FakeConnector

TENANT = "acme"
OUR_PHONE = "5511900000000"
_PATIENCE_SECONDS = 30.0


def make_database(path: Path) -> Path:
    """Make an SQLite file with all tables, and return its path."""
    asyncio.run(migrate(make_engine(f"sqlite:///{path}")))
    return path


def declared_plugins(test: Path) -> dict[str, ModuleType | None]:
    """Return the plugins that the project of a test file declares: those of the first pyproject.toml above it."""
    for folder in test.parents:
        if (file := folder / "pyproject.toml").exists():
            points = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}).get("entry-points", {})
            return {name: _declared(name, module, folder) for name, module in points.get(GROUP, {}).items()}
    return {}


def _declared(name: str, module: str, folder: Path) -> ModuleType | None:
    """Return the module of a plugin that nobody has installed yet, imported as it lies there; None when it is."""
    if metadata.entry_points(group=GROUP, name=name):
        return None
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return importlib.import_module(module)


def load_plugins(given: Any, folder: Path) -> Plugins:
    """Load what a test calls its plugins; files are looked for beside the test, above it, and where pytest runs."""
    modules: dict[str, ModuleType] = {}
    files: list[Path] = []
    names: list[str] = []
    if isinstance(given, Mapping):
        modules = {name: module for name, module in given.items() if module is not None}
        names = [name for name in given if name not in modules]
        given = ()
    several: Sequence[Any] = [given] if isinstance(given, str | Path | ModuleType) else given
    for each in several:
        if isinstance(each, ModuleType):
            modules[_name(each)] = each
        elif str(each).endswith(".py"):
            files.append(_find(Path(each), folder))
        else:
            names.append(each)
    plugins = Plugins.load(files=files, names=names, modules=modules, installed=bool(names))
    if plugins.broken:
        pytest.fail("\n".join(f"{each.name}: {problem}" for each in plugins.broken for problem in each.problems), False)
    return plugins


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2].removeprefix(f"{GROUP}_").replace("_", "-")


def _find(file: Path, folder: Path) -> Path:
    for place in (folder, *folder.parents, Path.cwd()):
        if (place / file).is_file():
            return place / file
    raise FileNotFoundError(f"There is no {file} beside the test, in a folder above it, or where pytest runs.")


@asynccontextmanager
async def running_gateway(template: Path, database: Path, clock: FakeClock, plugins: Plugins) -> AsyncIterator[Gateway]:
    """Give a running gateway whose tenant `acme` has a connected session; the clock waits for it from then on."""
    shutil.copyfile(template, database)
    connector = FakeConnector()
    url = f"sqlite:///{database}"
    gateway = Gateway(
        _Store(url, clock),
        {connector.name: connector},
        Settings(database_url=Secret(url), jwt_secret=Secret(secrets.token_hex(32)), send_wait=5.0),
        clock=clock,
        plugins=plugins,
        http=guarded_client(allow=("127.0.0.1:*", "localhost:*")),
    )
    async with gateway:
        await gateway.store.add_tenant(TENANT, "Acme")
        connector.report(TENANT, SessionStatus.CONNECTED, phone=OUR_PHONE)
        await gateway.connect(TENANT)
        clock.settle = lambda: quiet(gateway)
        yield gateway
        clock.settle = None


class _Store(DatabaseStore):
    """Tells the clock what waits for it, so that a leap in time stops there."""

    def __init__(self, url: str, clock: FakeClock) -> None:
        super().__init__(url)
        self._clock = clock

    async def set_timer(self, timer: Timer) -> None:
        self._clock.stop_at(timer.due_at)
        await super().set_timer(timer)

    async def end_timer(self, timer: Timer, owner: str, *, due_at: datetime | None = None) -> None:
        self._stop_at(due_at)
        await super().end_timer(timer, owner, due_at=due_at)

    async def add_failure(self, failure: PluginFailure) -> None:
        self._stop_at(failure.next_at)
        await super().add_failure(failure)

    async def end_failure(
        self,
        failure_id: str,
        owner: str,
        *,
        next_at: datetime | None = None,
        error: str | None = None,
        tried: bool = True,
    ) -> None:
        self._stop_at(next_at)
        await super().end_failure(failure_id, owner, next_at=next_at, error=error, tried=tried)

    def _stop_at(self, at: datetime | None) -> None:
        if at is not None:
            self._clock.stop_at(at)


async def quiet(gateway: Gateway) -> int:
    """Wait until all is done that can be done without the clock, and return the head of the tenant's log.

    That is: hooks, answers, sends, timers that are due. Raises TimeoutError after 30 s.
    """
    async with asyncio.timeout(_PATIENCE_SECONDS):
        head = -1
        while head != (head := (await gateway.store.log_state(TENANT)).head):
            await gateway.idle()
            await gateway.outbox.idle()
    return head


def a_message(text: str | None, **fields: Any) -> Message:
    """Return a contact's message as a hook gets it, which was never stored."""
    message = Message(
        id=new_id(),
        conversation_id=new_id(),
        direction="incoming",
        kind=MessageKind.TEXT,
        status=MessageStatus.RECEIVED,
        text=text,
        author=Author(kind="contact", id=new_id(), name="Ana"),
        at=fields.pop("at"),
    )
    return msgspec.structs.replace(message, **fields)
