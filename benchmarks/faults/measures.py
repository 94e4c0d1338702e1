"""Runs that measure beside the load: thousands of browsers, a long time, syncs before answers."""

from __future__ import annotations

import asyncio
import os
import statistics
import time

from benchmarks import machine

from .nemesis import Run, nothing
from .syncs import Tracer, count

_STORM_SECONDS = 300.0
_SAMPLE_SECONDS = 2.0


async def storm(run: Run) -> None:
    """Let thousands of browsers listen, kill the gateway under them, and see when all are live again."""
    world, [gateway] = run.world, run.world.gateways
    before, began = machine.memory_mb(gateway.pid), time.monotonic()
    await world.listen(run.sockets, seconds=_STORM_SECONDS)
    run.figures["sockets"] = run.sockets
    run.figures["connected a second"] = round(run.sockets / (time.monotonic() - began))
    run.figures["kB a socket"] = round((machine.memory_mb(gateway.pid) - before) * 1024 / run.sockets, 1)
    resumed: list[float] = []
    while run.goes_on:
        await run.wait()
        run.note(f"kill -9 {gateway.name} with {run.sockets} sockets")
        await gateway.kill()
        for listener in world.listeners:
            listener.live = False
        await gateway.start()
        answers = time.monotonic()
        async with asyncio.timeout(_STORM_SECONDS):
            while not all(listener.live for listener in world.listeners):
                await asyncio.sleep(0.02)
        resumed += [listener.live_at - answers for listener in world.listeners]
    resumed.sort()
    run.figures["resumed p50 s"] = round(resumed[len(resumed) // 2], 2)
    run.figures["resumed p99 s"] = round(resumed[int(len(resumed) * 0.99)], 2)
    run.figures["resumed last s"] = round(resumed[-1], 2)


async def soak(run: Run) -> None:
    """Let a steady load run for long, and watch memory, descriptors and threads of the gateway."""
    [gateway] = run.world.gateways
    until, samples = time.monotonic() + run.soak_seconds, []
    while time.monotonic() < until:
        await asyncio.sleep(_SAMPLE_SECONDS)
        samples.append((time.monotonic(), machine.memory_mb(gateway.pid)))
    warm = samples[len(samples) // 3 :]
    slopes = [(later[1] - one[1]) / (later[0] - one[0]) * 3600 for n, one in enumerate(warm) for later in warm[n + 1 :]]
    run.figures["minutes"] = round(run.soak_seconds / 60, 1)
    run.figures["MB at the end"] = round(samples[-1][1], 1)
    # The median of all slopes (Theil and Sen), which a single jump does not move.
    run.figures["MB an hour"] = round(statistics.median(slopes), 1)
    run.figures["descriptors"] = len(os.listdir(f"/proc/{gateway.pid}/fd"))
    run.figures["threads"] = len(os.listdir(f"/proc/{gateway.pid}/task"))


async def count_syncs(run: Run) -> None:
    """Let one contact write while strace watches the gateway and the database."""
    pids = [run.world.gateways[0].pid]
    if run.world.postgres is not None:
        pids += machine.children(run.world.postgres.process.pid)
    tracer = Tracer(pids, run.world.folder / "strace.log")
    await tracer.attached()
    try:
        await nothing(run)
    finally:
        run.load.end()
        await asyncio.sleep(1)
        lines = await tracer.stop()
    counted = count(lines)
    run.figures["answers"], run.figures["synced before"] = counted.answered, counted.synced
    if not counted.answered or counted.synced < counted.answered:
        raise RuntimeError(f"{counted.answered - counted.synced} of {counted.answered} answers came before a sync")
