"""Hooks that failed wait for their next try, taken by one process at a time, until they go well or are given up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import FailureNotFound
from fivapp_whatsapp.models import new_id
from fivapp_whatsapp.ports.plugins import PluginFailure, StoredEvent, Timer

from .world import run_sql

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def failure(seq: int = 1, *, tenant: str = "acme", **more: Any) -> PluginFailure:
    """A hook that failed for an event, due at once."""
    event = StoredEvent(tenant, seq, "message.created", NOW, conversation_id="c1", message_id="m1", data={"n": 1})
    values = {
        "id": new_id(),
        "tenant_id": tenant,
        "plugin": "bot",
        "hook": "message_received",
        "state": "retrying",
        "attempts": 3,
        "error": "ValueError at bot.py:12",
        "at": NOW,
        "next_at": datetime.now(UTC) - timedelta(seconds=1),
        "conversation_id": "c1",
        "event": event,
    }
    return PluginFailure(**{**values, **more})


async def claim(store: DatabaseStore, owner: str = "p1", *, limit: int = 100, lease: float = 30) -> list[PluginFailure]:
    return await store.claim_failures(owner, ["bot"], limit, lease)


async def ids(store: DatabaseStore, tenant: str | None = "acme", **where: Any) -> list[str]:
    return [each.id for each in await store.failures(tenant, **where)]


async def test_a_failure_comes_back_whole_with_its_attempt_counted(store: DatabaseStore) -> None:
    made = failure()
    await store.add_failure(made)
    [due] = await claim(store)
    assert (due.id, due.attempts, due.event, due.conversation_id) == (made.id, 4, made.event, "c1")
    assert (due.error, due.hook, due.state, due.at) == (made.error, made.hook, "retrying", NOW)


async def test_a_timer_that_failed_comes_back_whole(store: DatabaseStore) -> None:
    timer = Timer(id="t1", tenant_id="acme", plugin="bot", key="k", due_at=NOW, data=[1])
    await store.add_failure(failure(event=None, timer=timer, hook="timer"))
    assert [due.timer for due in await claim(store)] == [timer]


async def test_one_event_and_hook_of_a_plugin_is_kept_once(store: DatabaseStore) -> None:
    await store.add_tenant("globex", "Globex")
    for made in (failure(1), failure(1), failure(2), failure(1, hook="message_sent"), failure(1, plugin="other")):
        await store.add_failure(made)
    await store.add_failure(failure(1, tenant="globex"))
    assert len(await ids(store)) == 4
    assert len(await ids(store, "globex")) == 1


async def test_a_failure_is_not_taken_before_its_time(store: DatabaseStore) -> None:
    await store.add_failure(failure(next_at=datetime.now(UTC) + HOUR))
    assert await claim(store) == []


async def test_a_failure_that_was_given_up_is_not_taken(store: DatabaseStore) -> None:
    await store.add_failure(failure(state="dead", next_at=None))
    assert await claim(store) == []


async def test_what_went_well_is_forgotten(store: DatabaseStore) -> None:
    await store.add_failure(failure())
    [due] = await claim(store)
    await store.end_failure(due.id, "p1")
    assert await ids(store) == []


async def test_what_fails_again_waits_for_its_next_try(store: DatabaseStore) -> None:
    await store.add_failure(failure())
    [due] = await claim(store)
    soon = datetime.now(UTC) + timedelta(seconds=0.05)
    await store.end_failure(due.id, "p1", next_at=soon, error="KeyError at bot.py:13")
    [waiting] = await store.failures("acme", state="retrying")
    assert (waiting.error, waiting.attempts) == ("KeyError at bot.py:13", 4)
    await asyncio.sleep(0.1)
    assert [again.attempts for again in await claim(store)] == [5]


async def test_what_was_not_tried_is_not_counted(store: DatabaseStore) -> None:
    await store.add_failure(failure())
    [due] = await claim(store)
    await store.end_failure(due.id, "p1", next_at=datetime.now(UTC), error=due.error, tried=False)
    assert [again.attempts for again in await claim(store)] == [4]


async def test_what_has_no_next_try_is_given_up(store: DatabaseStore) -> None:
    await store.add_failure(failure())
    [due] = await claim(store)
    await store.end_failure(due.id, "p1", error="KeyError")
    [dead] = await store.failures("acme", state="dead")
    assert (dead.error, dead.next_at) == ("KeyError", None)
    assert await claim(store) == []


async def test_a_failure_whose_process_died_is_taken_by_another(store: DatabaseStore, database_url: str) -> None:
    await store.add_failure(failure())
    [first] = await claim(store)
    assert await claim(store, "p2") == []
    await run_sql(database_url, "UPDATE fivapp_plugin_failure SET lease_until = 1")
    [second] = await claim(store, "p2")
    await store.end_failure(first.id, "p1")
    assert await ids(store) == [second.id]
    await store.end_failure(second.id, "p2")
    assert await ids(store) == []


async def test_a_failure_is_tried_again_when_somebody_asks(store: DatabaseStore) -> None:
    made = failure(state="dead", next_at=None)
    await store.add_failure(made)
    again = await store.replay_failure("acme", made.id)
    assert (again.id, again.state) == (made.id, "retrying")
    assert [due.id for due in await claim(store)] == [made.id]


async def test_a_failure_is_dropped_when_somebody_asks(store: DatabaseStore) -> None:
    await store.add_failure(made := failure())
    await store.discard_failure("acme", made.id)
    assert await ids(store) == []


async def test_another_tenants_failure_does_not_exist(store: DatabaseStore) -> None:
    await store.add_failure(made := failure())
    for tenant_id, failure_id in (("globex", made.id), ("acme", "nope")):
        with pytest.raises(FailureNotFound):
            await store.replay_failure(tenant_id, failure_id)
        with pytest.raises(FailureNotFound):
            await store.discard_failure(tenant_id, failure_id)
    assert await ids(store, "globex") == []
    assert await ids(store) == [made.id]


async def test_failures_are_listed_newest_first_and_page_by_page(store: DatabaseStore) -> None:
    made = [failure(seq, id=f"{seq}", state="dead" if seq == 2 else "retrying") for seq in range(5)]
    for each in made:
        await store.add_failure(each)
    newest = [each.id for each in reversed(made)]
    assert await ids(store, None) == newest
    first = await ids(store, limit=2)
    assert first + await ids(store, after=first[-1]) == newest
    assert await ids(store, state="dead") == [made[2].id]
    assert await ids(store, plugin="other") == []


async def test_two_processes_never_take_one_failure(store: DatabaseStore, other_store: DatabaseStore) -> None:
    await asyncio.gather(*(store.add_failure(failure(seq)) for seq in range(50)))
    stores = (store, other_store)
    taken = await asyncio.gather(*(claim(stores[n % 2], f"p{n}", limit=7) for n in range(20)))
    found = [due.id for each in taken for due in each]
    assert len(found) == len(set(found)) == 50


async def test_nothing_is_taken_without_plugins(store: DatabaseStore) -> None:
    await store.add_failure(failure())
    assert await store.claim_failures("p1", [], 10, 30) == []


async def test_what_is_paused_waits_for_one_tenant_or_for_all(store: DatabaseStore) -> None:
    await store.add_tenant("globex", "Globex")
    for tenant in ("acme", "globex"):
        for hook in ("message_received", "message_sent"):
            await store.add_failure(failure(1, tenant=tenant, hook=hook))

    async def taken(*paused: tuple[str, str, str]) -> set[tuple[str, str]]:
        found = await store.claim_failures("p1", ["bot"], 100, 0, paused=paused)
        return {(each.tenant_id, each.hook) for each in found}

    everything = {(tenant, hook) for tenant in ("acme", "globex") for hook in ("message_received", "message_sent")}
    assert await taken() == everything
    assert await taken(("acme", "bot", "message_sent")) == everything - {("acme", "message_sent")}
    assert await taken(("acme", "bot", "all"), ("acme", "other", "all")) == {
        each for each in everything if each[0] != "acme"
    }
    assert await taken(("", "bot", "message_sent")) == {each for each in everything if each[1] != "message_sent"}
    assert await taken(("", "bot", "all")) == set()
    # However many are paused, it is one value.
    assert await taken(*((f"t{number}", "bot", "all") for number in range(40_000))) == everything
