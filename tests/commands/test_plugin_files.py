"""Files of plugins in `demo`, `serve` and `doctor`: refused, told of, loaded again when they are saved."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from fivapp_whatsapp.commands.reloading import reload, reload_on_change
from fivapp_whatsapp.plugins.registry import Plugins
from tests.plugins.test_registry import PING, answering, load, write
from tests.processes import clean_environment, command, running, wait_for

from .test_demo import client, connect, receive

pytestmark = pytest.mark.anyio
MISSPELT = PING.replace("reply_to", "reply_too")


def installed(folder: Path, source: str) -> dict[str, str]:
    """Install a plugin `bot` into a folder; returns the environment that sees it."""
    info = folder / "acme_bot-1.2.dist-info"
    info.mkdir(parents=True)
    write(info, "METADATA", "Metadata-Version: 2.1\nName: acme-bot\nVersion: 1.2\n")
    write(info, "entry_points.txt", "[fivapp_whatsapp]\nacme = acme_bot\n")
    write(folder, "acme_bot.py", source)
    return {"PYTHONPATH": f"{clean_environment()['PYTHONPATH']}{os.pathsep}{folder}"}


def test_the_demo_refuses_a_file_with_mistakes_and_names_them_all(tmp_path: Path) -> None:
    file = write(tmp_path, "ping.py", MISSPELT + "\n@hookimpl\ndef timer(keys): ...\n")
    done = command("demo", "--port", "0", "--json", "--plugin", str(file), cwd=tmp_path)
    assert done.returncode == 1
    assert "ping: reply_too (ping.py:7): there is no hook reply_too. Did you mean reply_to?" in done.stderr
    assert "ping: timer (ping.py:11): there is no argument keys. Did you mean key?" in done.stderr
    assert done.stdout == ""


def test_the_demo_refuses_what_is_installed_and_broken_too(tmp_path: Path) -> None:
    environment = installed(tmp_path / "site", MISSPELT)
    done = command("demo", "--port", "0", "--json", cwd=tmp_path, **environment)
    assert done.returncode == 1
    assert "acme: reply_too" in done.stderr


def test_a_bot_in_a_file_answers_and_answers_anew_when_it_is_saved(tmp_path: Path) -> None:
    file = write(tmp_path, "ping.py")
    with (
        running("demo", "--json", "--port", "0", "--plugin", str(file), cwd=tmp_path) as process,
        client(ready := process.json()) as gateway,
    ):
        connect(ready, gateway)
        receive(ready, gateway, "ping")
        wait_for(lambda: answers(ready) == ["pong"])
        write(tmp_path, "ping.py", PING.replace('"pong"', '"peng"'))
        wait_for(lambda: "ping.py: loaded again (reply_to)." in process.stderr)
        receive(ready, gateway, "ping")
        wait_for(lambda: answers(ready) == ["pong", "peng"])
        write(tmp_path, "ping.py", MISSPELT)
        wait_for(lambda: "ping.py: the old one runs on." in process.stderr)
        assert "there is no hook reply_too" in process.stderr
        receive(ready, gateway, "ping")
        wait_for(lambda: answers(ready) == ["pong", "peng", "peng"])
        assert process.end() == 0
        assert len(process.lines) == 1


def answers(ready: dict[str, Any]) -> list[str]:
    """Return what has reached the phones."""
    return [item["text"] for item in httpx.get(f"{ready['simulator']}/simulator/ledger").json()["items"]]


def test_serve_tells_of_a_broken_plugin_and_serves(tmp_path: Path) -> None:
    good, bad = write(tmp_path, "ping.py"), write(tmp_path, "bad.py", MISSPELT)
    strong = {
        "CONNECTION_SERVICE_API_KEY": "k-" + secrets.token_hex(16),
        "FIVAPP_JWT_SECRET": "s-" + secrets.token_hex(32),
    }
    arguments = ("serve", "--port", "0", "--plugin", str(good), "--plugin", str(bad))
    with running(*arguments, cwd=tmp_path, **strong) as process:
        wait_for(lambda: '"event": "serving"' in process.stderr)
        assert '"event": "plugin_loaded"' in process.stderr
        line = next(line for line in process.stderr.splitlines() if "plugin_broken" in line)
        assert '"plugin": "bad"' in line
        assert "Did you mean reply_to" in line
        assert process.end() == 0


def test_doctor_warns_of_each_mistake(tmp_path: Path) -> None:
    environment = installed(tmp_path / "site", MISSPELT + "\n@hookimpl\ndef timer(keys): ...\n")
    lines = command("doctor", cwd=tmp_path, **environment).stdout.splitlines()
    warned = [line for line in lines if line.startswith("warn  plugin acme: ")]
    assert len(warned) == 2
    assert "there is no hook reply_too" in warned[0]
    only = command("doctor", cwd=tmp_path, **{**environment, "FIVAPP_PLUGINS": "amce"}).stdout
    assert "plugin amce: there is no installed plugin of this name. Did you mean acme?" in only


def test_doctor_names_plugins_that_are_well(tmp_path: Path) -> None:
    environment = installed(tmp_path / "site", answering("x"))
    (line,) = [
        line
        for line in command("doctor", cwd=tmp_path, FIVAPP_PLUGINS="acme", **environment).stdout.splitlines()
        if "plugin" in line
    ]
    assert line == "ok    plugins: acme."


def test_what_changes_only_at_the_start_is_said(tmp_path: Path) -> None:
    file = write(
        tmp_path, "bot.py", "from fivapp_whatsapp import hookimpl\n@hookimpl\ndef register_routes(): return []\n"
    )
    said = reload(load(file), file)
    assert said.splitlines() == [
        "bot.py: loaded again (register_routes).",
        "  Changes of register_routes come with the next start.",
    ]


@pytest.mark.parametrize("away", [Path.unlink, lambda file: file.write_text("")])
async def test_a_file_that_is_gone_or_empty_for_a_moment_is_no_change(
    tmp_path: Path, away: Callable[[Path], object]
) -> None:
    file = write(tmp_path, "ping.py")
    said: list[str] = []
    task = asyncio.create_task(reload_on_change(load(file), said.append, every=0.01))
    await asyncio.sleep(0.05)
    away(file)
    await asyncio.sleep(0.05)
    assert said == []
    write(tmp_path, "ping.py", PING + "\n# more\n")
    async with asyncio.timeout(10):
        while not said:
            await asyncio.sleep(0.01)
    assert said[0].startswith("ping.py: loaded again")
    task.cancel()


async def test_without_files_nothing_is_looked_at() -> None:
    async with asyncio.timeout(5):
        await reload_on_change(Plugins(), print)
