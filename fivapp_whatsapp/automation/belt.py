"""The safety belt of all bots: the rules that silence them, as functions of what is known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from fivapp_whatsapp import addresses
from fivapp_whatsapp.models import Conversation, GroupBots, Message, MessageKind, Session
from fivapp_whatsapp.ports.plugins import AutomationSettings, Limits

# Each rule that silences bots, in the order in which they are looked at: what people are told, pt-BR and English.
RULES: Mapping[str, tuple[str, str]] = {
    "own_message": ("Mensagens próprias não recebem resposta.", "Our own messages are not answered."),
    "not_a_contact": (
        "Só pessoas e grupos recebem resposta, não canais, listas ou status.",
        "Only people and groups are answered, not channels, broadcasts or status posts.",
    ),
    "reaction": ("Reações não recebem resposta.", "Reactions are not answered."),
    "too_old": ("A mensagem tinha mais de dois minutos.", "The message was more than two minutes old."),
    "came_late": (
        "A mensagem chegou com mais de dois minutos de atraso.",
        "The message reached us more than two minutes late.",
    ),
    "missed": (
        "Os robôs estavam parados e a mensagem esperou mais de dois minutos.",
        "The bots were away and the message waited for more than two minutes.",
    ),
    "no_bots": ("Nenhum robô está ligado.", "No bot is switched on."),
    "bots_off": ("Os robôs estão desligados nesta empresa.", "Bots are switched off for this company."),
    "session_off": ("A sessão do WhatsApp está desligada.", "The WhatsApp session is switched off."),
    "group_off": ("Os robôs não respondem neste grupo.", "Bots do not answer in this group."),
    "not_mentioned": (
        "Neste grupo os robôs só respondem quando são mencionados.",
        "In this group bots answer only when they are mentioned.",
    ),
    "human_answers": ("Uma pessoa responde nesta conversa.", "A person answers in this conversation."),
    "human_took_over": (
        "Uma pessoa respondeu antes que a resposta saísse.",
        "A person took over before the answer went out.",
    ),
    "loop": (
        "O mesmo texto recebeu a mesma resposta cinco vezes em um minuto: os robôs pausam aqui por dez minutos.",
        "The same text got the same answer five times within a minute: bots pause here for ten minutes.",
    ),
    "rate_minute": (
        "Os robôs chegaram ao limite de respostas por minuto nesta conversa.",
        "Bots reached the limit of answers a minute in this conversation.",
    ),
    "rate_hour": (
        "Os robôs chegaram ao limite de respostas por hora nesta conversa.",
        "Bots reached the limit of answers an hour in this conversation.",
    ),
}
OLD = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
# What is older when it comes is history: a service that could not reach us tries again for minutes.
HISTORY = HOUR
# By these a message that no bot saw in time goes to people, as long as its contact waits.
UNSEEN = frozenset({"came_late", "missed"})
# These leave a system line when they begin; it is not told again so long, and a loop holds so long.
TOLD: Mapping[str, timedelta | None] = {
    "human_answers": None,
    "loop": 10 * MINUTE,
    "rate_minute": 10 * MINUTE,
    "rate_hour": HOUR,
}
BUDGET = ("rate_minute", "rate_hour")
_LOOP_TIMES = 5
_MENTION = re.compile(r"@\+?([0-9]{5,20})")
_NO_CONTACT = frozenset({"broadcast", "newsletter"})


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules about a conversation look at.

    `recent` are its messages of the last hour, newest first, `looping` tells that bots pause there already,
    `quotes_us` that the message quotes one of ours.
    """

    message: Message
    conversation: Conversation
    session: Session
    automation: AutomationSettings
    now: datetime
    recent: Sequence[Message] = ()
    looping: bool = False
    quotes_us: bool = False
    limits: Limits = Limits()


def about_message(
    message: Message, stored_at: datetime, now: datetime, patience: timedelta = timedelta()
) -> str | None:
    """Return the rule by which a message itself is not to be answered, or None.

    What was long ago when it came is history; what came late waited while nothing reached us; what came in time and is
    looked at late, by more than the `patience` of the bots, was missed.
    """
    if message.direction != "incoming" or message.author.kind != "contact":
        return "own_message"
    if message.kind is MessageKind.REACTION:
        return "reaction"
    if stored_at - message.at >= HISTORY:
        return "too_old"
    if stored_at - message.at > OLD:
        return "came_late"
    return "missed" if now - stored_at > OLD + patience else None


def silencing(facts: Facts) -> str | None:
    """Return the first rule that silences bots in a conversation, None when they may be asked."""
    if addresses.split(facts.conversation.chat_id)[1] in _NO_CONTACT:
        return "not_a_contact"
    if not facts.automation.enabled:
        return "bots_off"
    if facts.session.desired != "running":
        return "session_off"
    return _in_group(facts) or _in_conversation(facts)


def _in_group(facts: Facts) -> str | None:
    if not facts.conversation.is_group:
        return None
    policy = group_policy(facts.conversation, facts.automation)
    if policy == "off":
        return "group_off"
    if policy == "mentioned" and not (facts.quotes_us or mentions(facts.message.text, facts.session.phone)):
        return "not_mentioned"
    return None


def _in_conversation(facts: Facts) -> str | None:
    if human_answers(facts.conversation, facts.now):
        return "human_answers"
    if facts.looping or loops(facts.message.text, facts.recent, facts.now):
        return "loop"
    return over_budget(facts.recent, facts.limits, facts.now)


def group_policy(conversation: Conversation, automation: AutomationSettings) -> GroupBots:
    """Return when bots answer in a group: as it says itself, else as the tenant does."""
    return conversation.group_bots or automation.group_bots


def mentions(text: str | None, phone: str | None) -> bool:
    """Tell whether a text mentions a number, as `@5511999990000`."""
    if not text or not phone:
        return False
    number = re.sub(r"\D", "", phone)
    return bool(number) and any(addresses.key(found) == addresses.key(number) for found in _MENTION.findall(text))


def human_answers(conversation: Conversation, now: datetime) -> bool:
    """Tell whether a person answers in a conversation; a pause that is over counts no more."""
    if conversation.answered_by != "human":
        return False
    return conversation.paused_until is None or conversation.paused_until > now


def over_budget(recent: Sequence[Message], limits: Limits, now: datetime) -> str | None:
    """Return the rule of the budget that is used up by the automatic messages of a conversation, or None."""
    sent = [each.at for each in recent if each.direction == "outgoing" and each.author.kind == "plugin"]
    left, rule = budget_left(sent, limits, now)
    return None if left else rule


def budget_left(sent: Sequence[datetime], limits: Limits, now: datetime) -> tuple[int, str]:
    """Return how many automatic messages a conversation may still get, and the rule that ends them.

    `sent` has the times of those that it got within the last hour.
    """
    hour = max(0, limits.per_hour - sum(at > now - HOUR for at in sent))
    minute = max(0, limits.per_minute - sum(at > now - MINUTE for at in sent))
    return (hour, "rate_hour") if hour <= minute else (minute, "rate_minute")


def may_loop(sent: Sequence[Message], now: datetime) -> bool:
    """Tell whether bots answered often enough within the last minute that `loops` can be true."""
    return sum(each.author.kind == "plugin" and each.at > now - MINUTE for each in sent) >= _LOOP_TIMES


def loops(text: str | None, recent: Sequence[Message], now: datetime) -> bool:
    """Tell whether within the last minute this text got one and the same answer five times from bots."""
    answers: Counter[str] = Counter()
    asked: str | None = None
    for message in reversed(recent):
        if message.at <= now - MINUTE:
            continue
        if message.direction == "incoming":
            asked = message.text
        elif message.author.kind == "plugin" and asked == text and message.text:
            answers[message.text] += 1
    return bool(text) and any(times >= _LOOP_TIMES for times in answers.values())
