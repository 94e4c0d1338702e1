"""The rows of the table, by name; each prints what it measured and returns one figure."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import httpx

from tests.planted import MISBEHAVING

from . import bots, databases, machine, requests
from .bench import Bench, Measure, Result, Site, ratio

_PLUGINS = 5
_HOOK_SECONDS = 600.0
_PAUSE_SECONDS = 90.0


def webhook_postgresql(bench: Bench) -> Result:
    """Webhooks on PostgreSQL ÷ the same route without a store, 64 in flight."""
    return _webhook(bench, "webhook_postgresql", "postgresql", 0.5)


def webhook_sqlite(bench: Bench) -> Result:
    """Webhooks on SQLite ÷ the same route without a store, 64 in flight."""
    return _webhook(bench, "webhook_sqlite", "sqlite", 0.33)


def _webhook(bench: Bench, name: str, kind: str, budget: float) -> Result:
    with bench.ours(name, kind) as ours, bench.peer("bare") as bare:
        count = bench.count(10_000)
        found = bench.compare(
            {"ours": partial(bench.webhooks, ours, count), "no store": partial(bench.webhooks, bare, count)}
        )
        print(f"  memory of ours: {machine.memory_mb(ours.server.pid):.0f} MB")
        return ratio(name, found, "ours", "no store", budget)


def hooks(bench: Bench) -> Result:
    """Rate with five plugins that hear of messages, until the last has returned ÷ none, on PostgreSQL."""
    files, told = bots.listeners(bench.folder, _PLUGINS)
    with bench.ours("hooks", "postgresql", *files) as ours, bench.ours("hooks_none", "postgresql") as none:
        count = bench.count(5_000)
        until = partial(told.until, seconds=_HOOK_SECONDS)
        found = bench.compare(
            {"5 hooks": partial(bench.webhooks, ours, count, until=until), "none": partial(bench.webhooks, none, count)}
        )
        return ratio("hooks", found, "5 hooks", "none", 0.4)


def hooks_idle(bench: Bench) -> Result:
    """Rate with five plugins without hooks for messages ÷ none, on PostgreSQL."""
    files = bots.idle(bench.folder, _PLUGINS)
    with bench.ours("hooks_idle", "postgresql", *files) as ours, bench.ours("idle_none", "postgresql") as none:
        count = bench.count(10_000)
        found = bench.compare(
            {"5 plugins": partial(bench.webhooks, ours, count), "none": partial(bench.webhooks, none, count)}
        )
        return ratio("hooks_idle", found, "5 plugins", "none", 0.95)


def hooks_paused(bench: Bench) -> Result:
    """Webhook p99 with four misbehaving plugins after their pause ÷ without them; reported."""
    files = bots.misbehaving(bench.folder)
    with bench.ours("paused", "sqlite", *files) as ours, bench.ours("paused_none", "sqlite") as none:
        _provoke(bench, ours)
        count = bench.count(3_000)
        found = bench.compare(
            {
                "paused": partial(bench.webhooks, ours, count, in_flight=16),
                "none": partial(bench.webhooks, none, count, in_flight=16),
            }
        )
        return ratio("hooks_paused", found, "paused", "none", None, field="p99")


def _provoke(bench: Bench, site: Site) -> None:
    """Send messages until all that misbehave are paused, as the log says."""
    deadline = time.monotonic() + _PAUSE_SECONDS
    while site.server.log.read_text().count("plugin_paused") < len(MISBEHAVING):
        bench.webhooks(site, 8, in_flight=2)
        time.sleep(1)
        if time.monotonic() > deadline:
            raise TimeoutError("not all plugins that misbehave were paused")


def send(bench: Bench) -> Result:
    """Sends over the API, 64 in flight, row, call and result stored ÷ bare httpx with its default transport."""
    with bench.service() as service, bench.ours("send", "postgresql", conversations=256) as ours:
        count = bench.count(4_000)
        sent = 0

        def sends() -> Measure:
            nonlocal sent
            sent += count
            return bench.burst(ours, requests.sends(bench.token, ours.conversations, count), in_flight=64)

        found = bench.compare({"ours": sends, "bare httpx": partial(_bare_httpx, service.port, count)})
        kept = asyncio.run(databases.kept(ours.url))
        if kept.accepted != sent:
            raise AssertionError(f"{sent} sends were answered, and {kept.accepted} kept as accepted")
        print(f"  {sent} sends answered, {kept.accepted} kept as accepted")
        return ratio("send", found, "ours", "bare httpx", 3.0)


def _bare_httpx(port: int, count: int) -> Measure:
    """Post to the connection service, 64 in flight, in this process."""
    cpu, everything = time.process_time(), machine.machine_seconds()
    seconds = asyncio.run(_post_all(f"http://127.0.0.1:{port}/message/send", count))
    cpu, everything = time.process_time() - cpu, machine.machine_seconds() - everything
    foreign = max(0.0, everything - cpu) / seconds
    return Measure(
        rate=count / seconds, p50=0, p99=0, server=cpu / count * 1e6, database=0, generator=0, foreign=foreign
    )


async def _post_all(url: str, count: int) -> float:
    left = iter(range(count))
    # No certificates are read: plain HTTP needs none.
    async with httpx.AsyncClient(verify=False) as client:

        async def work() -> None:
            for number in left:
                body = {"tenantId": databases.TENANT, "to": "5511900000000", "message": f"Seu pedido {number} saiu"}
                (await client.post(url, json=body)).raise_for_status()

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(64)))
        return time.perf_counter() - began
