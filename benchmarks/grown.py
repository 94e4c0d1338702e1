"""Rows about cost as work grows: more in flight, more tenants, more plugins, more stored; and about one process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from . import bots, machine, requests
from .bench import Bench, Result, figure


def in_flight(bench: Bench) -> Sequence[Result]:
    """Webhooks a second on PostgreSQL at 1, 16, 64 and 256 in flight; reported."""
    with bench.ours("in_flight", "postgresql") as ours:
        variants = {
            number: partial(bench.webhooks, ours, bench.count(min(5_000, 1_000 * number)), in_flight=number)
            for number in (1, 16, 64, 256)
        }
        found = bench.compare({f"{number} in flight": variant for number, variant in variants.items()})
    return [figure(f"in_flight.{name.split()[0]}", [each.rate for each in rounds]) for name, rounds in found.items()]


def tenants(bench: Bench) -> Sequence[Result]:
    """Webhooks a second on PostgreSQL of 1, 10 and 100 tenants in turn, 64 in flight; reported."""
    with bench.ours("tenants", "postgresql", tenants=[requests.tenant(number) for number in range(100)]) as ours:
        count = bench.count(5_000)
        found = bench.compare(
            {f"{number} tenants": partial(bench.webhooks, ours, count, tenants=number) for number in (1, 10, 100)}
        )
    return [figure(f"tenants.{name.split()[0]}", [each.rate for each in rounds]) for name, rounds in found.items()]


def plugins(bench: Bench) -> Sequence[Result]:
    """Webhooks a second on PostgreSQL with 0, 1 and 5 plugins that hear of each message; reported."""
    results = []
    for number in (0, 1, 5):
        folder = bench.folder / f"plugins_{number}"
        folder.mkdir()
        files, told = bots.listeners(folder, number)
        with bench.ours(f"plugins_{number}", "postgresql", *files) as ours:
            until = partial(told.until, seconds=600.0) if number else None
            name = f"{number} plugins"
            found = bench.compare({name: partial(bench.webhooks, ours, bench.count(3_000), until=until)})
        results.append(figure(f"plugins.{number}", [each.rate for each in found[name]]))
    return results


def process(bench: Bench) -> Sequence[Result]:
    """Seconds until a server answers, its memory in MB when idle, and its growth over 100,000 messages; reported."""
    starts, idle = [], []
    for number in range(bench.rounds):
        with bench.ours(f"process_{number}", "sqlite") as ours:
            starts.append(ours.server.start_seconds)
            idle.append(machine.memory_mb(ours.server.pid))
    with bench.ours("growth", "postgresql") as ours:
        # What is allocated once, such as prepared statements, is there after the first tenth.
        bench.webhooks(ours, bench.count(10_000))
        before = machine.memory_mb(ours.server.pid)
        bench.webhooks(ours, bench.count(100_000))
        grown = machine.memory_mb(ours.server.pid) - before
    return [
        figure("process.start_seconds", starts, better="lower"),
        figure("process.idle_mb", idle, better="lower"),
        figure("process.growth_mb", [grown], better="lower"),
    ]
