"""Four plugins that misbehave beside a good one: the good one handles each message once, the culprits are named."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.metrics import PrometheusMetrics
from fivapp_whatsapp.models import Message
from tests.bots import plugin, world
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio
MESSAGES = 150
CHATS = 50


class MachineClock(MovingClock):
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@hookimpl
async def message_received(message: Message) -> None:
    raise RuntimeError


raises = plugin("raises", message_received)


@hookimpl(timeout=0.2)
async def message_received(message: Message) -> None:  # type: ignore[no-redef]
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if message.text is None:
                raise


hangs = plugin("hangs", message_received)


@hookimpl
async def message_received(message: Message) -> None:  # type: ignore[no-redef]
    time.sleep(0.5)


blocks = plugin("blocks", message_received)


@hookimpl
async def reply_to(message: Message) -> Any:
    return {"not": "an answer"}


nonsense = plugin("nonsense", reply_to)


async def test_the_good_one_handles_each_message_once_and_the_culprits_are_named_and_paused(sqlite_url: str) -> None:
    handled: Counter[str] = Counter()

    @hookimpl
    async def message_received(message: Message) -> None:
        handled[message.text or ""] += 1

    @hookimpl
    async def reply_to(message: Message) -> str:
        return f"re: {message.text}"

    good = plugin("good", message_received, reply_to)
    metrics = PrometheusMetrics()
    with capture_logs() as lines:
        async with world(sqlite_url, MachineClock(), raises, hangs, blocks, nonsense, good, metrics=metrics) as here:
            watch = here.gateway.runner._watch
            watch._seconds, watch._pause = 0.2, 0.05
            for n in range(MESSAGES):
                await here.tell_text(f"m{n}", f"55119888{n % CHATS:05d}@c.us")
            async with asyncio.timeout(60):
                while len(handled) < MESSAGES or len(here.connector.sends) < MESSAGES:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.3)
            assert set(handled.values()) == {1}
            assert sorted(map(str, here.sent)) == sorted(f"re: m{n}" for n in range(MESSAGES))
            runner = here.gateway.runner
            names = ("raises", "hangs", "blocks", "nonsense", "good")
            paused = {name: runner.health(name, "acme").reason for name in names}
        page = metrics.render()[0].decode()
    assert paused == {
        "raises": "failing",
        "hangs": "failing",
        "blocks": "blocking",
        "nonsense": "failing",
        "good": None,
    }
    named = {line.get("plugin") for line in lines if line["event"] == "plugin_paused"}
    assert named == {"raises", "hangs", "blocks", "nonsense"}
    assert 'fivapp_plugin_pauses_total{hook="all",plugin="blocks",reason="blocking"}' in page
