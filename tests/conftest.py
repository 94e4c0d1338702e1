"""Fixtures that every test may use."""

from __future__ import annotations

import pytest

pytest_plugins = ("tests.databases",)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything here runs on asyncio."""
    return "asyncio"
