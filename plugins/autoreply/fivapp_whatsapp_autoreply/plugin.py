"""Automatic replies.

Answers by a tenant's greeting, rules and business hours, after the time that it takes to type.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from fivapp_whatsapp import (
    Contact,
    Conversation,
    GatewayError,
    Message,
    OutgoingMessage,
    PluginLog,
    State,
    TenantGateway,
    hookimpl,
)

from .answering import Asked, answers, find_rule
from .config import Autoreply, Rule, week_of
from .matching import Deadline
from .templates import Moment

# A reaction or a call is nothing that somebody says.
_SPEECH = frozenset({"text", "image", "video", "audio", "document", "location", "contact", "interactive", "sticker"})


@hookimpl
def plugin_config() -> type[msgspec.Struct]:
    """Return the settings of a tenant; without any, nothing is answered."""
    return Autoreply


@hookimpl
async def reply_to(
    message: Message,
    gateway: TenantGateway,
    conversation: Conversation,
    contact: Contact | None,
    config: Autoreply,
    state: State,
    log: PluginLog,
) -> Sequence[OutgoingMessage] | None:
    """Answer by the tenant's greeting, rules and hours, after the time that it takes to type."""
    if message.kind not in _SPEECH or not (config.greeting or config.rules or config.away):
        return None
    asked = Asked(message.id, tuple(text for text in (message.text, message.choice) if text))
    moment = _moment(message, contact, config)
    rule = await _find(config, asked, moment, gateway, log)
    found = await answers(config, asked, moment, rule, state)
    if found:
        await _type(gateway, conversation, config.pace.seconds(sum(len(one.text or "") for one in found)))
    return found or None


def _moment(message: Message, contact: Contact | None, config: Autoreply) -> Moment:
    # The hours are those of the moment of writing: who writes at a minute to six is answered as in time.
    name = message.author.name or (contact and contact.name)
    phone = contact.phone if contact else None
    return Moment(message.at, week_of(config.hours), config.language, name or None, phone)


async def _find(config: Autoreply, asked: Asked, moment: Moment, gateway: TenantGateway, log: PluginLog) -> Rule | None:
    deadline = Deadline()
    if any(rule.match == "regex" for rule in config.rules):
        # An expression may use up its time: it lets go of the interpreter, so others go on meanwhile.
        rule = await asyncio.to_thread(find_rule, config, asked, moment, deadline)
    else:
        rule = find_rule(config, asked, moment, deadline)
    if deadline.missed:
        gateway.count("slow_patterns")
        log.warning("patterns_too_slow")
    return rule


async def _type(gateway: TenantGateway, conversation: Conversation, seconds: float) -> None:
    """Look like somebody who types; however the connection service takes it, no longer than that."""
    if not seconds or gateway.dry_run:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            with suppress(GatewayError):
                await gateway.typing(conversation.id)
            await asyncio.sleep(seconds)
