"""A try of a flow without a phone: what the terminal's player and the page of automations both show."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from .check import check_flow
from .flow import Flow, Language, Problem
from .memory import Call, Facts, GiveToHuman, Memory, Replied, Said
from .turns import take_turn

SOMEBODY = {"name": "Maria Souza", "first_name": "Maria", "phone": "+5511988887777"}


class PreviewChoice(msgspec.Struct, frozen=True, kw_only=True):
    """An option as the contact sees it; `id` is what a press of its button says."""

    id: str
    title: str
    description: str | None = None


class PreviewOutput(msgspec.Struct, frozen=True, kw_only=True):
    """A message that the contact would get."""

    text: str
    choices: Sequence[PreviewChoice] = ()


class PreviewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something beside messages: `call` of a service (answered by the step's example), `hand_over`, or `end`."""

    kind: str
    detail: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow makes of one message. `memory` is given back with the next; None: the flow is not going on."""

    outputs: Sequence[PreviewOutput] = ()
    events: Sequence[PreviewEvent] = ()
    memory: Memory | None = None
    problems: Sequence[Problem] = ()


async def preview(
    text: str, said: str, memory: Memory | None = None, *, choice: str | None = None, language: Language = "pt-BR"
) -> Preview:
    """Say what a flow, as TOML, makes of a message. No service is called and nothing is kept."""
    flow, problems = await asyncio.to_thread(check_flow, text, language=language)
    if flow is None:
        return Preview(problems=problems)
    return msgspec.structs.replace(await try_flow(flow, said, memory, choice=choice), problems=problems)


async def try_flow(flow: Flow, said: str, memory: Memory | None, *, choice: str | None = None) -> Preview:
    """Say what a flow makes of a message."""
    events: list[PreviewEvent] = []

    async def call(asked: Call) -> Replied:
        events.append(PreviewEvent(kind="call", detail=described(asked)))
        return Replied(ok=asked.example is not None, data=asked.example)

    facts = Facts(contact=SOMEBODY, today=today(flow))
    turn = await take_turn(flow, memory, Said(texts=[said] if said else [], choice=choice, pressed=True), facts, call)
    events += [PreviewEvent(kind="hand_over", detail=e.reason) for e in turn.effects if isinstance(e, GiveToHuman)]
    if turn.memory is None and not events and not turn.ignored:
        events.append(PreviewEvent(kind="end", detail=""))
    outputs = [PreviewOutput(text=o.text, choices=_choices(o.step, o.options)) for o in turn.outputs]
    return Preview(outputs=outputs, events=events, memory=turn.memory)


def today(flow: Flow) -> datetime.date:
    """Return the day that it is where the flow is at home."""
    return datetime.datetime.now(ZoneInfo(flow.time_zone)).date()


def described(call: Call) -> str:
    """Return a call in one line, without its headers: they may hold keys."""
    body = "" if call.json is None else " " + msgspec.json.encode(call.json).decode()
    return f"{call.method} {call.url}{body}"


def _choices(step: str, options: Sequence[Any]) -> list[PreviewChoice]:
    return [PreviewChoice(id=f"{step}:{o.id}", title=o.title, description=o.description) for o in options]


def as_json(found: Preview) -> Mapping[str, Any]:
    """Return a preview as plain JSON values."""
    plain: Mapping[str, Any] = msgspec.to_builtins(found)
    return plain
