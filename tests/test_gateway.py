"""The gateway over the real store on SQLite and a connector that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import (
    CapabilityMissing,
    Conflict,
    ConnectorError,
    ConnectorRejected,
    ConnectorUnavailable,
    IdempotencyMismatch,
    InvalidInput,
    InvalidWebhookKey,
    OutcomeUnknown,
    RecipientMismatch,
    SessionNotConnected,
    SessionNotFound,
    StoreUnavailable,
)
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import (
    Author,
    Conversation,
    ConversationPatch,
    IncomingMessage,
    Media,
    Message,
    MessageKind,
    MessageStatus,
    OutgoingMessage,
    SessionStatus,
    SessionUpdate,
    StatusUpdate,
)
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.testing.connector import FakeConnector

pytestmark = pytest.mark.anyio
ANA = "5511988887777@c.us"
AGENT = Author(kind="agent", id="u1", name="Bia")


@pytest.fixture
def connector() -> FakeConnector:
    return FakeConnector()


@pytest.fixture
async def gateway(connector: FakeConnector, sqlite_url: str) -> AsyncIterator[Gateway]:
    settings = Settings(poll_pairing=0.1, poll_connected=0.1, send_wait=5.0)
    async with Gateway(DatabaseStore(sqlite_url), {connector.name: connector}, settings) as gateway:
        await gateway.store.add_tenant("acme", "Acme")
        yield gateway


def body(event: IncomingMessage | StatusUpdate | SessionUpdate) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(event) | {"type": type(event).__name__}).replace(
        b"session_id", b"sessionId"
    )


def incoming(native_id: str = "n1", text: str = "oi", **other: Any) -> IncomingMessage:
    facts = {"session_id": "acme", "chat_id": ANA, "sender": ANA, "sender_name": "Ana"} | other
    return IncomingMessage(native_id=native_id, text=text, **facts)


async def receive(gateway: Gateway, event: Any) -> Any:
    return await gateway.receive("connection_service", "fake-key", {}, body(event))


async def connected(gateway: Gateway, connector: FakeConnector) -> Conversation:
    """Pair the first session, and let Ana write."""
    connector.report("acme", SessionStatus.CONNECTED, phone="5511999990000", profile_name="Loja")
    await gateway.connect("acme")
    await receive(gateway, incoming())
    [conversation] = (await gateway.conversations("acme")).items
    found: Conversation = conversation
    return found


async def until(look: Callable[[], Any]) -> Any:
    async with asyncio.timeout(10):
        while not (found := await look()):
            await asyncio.sleep(0.01)
    return found


# --- sessions --------------------------------------------------------------------------------------


async def test_connect_shows_the_qr_and_a_poll_sees_the_scan(gateway: Gateway, connector: FakeConnector) -> None:
    view = await gateway.connect("acme", name="Loja")
    assert (view.session.status, view.qr_code) == (SessionStatus.QR_READY, "data:,qr")
    connector.report("acme", SessionStatus.CONNECTED, phone="5511999990000", qr_code="data:,late")

    async def seen() -> bool:
        return (await gateway.session("acme", "acme")).status is SessionStatus.CONNECTED

    await until(seen)
    assert (await gateway.status("acme")).qr_code is None
    page = await gateway.store.events("acme", 0, 100)
    assert [e.data.status for e in page.events if e.type == "session.updated"][-1] == "connected"


async def test_a_session_that_cannot_be_started_stays_and_says_why(gateway: Gateway, connector: FakeConnector) -> None:
    connector.unreachable = ConnectorUnavailable("refused")
    with pytest.raises(ConnectorUnavailable):
        await gateway.connect("acme")
    session = await gateway.session("acme", "acme")
    assert (session.desired, session.problem, session.error) == ("running", "unreachable", "refused")
    events = (await gateway.store.events("acme", 0, 100)).events
    assert [e.data["code"] for e in events if e.type == "notification"] == ["session_unreachable"]
    connector.unreachable = None

    async def mended() -> bool:
        return (await gateway.session("acme", "acme")).problem is None

    await until(mended)


async def test_a_session_never_connected_is_disconnected(gateway: Gateway) -> None:
    assert (await gateway.status("acme")).session.status is SessionStatus.DISCONNECTED
    assert await gateway.sessions("acme") == []


@pytest.mark.parametrize("session_id", ["other", "acme.none", "acme.sales"])
async def test_what_is_no_session_of_the_tenant_is_not_found(gateway: Gateway, session_id: str) -> None:
    for call in (gateway.connect, gateway.status, gateway.disconnect):
        with pytest.raises(SessionNotFound):
            await call("acme", session_id)


async def test_a_tenant_has_several_sessions(gateway: Gateway, connector: FakeConnector) -> None:
    session = await gateway.add_session("acme", "sales", "Vendas")
    assert session.id == "acme.sales"
    assert (await gateway.connect("acme", "acme.sales")).session.name == "Vendas"
    await gateway.connect("acme")
    assert [s.id for s in await gateway.sessions("acme")] == ["acme", "acme.sales"]
    await gateway.remove_session("acme", "acme.sales")
    assert [s.id for s in await gateway.sessions("acme")] == ["acme"]


async def test_disconnect_holds_although_the_service_is_away(gateway: Gateway, connector: FakeConnector) -> None:
    await connected(gateway, connector)
    connector.unreachable = ConnectorUnavailable()
    with pytest.raises(ConnectorUnavailable):
        await gateway.disconnect("acme")
    assert (await gateway.session("acme", "acme")).desired == "stopped"
    connector.unreachable = None
    # Late news does not bring it back.
    await receive(gateway, SessionUpdate(session_id="acme", status=SessionStatus.QR_READY))
    assert (await gateway.disconnect("acme")).status is SessionStatus.DISCONNECTED


async def test_who_connects_while_another_disconnects_is_not_stopped_by_the_late_answer(
    gateway: Gateway, connector: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connected(gateway, connector)
    stop_session = connector.stop_session

    async def stopped_and_connected_again(session_id: str) -> None:
        await stop_session(session_id)
        connector.report("acme", SessionStatus.CONNECTED)
        await gateway.connect("acme")

    monkeypatch.setattr(connector, "stop_session", stopped_and_connected_again)
    session = await gateway.disconnect("acme")
    assert (session.desired, session.epoch) == ("running", 2)
    assert session.status is not SessionStatus.DISCONNECTED


async def test_pairing_by_code_needs_a_service_that_can(gateway: Gateway, connector: FakeConnector) -> None:
    await gateway.connect("acme")
    with pytest.raises(CapabilityMissing):
        await gateway.pairing_code("acme", "acme", "5511999990000")
    connector._capabilities = frozenset({"pairing_code"})
    assert await gateway.pairing_code("acme", "acme", "+55 11 99999-0000") == "ABCD-1234"


# --- receiving -------------------------------------------------------------------------------------


async def test_a_wrong_key_stores_nothing(gateway: Gateway, connector: FakeConnector) -> None:
    await connected(gateway, connector)
    for key in (None, "", "wrong"):
        with pytest.raises(InvalidWebhookKey):
            await gateway.receive("connection_service", key, {}, body(incoming("n2")))
    assert (await gateway.conversations("acme")).items[0].unread_count == 1


async def test_a_webhook_posted_twice_is_stored_once(gateway: Gateway, connector: FakeConnector) -> None:
    await connected(gateway, connector)
    receipts = await asyncio.gather(*(receive(gateway, incoming("n2", "de novo")) for _ in range(10)))
    assert (sum(r.stored for r in receipts), sum(r.duplicates for r in receipts)) == (1, 9)


async def test_webhooks_that_share_a_commit_share_a_line(gateway: Gateway, connector: FakeConnector) -> None:
    await connected(gateway, connector)
    with capture_logs() as lines:
        await asyncio.gather(*(receive(gateway, incoming(f"l{n % 20}")) for n in range(30)))
        await gateway.receive("connection_service", "fake-key", {}, b"?")
        await asyncio.sleep(0)  # the line is written behind the answer
    written = [line for line in lines if line["event"] == "webhook"]
    assert len(written) < 10
    assert sum(line["count"] for line in written) == 31
    assert (sum(line["stored"] for line in written), sum(line["duplicates"] for line in written)) == (20, 10)
    assert written[-1]["outcome"] == "quarantined"
    assert all(line["duration_ms"] > 0 for line in written)


async def test_what_cannot_be_read_is_kept(gateway: Gateway) -> None:
    receipt = await gateway.receive("connection_service", "fake-key", {}, b"\xff{")
    assert receipt.quarantined == 1
    [kept] = await gateway.store.quarantined()
    assert kept.raw == b"\xff{"


async def test_a_webhook_for_an_unknown_session_waits_until_it_is_connected(
    gateway: Gateway, connector: FakeConnector
) -> None:
    assert (await receive(gateway, incoming("early"))).quarantined == 1
    assert await gateway.sessions("acme") == []
    connector.report("acme", SessionStatus.CONNECTED)
    await gateway.connect("acme")
    [conversation] = (await gateway.conversations("acme")).items
    assert conversation.last_message.text == "oi"
    assert await gateway.store.quarantined() == []


async def test_a_suspended_tenants_messages_are_stored(gateway: Gateway, connector: FakeConnector) -> None:
    await connected(gateway, connector)
    await gateway.store.suspend_tenant("acme", True)
    assert (await receive(gateway, incoming("n9"))).stored == 1


# --- sending ---------------------------------------------------------------------------------------


async def test_a_send_is_accepted_and_its_acks_move_it_up(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="Bom dia"), author=AGENT)
    assert (sent.message.status, sent.raw["success"]) == (MessageStatus.ACCEPTED, True)
    assert sent.message.author == AGENT
    native_id = sent.raw["messageId"]
    for status in ("read", "delivered", "sent", "read"):
        update = StatusUpdate(session_id="acme", status=MessageStatus(status), native_id=native_id)
        await receive(gateway, update)
    assert (await gateway.message("acme", sent.message.id)).status is MessageStatus.READ


async def test_acks_that_come_before_the_reply_count(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    connector.hold.clear()
    sending = asyncio.create_task(gateway.send("acme", conversation.id, OutgoingMessage(text="a")))

    async def called() -> bool:
        return bool(connector.sends)

    await until(called)
    early = StatusUpdate(session_id="acme", status=MessageStatus.DELIVERED, native_id=f"true_{ANA}_1")
    await receive(gateway, early)
    connector.hold.set()
    assert (await sending).message.status is MessageStatus.DELIVERED


async def test_the_row_is_there_before_the_call(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    connector.hold.clear()
    sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="a"), wait=0.05)
    assert sent.message.status is MessageStatus.PENDING
    assert (await gateway.messages("acme", conversation.id)).items[0].status is MessageStatus.PENDING
    connector.hold.set()
    await _reaches(gateway, sent.message, MessageStatus.ACCEPTED)


async def test_an_unknown_outcome_is_never_sent_again(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    connector.fail_sends = [OutcomeUnknown("timed out")]
    sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="a"))
    assert sent.message.status is MessageStatus.UNKNOWN
    assert sent.message.error is not None
    await asyncio.sleep(1.2)  # longer than the outbox takes to look again
    assert len(connector.sends) == 1
    assert (await gateway.resolve("acme", sent.message.id, "sent")).status is MessageStatus.SENT
    with pytest.raises(Conflict):
        await gateway.resolve("acme", sent.message.id, "cancelled")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, "ok"), (OutcomeUnknown("timed out"), "unknown"), (ConnectorRejected("no"), "failed")],
)
async def test_the_line_of_a_send_says_how_it_ended(
    gateway: Gateway, connector: FakeConnector, error: ConnectorError | None, outcome: str
) -> None:
    conversation = await connected(gateway, connector)
    connector.fail_sends = [] if error is None else [error]
    with capture_logs() as lines:
        await gateway.send("acme", conversation.id, OutgoingMessage(text="a"))
    assert [line["outcome"] for line in lines if line["event"] == "send"] == [outcome]


async def test_what_was_provably_not_sent_is_tried_again(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    connector.fail_sends = [ConnectorUnavailable("refused", retry_after=0.05)]
    sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="a"))
    assert sent.message.status is MessageStatus.ACCEPTED
    assert len(connector.sends) == 2
    assert connector.sends[0].client_message_id == connector.sends[1].client_message_id


async def test_a_refused_message_fails_and_can_be_sent_again_once(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    connector.fail_sends = [ConnectorRejected("no such number", reason="not_on_whatsapp")]
    failed = (await gateway.send("acme", conversation.id, OutgoingMessage(text="a"))).message
    assert (failed.status, failed.error and failed.error.code) == (MessageStatus.FAILED, "not_on_whatsapp")
    again = (await gateway.retry("acme", failed.id)).message
    assert (again.retry_of, again.status) == (failed.id, MessageStatus.ACCEPTED)
    assert (await gateway.retry("acme", failed.id)).message.id == again.id
    with pytest.raises(Conflict):
        await gateway.retry("acme", again.id)


async def test_one_conversation_is_sent_in_order(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    texts = [f"m{n}" for n in range(8)]
    connector.hold.clear()
    sent = [await gateway.send("acme", conversation.id, OutgoingMessage(text=text), wait=0.01) for text in texts]
    assert len(connector.sends) <= 1  # the others wait behind the one that is held
    connector.hold.set()
    for each in sent:
        await _reaches(gateway, each.message, MessageStatus.ACCEPTED)
    assert [s.message.text for s in connector.sends] == texts


async def test_a_key_sends_once_whatever_is_asked(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    message = OutgoingMessage(text="a")
    calls = (gateway.send("acme", conversation.id, message, idempotency_key=("u1", "k1")) for _ in range(5))
    sent = await asyncio.gather(*calls)
    assert len({s.message.id for s in sent}) == len(connector.sends) == 1
    with pytest.raises(IdempotencyMismatch):
        await gateway.send("acme", conversation.id, OutgoingMessage(text="b"), idempotency_key=("u1", "k1"))
    other = await gateway.send("acme", conversation.id, message, idempotency_key=("u2", "k1"))
    assert other.message.id != sent[0].message.id


async def test_a_send_waits_while_its_session_reconnects(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    connector.report("acme", SessionStatus.RECONNECTING)
    await gateway.status("acme")
    sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="a"), wait=0.05)
    assert (sent.message.status, connector.sends) == (MessageStatus.PENDING, [])
    connector.report("acme", SessionStatus.CONNECTED)
    await _reaches(gateway, sent.message, MessageStatus.ACCEPTED)


async def test_a_waiting_message_can_be_cancelled(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    connector.report("acme", SessionStatus.RECONNECTING)
    await gateway.status("acme")
    sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="a"), wait=0.05)
    assert (await gateway.resolve("acme", sent.message.id, "cancelled")).status is MessageStatus.CANCELLED
    connector.report("acme", SessionStatus.CONNECTED)
    await gateway.status("acme")
    later = await gateway.send("acme", conversation.id, OutgoingMessage(text="b"))
    assert later.message.status is MessageStatus.ACCEPTED
    assert [s.message.text for s in connector.sends] == ["b"]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (OutgoingMessage(text="a", to="5521911112222"), RecipientMismatch),
        (OutgoingMessage(text="a", to="nobody"), InvalidInput),
        (OutgoingMessage(text="  "), InvalidInput),
        (OutgoingMessage(), InvalidInput),
        (OutgoingMessage(kind=MessageKind.IMAGE, media=Media(url="http://x/y.png")), CapabilityMissing),
        (OutgoingMessage(text="a", quoted_message_id="none"), CapabilityMissing),
    ],
)
async def test_what_cannot_be_sent_leaves_no_row(
    gateway: Gateway, connector: FakeConnector, message: OutgoingMessage, error: type[Exception]
) -> None:
    conversation = await connected(gateway, connector)
    with pytest.raises(error):
        await gateway.send("acme", conversation.id, message)
    assert len((await gateway.messages("acme", conversation.id)).items) == 1


@pytest.mark.parametrize("to", ["5511988887777", "551188887777@c.us", "+55 (11) 98888-7777", f"{ANA}"])
async def test_to_may_be_any_spelling_of_the_chat(gateway: Gateway, connector: FakeConnector, to: str) -> None:
    conversation = await connected(gateway, connector)
    sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="a", to=to))
    assert sent.message.status is MessageStatus.ACCEPTED
    assert connector.sends[0].to == ANA


async def test_without_a_running_session_nothing_is_queued(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    await gateway.disconnect("acme")
    with pytest.raises(SessionNotConnected):
        await gateway.send("acme", conversation.id, OutgoingMessage(text="a"))


# --- conversations ---------------------------------------------------------------------------------


async def test_a_conversation_with_a_new_number_becomes_the_one_that_answers(
    gateway: Gateway, connector: FakeConnector
) -> None:
    connector.report("acme", SessionStatus.CONNECTED)
    await gateway.connect("acme")
    opened = await gateway.open_conversation("acme", "+55 11 98888-7777")
    await gateway.send("acme", opened.id, OutgoingMessage(text="Olá"))
    # The contact's account is older than Brazil's ninth digit.
    await receive(gateway, incoming("r1", chat_id="551188887777@c.us", sender="551188887777@c.us"))
    [conversation] = (await gateway.conversations("acme")).items
    assert (conversation.id, conversation.unread_count, conversation.title) == (opened.id, 1, "Ana")


async def test_snoozing_needs_a_time_to_come(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    past = gateway.clock.now() - timedelta(seconds=1)
    for patch in (ConversationPatch(status="snoozed"), ConversationPatch(status="snoozed", snoozed_until=past)):
        with pytest.raises(InvalidInput):
            await gateway.change_conversation("acme", conversation.id, patch)


async def test_a_note_is_in_the_thread_and_is_never_sent(gateway: Gateway, connector: FakeConnector) -> None:
    conversation = await connected(gateway, connector)
    await gateway.add_note("acme", conversation.id, "cliente antigo", author=AGENT)
    assert (await gateway.messages("acme", conversation.id)).items[0].kind is MessageKind.NOTE
    assert connector.sends == []


async def test_stop_finishes_the_sends_in_flight(sqlite_url: str) -> None:
    connector = FakeConnector()
    gateway = Gateway(DatabaseStore(sqlite_url), {connector.name: connector}, Settings())
    await gateway.start()
    await gateway.store.add_tenant("acme", "Acme")
    conversation = await connected(gateway, connector)
    connector.hold.clear()
    sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="a"), wait=0.01)
    stopping = asyncio.create_task(gateway.stop())
    await asyncio.sleep(0)
    connector.hold.set()
    await stopping
    assert connector.closed
    store = DatabaseStore(sqlite_url)
    await store.start()
    found = await store.message("acme", sent.message.id)
    await store.close()
    assert found is not None
    assert found.status is MessageStatus.ACCEPTED


async def _reaches(gateway: Gateway, message: Message, status: MessageStatus) -> None:
    async def there() -> bool:
        return (await gateway.message("acme", message.id)).status is status

    await until(there)


async def test_a_task_that_finds_the_database_away_warns_and_begins_again(
    connector: FakeConnector, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Queue[None]()

    async def away(_store: DatabaseStore) -> int:
        asked.put_nowait(None)
        raise StoreUnavailable("The database restarts.")

    monkeypatch.setattr(DatabaseStore, "wake_snoozed", away)
    with capture_logs() as lines:
        async with Gateway(DatabaseStore(sqlite_url), {connector.name: connector}, Settings()):
            async with asyncio.timeout(5):
                for _ in range(2):
                    await asked.get()
    failed = [line for line in lines if line["event"] == "task_failed"]
    assert {(line["task"], line["log_level"], line["error"]) for line in failed} == {
        ("snoozed", "warning", "store_unavailable")
    }
