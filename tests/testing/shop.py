"""A plugin to be tested with the kit: a little of everything that a plugin does."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import msgspec

from fivapp_whatsapp import Choice, Conversation, Message, OutgoingMessage, State, TenantGateway, hookimpl


class Shop(msgspec.Struct, frozen=True):
    """Settings."""

    greeting: str = "Olá!"


@hookimpl
def plugin_config() -> type[Shop]:
    return Shop


@hookimpl
async def reply_to(
    message: Message, conversation: Conversation, gateway: TenantGateway, config: Shop, state: State
) -> Any:
    match (message.choice, message.text):
        case ("red" | "blue", _):
            return f"It is {message.choice}."
        case (_, "hello"):
            return config.greeting
        case (_, "colours"):
            return OutgoingMessage(text="Which one?", choices=[Choice(id="red", title="Red"), "blue"])
        case (_, "remind me"):
            await gateway.later("reminder", timedelta(minutes=30), {"about": "order"})
            return "I will."
        case (_, "person"):
            await gateway.hand_over(conversation.id, "asked for one")
            return None
    return None


@hookimpl
async def message_received(message: Message, gateway: TenantGateway, conversation: Conversation) -> None:
    if message.text == "follow":
        await gateway.send(conversation, "one")
        await gateway.send(conversation, "two")
    if message.text == "careless":
        # The key is another one each time, as no plugin should have it: a second run sends again.
        await gateway.send(conversation, "once?", key=str(secrets.randbits(64)))
    if message.text == "typing":
        await gateway.typing(conversation.id)


@hookimpl
async def timer(key: str, data: dict[str, str], gateway: TenantGateway, conversation: Conversation) -> None:
    await gateway.send(conversation, f"{key}: {data['about']}")
