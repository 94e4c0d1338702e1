"""A plugin that notes what it hears, and how tests wait for it."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import Message
from fivapp_whatsapp.ports.plugins import PluginFailure
from tests.bots import World, plugin


class Heard:
    """A plugin that notes what it hears; `fail` are texts at which it fails."""

    def __init__(self, name: str = "ear", **options: Any) -> None:
        self.name = name
        self.texts: list[str | None] = []
        self.attempts: list[int] = []
        self.fail: set[str] = set()
        self._options = options

    def plugin(self) -> ModuleType:
        heard = self

        @hookimpl(**self._options)
        async def message_received(message: Message, attempt: int) -> None:
            heard.attempts.append(attempt)
            if message.text in heard.fail:
                raise LookupError(message.text)
            heard.texts.append(message.text)

        return plugin(self.name, message_received)


async def failures(here: World) -> list[PluginFailure]:
    return await here.gateway.store.failures("acme")


async def try_due(here: World) -> None:
    await here.gateway._host.failures.try_due()
    await here.idle()


def in_order(texts: list[str]) -> bool:
    last: dict[str, int] = {}
    for text in texts:
        chat, _, number = text.partition(":")
        if int(number) <= last.get(chat, -1):
            return False
        last[chat] = int(number)
    return True


async def until(done: Any) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.02)
