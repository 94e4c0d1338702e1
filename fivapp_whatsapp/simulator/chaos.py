"""What goes wrong on purpose, how often, and repeatably."""

from __future__ import annotations

import random
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=1)]
Mishap = Literal["duplicate", "reorder", "drop_ack", "error", "refuse", "ambiguous", "garbage"]


class Chaos(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The share of cases, between 0 and 1, in which each mishap happens.

    `duplicate`: a webhook is posted twice at once. `reorder`: a webhook swaps its place with the next of its
    conversation. `dropAck`: a `message.ack` is never posted. `error`: a call gets a 500 and does nothing.
    `refuse`: a send is refused for good and does nothing. `ambiguous`: a send takes effect and its answer never
    comes in time. `garbage`: a call takes effect and its answer cannot be read. `latencyMs` is waited before each
    call. `seed` makes the dice repeatable.
    """

    duplicate: Share = 0.0
    reorder: Share = 0.0
    drop_ack: Share = 0.0
    error: Share = 0.0
    refuse: Share = 0.0
    ambiguous: Share = 0.0
    garbage: Share = 0.0
    latency_ms: Annotated[float, Meta(ge=0, le=60_000)] = 0.0
    seed: int | None = None


class Dice:
    """Decides whether a mishap happens; one generator for each, so that one does not disturb another's sequence."""

    def __init__(self, seed: int | None = None) -> None:
        self.chaos = Chaos()
        self._seed = seed
        self._shake(seed)

    def set(self, chaos: Chaos) -> None:
        """Replace the shares and start the dice anew from the seed, of the shares or else of the simulator."""
        self.chaos = chaos
        self._shake(self._seed if chaos.seed is None else chaos.seed)

    def roll(self, mishap: Mishap) -> bool:
        """Tell whether the mishap happens this time."""
        share: float = getattr(self.chaos, mishap)
        # The die is rolled for certain and impossible cases too: the sequence stays the same for every share.
        return self._generators[mishap].random() < share

    def _shake(self, seed: int | None) -> None:
        self._generators = {
            name: random.Random() if seed is None else random.Random(f"{seed}:{name}")  # noqa: S311  # dice, no secrets
            for name in get_args(Mishap)
        }
