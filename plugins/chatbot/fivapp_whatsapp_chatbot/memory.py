"""What goes into a turn of a flow and what comes out of it, as JSON: nothing here does anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from .flow import Option


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known beside the flow: who writes (`{contact.name}`, `first_name`, `phone`) and what day it is."""

    contact: Mapping[str, str] = {}
    today: date


class Memory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a contact stands in a flow, as JSON; `at` waits for an answer, of the contact or of a service."""

    version: str
    at: str
    answers: dict[str, Any] = {}
    trail: tuple[str, ...] = ()
    tries: int = 0
    turn: int = 0


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the contact wrote since the last turn, oldest first; `choice` is the id of what was chosen.

    `pressed` tells that it was a button: a number that is typed may name a choice of an older question by chance.
    `since_end` is how many seconds ago the last flow ended here, None when that is long ago or never was.
    """

    texts: Sequence[str] = ()
    choice: str | None = None
    pressed: bool = False
    since_end: float | None = None


class Replied(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a Call: the service's JSON, or that it failed."""

    ok: bool
    data: Any = None


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message to the contact; the ids of `options` begin with the step that offers them."""

    text: str
    options: Sequence[Option] = ()
    step: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True, tag="call"):
    """Call a service and come back with its Replied; `turn` tells this call from the others of a flow."""

    step: str
    method: str
    url: str
    headers: Mapping[str, str]
    json: Any
    timeout: float
    turn: int
    example: Any = None


class GiveToHuman(msgspec.Struct, frozen=True, kw_only=True, tag="hand_over"):
    """Hand the conversation over, for a reason that agents read."""

    reason: str


class Remind(msgspec.Struct, frozen=True, kw_only=True, tag="remind"):
    """Come back with `nudge` or `time_out` after so many seconds of silence, if the turn is still this one."""

    turn: int
    remind_after: int | None
    end_after: int


Effect = Call | GiveToHuman | Remind


class Turn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What comes of one step. Without memory the contact is in no flow; `ignored`: this was not for the flow."""

    memory: Memory | None = None
    outputs: Sequence[Output] = ()
    effects: Sequence[Effect] = ()
    ignored: bool = False
