"""The shape of the project: public names, import contracts, and docs that say what is there."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from litestar.routes import BaseRoute, HTTPRoute, WebSocketRoute

import fivapp_whatsapp
from fivapp_whatsapp.app import create_app
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.cli import COMMANDS, cli
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import ENVIRONMENT, load_settings
from fivapp_whatsapp.web.server import PLUGIN_PATHS

from .processes import ROOT, clean_environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FRAMEWORKS = ("litestar", "piccolo", "httpx", "uvicorn", "click", "asyncpg", "aiosqlite", "prometheus_client", "jwt")


def test_public_names_are_sorted_and_there() -> None:
    names = fivapp_whatsapp.__all__
    assert names == sorted(names, key=str.lower)
    assert all(hasattr(fivapp_whatsapp, name) for name in names)
    with pytest.raises(AttributeError):
        fivapp_whatsapp.__getattr__("nothing")


def test_importing_the_package_and_its_models_imports_no_framework(tmp_path: Path) -> None:
    code = (
        "import sys, fivapp_whatsapp\n"
        "from fivapp_whatsapp import Gateway, Message, Settings\n"
        f"print([name for name in {FRAMEWORKS} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "[]\n", done.stderr


def test_the_import_contracts_hold() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_can_be_imported_by_itself() -> None:
    package = Path(fivapp_whatsapp.__file__).parent
    for file in package.rglob("*.py"):
        if file.stem != "__main__" and not {"migrations", "node_modules"} & {*file.parts}:
            parts = file.relative_to(package.parent).with_suffix("").parts
            importlib.import_module(".".join(parts).removesuffix(".__init__"))


def test_the_readme_lists_exactly_the_routes_of_the_app() -> None:
    listed = {(m, _nameless(path)) for m, path in re.findall(r"^\| ([A-Z]+) `(/\S*)` \|", README, re.MULTILINE)}
    settings = load_settings({}, env_file=None, jwt_secret="x" * 32, database_url="sqlite:///unused.db")
    # Those of plugins stand in their own READMEs.
    app = create_app(settings, gateway=build_gateway(settings, plugins=Plugins()))
    assert sorted(listed) == sorted({pair for route in app.routes for pair in _methods(route)})


def _methods(route: BaseRoute) -> set[tuple[str, str]]:
    path = _nameless(route.path_format)
    # Litestar's own further pages of the schema, and what plugins will answer.
    if path == "/schema/{}" or path.startswith(PLUGIN_PATHS):
        return set()
    if path == "/api/webhooks":  # one mount for two addresses
        return {("POST", "/api/webhooks/whatsapp/{}"), ("POST", "/api/webhooks/{}/{}")}
    if isinstance(route, HTTPRoute):
        return {(method, path) for method in route.methods - {"HEAD", "OPTIONS"}}
    return {("GET" if isinstance(route, WebSocketRoute) else "POST", path)}


def _nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path).rstrip("/") or "/"


def test_the_readme_lists_every_command() -> None:
    table = "\n".join(line for line in README.splitlines() if line.startswith("| `fivapp-whatsapp "))
    assert re.findall(r"^\| `fivapp-whatsapp (\w+)", table, re.MULTILINE) == list(COMMANDS)
    context = click.Context(cli)
    for name in COMMANDS:
        found = cli.get_command(context, name)
        if isinstance(found, click.Group):
            (line,) = [line for line in table.splitlines() if f"fivapp-whatsapp {name} " in line]
            assert re.findall(r"`(?:fivapp-whatsapp \w+ )?(\w+)`", line.split("|")[1]) == list(found.commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_docs_name_only_settings_options_and_files_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {name.removesuffix("_FILE") for name in re.findall(r"\bFIVAPP_[A-Z_]+[A-Z]\b", text)}
    assert named <= ENVIRONMENT.keys()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_docs_name_only_commands_that_exist(page: Path) -> None:
    context = click.Context(cli)
    for words in re.findall(r"`?fivapp-whatsapp ([a-z]+(?: [a-z]+)?)", page.read_text(encoding="utf-8")):
        name, _, further = words.partition(" ")
        if name in COMMANDS:
            found = cli.get_command(context, name)
            assert not (isinstance(found, click.Group) and further) or further in found.commands, words
        else:
            assert f"`fivapp-whatsapp {name}" not in page.read_text(encoding="utf-8"), words
