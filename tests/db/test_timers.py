"""Timers of plugins: durable, one for each key, handled by one process at a time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import new_id
from fivapp_whatsapp.ports.plugins import Timer

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def timer(key: str = "k", due_at: datetime = NOW, *, plugin: str = "bot", tenant: str = "acme", **more: Any) -> Timer:
    return Timer(id=new_id(), tenant_id=tenant, plugin=plugin, key=key, due_at=due_at, **more)


async def claim(
    store: DatabaseStore, now: datetime = NOW, *, owner: str = "p1", limit: int = 100, lease: float = 30
) -> list[Timer]:
    return await store.claim_timers(owner, ["bot"], now, limit, lease)


async def test_a_timer_is_taken_when_it_is_due_with_its_attempt_counted(store: DatabaseStore) -> None:
    await store.set_timer(timer(due_at=LATER, data={"n": [1, None]}, conversation_id="c1"))
    assert await claim(store) == []
    [due] = await claim(store, LATER)
    assert (due.key, due.due_at, due.data, due.conversation_id, due.attempt) == ("k", LATER, {"n": [1, None]}, "c1", 1)


async def test_timers_are_taken_in_the_order_of_their_times(store: DatabaseStore) -> None:
    for minutes in (3, 1, 2):
        await store.set_timer(timer(f"k{minutes}", NOW + timedelta(minutes=minutes)))
    assert [due.key for due in await claim(store, LATER, limit=2)] == ["k1", "k2"]
    assert [due.key for due in await claim(store, LATER)] == ["k3"]


async def test_a_timer_that_is_set_again_replaces_the_first(store: DatabaseStore) -> None:
    await store.set_timer(timer(data=1))
    await store.set_timer(timer(due_at=LATER, data=2))
    assert await claim(store) == []
    assert [due.data for due in await claim(store, LATER)] == [2]


async def test_one_key_is_another_timer_in_each_conversation_plugin_and_tenant(store: DatabaseStore) -> None:
    await store.add_tenant("globex", "Globex")
    places: list[dict[str, Any]] = [
        {},
        {"conversation_id": "c1"},
        {"conversation_id": "c2"},
        {"tenant": "globex"},
        {"plugin": "other"},
    ]
    for place in places:
        await store.set_timer(timer(**place))
    assert not await store.cancel_timer("globex", "bot", "c1", "k")
    assert await store.cancel_timer("acme", "bot", "c1", "k")
    assert not await store.cancel_timer("acme", "bot", "c1", "k")
    left = {(due.tenant_id, due.conversation_id) for due in await claim(store)}
    assert left == {("acme", None), ("acme", "c2"), ("globex", None)}
    assert [due.plugin for due in await store.claim_timers("p1", ["other"], NOW, 10, 30)] == ["other"]


async def test_a_timer_that_was_handled_is_gone(store: DatabaseStore) -> None:
    await store.set_timer(timer())
    [due] = await claim(store)
    await store.end_timer(due, "p1")
    assert await claim(store, LATER) == []


async def test_a_timer_that_is_put_off_comes_again(store: DatabaseStore) -> None:
    await store.set_timer(timer())
    [due] = await claim(store)
    await store.end_timer(due, "p1", due_at=LATER)
    assert await claim(store) == []
    [again] = await claim(store, LATER)
    assert (again.id, again.attempt, again.due_at) == (due.id, 2, LATER)


async def test_a_timer_whose_process_died_is_taken_by_another(store: DatabaseStore) -> None:
    await store.set_timer(timer())
    [first] = await claim(store, lease=30)
    assert await claim(store, NOW + timedelta(seconds=29), owner="p2") == []
    [second] = await claim(store, NOW + timedelta(seconds=31), owner="p2")
    await store.end_timer(first, "p1")
    await store.end_timer(second, "p2", due_at=LATER)
    assert [due.attempt for due in await claim(store, LATER)] == [3]


async def test_a_timer_that_was_set_anew_while_it_was_handled_stays(store: DatabaseStore) -> None:
    await store.set_timer(timer(data="old"))
    [old] = await claim(store)
    await store.set_timer(timer(data="new"))
    await store.end_timer(old, "p1")
    await store.end_timer(old, "p1", due_at=LATER + timedelta(hours=1))
    [new] = await claim(store)
    assert (new.data, new.attempt) == ("new", 1)


async def test_two_processes_never_take_one_timer(store: DatabaseStore, other_store: DatabaseStore) -> None:
    await asyncio.gather(*(store.set_timer(timer(f"k{number}")) for number in range(50)))
    stores = (store, other_store)
    taken = await asyncio.gather(*(claim(stores[n % 2], owner=f"p{n}", limit=7) for n in range(20)))
    keys = [due.key for each in taken for due in each]
    assert len(keys) == len(set(keys)) == 50


async def test_nothing_is_taken_without_plugins(store: DatabaseStore) -> None:
    await store.set_timer(timer())
    assert await store.claim_timers("p1", [], NOW, 10, 30) == []


async def test_what_is_paused_is_not_taken_for_one_tenant_or_for_all(store: DatabaseStore) -> None:
    await store.add_tenant("globex", "Globex")
    for tenant in ("acme", "globex"):
        await store.set_timer(timer(tenant=tenant))

    async def taken(*paused: tuple[str, str]) -> list[str]:
        found = await store.claim_timers("p1", ["bot"], NOW, 10, 0, paused=paused)
        return sorted(due.tenant_id for due in found)

    assert await taken() == ["acme", "globex"]
    assert await taken(("acme", "bot"), ("globex", "other")) == ["globex"]
    assert await taken(("", "bot")) == []
