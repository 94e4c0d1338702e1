"""What goes wrong on purpose; each goes on until the load has its goal, and leaves the world whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from benchmarks.databases import fetch

from .history import History
from .line import Mode
from .load import Load
from .mishaps import CRASH_POINTS, set_clock
from .world import World

_LONGEST_WAIT = 30.0
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'fivapp%'"


class Run:
    """What a nemesis has in its hands."""

    def __init__(
        self, world: World, load: Load, history: History, rng: random.Random, *, rounds: int, share: float = 1.0
    ) -> None:
        self.world = world
        self.load = load
        self.history = history
        self.rng = rng
        self.rounds = rounds
        self.sockets = round(5_000 * share)
        self.soak_seconds = 1_200 * share
        self.faults = 0
        self.figures: dict[str, float] = {}

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
            async with asyncio.timeout(min(_LONGEST_WAIT, self.load.seconds / self.rounds)):
                while self.history.acknowledged < until:
                    await asyncio.sleep(0.01)
        await asyncio.sleep(self.rng.uniform(0, 0.1))


async def nothing(run: Run) -> None:
    """Let the load reach its goal."""
    while not run.load.reached:
        await asyncio.sleep(0.05)


# --- the gateway ---------------------------------------------------------------------------------------


async def kill_gateways(run: Run) -> None:
    """SIGKILL a gateway at any moment, and start it again."""
    while run.goes_on:
        await run.wait()
        gateway = run.rng.choice(run.world.gateways)
        run.note(f"kill -9 {gateway.name}")
        await gateway.kill()
        await gateway.start()
        await run.world.bring_webhooks()


async def crash_at_points(run: Run) -> None:
    """Let a gateway die at each named point in turn, when it passed it some times."""
    [gateway, *_] = run.world.gateways
    # As the load's goal grows each life lasts longer: most of the time would go into starts.
    most = max(40, run.load.goal // run.rounds // 3)
    while run.goes_on or run.faults < len(CRASH_POINTS):
        point = list(CRASH_POINTS)[run.faults % len(CRASH_POINTS)]
        await gateway.kill()
        await gateway.start(f"crash:{point}:{run.rng.randint(5, most)}")
        await run.world.bring_webhooks()
        await gateway.ended(60)
        gateway.ready = False
        run.note(f"crash at {point}")
    await gateway.start()
    await run.world.bring_webhooks()


async def rolling_restarts(run: Run) -> None:
    """Ask one gateway after the other to end, and start it again when it has."""
    codes = set()
    while run.goes_on:
        await run.wait()
        gateway = run.world.gateways[run.faults % len(run.world.gateways)]
        run.note(f"SIGTERM {gateway.name}")
        codes.add(await gateway.stop())
        await gateway.start()
    if codes != {0}:
        raise RuntimeError(f"gateways that were asked to end did so with {codes}")


async def clock_jumps(run: Run) -> None:
    """Let the gateways' wall clocks jump: minutes ahead and back, an hour, and right again."""
    files = [run.world.folder / f"clock{number}" for number, _ in enumerate(run.world.gateways)]
    while run.goes_on:
        await run.wait()
        jump = run.rng.choice((-3600, -600, -90, 90, 600, 3600))
        run.note(f"the clock is {jump} s off")
        set_clock(run.rng.choice(files), jump)
    for file in files:
        set_clock(file, 0)


# --- the database ------------------------------------------------------------------------------------------


async def kill_database(run: Run) -> None:
    """Kill the postmaster, or one of its children; end it at once; end all connections."""
    postgres = run.world.postgres
    assert postgres is not None
    ways: tuple[Callable[[Run], Awaitable[None]], ...] = (_kill_postmaster, _kill_backend, _restart, _end_connections)
    while run.goes_on:
        await run.wait()
        await ways[run.faults % len(ways)](run)
        await run.world.bring_webhooks()


async def _kill_postmaster(run: Run) -> None:
    assert run.world.postgres is not None
    run.note("kill -9 postmaster")
    run.world.postgres.kill()
    await asyncio.to_thread(run.world.postgres.start)


async def _kill_backend(run: Run) -> None:
    pids = [row[0] for row in await fetch(run.world.url, _BACKENDS)]
    run.note("kill -9 of a backend")
    if pids:
        os.kill(run.rng.choice(pids), signal.SIGKILL)


async def _restart(run: Run) -> None:
    assert run.world.postgres is not None
    run.note("restart of PostgreSQL")
    await asyncio.to_thread(run.world.postgres.stop)
    await asyncio.to_thread(run.world.postgres.start)


async def _end_connections(run: Run) -> None:
    run.note("all connections to the database ended")
    await _patiently(partial(fetch, run.world.url, _BACKENDS.replace("SELECT pid", "SELECT pg_terminate_backend(pid)")))


async def _patiently(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask again while the database recovers."""
    while True:
        try:
            await ask()
        except Exception:
            await asyncio.sleep(0.1)
        else:
            return


# --- the connection service -----------------------------------------------------------------------------------


def service(*modes: Mode | None, share: float = 1.0) -> Callable[[Run], Awaitable[None]]:
    """Make a nemesis of the line to the service: these modes in turn, whole in between; None: cut."""

    async def disturb(run: Run) -> None:
        line = run.world.line
        line.share = share
        while run.goes_on:
            await run.wait()
            mode = modes[run.faults % len(modes)]
            run.note(f"the service: {mode or 'cut'}")
            if mode is None:
                await line.cut()
            else:
                line.mode = mode
            await asyncio.sleep(run.rng.uniform(0.5, 2.5))
            await line.drop()
            await line.mend()

    return disturb


async def webhooks_again(run: Run) -> None:
    """Let each webhook come several times at once, and those of the service twice and in another order too."""
    run.load.copies = 5
    await run.world.chaos(duplicate=0.5, reorder=0.5, seed=run.rng.randrange(1 << 30))
    while not run.load.reached:
        await asyncio.sleep(0.05)
    await run.world.chaos()
    run.faults = run.load.copied


# --- browsers -------------------------------------------------------------------------------------------------


async def slow_browsers(run: Run) -> None:
    """Let a third of the listeners stop reading for some seconds, again and again."""
    while run.goes_on:
        await run.wait()
        slow = run.rng.sample(run.world.listeners, max(1, len(run.world.listeners) // 3))
        run.note(f"{len(slow)} listeners stop reading")
        _pause(slow, reading=False)
        await asyncio.sleep(run.rng.uniform(3, 8))
        _pause(slow, reading=True)


def _pause(listeners: Iterable[object], *, reading: bool) -> None:
    for listener in listeners:
        listener.pause(reading)  # type: ignore[attr-defined]


async def disk_full(run: Run) -> None:
    """Fill the disk of the database to the last byte, and make room again."""
    ballast = run.world.folder / "disk" / "ballast"
    while run.goes_on:
        await run.wait()
        run.note("the disk is full")
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"\0" * 65_536):
                pass
        await asyncio.sleep(run.rng.uniform(1, 3))
        ballast.unlink()
