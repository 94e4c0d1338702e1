"""The intake keeps what it cannot store, and works through all that waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import UnreadableWebhook
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.intake import Replayed
from fivapp_whatsapp.models import IncomingMessage, SessionStatus, SessionUpdate, WebhookEvent
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


# --- reading once more what came -------------------------------------------------------------------


class Learning(FakeConnector):
    """Overlooks what it has not learned to read yet."""

    def __init__(self) -> None:
        super().__init__()
        self.overlooks = ""
        self.broken = False
        self.sessions: list[str | None] = []

    def decode_webhook(self, body: bytes, session_id: str | None = None) -> list[WebhookEvent]:
        self.sessions.append(session_id)
        if self.broken:
            raise UnreadableWebhook("a mistake of ours")
        return [] if self.overlooks and self.overlooks.encode() in body else super().decode_webhook(body)


@pytest.fixture
def connector() -> Learning:
    return Learning()


@pytest.fixture
async def keeping(sqlite_url: str, connector: Learning) -> AsyncIterator[Gateway]:
    store = DatabaseStore(sqlite_url, keep_webhooks=True)
    async with Gateway(store, {connector.name: connector}, Settings()) as gateway:
        await gateway.store.add_tenant("acme", "Acme")
        await gateway.store.add_session("acme", "acme", "Sales", "connection_service")
        yield gateway


async def take_in(gateway: Gateway, *bodies: bytes) -> None:
    for raw in bodies:
        await gateway.receive("connection_service", "fake-key", {}, raw)


async def replay(gateway: Gateway, since: timedelta = timedelta(minutes=1)) -> Replayed:
    now = datetime.now(UTC)
    return await gateway.intake.replay(now - since, now + timedelta(seconds=1))


async def texts(gateway: Gateway) -> set[str | None]:
    page = await gateway.conversations("acme")
    return {
        message.text
        for conversation in page.items
        for message in (await gateway.messages("acme", conversation.id)).items
    }


async def test_what_a_decoder_overlooked_is_found_once_it_is_mended(keeping: Gateway, connector: Learning) -> None:
    connector.overlooks = "poll"
    await take_in(keeping, body("n1", "oi"), body("n2", "poll"))
    assert await texts(keeping) == {"oi"}
    connector.overlooks = ""
    assert await replay(keeping) == Replayed(bodies=2, unread=0, stored=1, known=1)
    assert await texts(keeping) == {"oi", "poll"}


async def test_what_could_not_be_read_at_all_is_found_too(keeping: Gateway, connector: Learning) -> None:
    connector.broken = True
    await take_in(keeping, body("n1", "oi"), body("n2", "tudo bem?"))
    assert await replay(keeping) == Replayed(bodies=2, unread=2)
    connector.broken = False
    assert await replay(keeping) == Replayed(bodies=2, stored=2)
    assert await keeping.store.quarantined() == []
    assert await texts(keeping) == {"oi", "tudo bem?"}


async def test_a_body_is_read_once_more_with_the_session_that_its_address_named(
    keeping: Gateway, connector: Learning
) -> None:
    for broken in (False, True):
        connector.broken = broken
        for session_id in ("acme", "nobody", None):
            await keeping.receive(connector.name, connector.key, {}, body(f"n-{broken}-{session_id}"), session_id)
    connector.sessions.clear()
    await replay(keeping)
    assert sorted(map(str, connector.sessions)) == ["None", "None", "acme", "acme", "nobody", "nobody"]


async def test_reading_once_more_changes_nothing_however_often(keeping: Gateway) -> None:
    await take_in(keeping, *(body(f"n{number}") for number in range(60)))
    before = await keeping.store.log_state("acme")
    for _ in range(3):
        assert await replay(keeping) == Replayed(bodies=60, known=60)
    assert await keeping.store.log_state("acme") == before


async def test_what_a_session_was_then_is_not_what_it_is_now(keeping: Gateway, connector: Learning) -> None:
    await keeping.store.change_session("acme", "acme", desired="running")
    for status in (SessionStatus.LOGGED_OUT, SessionStatus.CONNECTED):
        await take_in(keeping, connector.webhook(SessionUpdate(session_id="acme", status=status)))
    before = await keeping.store.log_state("acme")
    assert (await replay(keeping)).bodies == 2
    assert await keeping.store.log_state("acme") == before
    assert (await keeping.session("acme", "acme")).status is SessionStatus.CONNECTED


async def test_only_what_came_in_that_time_is_read(keeping: Gateway, connector: Learning) -> None:
    await take_in(keeping, body("n1"))
    connector.broken = True
    await take_in(keeping, body("n2"))
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert await keeping.intake.replay(long_ago, long_ago + timedelta(days=1)) == Replayed()
    assert await replay(keeping, timedelta(minutes=-1)) == Replayed()
