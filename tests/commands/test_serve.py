"""`serve` as a process: what it refuses to start with, and how it ends."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fivapp_whatsapp.testing.postgres import create_database, drop_database
from tests.processes import Running, command, running, wait_for

STRONG = {
    "CONNECTION_SERVICE_URL": "http://127.0.0.1:9",
    "CONNECTION_SERVICE_API_KEY": "k-" + secrets.token_hex(16),
    "FIVAPP_JWT_SECRET": "s-" + secrets.token_hex(32),
}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"FIVAPP_JWT_SECRET": ""}, "FIVAPP_JWT_SECRET"),
        ({"FIVAPP_JWT_SECRET": "canary-too-short"}, "FIVAPP_JWT_SECRET"),
        ({"FIVAPP_JWT_SECRET": "your-super-secret-jwt-key-canary-canary"}, "FIVAPP_JWT_SECRET"),
        ({"FIVAPP_JWT_SECRET": STRONG["CONNECTION_SERVICE_API_KEY"]}, "FIVAPP_JWT_SECRET"),
        ({"CONNECTION_SERVICE_API_KEY": "your-connection-service-api-key"}, "CONNECTION_SERVICE_API_KEY"),
        ({"FIVAPP_WEBHOOK_KEYS": "canary"}, "FIVAPP_WEBHOOK_KEYS"),
        ({"FIVAPP_ALLOWED_ORIGINS": "*"}, "FIVAPP_ALLOWED_ORIGINS"),
        ({"FIVAPP_SEND_WAIT": "canary"}, "FIVAPP_SEND_WAIT"),
        ({"DATABASE_URL": "mysql://canary"}, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL"),
    ],
)
def test_serve_refuses_what_is_not_safe_with_78_and_one_line(tmp_path: Path, change: dict[str, str], name: str) -> None:
    done = command("serve", "--port", "0", cwd=tmp_path, **{**STRONG, **change})
    assert done.returncode == 78, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Settings: {name}")
    assert "canary" not in line
    assert done.stdout == ""
    assert not (tmp_path / "fivapp.db").exists()


def test_a_file_that_is_no_database_is_one_line_each_time(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("root:x:0:0:root:/root:/bin/bash\n" * 40)
    for _ in range(5):
        done = command("serve", "--port", "0", cwd=tmp_path, **STRONG, DATABASE_URL=f"sqlite:///{tmp_path}/text")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith("is not an SQLite database.")
        assert "Traceback" not in done.stderr


def test_a_second_server_is_told_which_file_and_what_to_do(tmp_path: Path) -> None:
    with _serving(tmp_path):
        done = command("serve", "--port", "0", cwd=tmp_path, **STRONG)
    assert done.returncode == 1
    for words in (f"{tmp_path}/fivapp.db", "DATABASE_URL", "--data", "PostgreSQL"):
        assert words in done.stderr


@pytest.fixture
def lossy_postgres(postgres_dsn: str) -> Iterator[str]:
    # The server for tests runs without fsync.
    url = asyncio.run(create_database(postgres_dsn))
    yield url
    asyncio.run(drop_database(url))


def test_a_database_that_may_lose_data_is_refused_in_one_line(tmp_path: Path, lossy_postgres: str) -> None:
    done = command("serve", "--port", "0", cwd=tmp_path, **{**STRONG, "DATABASE_URL": lossy_postgres})
    assert done.returncode == 78, done.stderr
    assert done.stderr.splitlines()[-1].startswith("Settings: DATABASE_URL")


@contextmanager
def _serving(cwd: Path) -> Iterator[tuple[Running, str]]:
    with running("serve", "--port", "0", cwd=cwd, **STRONG) as server:
        line = wait_for(lambda: next((x for x in server.stderr.splitlines() if '"serving"' in x), None))
        yield server, f"http://127.0.0.1:{json.loads(line)['port']}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_until_it_is_told_to_end_and_exits_0(tmp_path: Path, number: int) -> None:
    with _serving(tmp_path) as (server, url):
        assert httpx.get(f"{url}/health/ready").status_code == 200
        assert httpx.get(f"{url}/api/conversations").status_code == 401
        assert server.end(number) == 0
        assert "Traceback" not in server.stderr
        assert not any(value in server.stderr for name, value in STRONG.items() if name != "CONNECTION_SERVICE_URL")


def test_a_port_in_use_is_said_with_the_next_step(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = command("serve", "--port", port, cwd=tmp_path, **STRONG)
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use." in done.stderr
    assert "--port" in done.stderr


def test_a_second_server_on_one_sqlite_file_is_refused(tmp_path: Path) -> None:
    with _serving(tmp_path) as (server, _):
        second = command("serve", "--port", "0", cwd=tmp_path, **STRONG)
        assert second.returncode == 1
        assert second.stderr.splitlines()[-1].startswith("Error: ")
        assert "Traceback" not in second.stderr
        assert command("tenant", "add", "acme", cwd=tmp_path).returncode == 0
        assert server.end() == 0
