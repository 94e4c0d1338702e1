"""Each hook from end to end, by its name: a plugin that has it, in a gateway that runs, and what it sees and does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from fivapp_whatsapp.app import create_app
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.commands.token import issue_token
from fivapp_whatsapp.errors import Hold, SettingsError
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import (
    Conversation,
    ConversationPatch,
    Group,
    GroupUpdate,
    Message,
    MessageStatus,
    OutgoingMessage,
    Session,
    SessionStatus,
    SessionUpdate,
    StatusUpdate,
)
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import Secret, Settings
from fivapp_whatsapp.tenant import TenantGateway
from tests.bots import ANA, GROUP, World, plugin, world
from tests.moving_clock import MovingClock
from tests.processes import ROOT

pytestmark = pytest.mark.anyio
Run = Callable[..., Any]


@pytest.fixture
def run(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a gateway with one plugin made of these functions."""
    clock = MovingClock()
    clock.install(monkeypatch)

    @asynccontextmanager
    async def running(*functions: Callable[..., Any]) -> AsyncIterator[World]:
        async with world(sqlite_url, clock, plugin("bot", *functions)) as here:
            yield here

    return running


async def test_hook_startup_and_shutdown_have_the_whole_gateway(run: Run) -> None:
    told: list[Any] = []

    @hookimpl
    async def startup(gateway: Gateway) -> None:
        told.append(("startup", await gateway.store.tenants()))

    @hookimpl
    def shutdown(gateway: Gateway) -> None:
        told.append(("shutdown", gateway.running))

    async with run(startup, shutdown):
        assert told == [("startup", [])]
    assert told[1:] == [("shutdown", True)]


async def test_hook_message_received_hears_of_what_a_contact_wrote(run: Run) -> None:
    told: list[Any] = []

    @hookimpl
    def message_received(message: Message, conversation: Conversation, session: Session) -> None:
        told.append((message.text, conversation.chat_id, session.id))

    async with run(message_received) as here:
        await here.says("oi")
        await here.says("do telefone", from_me=True)
    assert told == [("oi", ANA, "acme")]


async def test_hook_message_sent_and_message_status_changed_hear_how_far_a_message_came(run: Run) -> None:
    told: list[Any] = []

    @hookimpl
    def message_sent(message: Message) -> None:
        told.append(("sent", message.text))

    @hookimpl
    def message_status_changed(message: Message) -> None:
        told.append(("changed", message.text, message.status))

    async with run(message_sent, message_status_changed) as here:
        await here.says()
        await here.says("do telefone", from_me=True)
        conversation = await here.conversation()
        await here.gateway.send("acme", conversation.id, OutgoingMessage(text="pronto"))
        await here.idle()
        native_id = f"true_{ANA}_1"
        for status in (MessageStatus.DELIVERED, MessageStatus.READ):
            await here.tell(StatusUpdate(session_id="acme", native_id=native_id, status=status))
            await here.idle()
    changed = [("changed", "pronto", status) for status in (MessageStatus.DELIVERED, MessageStatus.READ)]
    assert told == [("sent", "do telefone"), ("sent", "pronto"), *changed]


async def test_hook_session_status_changed_hears_that_the_phone_is_gone(run: Run) -> None:
    told: list[Any] = []

    @hookimpl
    async def session_status_changed(session: Session, gateway: TenantGateway) -> None:
        told.append((gateway.tenant_id, session.id, session.status))

    async with run(session_status_changed) as here:
        await here.idle()
        told.clear()
        await here.tell(SessionUpdate(session_id="acme", status=SessionStatus.DISCONNECTED))
        await here.idle()
    assert told == [("acme", "acme", SessionStatus.DISCONNECTED)]


async def test_hook_conversation_changed_hears_of_a_new_one_and_of_a_person_who_takes_it(run: Run) -> None:
    told: list[Any] = []

    @hookimpl
    async def conversation_changed(conversation: Conversation, gateway: TenantGateway) -> None:
        told.append((conversation.chat_id, conversation.assignee_id, list(conversation.labels)))

    async with run(conversation_changed) as here:
        await here.says()
        assert told == [(ANA, None, [])]
        patch = ConversationPatch(assignee_id="bea", labels=["vip"])
        await here.gateway.change_conversation("acme", (await here.conversation()).id, patch)
        await here.idle()
        assert told[1:] == [(ANA, "bea", ["vip"])]


async def test_hook_group_changed_hears_of_a_subject(run: Run) -> None:
    told: list[Any] = []

    @hookimpl
    async def group_changed(group: Group, conversation: Conversation) -> None:
        told.append((group.chat_id, group.subject, group.conversation_id == conversation.id))

    async with run(group_changed) as here:
        await here.says(chat=GROUP)
        await here.tell(GroupUpdate(session_id="acme", chat_id=GROUP, change="subject", subject="Família"))
        await here.idle()
    assert told == [(GROUP, "Família", True)]


async def test_hook_reply_to_answers(run: Run) -> None:
    @hookimpl
    def reply_to(message: Message, messages: Sequence[Message]) -> str:
        return f"{message.text} ({len(messages)})"

    async with run(reply_to) as here:
        await here.says("oi")
        assert here.sent == ["oi (1)"]


async def test_hook_outgoing_message_changes_every_message_and_holds_some_back(run: Run) -> None:
    @hookimpl
    def reply_to(message: Message) -> str | None:
        return message.text

    @hookimpl
    def outgoing_message(message: OutgoingMessage) -> OutgoingMessage:
        if message.text == "segredo":
            raise Hold("Isto fica aqui.")
        return msgspec.structs.replace(message, text=f"{message.text} – Loja")

    async with run(reply_to, outgoing_message) as here:
        await here.says("oi")
        held = await here.says("segredo")
        conversation = await here.conversation()
        await here.gateway.send("acme", conversation.id, OutgoingMessage(text="de uma pessoa"))
        with pytest.raises(Hold, match="Isto fica aqui"):
            await here.gateway.send("acme", conversation.id, OutgoingMessage(text="segredo"))
        assert here.sent == ["oi – Loja", "de uma pessoa – Loja"]
        [step] = (await here.trail(held)).steps
        assert (step.outcome, step.detail) == ("held", "Isto fica aqui.")
        assert [line for line in await here.lines() if "Isto fica aqui." in line]


async def test_hook_timer_rings_once_when_it_is_due(run: Run) -> None:
    @hookimpl
    async def message_received(message: Message, gateway: TenantGateway) -> None:
        await gateway.later("lembrete", timedelta(hours=2), {"of": message.text})

    @hookimpl
    async def timer(key: str, data: Any, conversation: Conversation, gateway: TenantGateway) -> None:
        await gateway.send(conversation, f"{key}: {data['of']}")

    async with run(message_received, timer) as here:
        await here.says("pão")
        await here.move(7190)
        assert here.sent == []
        await here.move(20)
        assert here.sent == ["lembrete: pão"]


async def test_hook_plugin_failed_hears_of_another_plugins_failure(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    @hookimpl
    def reply_to(message: Message) -> str:
        raise LookupError(message.text)

    @hookimpl
    def plugin_failed(plugin: str, hook: str, error: BaseException) -> None:
        told.append((plugin, hook, type(error)))

    clock = MovingClock()
    clock.install(monkeypatch)
    async with world(sqlite_url, clock, plugin("bad", reply_to), plugin("ear", plugin_failed)) as here:
        await here.says()
        async with asyncio.timeout(10):
            while not told:
                await asyncio.sleep(0.01)
    assert told == [("bad", "reply_to", LookupError)]


async def test_hook_plugin_config_gives_each_tenant_settings_with_their_types(run: Run) -> None:
    class Config(msgspec.Struct, frozen=True):
        greeting: str = "oi"

    @hookimpl
    def plugin_config() -> type[msgspec.Struct]:
        return Config

    @hookimpl
    def reply_to(config: Any) -> Any:
        return config.greeting

    async with run(plugin_config, reply_to) as here:
        await here.says()
        await here.decide("bot", config={"greeting": "olá"})
        await here.says()
        assert here.sent == ["oi", "olá"]


# --- what is collected when a gateway is put together ------------------------------------------------


@pytest.fixture
def settings(sqlite_url: str) -> Settings:
    return Settings(database_url=Secret(sqlite_url), jwt_secret=Secret("s" * 40), connector="paper")


async def test_hook_register_connectors_brings_a_service_that_new_sessions_use(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    plugins = Plugins.load(files=[ROOT / "examples/paper.py"], installed=False)
    async with build_gateway(settings, plugins=plugins) as gateway:
        await gateway.store.add_tenant("acme", "Acme")
        view = await gateway.connect("acme")
        assert (view.session.connector, view.session.status) == ("paper", SessionStatus.CONNECTED)
        conversation = await gateway.open_conversation("acme", "5511988887777")
        sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="olá"))
        assert sent.message.status is MessageStatus.ACCEPTED
    assert "to 5511988887777@c.us: olá\n" in capsys.readouterr().out


async def test_a_connector_that_nobody_brings_is_named(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="FIVAPP_CONNECTOR: there is only connection_service"):
        build_gateway(settings, plugins=Plugins())


ROUTES = '''
"""Answers under a route of its own."""
from litestar import get
from litestar.di import NamedDependency
from fivapp_whatsapp import TenantGateway, hookimpl

@get("/")
async def hello(gateway: NamedDependency[TenantGateway]) -> dict[str, str]:
    return {"tenant": gateway.tenant_id, "plugin": gateway.plugin}

@hookimpl
def register_routes():
    return [hello]
'''


async def test_hook_register_routes_answers_users_of_a_tenant_alone(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "greeter.py"
    file.write_text(ROUTES, encoding="utf-8")
    settings = msgspec.structs.replace(settings, connector="connection_service")
    gateway = build_gateway(settings, plugins=Plugins.load(files=[file], installed=False))
    app = create_app(settings, gateway=gateway)
    headers: Mapping[str, str] = {"Authorization": f"Bearer {issue_token(settings, 'acme', 'agent')}"}
    async with gateway:
        await gateway.store.add_tenant("acme", "Acme")
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/api/greeter")).status_code == 401
            found = await client.get("/api/greeter", headers=headers)
            assert (found.status_code, found.json()) == (200, {"tenant": "acme", "plugin": "greeter"})
