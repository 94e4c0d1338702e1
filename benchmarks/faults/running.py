"""One run of one scenario on one database: load, nemesis, a pause to come to rest, the checker."""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import uvloop

from fivapp_whatsapp.testing.postgres import PostgresServer

from .checker import Found, Verdict, check
from .history import History
from .load import Load
from .nemesis import Run
from .scenarios import Scenario
from .world import World

_REST_SECONDS = 180.0
_TOLD_EVERY = 5.0
# The phones say "delivered" and "read" a little after a message has come.
_ACKS_SECONDS = 1.5


class Row(msgspec.Struct, kw_only=True):
    """A row of the table; times in seconds."""

    scenario: str
    database: str
    seed: int
    operations: int = 0
    acknowledged: int = 0
    faults: int = 0
    lost: int = 0
    duplicated: int = 0
    disordered: int = 0
    phantom: int = 0
    missed: int = 0
    gaps: int = 0
    stuck: int = 0
    unknown: int = 0
    recovery_p50: float | None = None
    recovery_max: float | None = None
    seconds: float = 0.0
    figures: dict[str, float] = {}
    catches: str | None = None
    error: str | None = None
    not_run: str | None = None

    @property
    def wrong(self) -> int:
        """Return how much was not as promised; where a bug is planted, whether it was not caught."""
        if self.catches is not None:
            return int(not getattr(self, self.catches))
        counts = self.lost, self.duplicated, self.disordered, self.phantom, self.missed, self.gaps, self.stuck
        return sum(counts) + (self.error is not None)


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything: acknowledged operations, and the share of a scenario's rounds.

    After `seconds` the load ends once its rounds are over, with fewer operations than it should have had: a machine
    may be slow. One that has not ended within `limit` seconds hangs.
    """

    operations: int
    share: float
    seconds: float
    limit: float


class Place(msgspec.Struct, frozen=True):
    """Where a run happens: its database, its folder, and the server of the database if it may be ended."""

    database: str
    url: str
    folder: Path
    postgres: PostgresServer | None = None


def run_scenario(scenario: Scenario, place: Place, seed: int, form: Form) -> Row:
    """Run it and return its row; what goes wrong with the run itself is the row's error."""
    row = Row(scenario=scenario.name, database=place.database, seed=seed, catches=scenario.catches)
    began = time.monotonic()
    if scenario.needs is not None and (missing := scenario.needs()) is not None:
        row.not_run = missing
        return row
    try:
        uvloop.run(_run(scenario, row, place, form))
    except TimeoutError:
        row.error = f"it did not end within {form.limit + scenario.longer * form.share:.0f} s"
    except Exception as exc:
        causes = exc.exceptions if isinstance(exc, ExceptionGroup) else [exc]
        row.error = "; ".join(f"{type(each).__name__}: {each}" for each in causes)
    row.seconds = round(time.monotonic() - began, 1)
    return row


async def _run(scenario: Scenario, row: Row, place: Place, form: Form) -> None:
    # A generator for each side, so that what the load does changes nothing of what goes wrong, and when.
    load_rng, nemesis_rng = random.Random(f"{row.seed}:load"), random.Random(f"{row.seed}:nemesis")
    async with asyncio.timeout(form.limit + scenario.longer * form.share):
        async with _world(scenario, place) as world:
            with History(place.folder / "history.jsonl") as history:
                goal = min(form.operations, scenario.operations or form.operations)
                load = Load(world, history, load_rng, goal=goal, seconds=form.seconds, pause=scenario.pause)
                if not scenario.unavailable:
                    load.again = frozenset()
                rounds = max(1, round(scenario.rounds * form.share))
                run = Run(world, load, history, nemesis_rng, rounds=rounds, share=form.share)
                await _drive(scenario, run)
                await _rest(world)
                _fill(row, run, check(history.operations, await _look(world)))


def _world(scenario: Scenario, place: Place) -> World:
    return World(
        place.folder,
        place.url,
        gateways=scenario.gateways,
        writers=scenario.writers,
        senders=scenario.senders,
        listeners=scenario.listeners,
        receive_buffer=scenario.receive_buffer,
        service=scenario.service,
        mishaps=[word.format(folder=place.folder) for word in scenario.mishaps],
        postgres=place.postgres,
    )


async def _drive(scenario: Scenario, run: Run) -> None:
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(_tell(run))
        loading = group.create_task(run.load.run())
        try:
            await scenario.nemesis(run)
        finally:
            run.load.end()
        await loading
        telling.cancel()


async def _tell(run: Run) -> None:
    """Say how far it is, every few seconds."""
    while True:
        await asyncio.sleep(_TOLD_EVERY)
        print(f"    {run.history.acknowledged} of {run.load.goal} acknowledged, {run.faults} faults", file=sys.stderr)


async def _rest(world: World) -> None:
    """Wait until nothing is on its way any more; what never comes to rest is found by the checker."""
    deadline = time.monotonic() + _REST_SECONDS
    await world.bring_webhooks()
    await asyncio.sleep(_ACKS_SECONDS)
    while time.monotonic() < deadline:
        if not await world.sends_left() and not await world.webhooks_left() and _all_heard(world, await world.heads()):
            return
        await asyncio.sleep(0.2)


def _all_heard(world: World, heads: dict[str, int]) -> bool:
    return all(listener.seq == heads[listener.tenant_id] for listener in world.listeners)


async def _look(world: World) -> Found:
    return Found(
        stored=await world.stored(),
        arrived=await world.arrived(),
        heads=await world.heads(),
        events=await world.events(),
        heard=[listener.heard for listener in world.listeners],
        stuck=await world.webhooks_left(),
    )


def _fill(row: Row, run: Run, verdict: Verdict) -> None:
    row.operations, row.acknowledged = len(run.history.operations), run.history.acknowledged
    row.faults = run.faults
    for name in ("lost", "duplicated", "disordered", "phantom", "missed", "gaps", "stuck", "unknown"):
        setattr(row, name, getattr(verdict, name))
    if recoveries := run.load.recoveries:
        row.recovery_p50 = round(statistics.median(recoveries), 2)
        row.recovery_max = round(max(recoveries), 2)
    closed = sum((listener.closed for listener in run.world.listeners), Counter[int]())
    row.figures = run.figures | {f"closed with {code}": count for code, count in sorted(closed.items()) if code >= 1012}
    problems = [*verdict.details, *run.load.unexpected[:5], *run.world.errors()[:5]]
    if run.load.unexpected or run.world.errors():
        row.error = problems[-1]
    for problem in problems:
        print(f"    {problem}", file=sys.stderr)
    print(f"    answers: {dict(run.history.answers)}", file=sys.stderr)
