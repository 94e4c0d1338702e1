"""Rows against pywa with FastAPI: the same bytes, as the Cloud API posts and signs them."""

from __future__ import annotations

from functools import partial

from . import machine, slots
from .bench import Bench, Measure, Result, Site, ratio

_BACKLOG_SECONDS = 600.0


def webhook_vs_pywa(bench: Bench) -> Result:
    """Webhooks of the Cloud API on PostgreSQL ÷ pywa + FastAPI that stores nothing, 64 in flight."""
    return _against_pywa(bench, "webhook_vs_pywa", 2.5)


def webhook_vs_pywa_storing(bench: Bench) -> Result:
    """The same ÷ pywa + FastAPI with an INSERT and an upsert in its handler, until its backlog is empty."""
    return _against_pywa(bench, "webhook_vs_pywa_storing", 8.0, bench.empty_database())


def _against_pywa(bench: Bench, name: str, budget: float, *database: str) -> Result:
    slot = slots.make(bench.folder / f"{name}.slot")
    with (
        bench.ours(name, "postgresql", connector="cloud_api") as ours,
        bench.peer("pywa_app", str(slot), *database) as pywa,
    ):
        count, told = bench.count(5_000), slots.Slots([slot])

        def webhooks(site: Site) -> Measure:
            # Both until the last message was handled: pywa answers first and handles then.
            until = partial(told.until, seconds=_BACKLOG_SECONDS) if site is pywa else None
            return bench.webhooks(site, count, cloud=True, until=until)

        found = bench.compare({"ours": partial(webhooks, ours), "pywa": partial(webhooks, pywa)})
        for site in (ours, pywa):
            print(f"  memory of {site.server.name}: {machine.memory_mb(site.server.pid):.0f} MB")
        if told.count != sum(pywa.acknowledged):
            raise AssertionError(f"pywa acknowledged {sum(pywa.acknowledged)} and handled {told.count}")
        return ratio(name, found, "ours", "pywa", budget)
