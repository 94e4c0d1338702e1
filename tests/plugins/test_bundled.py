"""The bundled plugins are plugins like anybody's: distributions of their own, made of public names."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fivapp_whatsapp
from fivapp_whatsapp.plugins.config import config_schema
from fivapp_whatsapp.plugins.registry import BUNDLED, Plugins
from tests.processes import ROOT

FOLDERS = sorted(file.parent for file in (ROOT / "plugins").glob("*/pyproject.toml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
each_plugin = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def _package(folder: Path) -> Path:
    return folder / f"fivapp_whatsapp_{folder.name}"


@each_plugin
def test_a_bundled_plugin_is_a_distribution_with_readme_types_and_tests(folder: Path) -> None:
    described = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert folder.name in BUNDLED
    assert described["name"] == f"fivapp-whatsapp-{folder.name}"
    assert described["entry-points"] == {"fivapp_whatsapp": {folder.name: f"fivapp_whatsapp_{folder.name}.plugin"}}
    assert "fivapp-whatsapp>=0.1,<1" in described["dependencies"]
    assert (_package(folder) / "py.typed").exists()
    assert list((folder / "tests").glob("test_*.py"))
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {described['name']}\n")
    assert [title for title in ("## Install", "## Limits", "## Em português") if title not in readme] == []


@each_plugin
def test_a_bundled_plugin_is_installed_for_development_checked_and_part_of_all(folder: Path) -> None:
    installed = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    assert f"-e plugins/{folder.name}" in installed
    assert f"fivapp-whatsapp-{folder.name}>=0.1,<1" in PROJECT["project"]["optional-dependencies"]["all"]
    assert _package(folder).name in PROJECT["tool"]["mypy"]["packages"]


@each_plugin
def test_a_bundled_plugin_imports_public_names_only(folder: Path) -> None:
    found = {name for file in _package(folder).rglob("*.py") for name in _imports(file)}
    assert found <= {f"fivapp_whatsapp.{name}" for name in fivapp_whatsapp.__all__}


@each_plugin
def test_the_tests_of_a_bundled_plugin_import_public_names_only(folder: Path) -> None:
    found = {name for file in (folder / "tests").rglob("*.py") for name in _imports(file)}
    public = {f"fivapp_whatsapp.{name}" for name in fivapp_whatsapp.__all__}
    assert [name for name in found - public if not name.startswith("fivapp_whatsapp.testing.")] == []


@each_plugin
def test_the_readme_of_a_bundled_plugin_lists_exactly_its_routes(folder: Path) -> None:
    plugin = Plugins.load(names=[folder.name]).get(folder.name)
    handlers = [one for hook in plugin.hooks.get("register_routes", ()) for one in hook.function()]
    routes = {
        (method, re.sub(r"\{(\w+?)(?:_id)?:\w+\}", "{}", f"/api/{folder.name}{path}").rstrip("/"))
        for one in handlers
        for method in one.http_methods - {"HEAD", "OPTIONS"}
        for path in one.paths
    }
    readme = (folder / "README.md").read_text(encoding="utf-8")
    listed = re.findall(rf"\b(GET|POST|PUT|PATCH|DELETE) `?(/api/{folder.name}(?:/[^\s?`]*)?)", readme)
    assert {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in listed} == routes


def _fields(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through the fields of a form, those of its parts too."""
    if isinstance(node, dict):
        for name, field in node.get("properties", {}).items() if node.get("type") == "object" else ():
            # The word that says which of several kinds a part is has no field.
            if set(field) - {"default", "enum", "const"}:
                yield f"{place}.{name}", field
        for name, part in node.items():
            yield from _fields(part, f"{place}.{name}" if name not in _PLACES else place)
    elif isinstance(node, list):
        for part in node:
            yield from _fields(part, place)


_PLACES = ("properties", "$defs", "items", "anyOf", "additionalProperties")


@each_plugin
def test_each_field_of_a_bundled_plugins_form_has_its_words_in_english_and_portuguese(folder: Path) -> None:
    kind = Plugins.load(names=[folder.name]).get(folder.name).config_type
    assert kind is not None
    fields = dict(_fields(config_schema(kind)))
    assert {field.encode_name for field in msgspec.structs.fields(kind)} <= {n.rpartition(".")[2] for n in fields}
    for name, field in fields.items():
        english, portuguese = field, field.get("i18n", {}).get("pt-BR", {})
        assert portuguese.get("title"), name
        assert english.get("title"), name
        assert english["title"] != portuguese["title"], name
        assert bool(english.get("description")) == bool(portuguese.get("description")), name
        if values := field.get("enum"):
            known = field["i18n"].get("en", {}).get("values", {})
            assert {*portuguese.get("values", {})} == {*known} <= {*values}, name


def test_tests_of_plugins_have_names_of_their_own() -> None:
    names = [file.name for folder in FOLDERS for file in (folder / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))


def _imports(file: Path) -> Iterator[str]:
    """Give what a file imports of the gateway: package and name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module=str(module), names=names, level=0) if _is_gateway(module):
                yield from (f"{module}.{name.name}" for name in names)
            case ast.Import(names=names):
                yield from (f"{name.name}.*" for name in names if _is_gateway(name.name))


def _is_gateway(module: str) -> bool:
    return module == "fivapp_whatsapp" or module.startswith("fivapp_whatsapp.")
