"""Bots that answer, say nothing or fail, and what came of asking them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import Author, IncomingMessage, Message, SessionStatus
from tests.bots import BIA, World, plugin

AGENT = Author(kind="agent", id="u1", name="Bea")
API = Author(kind="api")


def bot(name: str, answer: Callable[[Message], Any], **options: Any) -> ModuleType:
    """Make a bot; `answer` may return whatever a bot may, raise, or return something to await."""

    @hookimpl(**options)
    async def reply_to(message: Message) -> Any:
        found = answer(message)
        return await found if asyncio.iscoroutine(found) else found

    return plugin(name, reply_to)


def says(name: str, text: str = "pong", **options: Any) -> ModuleType:
    return bot(name, lambda message: text, **options)


def silent(name: str, **options: Any) -> ModuleType:
    return bot(name, lambda message: None, **options)


def fails(name: str) -> ModuleType:
    def fail(message: Message) -> None:
        raise ValueError("the secret of +55 11 98888-7777")

    return bot(name, fail)


async def outcomes(here: World, message: Message) -> list[tuple[str, str]]:
    return [(step.plugin, step.outcome) for step in (await here.trail(message)).steps]


def chat_of(number: int) -> str:
    return f"55119888{number % 50:05d}@c.us"


async def globex(here: World) -> None:
    """Let there be another tenant, with a session of its own."""
    here.connector.report("globex", SessionStatus.CONNECTED)
    await here.gateway.store.add_tenant("globex", "Globex")
    await here.gateway.connect("globex")


async def globex_is_told(here: World, text: str) -> None:
    now = here.clock.now()
    told = IncomingMessage(session_id="globex", native_id=f"g{now}", chat_id=BIA, sender=BIA, text=text, at=now)
    await here.tell(told)
