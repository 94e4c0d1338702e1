"""Each plugin reads each log in its own lane, held by one process at a time."""

from __future__ import annotations

import asyncio

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import MessageStatus
from fivapp_whatsapp.ports.plugins import Lane

from .world import add_connected, chat, head, incoming, receive, run_sql, sent, status

pytestmark = pytest.mark.anyio
BOTS = ["bot", "other"]


async def opened(store: DatabaseStore, *plugins: str) -> int:
    """Open lanes and write something that they have not read; returns the place where they begin."""
    await store.open_lanes(plugins or ["bot"])
    start = await head(store)
    await receive(store, incoming(f"n{start}"))
    return start


async def test_a_lane_begins_at_the_head_of_the_log(store: DatabaseStore) -> None:
    await receive(store, incoming("before"))
    start = await opened(store, *BOTS)
    lanes = await store.claim_lanes("p1", BOTS, 30)
    assert lanes == [Lane("acme", "bot", start), Lane("acme", "other", start)]


async def test_a_lane_that_is_there_keeps_its_place_when_lanes_are_opened_again(store: DatabaseStore) -> None:
    start = await opened(store)
    await store.open_lanes(["bot"])
    assert await store.claim_lanes("p1", ["bot"], 30) == [Lane("acme", "bot", start)]


async def test_a_tenant_that_comes_later_is_read_from_its_beginning(store: DatabaseStore) -> None:
    await store.open_lanes(["bot"])
    await add_connected(store, "globex")
    assert await head(store, "globex") > 0
    assert await store.claim_lanes("p1", ["bot"], 30) == [Lane("globex", "bot", 0)]


async def test_a_plugin_that_was_given_no_lanes_gets_none_of_old_tenants(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    assert await store.claim_lanes("p1", ["bot"], 30) == []


async def test_a_lane_without_news_is_not_taken(store: DatabaseStore) -> None:
    await store.open_lanes(["bot"])
    assert await store.claim_lanes("p1", ["bot"], 30) == []


async def test_no_lanes_are_asked_for_without_plugins(store: DatabaseStore) -> None:
    await opened(store)
    assert await store.claim_lanes("p1", [], 30) == []
    assert await store.keep_lanes("p1", [], 30) == []


async def test_a_lane_that_is_held_is_not_taken_by_another(store: DatabaseStore) -> None:
    await opened(store)
    mine = await store.claim_lanes("p1", ["bot"], 30)
    assert await store.claim_lanes("p2", ["bot"], 30) == []
    assert await store.claim_lanes("p1", ["bot"], 30) == mine


async def test_lanes_that_nobody_holds_come_before_ones_own(store: DatabaseStore) -> None:
    await opened(store, *BOTS)
    await store.claim_lanes("p1", ["bot"], 30)
    assert [lane.plugin for lane in await store.claim_lanes("p1", BOTS, 30, limit=1)] == ["other"]


async def test_a_lane_whose_process_died_is_taken_by_another_where_it_stood(
    store: DatabaseStore, database_url: str
) -> None:
    start = await opened(store)
    await store.claim_lanes("p1", ["bot"], 30)
    await store.keep_lanes("p1", [Lane("acme", "bot", start + 1)], 30)
    await run_sql(database_url, "UPDATE fivapp_plugin_lane SET lease_until = 1")
    assert await store.claim_lanes("p2", ["bot"], 30) == [Lane("acme", "bot", start + 1)]
    assert await store.keep_lanes("p1", [Lane("acme", "bot", start + 2)], 30) == []
    assert await store.keep_lanes("p2", [Lane("acme", "bot", start + 1)], 30) == [Lane("acme", "bot", start + 1)]


async def test_a_place_never_goes_back(store: DatabaseStore) -> None:
    start = await opened(store)
    await store.claim_lanes("p1", ["bot"], 30)
    await store.keep_lanes("p1", [Lane("acme", "bot", start + 2)], 30)
    assert await store.keep_lanes("p1", [Lane("acme", "bot", start)], 30) == [Lane("acme", "bot", start + 2)]


async def test_many_lanes_are_kept_and_given_up_at_once(store: DatabaseStore) -> None:
    for number in range(20):
        await store.add_tenant(f"t{number}", "T")
    await store.open_lanes(BOTS)
    for number in range(20):
        await store.notify(f"t{number}", {"code": "hello"})
    held = await store.claim_lanes("p1", BOTS, 30)
    assert len(held) == 40
    kept = await store.keep_lanes("p1", [Lane(lane.tenant_id, lane.plugin, 0) for lane in held], 30)
    assert kept == held
    assert await store.keep_lanes("p1", held, 0) == held
    assert await store.claim_lanes("p2", BOTS, 30) == held


async def test_a_lane_that_was_given_up_waits_behind_those_that_wait_longer(store: DatabaseStore) -> None:
    await opened(store, *BOTS)
    [first] = await store.claim_lanes("p1", BOTS, 30, limit=1)
    await store.keep_lanes("p1", [first], 0)
    [second] = await store.claim_lanes("p1", BOTS, 30, limit=1)
    assert {first.plugin, second.plugin} == set(BOTS)


async def test_a_lane_jumps_to_the_head_when_its_plugin_was_off(store: DatabaseStore) -> None:
    await opened(store, *BOTS)
    await store.skip_lane("acme", "bot")
    assert [lane.plugin for lane in await store.claim_lanes("p1", BOTS, 30)] == ["other"]
    await store.skip_lane("acme", "third")
    await receive(store, incoming("later"))
    assert len(await store.claim_lanes("p1", ["bot", "third"], 30)) == 2


async def test_two_processes_never_hold_one_lane(store: DatabaseStore, other_store: DatabaseStore) -> None:
    for number in range(30):
        await store.add_tenant(f"t{number}", "T")
    await store.open_lanes(BOTS)
    await asyncio.gather(*(store.notify(f"t{number}", {"code": "hello"}) for number in range(30)))
    stores = (store, other_store)

    async def take(number: int) -> list[Lane]:
        return await stores[number % 2].claim_lanes(f"p{number}", BOTS, 30, limit=10)

    taken = [lane for lanes in await asyncio.gather(*(take(number) for number in range(20))) for lane in lanes]
    assert len(taken) == len(set(taken)) == 60


# --- what is read in a lane --------------------------------------------------------------------------


async def test_events_are_read_as_small_facts_and_none_is_passed_over(store: DatabaseStore) -> None:
    await receive(store, *(incoming(f"n{number}") for number in range(10)))
    await store.notify("acme", {"code": "hello"})
    events, place = [], 0
    while page := await store.stored_events("acme", place, 3):
        events += page
        place = page[-1].seq
    assert [event.seq for event in events] == list(range(1, await head(store) + 1))
    message = next(event for event in events if event.type == "message.created")
    assert message.tenant_id == "acme"
    assert message.conversation_id == (await chat(store)).id
    assert message.message_id is not None
    assert (message.was, message.reached, message.data) == (None, None, None)
    assert (events[-1].type, events[-1].data) == ("notification", {"code": "hello"})
    assert {event.session_id for event in events if event.type == "session.updated"} == {"acme"}


async def test_events_of_some_types_are_read_without_the_others(store: DatabaseStore) -> None:
    await receive(store, *(incoming(f"n{number}") for number in range(3)))
    await store.notify("acme", {"code": "hello"})
    everything = await store.stored_events("acme", 0, 100)
    for types in ({"notification"}, {"message.created", "notification"}, set[str]()):
        wanted = [event for event in everything if event.type in types]
        assert await store.stored_events("acme", 0, 100, types) == wanted
    assert len(await store.stored_events("acme", 0, 2, {"message.created"})) == 2


async def test_events_of_another_tenant_are_not_read(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    assert {event.tenant_id for event in await store.stored_events("globex", 0, 100)} == {"globex"}
    assert await store.stored_events("nobody", 0, 100) == []


async def test_an_updated_message_tells_its_status_before_and_after(store: DatabaseStore) -> None:
    await sent(store, await chat(store), "n1")
    await receive(store, status(MessageStatus.READ, "n1"), status(MessageStatus.DELIVERED, "n1"))
    steps = [(e.was, e.reached) for e in await store.stored_events("acme", 0, 100) if e.type == "message.updated"]
    assert steps == [("pending", "accepted"), ("accepted", "read")]


async def test_a_lane_that_lies_before_the_oldest_event_reads_what_is_left(
    store: DatabaseStore, database_url: str
) -> None:
    await opened(store)
    await run_sql(database_url, "DELETE FROM fivapp_event WHERE seq < 3")
    assert [event.seq for event in await store.stored_events("acme", 0, 2)] == [3, 4]
