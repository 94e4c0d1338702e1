"""What goes wrong on purpose; each returns how often it did, and leaves the world whole."""

from __future__ import annotations

import asyncio
import contextlib
import random

from .history import History
from .load import Load
from .world import World

_LONGEST_WAIT = 30.0


class Run:
    """What a nemesis has in its hands."""

    def __init__(self, world: World, load: Load, history: History, rng: random.Random, *, rounds: int) -> None:
        self.world = world
        self.load = load
        self.history = history
        self.rng = rng
        self.rounds = rounds
        self.faults = 0

    def note(self, what: str) -> None:
        """Count a fault, and measure how long nothing is acknowledged after it."""
        self.faults += 1
        self.history.note(what)
        self.load.fault()

    @property
    def goes_on(self) -> bool:
        """Tell whether there is to be more: until the load has its goal, but so many rounds at least."""
        return self.faults < self.rounds or not self.load.reached

    async def wait(self) -> None:
        """Let the load go on for its share of a round, more or less, and a moment longer."""
        share = self.load.goal / self.rounds * self.rng.uniform(0.1, 1.5)
        until = self.history.acknowledged + share
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_WAIT):
                while self.history.acknowledged < until:
                    await asyncio.sleep(0.01)
        await asyncio.sleep(self.rng.uniform(0, 0.1))


async def kill_gateways(run: Run) -> None:
    """SIGKILL a gateway at any moment, and start it again."""
    while run.goes_on:
        await run.wait()
        gateway = run.rng.choice(run.world.gateways)
        run.note(f"kill -9 {gateway.name}")
        await gateway.kill()
        await gateway.start()
        await run.world.send_webhooks_to(gateway.port)
