"""The intake keeps what it cannot store, and works through all that waits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import IncomingMessage
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.testing.connector import FakeConnector

pytestmark = pytest.mark.anyio
ANA = "5511988887777@c.us"


@pytest.fixture
async def gateway(sqlite_url: str) -> AsyncIterator[Gateway]:
    connector = FakeConnector()
    async with Gateway(DatabaseStore(sqlite_url), {connector.name: connector}, Settings()) as gateway:
        await gateway.store.add_tenant("acme", "Acme")
        yield gateway


def body(native_id: str, text: str = "oi", session: str = "acme") -> bytes:
    event = IncomingMessage(session_id=session, native_id=native_id, chat_id=ANA, sender=ANA, text=text)
    return msgspec.json.encode(msgspec.to_builtins(event) | {"type": "IncomingMessage"})


async def test_a_body_that_no_database_can_keep_is_answered_and_its_bytes_are_kept(gateway: Gateway) -> None:
    await gateway.store.add_session("acme", "acme", "Sales", "connection_service")
    raw = body("n1", "a\0b")
    receipt = await gateway.receive("connection_service", "fake-key", {}, raw)
    assert (receipt.stored, receipt.quarantined) == (0, 1)
    [kept] = await gateway.store.quarantined()
    assert (kept.raw, kept.reason) == (raw, "not_storable")
    await gateway.intake.release()
    assert len(await gateway.store.quarantined()) == 1


async def test_all_that_waited_for_a_session_is_processed_past_what_cannot_be_read(gateway: Gateway) -> None:
    for number in range(130):
        raw = b"?" if number < 110 else body(f"n{number}", session="acme.new")
        await gateway.receive("connection_service", "fake-key", {}, raw)
    await gateway.store.add_session("acme", "acme.new", "New", "connection_service")
    await gateway.intake.release()
    assert len(await gateway.store.quarantined(limit=1000)) == 110
    [conversation] = (await gateway.conversations("acme")).items
    assert conversation.unread_count == 20
