"""Work that processes share: what runs is held on to, however much is begun meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from fivapp_whatsapp.automation.attempts import Activity
from fivapp_whatsapp.automation.due import RENEW_SECONDS, Due
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio


class Item(msgspec.Struct, frozen=True):
    id: str
    plugin: str


class Bench:
    """A Due over one item that hangs and many that are quickly done, with a database that is slow to give them."""

    def __init__(self, rounds: int, seconds: float, *, quick: bool = True) -> None:
        self.clock = MovingClock()
        self.held: list[list[str]] = []
        self.go = asyncio.Event()
        self._left = rounds
        self._seconds = seconds
        self._quick = quick
        self._given = 0
        self.due: Due[Item] = Due(
            self._claim, self._hold, self._work, activity=Activity(), clock=self.clock, on_room=lambda: None
        )

    async def _claim(self, plugins: Sequence[str], limit: int) -> list[Item]:
        await self.clock.move(self._seconds)
        if not self._left:
            return []
        self._left -= 1
        first = [] if self._given else [Item("hangs", "slow")]
        self._given += limit
        quick = [Item(f"quick {self._given + number}", "quick") for number in range(limit - len(first))]
        return first + quick if self._quick else first

    async def _hold(self, items: Sequence[Item]) -> None:
        self.held.append([item.id for item in items if item.plugin == "slow"])

    async def _work(self, item: Item) -> None:
        if item.plugin == "slow":
            await self.go.wait()


async def test_what_hangs_is_held_on_to_while_more_and_more_is_begun() -> None:
    bench = Bench(rounds=10, seconds=RENEW_SECONDS / 2)
    await bench.due.begin(["slow", "quick"])
    assert bench.held == [["hangs"]] * 5
    bench.go.set()
    await bench.due.drain(1)


async def test_a_lease_is_as_old_as_its_claim_however_long_that_took() -> None:
    bench = Bench(rounds=1, seconds=RENEW_SECONDS, quick=False)
    assert await bench.due.begin(["slow"]) == 1
    assert bench.held == []
    await bench.due.renew()
    assert bench.held == [["hangs"]]
    bench.go.set()
    await bench.due.drain(1)
