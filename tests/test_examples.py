"""Each example runs as it stands, against a simulated connection service."""

from __future__ import annotations

import json
import re
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from fivapp_whatsapp.commands.token import issue_token
from fivapp_whatsapp.settings import load_settings

from .processes import ROOT, Running, command, program, running, wait_for

EXAMPLES = ROOT / "examples"
PREFIX = "/whatsapp"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of a gateway beside a simulated connection service."""
    key = "k-" + secrets.token_hex(16)
    with running("simulate", "--port", "0", "--api-key", key, "--no-contacts", cwd=tmp_path) as simulator:
        yield {
            "CONNECTION_SERVICE_URL": simulator.line().split()[-1].rstrip("/"),
            "CONNECTION_SERVICE_API_KEY": key,
            "FIVAPP_JWT_SECRET": "s-" + secrets.token_hex(32),
        }
        assert simulator.end() == 0


def test_every_example_is_run() -> None:
    bots = {"card_guard", "echo", "llm_bot", "metrics_sink", "order_status", "paper", "support_hours"}  # tests/examples
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"script", *MOUNTS, *bots}


def test_the_readme_names_every_example() -> None:
    named = re.findall(r"\(examples/(\w+)\.py\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


def test_the_script_connects_sends_and_reads(tmp_path: Path, environment: dict[str, str]) -> None:
    simulator = environment["CONNECTION_SERVICE_URL"]
    arguments = (sys.executable, str(EXAMPLES / "script.py"), "5511988887777", "Your order is ready.")
    with program(*arguments, cwd=tmp_path, **environment) as script:
        assert script.line() == "Scan the code in qr.html\n"
        httpx.post(f"{simulator}/simulator/sessions/acme/scan").raise_for_status()
        assert script.process.wait(30) == 0, script.stderr
    assert script.lines[-2] == "The message is accepted\n"
    assert script.lines[-1].endswith("api: Your order is ready.\n")
    sent = httpx.get(f"{simulator}/simulator/ledger").json()["items"]
    assert [(item["to"].partition("@")[0], item["text"]) for item in sent] == [
        ("5511988887777", "Your order is ready.")
    ]


def test_the_script_says_how_it_is_called(tmp_path: Path) -> None:
    with program(sys.executable, str(EXAMPLES / "script.py"), cwd=tmp_path) as script:
        assert script.process.wait(30) == 1
    assert script.stderr.startswith("Usage: ")


def test_a_service_that_is_away_is_one_line_for_the_script(tmp_path: Path) -> None:
    away = {"CONNECTION_SERVICE_URL": "http://127.0.0.1:9", "CONNECTION_SERVICE_API_KEY": "k-" + secrets.token_hex(16)}
    with program(sys.executable, str(EXAMPLES / "script.py"), "5511988887777", "Hi", cwd=tmp_path, **away) as script:
        assert script.process.wait(30) == 1
    assert "Traceback" not in script.stderr
    assert not script.stderr.splitlines()[-1].startswith("{")


MOUNTS = ("fastapi_mount", "litestar_mount", "starlette_mount")


@pytest.mark.parametrize("name", MOUNTS)
def test_a_mounted_gateway_serves_http_webhooks_and_sockets(
    tmp_path: Path, environment: dict[str, str], name: str
) -> None:
    assert command("tenant", "add", "acme", cwd=tmp_path, **environment).returncode == 0
    with _host(tmp_path, environment, name) as host:
        wait_for(lambda: "Uvicorn running on" in host.stderr)
        base = host.stderr.partition("Uvicorn running on ")[2].split()[0]
        _talk(base, environment)
        # uvicorn ends in order, then by the signal that it was sent.
        assert host.end() == -signal.SIGTERM
        assert "Application shutdown complete." in host.stderr
        assert "Traceback" not in host.stderr


def _host(cwd: Path, environment: dict[str, str], name: str) -> AbstractContextManager[Running]:
    server = (sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), f"{name}:app", "--port", "0")
    return program(*server, cwd=cwd, **{**environment, "PYTHONWARNINGS": "default"})


def _talk(base: str, environment: dict[str, str]) -> None:
    settings = load_settings(environment, env_file=None)
    headers = {"Authorization": f"Bearer {issue_token(settings, 'acme', 'admin')}"}
    simulator = environment["CONNECTION_SERVICE_URL"]
    webhook = {"url": f"{base}{PREFIX}/api/webhooks/whatsapp"}
    httpx.put(f"{simulator}/simulator/webhook", json=webhook).raise_for_status()
    with httpx.Client(base_url=base, headers=headers, timeout=20) as client:
        assert client.get("/").json() == {"page": "yours"}
        assert client.get(f"{PREFIX}/health/ready").status_code == 200
        assert client.get(f"{PREFIX}/api/nothing").status_code == 404
        assert client.post(f"{PREFIX}/api/whatsapp/connect", json={}).json()["tenantId"] == "acme"
        httpx.post(f"{simulator}/simulator/sessions/acme/scan").raise_for_status()
        wait_for(lambda: client.get(f"{PREFIX}/api/whatsapp/status/acme").json()["connected"])
        address = f"{base}{PREFIX}/api/ws".replace("http", "ws", 1)
        with connect(address, additional_headers=headers) as socket:
            assert json.loads(socket.recv(10))["type"] == "hello"
            written = {"from": "5511988887777", "name": "Rita", "text": "Bom dia"}
            httpx.post(f"{simulator}/simulator/sessions/acme/messages", json=written).raise_for_status()
            frame = wait_for(lambda: _created(json.loads(socket.recv(10))))
        assert frame["data"]["text"] == "Bom dia"
        assert client.get(f"{PREFIX}/api/conversations").json()["items"][0]["title"] == "Rita"


def _created(frame: dict[str, object]) -> dict[str, object] | None:
    return frame if frame["type"] == "message.created" else None
