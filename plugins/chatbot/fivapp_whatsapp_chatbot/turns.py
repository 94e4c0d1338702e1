"""A whole turn: the engine's steps, with the calls to services between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .engine import step
from .flow import Flow
from .memory import Call, Effect, Facts, Memory, Output, Replied, Said, Turn

MOST_CALLS = 3

Caller = Callable[[Call], Awaitable[Replied]]


async def take_turn(flow: Flow, memory: Memory | None, said: Said, facts: Facts, call: Caller) -> Turn:
    """Say what comes of what a contact wrote, calling services on the way; the turn holds no Call any more."""
    turn = step(flow, memory, said, facts)
    outputs: list[Output] = [*turn.outputs]
    effects: list[Effect] = _others(turn)
    calls = 0
    while asked := next((effect for effect in turn.effects if isinstance(effect, Call)), None):
        calls += 1
        replied = await call(asked) if calls <= MOST_CALLS else Replied(ok=False)
        turn = step(flow, turn.memory, replied, facts)
        outputs += turn.outputs
        effects += _others(turn)
    return Turn(memory=turn.memory, outputs=outputs, effects=effects, ignored=turn.ignored)


def _others(turn: Turn) -> list[Effect]:
    return [effect for effect in turn.effects if not isinstance(effect, Call)]
