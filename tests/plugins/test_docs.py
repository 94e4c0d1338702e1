"""docs/plugins.md says what is so: each hook with its exact arguments, and examples that pass the check."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from fivapp_whatsapp.hookspecs import COLLECTED, HOOKS, TOLD, hookimpl
from fivapp_whatsapp.plugins.annotations import annotation_problems
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.plugins.runner import DEADLINE, DEADLINES
from tests.processes import ROOT

PAGE = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
EXAMPLES = [
    code for code in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "@hookimpl" in code
]


def test_every_hook_has_a_heading_with_its_exact_arguments_and_its_contract() -> None:
    headings = re.findall(r"^### `(\w+)\((.*)\)`\n\n(\S.*)$", PAGE, re.MULTILINE)
    assert {name: tuple(filter(None, arguments.split(", "))) for name, arguments, _ in headings} == HOOKS
    assert len(headings) == len(HOOKS)


def test_every_argument_and_every_option_is_explained() -> None:
    arguments = PAGE.partition("| argument | is |")[2].partition("\n\n")[0]
    listed = re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in arguments.splitlines() if "|" in line))
    everywhere = {argument for name, given in HOOKS.items() for argument in given if name != "plugin_failed"}
    assert sorted(listed) == sorted(everywhere)
    options = PAGE.partition("| `@hookimpl(…)` | means |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)=", options)) == sorted(set(inspect.signature(hookimpl).parameters) - {"function"})


def test_the_deadlines_are_those_of_the_runner() -> None:
    assert f"its deadline: {DEADLINE:g} s; `outgoing_message` {DEADLINES['outgoing_message']:g} s, " in PAGE
    assert f"`startup` and `shutdown` {DEADLINES['startup']:g} s" in PAGE
    for name, seconds in {**dict.fromkeys(("reply_to", "timer"), DEADLINE), **DEADLINES}.items():
        section = PAGE.partition(f"### `{name}(")[2].partition("\n### ")[0]
        assert f"{seconds:g} s." in section, name


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_passes_the_check(tmp_path: Path, number: int) -> None:
    file = tmp_path / f"example{number}.py"
    file.write_text(EXAMPLES[number], encoding="utf-8")
    plugins = Plugins.load(files=[file], installed=False)
    assert plugins.broken == ()
    (plugin,) = plugins.items
    assert annotation_problems(plugin) == []
    assert plugin.warnings == ()


def test_the_groups_of_hooks_are_hooks() -> None:
    assert {*TOLD, *COLLECTED} < HOOKS.keys()
    assert {name for name, arguments in HOOKS.items() if not arguments} == set(COLLECTED)


def _implemented(*folders: str) -> set[str]:
    """Return the hooks that plugins in these places have."""
    found = set()
    for file in (file for folder in folders for file in sorted(ROOT.glob(folder))):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= {node.name for mark in node.decorator_list if "hookimpl" in ast.unparse(mark)}
    return found


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_used_by_a_bundled_plugin_or_an_example_and_tested_by_its_name(hook: str) -> None:
    assert hook in _implemented("plugins/*/fivapp*/**/*.py", "examples/*.py"), "nobody uses it"
    tests = re.findall(
        r"^async def test_hook_(\w+)", (ROOT / "tests/automation/test_hooks.py").read_text(encoding="utf-8"), re.M
    )
    assert any(re.search(rf"(^|_and_){hook}(_|$)", name) for name in tests), "nobody tests it"
