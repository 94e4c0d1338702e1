"""What tests of commands share: the store of the database that a command reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from fivapp_whatsapp.db.store import DatabaseStore

Work = Callable[[Callable[[DatabaseStore], Awaitable[Any]]], Any]


@pytest.fixture
def with_store(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Work:
    """Does something with the store of the database that the commands read, beside a server that may be running."""
    # A command runs in a process of its own; what another test set up of logs would print here.
    structlog.reset_defaults()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)

    def run(do: Callable[[DatabaseStore], Awaitable[Any]]) -> Any:
        async def visit() -> Any:
            store = DatabaseStore(sqlite_url, server=False)
            await store.start()
            try:
                return await do(store)
            finally:
                await store.close()

        return asyncio.run(visit())

    return run
