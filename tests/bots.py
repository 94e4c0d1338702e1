"""A gateway with plugins made in a test, contacts that write to it, and what they were sent."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from types import FunctionType, ModuleType
from typing import Any

import msgspec

from fivapp_whatsapp.addresses import conversation_id
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Conversation, IncomingMessage, Message, MessageKind, SessionStatus, WebhookEvent
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.ports.plugins import AnswerTrail, AutomationSettings, PluginSetting
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.testing.connector import FakeConnector

from .moving_clock import MovingClock

ANA = "5511988887777@c.us"
BIA = "5521977776666@c.us"
GROUP = "120363025246125486@g.us"
PHONE = "5511999990000"
_numbers = itertools.count(1)


def plugin(name: str, *functions: Callable[..., Any], doc: str = "A bot of a test.", **others: Any) -> ModuleType:
    """Make a plugin's module of functions marked with hookimpl, each under the name of its hook."""
    module = ModuleType(name, doc)
    for function in functions:
        assert isinstance(function, FunctionType)
        function.__module__ = name
        setattr(module, function.__name__, function)
    for key, value in others.items():
        setattr(module, key, value)
    return module


class World:
    """One gateway of the tenant acme with a connected session."""

    def __init__(self, gateway: Gateway, connector: FakeConnector, clock: MovingClock) -> None:
        self.gateway = gateway
        self.connector = connector
        self.clock = clock

    @property
    def sent(self) -> list[str | None]:
        """Return the texts that went out."""
        return [send.message.text for send in self.connector.sends]

    async def tell(self, event: WebhookEvent) -> None:
        """Deliver what the connection service tells."""
        body = msgspec.json.encode(msgspec.to_builtins(event) | {"type": type(event).__name__})
        await self.gateway.receive(
            self.connector.name, self.connector.key, {}, body.replace(b"session_id", b"sessionId")
        )

    async def says(self, text: str | None = "oi", *, chat: str = ANA, wait: bool = True, **fields: Any) -> Message:
        """Let a contact write, and wait until all is quiet unless told not to."""
        given = {"sender": chat if chat != GROUP else ANA, "sender_name": "Ana", "at": self.clock.now()} | fields
        number = f"n{next(_numbers)}"
        await self.tell(IncomingMessage(session_id="acme", native_id=number, chat_id=chat, text=text, **given))
        # A quick bot may have answered meanwhile.
        found = [each for each in await self.messages(chat) if each.author.kind != "plugin"][-1]
        if wait:
            await self.idle()
        return found

    async def tell_text(self, text: str, chat: str = ANA, at: datetime | None = None) -> None:
        """Let a contact write, and look at nothing."""
        number, at = f"n{next(_numbers)}", at or self.clock.now()
        told = IncomingMessage(session_id="acme", native_id=number, chat_id=chat, sender=chat, text=text, at=at)
        await self.tell(told)

    async def idle(self) -> None:
        """Wait until all is done that need not wait for the clock, and sent."""
        async with asyncio.timeout(20):
            await self.gateway.idle()
            await self.gateway.outbox.idle()
            await self.gateway.idle()

    async def move(self, seconds: float) -> None:
        """Let time pass, and wait until all is quiet."""
        await self.clock.move(seconds, self.idle)
        await self.idle()

    async def messages(self, chat: str = ANA) -> list[Message]:
        """Return a chat's messages, oldest first, without lines that are no messages."""
        return [each for each in await self._all(chat) if each.kind is not MessageKind.SYSTEM]

    async def lines(self, chat: str = ANA) -> list[str]:
        """Return a chat's system lines, oldest first."""
        return [each.text or "" for each in await self._all(chat) if each.kind is MessageKind.SYSTEM]

    async def _all(self, chat: str) -> list[Message]:
        page = await self.gateway.messages("acme", conversation_id("acme", "acme", chat), limit=200)
        return list(reversed(page.items))

    async def conversation(self, chat: str = ANA) -> Conversation:
        """Return the conversation of a chat."""
        return await self.gateway.conversation("acme", conversation_id("acme", "acme", chat))

    async def trail(self, message: Message) -> AnswerTrail:
        """Return why a message was answered or not."""
        found = await self.gateway.answer_trail("acme", message.id)
        assert found is not None
        return found

    async def decide(self, name: str, **setting: Any) -> None:
        """Decide about a plugin as the tenant."""
        await self.gateway.change_plugin("acme", PluginSetting(plugin=name, **setting))

    async def automation(self, **settings: Any) -> None:
        """Decide about all bots as the tenant."""
        await self.gateway.change_automation("acme", AutomationSettings(**settings))


@asynccontextmanager
async def world(
    url: str,
    clock: MovingClock,
    *plugins: ModuleType,
    connector: FakeConnector | None = None,
    metrics: Any = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Give a running gateway with these plugins; the database may be one that another gateway has used."""
    connector = connector or FakeConnector()
    loaded = Plugins.load(modules={each.__name__: each for each in plugins}, installed=False)
    assert loaded.broken == ()
    gateway = Gateway(
        DatabaseStore(url),
        {connector.name: connector},
        Settings(send_wait=5.0, **settings),
        clock=clock,
        metrics=metrics,
        plugins=loaded,
    )
    async with gateway:
        if await gateway.store.tenant("acme") is None:
            await gateway.store.add_tenant("acme", "Acme")
        connector.report("acme", SessionStatus.CONNECTED, phone=PHONE)
        await gateway.connect("acme")
        yield World(gateway, connector, clock)
