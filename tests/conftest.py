"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Generator

import pytest

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
