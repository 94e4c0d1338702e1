"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator

import pytest
from hypothesis import settings

# Many more examples of each property, and others each time: pytest --hypothesis-profile deep --timeout 0.
settings.register_profile("deep", max_examples=1_000)

pytest_plugins = ("pytester", "tests.databases")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything here runs on asyncio."""
    return "asyncio"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Reports travel between the processes of a run as UTF-8, which hostile texts in captured output are not."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def _without_browser() -> bool:
    return shutil.which("chromium") is None and not os.environ.get("CI")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what drives a browser where there is none; on a machine that checks changes it fails instead."""
    if _without_browser() and (driven := [item for item in items if item.get_closest_marker("browser")]):
        config.hook.pytest_deselected(items=driven)
        items[:] = [item for item in items if item not in driven]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that a part was not run."""
    if _without_browser():
        terminalreporter.write_line("browser tests not run: there is no chromium on this machine")
