"""The short commands, and what the group itself does; each is a real process."""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner

from fivapp_whatsapp.cli import COMMANDS, cli

from .processes import ROOT, clean_environment, command, program


def test_help_lists_every_command_with_its_own_words() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    for name, entry in COMMANDS.items():
        assert f"  {name}" in shown
        group_command = cli.get_command(cli.make_context("x", ["--help"], resilient_parsing=True), name)
        assert group_command is not None
        assert group_command.short_help == entry.help


def test_help_loads_no_server_and_no_database(tmp_path: Path) -> None:
    heavy = ["litestar", "piccolo", "httpx", "uvicorn", "asyncpg", "structlog", "msgspec"]
    code = (
        "import sys; from fivapp_whatsapp.cli import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        f"print('loaded', [name for name in {heavy} if name in sys.modules])"
    )
    with program(sys.executable, "-c", code, cwd=tmp_path) as process:
        process.process.wait(20)
    assert process.lines[-1] == "loaded []\n"


def test_an_unknown_command_is_a_usage_error(tmp_path: Path) -> None:
    done = command("serv", cwd=tmp_path)
    assert done.returncode == 2
    assert "No such command 'serv'" in done.stderr


def test_settings_that_cannot_be_used_are_named_and_end_with_78(tmp_path: Path) -> None:
    done = command("tenant", "list", cwd=tmp_path, FIVAPP_PORT="CANARY", FIVAPP_PROT="1")
    assert done.returncode == 78
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["FIVAPP_PORT", "FIVAPP_PROT"]
    assert "CANARY" not in done.stderr


def test_migrate_tells_what_is_to_do_and_does_it_once(tmp_path: Path) -> None:
    (tmp_path / "fivapp.db").touch()
    before = command("migrate", "--check", cwd=tmp_path)
    assert before.returncode == 1
    assert before.stdout.startswith("to apply")
    assert command("migrate", cwd=tmp_path).stdout.startswith("applied")
    after = command("migrate", "--check", cwd=tmp_path)
    assert (after.returncode, after.stdout) == (0, "The database is up to date.\n")


def test_tenants_are_added_listed_suspended_and_resumed(tmp_path: Path) -> None:
    assert command("tenant", "add", "acme", "--name", "Acme Ltda", cwd=tmp_path).returncode == 0
    again = command("tenant", "add", "acme", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (1, "Error: A tenant of this id exists already.\n")
    command("tenant", "suspend", "acme", cwd=tmp_path)
    (tenant,) = json.loads(command("tenant", "list", "--json", cwd=tmp_path).stdout)
    assert (tenant["id"], tenant["name"], tenant["suspended"]) == ("acme", "Acme Ltda", True)
    command("tenant", "resume", "acme", cwd=tmp_path)
    assert command("tenant", "list", cwd=tmp_path).stdout.splitlines()[1].split() == ["acme", "active", "Acme", "Ltda"]


@pytest.mark.parametrize("arguments", [("suspend", "nobody"), ("resume", "nobody"), ("add", "a/b"), ("add", "x" * 65)])
def test_a_tenant_that_cannot_be_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = command("tenant", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_accounts_take_their_password_from_stdin_and_never_show_it(tmp_path: Path) -> None:
    command("tenant", "add", "acme", cwd=tmp_path)
    password = secrets.token_urlsafe(12)
    added = command("user", "add", "ana", "--tenant", "acme", "--role", "admin", cwd=tmp_path, stdin=f"{password}\n")
    assert added.returncode == 0
    changed = command("user", "password", "ana", "--tenant", "acme", cwd=tmp_path, stdin=f"{password}2\n")
    assert changed.returncode == 0
    command("user", "disable", "ana", "--tenant", "acme", cwd=tmp_path)
    listed = command("user", "list", "--tenant", "acme", "--json", cwd=tmp_path).stdout
    (account,) = json.loads(listed)
    assert (account["login"], account["role"], account["disabled"]) == ("ana", "admin", True)
    assert password not in added.stdout + added.stderr + changed.stdout + listed
    assert "hash" not in listed.lower()


def test_a_short_password_adds_no_account(tmp_path: Path) -> None:
    command("tenant", "add", "acme", cwd=tmp_path)
    assert command("user", "add", "ana", "--tenant", "acme", cwd=tmp_path, stdin="short\n").returncode == 2
    assert json.loads(command("user", "list", "--tenant", "acme", "--json", cwd=tmp_path).stdout) == []


def test_accounts_of_a_tenant_that_is_not_there_are_an_error(tmp_path: Path) -> None:
    command("migrate", cwd=tmp_path)
    done = command("user", "list", "--tenant", "nobody", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "Error: There is no such tenant.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("tenant", "list"),
        ("tenant", "suspend", "acme"),
        ("user", "list", "--tenant", "acme"),
        ("user", "add", "ana", "--tenant", "acme"),
        ("migrate", "--check"),
    ],
)
def test_a_command_that_needs_a_database_makes_none(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert f"There is no database file {tmp_path}/fivapp.db." in done.stderr
    assert "fivapp-whatsapp migrate" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_first_tenant_makes_the_database_and_says_which(tmp_path: Path) -> None:
    assert f"{tmp_path}/fivapp.db" in command("tenant", "add", "acme", cwd=tmp_path).stderr
    assert command("tenant", "add", "other", cwd=tmp_path).stderr == ""


def test_an_account_of_no_tenant_is_refused_before_a_password_is_asked_for(tmp_path: Path) -> None:
    command("migrate", cwd=tmp_path)
    done = command("user", "add", "ana", "--tenant", "nobody", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "Error: There is no such tenant.\n")


def test_a_new_password_of_a_disabled_account_says_so_and_enabling_lets_it_in(tmp_path: Path) -> None:
    command("tenant", "add", "acme", cwd=tmp_path)
    password = secrets.token_urlsafe(12)
    at = ("ana", "--tenant", "acme")
    command("user", "add", *at, cwd=tmp_path, stdin=f"{password}\n")
    command("user", "disable", *at, cwd=tmp_path)
    assert "ana is disabled" in command("user", "password", *at, cwd=tmp_path, stdin=f"{password}2\n").stderr
    assert command("user", "enable", *at, cwd=tmp_path).stdout == "Enabled ana.\n"
    (account,) = json.loads(command("user", "list", "--tenant", "acme", "--json", cwd=tmp_path).stdout)
    assert account["disabled"] is False


def test_a_token_for_a_tenant_that_is_not_there_is_printed_with_a_warning(tmp_path: Path) -> None:
    command("tenant", "add", "acme", cwd=tmp_path)
    asked = ("token", "--role", "agent", "--tenant")
    secret = {"FIVAPP_JWT_SECRET": secrets.token_hex(32)}
    assert command(*asked, "acme", cwd=tmp_path, **secret).stderr == ""
    done = command(*asked, "amce", cwd=tmp_path, **secret)
    assert done.returncode == 0
    assert len(done.stdout.split(".")) == 3
    assert "There is no tenant amce yet" in done.stderr


def test_a_token_says_who_where_and_until_when(tmp_path: Path) -> None:
    secret = secrets.token_hex(32)
    asked = ("token", "--tenant", "acme", "--role", "agent", "--hours", "2", "--user", "u1", "--name", "Ana")
    environment = {"FIVAPP_JWT_SECRET": secret, "FIVAPP_JWT_CLAIM_TENANT": "company", "FIVAPP_JWT_AUDIENCE": "wa"}
    done = command(*asked, cwd=tmp_path, **environment)
    claims = jwt.decode(done.stdout.strip(), secret, algorithms=["HS256"], audience="wa")
    assert abs(claims.pop("exp") - time.time() - 7200) < 60
    assert abs(claims.pop("iat") - time.time()) < 60
    assert claims == {"sub": "u1", "company": "acme", "role": "agent", "name": "Ana", "aud": "wa"}


def test_a_token_needs_the_secret(tmp_path: Path) -> None:
    done = command("token", "--tenant", "acme", "--role", "agent", cwd=tmp_path)
    assert done.returncode == 78
    assert "FIVAPP_JWT_SECRET" in done.stderr
    assert done.stdout == ""


def test_plugins_are_listed_without_being_imported(tmp_path: Path) -> None:
    info = tmp_path / "ping-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ping\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[fivapp_whatsapp]\nping = ping_plugin\n")
    (tmp_path / "ping_plugin.py").write_text("raise SystemExit('imported')\n")
    path = clean_environment()["PYTHONPATH"] + f":{tmp_path}"
    listed = command("plugins", "--json", cwd=tmp_path, PYTHONPATH=path)
    plugin = {"name": "ping", "distribution": "ping", "version": "1.2", "module": "ping_plugin"}
    assert plugin in json.loads(listed.stdout)


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    done = command("--version", cwd=tmp_path)
    assert done.stdout.startswith("fivapp-whatsapp, version ")
    assert done.stdout.split()[-1] in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
