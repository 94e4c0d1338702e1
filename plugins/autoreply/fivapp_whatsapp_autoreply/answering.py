"""What is answered to a message: the greeting, the first rule that matches, the away text.

What rests is remembered with the message that was answered: when the gateway asks again about the same message,
because it was killed before the answer was kept, the same answer is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from zlib import crc32

import msgspec

from fivapp_whatsapp import OutgoingMessage, State

from .config import Autoreply, Rule
from .matching import Deadline, matches
from .templates import Moment, render

GREETED = "greeted"
AWAY = "away"


class Asked(msgspec.Struct, frozen=True):
    """The message to be answered; `spoken` are what it says: its text, and the id of what was chosen."""

    id: str
    spoken: Sequence[str]


def find_rule(config: Autoreply, asked: Asked, moment: Moment, deadline: Deadline) -> Rule | None:
    """Return the first rule that matches and holds now; an expression that takes too long does not match."""
    is_open = moment.week.is_open(moment.at)
    for rule in config.rules:
        if rule.enabled and rule.when != ("outside_hours" if is_open else "inside_hours"):
            texts = asked.spoken or (None,)
            if any(matches(text, rule.match, rule.patterns, deadline, whole_words=rule.whole_words) for text in texts):
                return rule
    return None


async def answers(
    config: Autoreply, asked: Asked, moment: Moment, rule: Rule | None, state: State
) -> list[OutgoingMessage]:
    """Return the greeting if it is due, and the rule's reply or else the away text if that does not rest."""
    found = []
    if config.greeting and await _wakes(state, GREETED, asked, timedelta(days=config.greeting_days)):
        found.append(OutgoingMessage(text=render(config.greeting, moment)))
    if rule is not None:
        if await _wakes(state, f"rule:{rule.name}", asked, timedelta(seconds=rule.cooldown_seconds)):
            found.append(_reply(rule, asked, moment))
    elif _is_away(config, moment) and await _wakes(state, AWAY, asked, timedelta(minutes=config.away_minutes)):
        found.append(OutgoingMessage(text=render(config.away, moment)))
    return [answer for answer in found if answer.text]


def _is_away(config: Autoreply, moment: Moment) -> bool:
    return bool(config.away) and not moment.week.is_open(moment.at)


def _reply(rule: Rule, asked: Asked, moment: Moment) -> OutgoingMessage:
    # The same message gets the same reply, whenever it is asked about.
    template = rule.replies[crc32(asked.id.encode()) % len(rule.replies)]
    return OutgoingMessage(text=render(template, moment), choices=rule.choices)


async def _wakes(state: State, key: str, asked: Asked, rest: timedelta) -> bool:
    """Tell whether something does not rest, and let it rest from now on."""
    if not rest:
        return True
    last = await state.get(key)
    if last is None:
        await state.set(key, asked.id, expires=rest)
    return last is None or last == asked.id
