"""The outbox under more sends than it makes at once, over the real store on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Message, MessageStatus, OutgoingMessage, SessionStatus
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.testing.connector import FakeConnector

pytestmark = pytest.mark.anyio
AT_ONCE = 64


class SkippingClock:
    """The machine's clock, whose monotonic time a test moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.seconds


@pytest.mark.parametrize("call_seconds", [10.0, 60.0])
async def test_a_send_that_waited_as_long_as_a_call_may_take_gives_its_turn_back(
    sqlite_url: str, call_seconds: float
) -> None:
    connector, clock = FakeConnector(), SkippingClock()
    settings = Settings(connector_timeout=call_seconds)
    async with Gateway(DatabaseStore(sqlite_url), {connector.name: connector}, settings, clock=clock) as gateway:
        await gateway.store.add_tenant("acme", "Acme")
        connector.report("acme", SessionStatus.CONNECTED)
        await gateway.connect("acme")
        connector.hold.clear()
        sent = [await _send(gateway, number) for number in range(AT_ONCE + 1)]
        await _until(lambda: len(connector.sends) == AT_ONCE)
        clock.seconds += call_seconds + 1
        connector.hold.set()
        await _until(lambda: len(connector.sends) == AT_ONCE + 1)
        for message in sent:
            steps = await _until_accepted(gateway, message)
            assert MessageStatus.UNKNOWN not in steps
        assert len({send.client_message_id for send in connector.sends}) == AT_ONCE + 1


async def _send(gateway: Gateway, number: int) -> Message:
    conversation = await gateway.open_conversation("acme", f"55119888{number:05d}")
    return (await gateway.send("acme", conversation.id, OutgoingMessage(text="oi"), wait=0.001)).message


async def _until_accepted(gateway: Gateway, message: Message) -> list[MessageStatus]:
    async with asyncio.timeout(8):
        while (await gateway.message("acme", message.id)).status is not MessageStatus.ACCEPTED:
            await asyncio.sleep(0.01)
    return [step.status for step in await gateway.timeline("acme", message.id)]


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not happened():
            await asyncio.sleep(0.005)
