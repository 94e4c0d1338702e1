"""Menus and forms, described in TOML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from fivapp_whatsapp import (
    Choice,
    Contact,
    Conversation,
    Gateway,
    Hold,
    Message,
    OutgoingMessage,
    PluginLog,
    State,
    TenantGateway,
    hookimpl,
)

from .calls import call_service
from .config import Chatbot
from .engine import nudge, time_out
from .flow import Flow, seconds_of
from .memory import Call, Facts, GiveToHuman, Memory, Output, Remind, Replied, Said, Turn
from .routes import routes
from .sources import Folder, flow_of
from .turns import take_turn

# Calls of services included: three of ten seconds at most.
_SECONDS = 35.0
# Who writes "oi", "tudo bem?" and "qual o preço?" in one breath is answered once.
_BREATH = 1.0
# A reaction or a call is nothing that somebody says.
_SPEECH = frozenset({"text", "image", "video", "audio", "document", "location", "contact", "interactive", "sticker"})
_KEY = "talk"
_REMIND, _END = "remind", "end"


class Talk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a conversation with a flow: its last turn, and the message that it answers.

    A hook may run twice for one message; the second time finds the turn here and says the same again.
    """

    message_id: str
    at: datetime
    turn: Turn


@hookimpl
def plugin_config() -> type[msgspec.Struct]:
    """Return the settings of a tenant; without a flow, nothing is answered."""
    return Chatbot


@hookimpl
def startup(gateway: Gateway) -> None:
    """Find the operator's folder of flows."""
    gateway.shared("chatbot")["folder"] = gateway.settings.of_plugin("chatbot", Folder).flows


@hookimpl
def register_routes() -> Sequence[Any]:
    """Return the preview of flows, under /api/chatbot."""
    return routes


@hookimpl(timeout=_SECONDS, quiet_for=_BREATH)
async def reply_to(
    message: Message,
    messages: Sequence[Message],
    gateway: TenantGateway,
    conversation: Conversation,
    contact: Contact | None,
    config: Chatbot,
    state: State,
    log: PluginLog,
) -> Sequence[OutgoingMessage] | None:
    """Take one turn in the tenant's flow."""
    spoken = [each for each in messages if each.kind in _SPEECH]
    flow = await flow_of(gateway, config)
    if flow is None or conversation.is_group or not spoken:
        return None
    before = _read(await state.get(_KEY))
    if before is not None and before.message_id == message.id:
        talk = before
    else:
        turn = await _take_turn(flow, before, spoken, _facts(flow, message, contact), gateway, log)
        if turn.ignored:
            return None
        talk = Talk(message_id=message.id, at=message.at, turn=turn)
        await _keep(state, flow, talk)
        gateway.count("turns")
    return await _act(talk, gateway, conversation)


@hookimpl
async def timer(
    key: str, data: Any, gateway: TenantGateway, conversation: Conversation | None, config: Chatbot, state: State
) -> None:
    """Remind somebody who is silent, and end the flow in the end."""
    flow = await flow_of(gateway, config)
    talk = _read(await state.get(_KEY))
    if flow is None or conversation is None or not _waits(conversation) or talk is None:
        return
    memory = talk.turn.memory
    if memory is None or memory.version != flow.version or talk.message_id != data:
        return
    if key == _REMIND:
        await _tell(gateway, conversation, nudge(flow, memory).outputs)
    elif key == _END:
        # Forgotten first: what is said twice is worse than an end that nobody hears of.
        await _keep(state, flow, msgspec.structs.replace(talk, turn=Turn()))
        await _tell(gateway, conversation, time_out(flow).outputs)


@hookimpl
async def conversation_changed(
    gateway: TenantGateway, conversation: Conversation, config: Chatbot, state: State
) -> None:
    """Leave the flow when a person takes over, or closes the conversation: it would go on in the middle later."""
    if _waits(conversation):
        return
    talk = _read(await state.get(_KEY))
    flow = await flow_of(gateway, config)
    if talk is not None and talk.turn.memory is not None and flow is not None:
        await _keep(state, flow, msgspec.structs.replace(talk, turn=Turn()))
        await _stop_timers(gateway, conversation.id)


def _waits(conversation: Conversation) -> bool:
    return conversation.answered_by == "bot" and conversation.status != "closed"


def _read(kept: Any) -> Talk | None:
    try:
        return None if kept is None else msgspec.convert(kept, Talk)
    except msgspec.ValidationError:  # an older version of this plugin kept it
        return None


async def _keep(state: State, flow: Flow, talk: Talk) -> None:
    # Until nobody asks any more when the flow ended here.
    again = max((seconds_of(trigger.again_after) for trigger in flow.triggers if trigger.any), default=0)
    longest = max(again, seconds_of(flow.timeout.end_after)) + 86_400
    await state.set(_KEY, msgspec.to_builtins(talk), expires=timedelta(seconds=longest))


def _facts(flow: Flow, message: Message, contact: Contact | None) -> Facts:
    name = message.author.name or (contact.name if contact else None) or ""
    phone = (contact.phone if contact else None) or ""
    known = {"name": name, "first_name": name.split(" ")[0], "phone": phone}
    return Facts(contact=known, today=message.at.astimezone(ZoneInfo(flow.time_zone)).date())


async def _take_turn(
    flow: Flow, before: Talk | None, spoken: Sequence[Message], facts: Facts, gateway: TenantGateway, log: PluginLog
) -> Turn:
    last = spoken[-1]
    memory: Memory | None = None if before is None else before.turn.memory
    ended = None if before is None or memory is not None else (last.at - before.at).total_seconds()
    said = Said(
        texts=[each.text for each in spoken if each.text],
        choice=last.choice,
        pressed=last.kind == "interactive",
        since_end=ended,
    )

    async def call(asked: Call) -> Replied:
        if gateway.dry_run:
            return Replied(ok=asked.example is not None, data=asked.example)
        replied = await call_service(gateway.http, asked, f"{last.id}:{asked.step}:{asked.turn}", log)
        gateway.count("calls" if replied.ok else "failed_calls")
        return replied

    return await take_turn(flow, memory, said, facts, call)


async def _act(talk: Talk, gateway: TenantGateway, conversation: Conversation) -> Sequence[OutgoingMessage]:
    """Set the timers of a turn, hand over, and return its answers."""
    if talk.turn.memory is None:
        await _stop_timers(gateway, conversation.id)
    for effect in talk.turn.effects:
        match effect:
            case Remind():
                await _set_timers(gateway, conversation, effect, talk.message_id)
            case GiveToHuman(reason=reason):
                # Said before, for an answer that comes after somebody took over is not sent.
                await _tell(gateway, conversation, talk.turn.outputs)
                await gateway.hand_over(conversation.id, reason)
                gateway.count("hand_overs")
                return []
    return [_message(output) for output in talk.turn.outputs]


async def _set_timers(gateway: TenantGateway, conversation: Conversation, remind: Remind, message_id: str) -> None:
    if remind.remind_after is None:
        await gateway.cancel_later(_REMIND, conversation_id=conversation.id)
    for key, seconds in ((_REMIND, remind.remind_after), (_END, remind.end_after)):
        if seconds is not None:
            await gateway.later(key, timedelta(seconds=seconds), message_id, conversation_id=conversation.id)


async def _stop_timers(gateway: TenantGateway, conversation_id: str) -> None:
    for key in (_REMIND, _END):
        await gateway.cancel_later(key, conversation_id=conversation_id)


async def _tell(gateway: TenantGateway, conversation: Conversation, outputs: Sequence[Output]) -> None:
    for number, output in enumerate(outputs):
        try:
            await gateway.send(conversation, _message(output), key=str(number))
        except Hold:  # too much was said here already: this is not worth more
            return


def _message(output: Output) -> OutgoingMessage:
    choices = [
        Choice(id=f"{output.step}:{option.id}", title=option.title, description=option.description)
        for option in output.options
    ]
    return OutgoingMessage(text=output.text, choices=choices)
