"""Browser notifications for agents who are not watching."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from fivapp_whatsapp import Conversation, Gateway, Message, State, TenantGateway, hookimpl

from .config import Push, PushSettings, Sender, sender_of
from .delivery import Again, Delivery
from .devices import Devices
from .notification import Facts
from .routes import routes

_SECONDS = 60.0
# What is heard of so late, after a long stop, is seen on the pages, not shouted about.
_FRESH = timedelta(minutes=10)
# A reaction or a group's change is nothing to call somebody for.
_SPEECH = frozenset(
    {"text", "image", "video", "audio", "document", "location", "contact", "interactive", "sticker", "poll", "call"}
)
_LOOK = "look"
_TOLD, _NEEDED = "told", "needed"
_LINE_SECONDS = 2.0
_DAY = timedelta(days=1)


@hookimpl
def plugin_config() -> type[msgspec.Struct]:
    """Return the settings of a tenant."""
    return Push


@hookimpl
def startup(gateway: Gateway) -> None:
    """Find the key that notifications are signed with: a mistake in the settings shows at the start."""
    settings = gateway.settings
    mine = settings.of_plugin("push", PushSettings)
    secret = b"" if mine.vapid_key else settings.key_for("push vapid")
    gateway.shared("push")["sender"] = sender_of(mine, secret, settings.public_url)


@hookimpl
def register_routes() -> Sequence[Any]:
    """Return the routes under /api/push."""
    return routes


@hookimpl(timeout=_SECONDS)
async def message_received(
    message: Message, gateway: TenantGateway, conversation: Conversation, config: Push, state: State
) -> None:
    """Tell those who should answer; where bots answer, look again in a while whether one did."""
    late = gateway.now() - message.at > _FRESH
    if late or message.kind not in _SPEECH or (conversation.is_group and not config.groups):
        return
    if conversation.answered_by == "bot" and config.bot_seconds:
        # The first message of a burst sets the time: one that goes on for minutes does not put it off.
        if await state.get(_LOOK) is None:
            wait = timedelta(seconds=config.bot_seconds)
            await state.set(_LOOK, message.id, expires=wait)
            await gateway.later(_LOOK, wait, conversation_id=conversation.id)
        return
    await _tell_of(message, gateway, conversation, config, state)


@hookimpl(timeout=_SECONDS)
async def timer(
    key: str, data: Any, gateway: TenantGateway, conversation: Conversation | None, config: Push, state: State
) -> None:
    """Tell somebody when no bot answered, and try again what a push service could not take."""
    if conversation is None:
        return
    if key == _LOOK:
        await state.delete(_LOOK)
        message = conversation.last_message
        if conversation.waiting_since is not None and message is not None and message.direction == "incoming":
            await _tell_of(message, gateway, conversation, config, state)
    elif key == _NEEDED:
        await _call_for_somebody(gateway, conversation, config)
    else:
        await _again(msgspec.convert(data, Again), gateway, conversation, config)


@hookimpl(timeout=_SECONDS)
async def conversation_changed(gateway: TenantGateway, conversation: Conversation, config: Push, state: State) -> None:
    """Tell when a bot gave the conversation to people: its last words answered the customer, so nothing waits."""
    if not _given_up(conversation):
        if await state.get(_NEEDED):
            await state.delete(_NEEDED)
        return
    if await state.get(_NEEDED) or (conversation.is_group and not config.groups):
        return
    await state.set(_NEEDED, True)
    # The line that says who did it comes a moment after.
    await gateway.later(_NEEDED, timedelta(seconds=_LINE_SECONDS), conversation_id=conversation.id)


async def _tell_of(
    message: Message, gateway: TenantGateway, conversation: Conversation, config: Push, state: State
) -> None:
    # A hook may run twice for one message; who was told is not told again.
    if await state.get(_TOLD) == message.id:
        return
    delivery = _delivery(gateway, config, conversation)
    if delivery is not None and (listeners := await delivery.listeners()):
        await delivery.tell(listeners, _facts(message, conversation))
        await state.set(_TOLD, message.id, expires=_DAY)


async def _again(again: Again, gateway: TenantGateway, conversation: Conversation, config: Push) -> None:
    """Try again, if the device is still there to be told and nobody has answered meanwhile."""
    delivery = _delivery(gateway, config, conversation)
    device = await Devices(gateway.state).find(again.device_id)
    answered = conversation.waiting_since is None and not again.needs_person
    if delivery is None or device is None or answered:
        return
    if device.id not in {each.id for each in await delivery.listeners()}:
        return
    if again.message_id is None:
        facts = Facts(conversation_id=conversation.id, title=conversation.title, needs_person=True)
    else:
        facts = _facts(await gateway.message(again.message_id), conversation)
    await delivery.tell([device], facts, again.attempt)


def _given_up(conversation: Conversation) -> bool:
    # A person's own answer gives bots a pause with an end.
    return conversation.answered_by == "human" and conversation.paused_until is None


async def _call_for_somebody(gateway: TenantGateway, conversation: Conversation, config: Push) -> None:
    delivery = _delivery(gateway, config, conversation)
    if delivery is None or not _given_up(conversation) or await _was_a_person(gateway, conversation):
        return
    facts = Facts(conversation_id=conversation.id, title=conversation.title, needs_person=True)
    await delivery.tell(await delivery.listeners(), facts)


async def _was_a_person(gateway: TenantGateway, conversation: Conversation) -> bool:
    """Tell whether somebody took the conversation on the page: the line that says so is theirs."""
    page = await gateway.messages(conversation.id, limit=5)
    line = next((message for message in page.items if message.kind == "system"), None)
    return line is not None and line.author.kind == "agent"


def _facts(message: Message, conversation: Conversation) -> Facts:
    return Facts(
        conversation_id=conversation.id,
        title=conversation.title,
        text=message.text or "",
        message_id=message.id,
        unread=conversation.unread_count,
    )


def _delivery(gateway: TenantGateway, config: Push, conversation: Conversation) -> Delivery | None:
    """Return what tells people; None where the start found no key to sign with, which it said."""
    sender: Sender | None = gateway.shared.get("sender")
    return None if sender is None else Delivery(gateway, sender, config, conversation, gateway.now())
