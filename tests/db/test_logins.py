"""What logins leave behind holds in every process: a token is used up once, and failures add up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.db.store import DatabaseStore

from .world import AT, run_sql

pytestmark = pytest.mark.anyio
STEP = timedelta(seconds=3)


def ahead(seconds: float = 30) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def forget(store: DatabaseStore) -> None:
    await store.forget_old(datetime.now(UTC) - timedelta(days=7))


async def test_a_token_is_used_up_once_whoever_tries(store: DatabaseStore, other_store: DatabaseStore) -> None:
    tries = [one.spend_token("t1", ahead()) for one in (store, other_store) * 4]
    assert sorted(await asyncio.gather(*tries)) == [False] * 7 + [True]
    assert await store.spend_token("t2", ahead())
    assert [await other_store.is_spent(mark) for mark in ("t1", "t2", "t3")] == [True, True, False]


async def test_a_mark_goes_when_its_token_is_over_anyway(store: DatabaseStore) -> None:
    await store.spend_token("over", ahead(-1))
    await store.spend_token("not over", ahead())
    await forget(store)
    assert [await store.is_spent(mark) for mark in ("over", "not over")] == [False, True]


async def test_failures_add_up_over_processes(store: DatabaseStore, other_store: DatabaseStore) -> None:
    noted = await asyncio.gather(*(one.note_failed_login("a", AT, STEP) for one in (store, other_store) * 5))
    assert sorted(noted) == [AT + number * STEP for number in range(1, 11)]
    assert await other_store.logins_full_at("a") == AT + 10 * STEP
    assert await store.logins_full_at("b") is None


async def test_tries_come_back_with_time(store: DatabaseStore) -> None:
    await store.note_failed_login("a", AT, STEP)
    await store.note_failed_login("a", AT, STEP)
    assert await store.note_failed_login("a", AT + STEP, STEP) == AT + 3 * STEP
    assert await store.note_failed_login("a", AT + 60 * STEP, STEP) == AT + 61 * STEP


async def test_old_failures_go(store: DatabaseStore, database_url: str) -> None:
    await store.note_failed_login("old", ahead(-10), STEP)
    await store.note_failed_login("new", ahead(60), STEP)
    await forget(store)
    assert [row[0] for row in await run_sql(database_url, "SELECT address FROM fivapp_failed_login")] == ["new"]
