"""`demo` as a process: its one line, its restart, its end."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fivapp_whatsapp.commands.demo import Ready, _welcome
from tests.processes import Running, command, running, wait_for


@contextmanager
def demo(cwd: Path, *arguments: str, **environment: str) -> Iterator[tuple[Running, dict[str, Any]]]:
    with running("demo", "--json", "--port", "0", *arguments, cwd=cwd, **environment) as process:
        yield process, process.json()


def client(ready: dict[str, Any]) -> httpx.Client:
    return httpx.Client(base_url=ready["gateway"], headers={"Authorization": f"Bearer {ready['token']}"}, timeout=20)


def connect(ready: dict[str, Any], gateway: httpx.Client) -> None:
    assert gateway.post("/api/whatsapp/connect", json={}).status_code == 200
    httpx.post(f"{ready['simulator']}/simulator/sessions/demo/scan").raise_for_status()
    wait_for(lambda: gateway.get("/api/whatsapp/status/demo").json()["connected"])


def receive(ready: dict[str, Any], gateway: httpx.Client, text: str) -> None:
    written = {"from": "5511988887777", "name": "Rita", "text": text}
    httpx.post(f"{ready['simulator']}/simulator/sessions/demo/messages", json=written).raise_for_status()
    wait_for(lambda: text in gateway.get("/api/conversations").text)


def test_stdout_carries_one_line_once_both_answer_and_sigterm_ends_both(tmp_path: Path) -> None:
    with demo(tmp_path) as (process, ready):
        assert set(ready) == {"gateway", "simulator", "tenantId", "token", "apiKey", "pid"}
        assert ready["tenantId"] == "demo"
        assert ready["pid"] == process.process.pid
        assert not ready["gateway"].endswith("/")
        assert httpx.get(ready["gateway"] + "/health/ready").status_code == 200
        assert httpx.get(ready["simulator"] + "/").status_code == 200
        with client(ready) as gateway:
            assert gateway.get("/api/sessions").status_code == 200
        assert process.end() == 0
        assert len(process.lines) == 1
        assert "Traceback" not in process.stderr
        assert ready["token"] not in process.stderr
        assert ready["apiKey"] not in process.stderr
        for url in (ready["gateway"], ready["simulator"]):
            with pytest.raises(httpx.ConnectError):
                httpx.get(url)
        # Nothing is kept: the folder was one of its own, and it is gone.
        assert [path for path in tmp_path.iterdir() if not path.name.startswith("stderr")] == []


def test_a_person_is_told_of_every_page() -> None:
    ready = Ready(gateway="http://gw", simulator="http://phone", tenant_id="demo", token="", api_key="", pid=1)
    said = _welcome(ready, "password")
    assert all(f"{ready.gateway}/{page}\n" in said for page in ("conversations", "whatsapp-settings", "automations"))
    assert f"{ready.simulator}/\n" in said


def test_a_message_goes_through_the_demo_and_back(tmp_path: Path) -> None:
    with demo(tmp_path) as (process, ready), client(ready) as gateway:
        connect(ready, gateway)
        receive(ready, gateway, "Bom dia")
        (conversation,) = gateway.get("/api/conversations").json()["items"]
        path = f"/api/conversations/{conversation['id']}/send-message"
        assert gateway.post(path, json={"text": "Bom dia, Rita!"}).json()["success"] is True
        sent = httpx.get(f"{ready['simulator']}/simulator/ledger").json()["items"]
        assert [item["text"] for item in sent] == ["Bom dia, Rita!"]
        assert process.end(signal.SIGINT) == 0


def test_an_open_event_stream_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with demo(tmp_path) as (process, ready), client(ready) as gateway, gateway.stream("GET", "/api/events") as stream:
        assert "hello" in next(stream.iter_text())
        assert process.end(timeout=8) == 0


def test_a_restart_with_the_same_folder_keeps_conversations_tokens_and_the_login(tmp_path: Path) -> None:
    data = tmp_path / "kept"
    with demo(tmp_path, "--data", str(data)) as (process, first), client(first) as gateway:
        connect(first, gateway)
        receive(first, gateway, "antes")
        process.process.kill()
        process.process.wait(20)
    with demo(tmp_path, "--data", str(data)) as (process, second):
        assert second["apiKey"] == first["apiKey"]
        with client({**first, "gateway": second["gateway"]}) as gateway:
            assert "antes" in gateway.get("/api/conversations").text
            login = {"tenantId": "demo", "login": "demo", "password": password(data)}
            assert gateway.post("/api/auth/login", json=login).status_code in (200, 201, 204)
        assert process.end() == 0
    assert (data / "demo.json").stat().st_mode & 0o777 == 0o600


def password(data: Path) -> str:
    text: str = json.loads((data / "demo.json").read_text())["password"]
    return text


def test_database_url_is_honoured(tmp_path: Path) -> None:
    database = tmp_path / "mine.db"
    with demo(tmp_path, DATABASE_URL=f"sqlite:///{database}") as (process, _):
        assert process.end() == 0
    assert database.exists()


def test_a_dotenv_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"DATABASE_URL=sqlite:///{tmp_path}/real.db\n")
    with demo(tmp_path) as (process, _):
        assert process.end() == 0
    assert not (tmp_path / "real.db").exists()


def test_people_get_addresses_and_a_login_and_contacts_write_after_the_scan(tmp_path: Path) -> None:
    with running("demo", "--port", "0", "--data", "d", cwd=tmp_path) as process:
        shown: dict[str, str] = {}
        while "TOKEN" not in shown:
            words = process.line().split()
            if words[:1] in (["Gateway"], ["Phone"], ["Login"]):
                shown[words[0]] = words[-1]
            elif words[:1] == ["export"]:
                shown["TOKEN"] = words[1].removeprefix("TOKEN=")
        assert shown["Login"] == password(tmp_path / "d")
        base = shown["Gateway"].removesuffix("/schema")
        ready = {"gateway": base, "simulator": shown["Phone"].rstrip("/"), "token": shown["TOKEN"]}
        with client(ready) as gateway:
            connect(ready, gateway)
            wait_for(lambda: gateway.get("/api/conversations").json()["items"])
        assert process.end(signal.SIGINT) == 0


def test_a_port_in_use_is_said_with_the_next_step(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = command("demo", "--port", port, "--simulator-port", "0", cwd=tmp_path)
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert "--port 0" in done.stderr


def test_a_folder_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{}")
    done = command("demo", "--port", "0", "--data", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert "--data" in done.stderr
    assert (tmp_path / "demo.json").read_text() == "{}"
