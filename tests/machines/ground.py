"""What the machines stand on: a real database with two processes, a clock that they move, a tenant for each example."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from piccolo.querystring import QueryString

from fivapp_whatsapp import models
from fivapp_whatsapp.db.engine import make_engine
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import to_datetime
from fivapp_whatsapp.ports import Pace
from tests.db.world import add_connected, run_sql

T = TypeVar("T")
_NORMAL = 100  # examples in Hypothesis's own profile


class Ground:
    """One database for all examples of a machine, in an event loop of its own.

    On SQLite the second process is a command beside the server, as only one server may run.
    """

    def __init__(self, url: str, runner: asyncio.Runner, pace: Pace | None) -> None:
        self.now = 1_800_000_000_000
        more: dict[str, Any] = {"pace": pace or Pace(rate=0), "look_seconds": 0.02}
        self.stores = DatabaseStore(url, **more), DatabaseStore(url, server=False, **more)
        self._url = url
        self._runner = runner
        self._engine = make_engine(url)
        self._tenants = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let something happen."""
        return self._runner.run(work)

    def at(self, seconds: float = 0) -> datetime:
        """Return the time now, or so much later."""
        return to_datetime(self.now + round(seconds * 1000))

    def tenant(self) -> str:
        """Make a tenant with a connected session of the same id, which both processes know."""
        self._tenants += 1
        name = f"t{self._tenants}"
        self.run(self._connected(name))
        return name

    async def _connected(self, tenant: str) -> None:
        await add_connected(self.stores[0], tenant)
        for store in self.stores:
            await store.receive(
                "c", [models.SessionUpdate(session_id=tenant, status=models.SessionStatus.CONNECTED)], b""
            )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement from outside of the store."""
        return self.run(self._rows(sql))

    def write(self, sql: str) -> None:
        """Change rows from outside of the store."""
        self.run(run_sql(self._url, sql))

    async def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in await self._engine.run_querystring(QueryString(sql))]

    async def _open(self) -> None:
        for store in self.stores:
            await store.start()
        await self._engine.start_connection_pool()

    async def _close(self) -> None:
        await self._engine.close_connection_pool()
        for store in reversed(self.stores):
            await store.close()


@contextlib.contextmanager
def ground(url: str, *, pace: Pace | None = None) -> Iterator[Ground]:
    """Open a ground; its clock is everybody's until it closes."""
    real = models._time_ns
    with asyncio.Runner() as runner:
        opened = Ground(url, runner, pace)
        models._time_ns = lambda: opened.now * 1_000_000
        try:
            opened.run(opened._open())
            yield opened
        finally:
            opened.run(opened._close())
            models._time_ns = real


def check(make: Callable[[], RuleBasedStateMachine], *, examples: int, steps: int) -> None:
    """Run a machine: the same steps each time, and others, many more, with `--hypothesis-profile deep`."""
    share = settings().max_examples / _NORMAL
    run_state_machine_as_test(make, settings=_settings(round(examples * share), steps, derandomize=share <= 1))


def catches(make: Callable[[], RuleBasedStateMachine], *, examples: int = 60, steps: int = 30) -> bool:
    """Tell whether a machine finds a defect that was planted."""
    try:
        run_state_machine_as_test(make, settings=_settings(examples, steps, derandomize=True, phases=[Phase.generate]))
    except AssertionError:
        return True
    return False


def _settings(examples: int, steps: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        **more,
    )
