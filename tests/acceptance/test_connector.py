"""The connector and the simulated connection service, who speak over real HTTP: with extensions, and the plain one."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector
from fivapp_whatsapp.errors import (
    ConnectorKeyRefused,
    ConnectorNotConnected,
    ConnectorProtocolError,
    ConnectorRejected,
    ConnectorUnavailable,
    OutcomeUnknown,
)
from fivapp_whatsapp.guarded import guarded_client
from fivapp_whatsapp.models import (
    Choice,
    Group,
    GroupMember,
    GroupUpdate,
    IncomingMessage,
    Media,
    MessageKind,
    MessageStatus,
    OutgoingMessage,
    SessionStatus,
    WebhookEvent,
)
from fivapp_whatsapp.ports import OutgoingSend
from fivapp_whatsapp.simulator.app import create_simulator
from fivapp_whatsapp.simulator.options import SimulatorOptions
from tests.simulator.conftest import Receiver, Receivers, Stages, served

pytestmark = pytest.mark.anyio
KEY = "key-of-the-service"
ANA = "5511988887777@c.us"
GROUP = "120363041112223330@g.us"
# Nobody answers there, so what the phone shows is the address alone.
FILE = "http://127.0.0.1:9/7.pdf"
Call = Callable[[ConnectionServiceConnector], Awaitable[Any]]


class Pair:
    """A connector, and the simulator at the other end of its line."""

    def __init__(self, url: str, connector: ConnectionServiceConnector, receiver: Receiver) -> None:
        self.url = url
        self.connector = connector
        self.receiver = receiver

    async def phone(self, method: str, path: str, **body: Any) -> Any:
        """Do something with the phone; returns the answer."""
        async with httpx.AsyncClient(base_url=f"{self.url}/simulator", trust_env=False) as client:
            answer = await client.request(method, path, json=body)
            assert answer.is_success, answer.text
            return answer.json()

    async def paired(self) -> Pair:
        """Start the session acme and scan its QR code."""
        await self.connector.start_session("acme", "Acme")
        await self.phone("POST", "/sessions/acme/scan")
        return self

    async def chaos(self, **shares: float) -> None:
        """Let things go wrong; the connector knows the capabilities by then."""
        await self.connector.capabilities()
        await self.phone("PUT", "/chaos", **shares)

    async def told(self, count: int) -> list[WebhookEvent]:
        """Wait for so many webhooks and return what the connector reads in them."""
        async with asyncio.timeout(8):
            while len(self.receiver.hooks) < count:
                await asyncio.sleep(0.005)
        bodies = [httpx.Request("POST", self.url, json=hook).content for hook in self.receiver.hooks]
        return [event for body in bodies for event in self.connector.decode_webhook(body)]

    async def ledger(self) -> list[Any]:
        """List what reached the phone."""
        items: list[Any] = (await self.phone("GET", "/ledger"))["items"]
        return items


Start = Callable[..., Awaitable[Pair]]


@pytest.fixture(scope="module")
async def receivers() -> AsyncIterator[Receivers]:
    receivers = Receivers()
    async with served(receivers.app()) as url:
        receivers.url = url
        yield receivers


@pytest.fixture(scope="module")
async def stages() -> AsyncIterator[Stages]:
    async with AsyncExitStack() as stack:
        yield Stages(stack)


@pytest.fixture
async def start(receivers: Receivers, stages: Stages) -> AsyncIterator[Start]:
    """Starts a simulator with these options, and a connector to it with this key and deadline."""
    async with AsyncExitStack() as stack:

        async def start_one(*, key: str = KEY, timeout: float = 5.0, **options: Any) -> Pair:
            receiver = receivers.add()
            quick = {"webhook_url": receiver.url, "delivered_after": 0.01, "read_after": 0.02, "seed": 1}
            app = create_simulator(SimulatorOptions(api_key=KEY, **{**quick, **options}))
            url = await stack.enter_async_context(stages.play(app))
            connector = ConnectionServiceConnector(base_url=url, api_key=key, webhook_keys=[KEY], timeout=timeout)
            stack.push_async_callback(connector.close)
            return Pair(url, connector, receiver)

        yield start_one


def sending(number: int = 1, *, session_id: str = "acme", **fields: Any) -> OutgoingSend:
    quoted = fields.pop("quoted_native_id", None)
    message = OutgoingMessage(**({"text": "Bom dia!"} | fields))
    return OutgoingSend(
        session_id=session_id, to=ANA, client_message_id=f"m-{number}", message=message, quoted_native_id=quoted
    )


@pytest.mark.parametrize("extensions", [True, False])
async def test_a_session_lives_from_its_qr_to_its_end(start: Start, extensions: bool) -> None:
    pair = await start(extensions=extensions)
    connector = pair.connector
    assert (await connector.session_status("acme")).status is SessionStatus.DISCONNECTED
    started = await connector.start_session("acme", "Acme")
    assert started.status is SessionStatus.QR_READY
    assert (started.qr_code or "").startswith("data:image/png;base64,")
    assert (await connector.start_session("acme", "Acme")).qr_code == started.qr_code
    await pair.phone("POST", "/sessions/acme/scan")
    status = await connector.session_status("acme")
    assert (status.status, status.qr_code, status.profile_name) == (SessionStatus.CONNECTED, None, "Acme")
    assert status.phone
    result = await connector.send(sending())
    [item] = await pair.ledger()
    assert (item["messageId"], item["sessionId"], item["to"], item["text"]) == (
        result.native_id,
        "acme",
        ANA,
        "Bom dia!",
    )
    await connector.stop_session("acme")
    await connector.stop_session("acme")
    assert (await connector.session_status("acme")).status is SessionStatus.DISCONNECTED
    assert len(await pair.ledger()) == 1


@pytest.mark.parametrize("extensions", [True, False])
async def test_a_service_that_works_passes_the_check(start: Start, extensions: bool) -> None:
    await (await start(extensions=extensions)).connector.check()


async def test_a_service_says_what_it_can(start: Start) -> None:
    every = {"buttons", "groups", "idempotent_send", "list", "lookup", "media", "quote", "typing"}
    assert await (await start()).connector.capabilities() == every
    assert await (await start(extensions=False)).connector.capabilities() == set()
    assert await (await start(extensions=frozenset({"media", "events"}))).connector.capabilities() == {"media"}


async def test_a_file_and_a_quote_reach_the_phone(start: Start) -> None:
    pair = await (await start()).paired()
    first = await pair.connector.send(sending(1))
    media = Media(url=FILE, filename="conta.pdf", mime_type="application/pdf")
    await pair.connector.send(sending(2, text="Sua conta", media=media, quoted_native_id=first.native_id))
    [_, item] = await pair.ledger()
    assert (item["kind"], item["text"]) == ("document", "Sua conta")
    [chat] = (await pair.phone("GET", "/sessions/acme"))["chats"]
    shown = chat["messages"][-1]
    assert (shown["quotedMessageId"], shown["media"]["url"]) == (first.native_id, FILE)
    assert shown["media"]["filename"] == "conta.pdf"


async def test_the_plain_service_is_sent_neither_files_nor_ids(start: Start) -> None:
    pair = await (await start(extensions=False)).paired()
    with pytest.raises(ConnectorRejected) as refused:
        await pair.connector.send(sending(media=Media(url=FILE)))
    assert refused.value.reason == "capability_missing"
    await pair.connector.send(sending(quoted_native_id="true_1"))
    [item] = await pair.ledger()
    assert item["clientMessageId"] is None
    with pytest.raises(ConnectorRejected) as refused:
        await pair.connector.find_sent("acme", "m-1")
    assert refused.value.reason == "capability_missing"


async def test_a_send_made_twice_arrives_once_where_the_service_knows_our_id(start: Start) -> None:
    pair = await (await start()).paired()
    first, second = await pair.connector.send(sending()), await pair.connector.send(sending())
    assert first.native_id == second.native_id
    assert [item["clientMessageId"] for item in await pair.ledger()] == ["m-1"]
    found = await pair.connector.find_sent("acme", "m-1")
    assert found is not None
    assert (found.native_id, found.at) == (first.native_id, first.at)
    assert await pair.connector.find_sent("acme", "m-2") is None


async def test_many_sends_at_once_arrive_once_each(start: Start) -> None:
    pair = await (await start()).paired()
    results = await asyncio.gather(*(pair.connector.send(sending(number)) for number in range(100)))
    ledger = await pair.ledger()
    assert len(ledger) == 100
    assert {item["messageId"] for item in ledger} == {result.native_id for result in results}


async def test_webhooks_prove_their_key_and_are_understood(start: Start) -> None:
    pair = await (await start()).paired()
    await pair.phone("POST", "/sessions/acme/messages", **{"from": ANA, "name": "Ana", "text": "olá", "messageId": "n"})
    result = await pair.connector.send(sending())
    async with asyncio.timeout(8):
        while len(pair.receiver.hooks) < 5:
            await asyncio.sleep(0.005)
    bodies = [httpx.Request("POST", pair.url, json=hook).content for hook in pair.receiver.hooks]
    assert all(pair.connector.verify_webhook(key, {}, b"") for key in pair.receiver.keys)
    assert not pair.connector.verify_webhook(f"{KEY}x", {}, bodies[0])
    events = [event for body in bodies for event in pair.connector.decode_webhook(body)]
    [incoming] = [event for event in events if isinstance(event, IncomingMessage)]
    assert (incoming.session_id, incoming.native_id, incoming.sender_name) == ("acme", "n", "Ana")
    acks = {getattr(event, "status", None) for event in events if getattr(event, "native_id", "") == result.native_id}
    assert acks == {MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ}


@pytest.mark.parametrize("style", ["buttons", "list"])
async def test_a_choice_goes_out_and_what_was_tapped_comes_back(start: Start, style: str) -> None:
    pair = await (await start(extensions=frozenset({style, "events"}))).paired()
    choices = [Choice(id="sim, agora", title="Sim"), "Não"]
    sent = await pair.connector.send(sending(text="Confirma?", kind=MessageKind.INTERACTIVE, choices=choices))
    [item] = await pair.ledger()
    assert (item["kind"], item["text"]) == ("interactive", "Confirma?")
    await pair.phone("POST", "/sessions/acme/messages", **{"from": ANA, "choiceId": "sim, agora"})
    [tap] = [event for event in await pair.told(5) if isinstance(event, IncomingMessage)]
    assert (tap.kind, tap.choice, tap.text) == (MessageKind.INTERACTIVE, "sim, agora", "Sim")
    assert tap.quoted_native_id == sent.native_id


async def test_a_group_is_known_with_its_members_and_its_changes(start: Start) -> None:
    pair = await (await start()).paired()
    await pair.phone("POST", f"/sessions/acme/groups/{GROUP}", subject="Vendas", add=[{"id": ANA, "name": "Ana"}])
    await pair.phone("POST", f"/sessions/acme/groups/{GROUP}", promote=[ANA], remove=[])
    group = Group(chat_id=GROUP, subject="Vendas", members=[GroupMember(address=ANA, name="Ana", admin=True)])
    assert await pair.connector.groups("acme") == [group]
    assert await pair.connector.group("acme", GROUP) == group
    assert await pair.connector.group("acme", "120363999999999999@g.us") is None
    await pair.phone("POST", "/sessions/acme/messages", **{"from": ANA, "name": "Ana", "text": "oi", "groupId": GROUP})
    *changes, message = (await pair.told(5))[1:]
    assert [(event.change, event.chat_id, event.changed) for event in changes if isinstance(event, GroupUpdate)] == [
        ("subject", GROUP, ()),
        ("joined", GROUP, (ANA,)),
        ("promoted", GROUP, (ANA,)),
    ]
    assert isinstance(message, IncomingMessage)
    assert (message.chat_id, message.sender, message.sender_name) == (GROUP, ANA, "Ana")
    assert message.group_name == "Vendas"


async def test_typing_shows_on_the_phone(start: Start) -> None:
    pair = await (await start()).paired()
    for on in (True, False):
        await pair.connector.typing("acme", ANA, on)
        [chat] = (await pair.phone("GET", "/sessions/acme"))["chats"]
        assert chat["typing"] is on


@pytest.mark.parametrize(
    ("kind", "mime_type", "filename"),
    [("image", "image/png", "foto.png"), ("audio", "audio/ogg", "voz.ogg"), ("document", "application/pdf", "a.pdf")],
)
async def test_a_contacts_file_is_told_of_and_fetched(start: Start, kind: str, mime_type: str, filename: str) -> None:
    pair = await (await start()).paired()
    content = secrets.token_bytes(300_000)
    async with httpx.AsyncClient(base_url=pair.url, trust_env=False) as client:
        uploaded = await client.post(
            "/simulator/media", params={"filename": filename}, content=content, headers={"Content-Type": mime_type}
        )
    written = {"from": ANA, "kind": kind, "mediaUrl": uploaded.json()["url"]}
    await pair.phone("POST", "/sessions/acme/messages", **written)
    [message] = [event for event in await pair.told(2) if isinstance(event, IncomingMessage)]
    media = message.media
    assert media is not None
    assert (str(message.kind), media.mime_type, media.filename, media.size) == (kind, mime_type, filename, 300_000)
    assert media.url is not None
    for url in (media.url, httpx.URL(media.url).path):
        async with pair.connector.fetch_media(url) as file:
            assert (file.mime_type, file.size) == (mime_type, 300_000)
            assert b"".join([piece async for piece in file.pieces]) == content
    with pytest.raises(ConnectorRejected) as refused:
        async with pair.connector.fetch_media(f"{pair.url}/media/nothing"):
            pass
    assert refused.value.reason == "gone"


async def test_a_file_elsewhere_is_fetched_by_the_guarded_client(start: Start) -> None:
    pair, elsewhere = await start(), await start()
    content = secrets.token_bytes(12 * 1024**2)
    async with httpx.AsyncClient(base_url=elsewhere.url, trust_env=False) as client:
        uploaded = await client.post("/simulator/media", content=content, headers={"Content-Type": "video/mp4"})
    # The page's route needs no key, as a public file does.
    url = uploaded.json()["url"].replace("/media/", "/simulator/media/")
    place = url.split("/")[2]
    for allow, expected in ((place,), content), ((), None):
        async with guarded_client(allow=allow) as outside:
            connector = ConnectionServiceConnector(base_url=pair.url, api_key=KEY, outside=outside)
            if expected is None:
                with pytest.raises(ConnectorRejected) as refused:
                    async with connector.fetch_media(url):
                        pass
                assert refused.value.reason == "address_refused"
            else:
                async with connector.fetch_media(url) as file:
                    assert (file.mime_type, file.size) == ("video/mp4", len(content))
                    assert b"".join([piece async for piece in file.pieces]) == expected
            await connector.close()


async def test_a_send_whose_answer_never_came_is_made_again_and_arrives_once(start: Start) -> None:
    pair = await (await start(timeout=0.6)).paired()
    await pair.chaos(ambiguous=1)
    with pytest.raises(OutcomeUnknown):
        await pair.connector.send(sending())
    await pair.chaos()
    again = await pair.connector.send(sending())
    [item] = await pair.ledger()
    assert (item["messageId"], item["clientMessageId"]) == (again.native_id, "m-1")


CALLS: dict[str, Call] = {
    "start": lambda connector: connector.start_session("acme", "Acme"),
    "status": lambda connector: connector.session_status("acme"),
    "stop": lambda connector: connector.stop_session("acme"),
    "send": lambda connector: connector.send(sending()),
    "find": lambda connector: connector.find_sent("acme", "m-1"),
}
# In doubt, a send may have taken effect; all other calls do no harm when they are made again.
IN_DOUBT = {name: OutcomeUnknown if name == "send" else ConnectorUnavailable for name in CALLS}


async def errors_of(connector: ConnectionServiceConnector, *names: str) -> dict[str, type[BaseException]]:
    """Make calls, all at once, and return the class of the error that each ended with."""
    answers = await asyncio.gather(*(CALLS[name](connector) for name in names), return_exceptions=True)
    return {name: type(answer) for name, answer in zip(names, answers, strict=True)}


async def test_a_wrong_key_is_said_in_a_word(start: Start) -> None:
    connector = (await start(key="another-key-entirely")).connector
    for call in (*(CALLS[name] for name in ("start", "status", "stop", "send")), ConnectionServiceConnector.check):
        with pytest.raises(ConnectorKeyRefused) as refused:
            await call(connector)
        assert "CONNECTION_SERVICE_API_KEY" in refused.value.detail
        assert "another-key" not in refused.value.detail


async def test_a_session_that_is_not_connected_sends_nothing(start: Start) -> None:
    pair = await start()
    for _ in ("no session", "not scanned"):
        with pytest.raises(ConnectorNotConnected):
            await pair.connector.send(sending())
        await pair.connector.start_session("acme", "Acme")
    assert await pair.ledger() == []


async def test_an_error_of_the_service_leaves_only_a_send_in_doubt(start: Start) -> None:
    pair = await (await start()).paired()
    await pair.chaos(error=1)
    assert await errors_of(pair.connector, *CALLS) == IN_DOUBT
    assert await pair.ledger() == []


async def test_garbage_is_no_answer(start: Start) -> None:
    pair = await (await start()).paired()
    await pair.connector.send(sending())
    await pair.chaos(garbage=1)
    found = await errors_of(pair.connector, "start", "status", "find")
    assert set(found.values()) == {ConnectorProtocolError}
    with pytest.raises(OutcomeUnknown):
        await pair.connector.send(sending(2))
    assert [item["clientMessageId"] for item in await pair.ledger()] == ["m-1", "m-2"]


@pytest.mark.parametrize("extensions", [True, False])
async def test_an_answer_that_never_comes_leaves_the_outcome_open(start: Start, extensions: bool) -> None:
    pair = await (await start(timeout=0.6, extensions=extensions)).paired()
    await pair.chaos(ambiguous=1)
    with pytest.raises(OutcomeUnknown):
        await pair.connector.send(sending())
    [item] = await pair.ledger()
    if extensions:
        found = await pair.connector.find_sent("acme", "m-1")
        assert found is not None
        assert found.native_id == item["messageId"]


async def test_a_service_that_is_too_slow_ends_at_the_deadline(start: Start) -> None:
    pair = await (await start(timeout=0.4)).paired()
    await pair.chaos(latencyMs=1_200)
    async with asyncio.timeout(1.1):
        assert await errors_of(pair.connector, *CALLS) == IN_DOUBT


async def test_a_slow_service_within_the_deadline_is_no_error(start: Start) -> None:
    pair = await (await start()).paired()
    await pair.chaos(latencyMs=50)
    assert (await pair.connector.send(sending())).native_id
    assert len(await pair.ledger()) == 1


async def test_a_service_that_is_away_has_done_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers there
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        connector = ConnectionServiceConnector(base_url=url, api_key=KEY, timeout=2.0)
        assert await errors_of(connector, *CALLS) == dict.fromkeys(CALLS, ConnectorUnavailable)
        await connector.close()
