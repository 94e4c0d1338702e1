"""One server for all tests of a file, which remembers nothing of the test before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.web.live.server import Live, serving, until


@pytest.fixture(scope="module")
async def shared() -> AsyncIterator[Live]:
    async with serving() as live:
        yield live


@pytest.fixture
async def live(shared: Live) -> Live:
    await until(lambda: shared.gateway.feed.listeners == 0)
    shared.store.reset()
    shared.clock.skipped += 60
    return shared
