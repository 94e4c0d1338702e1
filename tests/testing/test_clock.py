"""The clock of tests stands still, and wakes sleepers in turn, each at their time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.testing import FakeClock

pytestmark = pytest.mark.anyio


async def test_time_passes_only_when_it_is_moved() -> None:
    clock = FakeClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    assert clock.now() == clock.now() == datetime(2026, 3, 2, 12, tzinfo=UTC)
    await clock.advance(90)
    assert (clock.now(), clock.monotonic()) == (datetime(2026, 3, 2, 12, 1, 30, tzinfo=UTC), 90)
    await clock.advance(timedelta(hours=1))
    await clock.move_to(datetime(2026, 3, 3, tzinfo=UTC))
    assert clock.now() == datetime(2026, 3, 3, tzinfo=UTC)
    assert clock.time_ns() == 1_772_496_000 * 10**9


async def test_it_does_not_go_back() -> None:
    clock = FakeClock()
    with pytest.raises(ValueError, match="back"):
        await clock.advance(-1)
    with pytest.raises(ValueError, match="back"):
        await clock.move_to(datetime(2020, 1, 1, tzinfo=UTC))


async def test_sleepers_are_woken_in_turn_each_at_their_time() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for seconds in naps:
            await clock.sleep(seconds)
            woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper(*each)) for each in (("late", 30.0), ("again", 10.0, 15.0), ("at once", 0.0))]
    await asyncio.sleep(0)
    await clock.advance(29)
    assert woken == [("at once", 0.0), ("again", 10.0), ("again", 25.0)]
    await clock.advance(1)
    assert woken[-1] == ("late", 30.0)
    await asyncio.gather(*tasks)


async def test_a_sleeper_that_was_cancelled_is_not_missed() -> None:
    clock = FakeClock()
    tasks = [asyncio.create_task(clock.sleep(seconds)) for seconds in (1, 2, 3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[1].cancel()
    await clock.advance(5)
    assert tasks[2].done()


async def test_what_a_step_sets_off_is_done_before_the_next() -> None:
    clock = FakeClock()
    seen: list[float] = []

    async def settle() -> None:
        seen.append(clock.monotonic())

    clock.settle = settle
    task = asyncio.create_task(clock.sleep(2))
    await asyncio.sleep(0)
    await clock.advance(10)
    assert seen[:2] == [0, 2]
    assert seen[-1] == 10
    await task


async def test_a_leap_of_a_month_is_made_in_few_steps() -> None:
    clock = FakeClock()
    looks = 0

    async def look() -> None:
        nonlocal looks
        while True:
            await clock.sleep(1)
            looks += 1

    task = asyncio.create_task(look())
    await asyncio.sleep(0)
    await clock.advance(timedelta(days=30))
    assert 10 < looks < 50
    task.cancel()


async def test_in_a_leap_long_sleeps_and_named_times_are_kept_exactly() -> None:
    clock = FakeClock()
    seen: list[float] = []

    async def settle() -> None:
        seen.append(clock.monotonic())

    async def each_ten_minutes() -> None:
        while True:
            await clock.sleep(600)
            seen.append(-clock.monotonic())

    clock.settle = settle
    clock.stop_at(clock.now() + timedelta(seconds=1234.5))
    task = asyncio.create_task(each_ten_minutes())
    await clock.advance(timedelta(hours=1))
    assert [-each for each in seen if each < 0] == [600, 1200, 1800, 2400, 3000, 3600]
    assert 1234.5 in seen
    task.cancel()
