"""`plugins`: lists without importing, names every mistake, writes a plugin that works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fivapp_whatsapp.cli import cli
from fivapp_whatsapp.plugins.registry import BUNDLED
from tests.plugins.test_registry import PING, answering, write
from tests.processes import clean_environment, command

from .test_plugin_files import MISSPELT, installed


def invoke(*arguments: str) -> Result:
    """Run the command in this process, for what needs no other path or environment."""
    return CliRunner().invoke(cli, ["plugins", *arguments])


def test_plugins_alone_lists_them_as_list_does_and_imports_none(tmp_path: Path) -> None:
    environment = installed(tmp_path / "site", "raise SystemExit('imported')\n")
    alone = command("plugins", cwd=tmp_path, **environment)
    assert alone.returncode == 0
    assert ["acme", "acme-bot", "1.2", "acme_bot"] in [line.split() for line in alone.stdout.splitlines()]
    found = json.loads(command("plugins", "list", "--json", cwd=tmp_path, **environment).stdout)
    plugin = {"name": "acme", "distribution": "acme-bot", "version": "1.2", "module": "acme_bot"}
    assert plugin in found
    assert invoke().stdout == invoke("list").stdout
    assert invoke("--json").stdout == invoke("list", "--json").stdout


def test_list_with_check_loads_them_and_fails_for_a_broken_one(tmp_path: Path) -> None:
    environment = installed(tmp_path / "site", MISSPELT)
    done = command("plugins", "list", "--check", cwd=tmp_path, **environment)
    assert done.returncode == 1
    assert "acme: reply_too (acme_bot.py:7): there is no hook reply_too. Did you mean reply_to?" in done.stdout
    (plugin,) = [
        each
        for each in json.loads(command("plugins", "list", "--check", "--json", cwd=tmp_path, **environment).stdout)
        if each["name"] == "acme"
    ]
    assert plugin["state"] == "broken"
    assert len(plugin["problems"]) == 1


def test_list_with_check_is_content_with_what_is_well(tmp_path: Path) -> None:
    environment = installed(tmp_path / "site", answering("x"))
    done = command("plugins", "list", "--check", cwd=tmp_path, **environment)
    assert ["acme", "acme-bot", "1.2", "acme_bot", "ok"] in [line.split() for line in done.stdout.splitlines()]


def test_check_names_all_mistakes_of_files_and_of_what_is_installed(tmp_path: Path) -> None:
    environment = installed(tmp_path / "site", MISSPELT)
    write(tmp_path, "good.py")
    write(tmp_path, "bad.py", "from fivapp_whatsapp import hookimpl\n@hookimpl\ndef timer(keys, data=None): ...\n")
    done = command("plugins", "check", "good.py", "bad.py", "acme", "nobody", cwd=tmp_path, **environment)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "good: ok (reply_to)" in lines
    assert sorted(line.split(" ")[0] for line in lines) == ["acme:", "bad:", "bad:", "good:", "nobody:"]
    assert invoke("check", str(tmp_path / "good.py")).exit_code == 0
    assert invoke("check").exit_code == 2


TYPES = """\
from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from collections.abc import Coroutine, Sequence

import msgspec

from fivapp_whatsapp import OutgoingMessage, hookimpl

if TYPE_CHECKING:
    from fivapp_whatsapp import Contact, Conversation, Message, PluginLog, State, TenantGateway
    from nowhere import Thing

class Settings(msgspec.Struct):
    a: int = 1

class Other(msgspec.Struct):
    a: int = 1

@hookimpl
def plugin_config() -> type[Settings]:
    return Settings

"""


def checked(folder: Path, source: str) -> list[str]:
    done = invoke("check", str(write(folder, "bot.py", TYPES + source)))
    lines = [line.removeprefix("bot: ") for line in done.stdout.splitlines()]
    assert done.exit_code == (not lines[0].startswith("ok"))
    return lines


def test_check_accepts_every_way_to_say_the_right_types(tmp_path: Path) -> None:
    lines = checked(
        tmp_path,
        """
@hookimpl
async def reply_to(
    message: Message, messages: Sequence[Message], contact: Contact | None, gateway: TenantGateway, state: State,
    config: Settings, log: PluginLog, attempt: Annotated[int, "from 1"], session: object, conversation: Any,
) -> str | list[OutgoingMessage] | None: ...

@hookimpl
async def message_received(message: Thing, attempt: float, config) -> None: ...

@hookimpl(specname="reply_to")
def two(message) -> Coroutine[Any, Any, str]: ...

@hookimpl
def outgoing_message(message: OutgoingMessage) -> OutgoingMessage | None: ...

@hookimpl
def register_routes() -> list[Any]: ...

@hookimpl
def timer(key: str, conversation: Conversation | None, data: dict[str, int]): ...
""",
    )
    assert lines == ["ok (message_received, outgoing_message, plugin_config, register_routes, reply_to, timer)"]


def test_check_compares_types_where_both_are_known(tmp_path: Path) -> None:
    lines = checked(
        tmp_path,
        """
@hookimpl
async def reply_to(message: str, contact: Contact, config: Other, messages: list[Message]) -> int | str: ...

@hookimpl
async def message_received(message: Message) -> str: ...

@hookimpl
def outgoing_message(message: OutgoingMessage) -> Coroutine[Any, Any, str]: ...

@hookimpl
def timer(key: str, conversation: Conversation) -> None: ...
""",
    )
    assert lines == [
        "message_received (bot.py:28): returns str; what it returns is not looked at; to answer, implement reply_to",
        "outgoing_message (bot.py:31): returns str; it may return OutgoingMessage | None",
        "reply_to (bot.py:25): message is annotated str; it is Message",
        "reply_to (bot.py:25): contact is annotated Contact; it is Contact | None",
        "reply_to (bot.py:25): config is annotated Other; it is Settings",
        "reply_to (bot.py:25): messages is annotated list[Message]; it is Sequence[Message]: annotate it "
        "Sequence[Message], which is read as a list is",
        "reply_to (bot.py:25): returns int | str; "
        "it may return str | OutgoingMessage | Sequence[str | OutgoingMessage] | None",
        "timer (bot.py:34): conversation is annotated Conversation; it is Conversation | None",
    ]


def test_settings_that_a_plugin_has_not_are_none(tmp_path: Path) -> None:
    file = write(tmp_path, "bot.py", PING.replace("message: Message", "message: Message, config: dict"))
    (line,) = invoke("check", str(file)).stdout.splitlines()
    assert line.endswith("config is annotated dict; it is None: this plugin has no plugin_config")


def made(folder: Path, name: str) -> Path:
    done = invoke("new", name, "--into", str(folder / "made"))
    assert done.exit_code == 0, done.stderr
    return folder / "made" / name


def on_path(project: Path) -> dict[str, str]:
    """Install a project as an editable install does: its folder on the path, and its metadata."""
    facts = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = project / f"{facts['name'].replace('-', '_')}-{facts['version']}.dist-info"
    info.mkdir()
    requires = "".join(f"Requires-Dist: {line}\n" for line in facts["dependencies"])
    write(info, "METADATA", f"Metadata-Version: 2.1\nName: {facts['name']}\nVersion: {facts['version']}\n{requires}")
    points = facts["entry-points"]["fivapp_whatsapp"]
    write(info, "entry_points.txt", "[fivapp_whatsapp]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    return {"PYTHONPATH": os.pathsep.join((clean_environment()["PYTHONPATH"], str(project)))}


@pytest.mark.parametrize("name", ["hello", "opening-hours", "a_b"])
def test_new_writes_a_plugin_that_passes_the_check_when_it_is_installed(tmp_path: Path, name: str) -> None:
    project = made(tmp_path, name)
    done = command("plugins", "check", name, cwd=tmp_path, **on_path(project))
    assert (done.returncode, done.stdout) == (0, f"{name}: ok (plugin_config, reply_to)\n")
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert f"plugins check {name}" in readme
    assert "$" not in readme


@pytest.mark.timeout(300)
def test_what_new_writes_passes_its_own_tests_without_being_installed(tmp_path: Path) -> None:
    project = made(tmp_path, "opening-hours")
    path = os.pathsep.join((clean_environment()["PYTHONPATH"], str(project)))
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    environment = clean_environment(PYTHONPATH=path, PYTHONWARNINGS="")
    done = subprocess.run(asked, cwd=project, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


@pytest.mark.parametrize("name", ["Hello", "ws", "../x", *BUNDLED])
def test_new_refuses_a_name_that_would_not_work(tmp_path: Path, name: str) -> None:
    done = invoke("new", name, "--into", str(tmp_path / "made"))
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {name}: ")
    assert list(tmp_path.iterdir()) == []


def test_new_overwrites_nothing(tmp_path: Path) -> None:
    write(tmp_path, "note.txt", "mine")
    (tmp_path / "hello").mkdir()
    write(tmp_path / "hello", "plugin.py", "mine")
    done = invoke("new", "hello", "--into", str(tmp_path))
    assert done.exit_code == 1
    assert "there already" in done.stderr
    assert (tmp_path / "hello" / "plugin.py").read_text() == "mine"
