"""The feed: replay from a cursor, then live, each event exactly once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp.errors import StoreUnavailable
from fivapp_whatsapp.feed import Feed, Frame, SlowReader, Subscription, control, event_frame
from fivapp_whatsapp.models import Event
from tests.fake_log import AT, FakeLog, Running

pytestmark = pytest.mark.anyio

DEADLINE = 5.0


async def take(frames: AsyncIterator[Frame], count: int) -> list[Frame]:
    async with asyncio.timeout(DEADLINE):
        return [await anext(frames) for _ in range(count)]


async def seqs_until(subscription: Subscription, last: int) -> list[int]:
    """Read until the event `last` was there, and return the seqs of all event frames."""
    seen: list[int] = []
    async with asyncio.timeout(DEADLINE):
        with subscription as frames:
            async for frame in frames:
                if frame.seq is not None:
                    seen.append(frame.seq)
                if frame.seq == last:
                    break
    return seen


async def until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.001)


async def settle() -> None:
    """Let every task go as far as it can without news."""
    for _ in range(50):
        await asyncio.sleep(0)


def types(frames: list[Frame]) -> list[str]:
    return [frame.type for frame in frames]


def data(frame: Frame) -> Any:
    return msgspec.json.decode(frame.payload)["data"]


# --- frames ----------------------------------------------------------------------------------------


def test_an_event_frame_carries_its_seq_and_the_object() -> None:
    event = Event(seq=7, type="message.created", at=AT, conversation_id="c1", data={"id": "m1"})
    frame = event_frame(event)
    assert (frame.seq, frame.type) == (7, "message.created")
    assert msgspec.json.decode(frame.payload) == {
        "seq": 7,
        "type": "message.created",
        "at": "2026-01-01T00:00:00Z",
        "conversationId": "c1",
        "data": {"id": "m1"},
    }


def test_an_event_without_a_conversation_names_none() -> None:
    frame = event_frame(Event(seq=1, type="session.updated", at=AT, data={}))
    assert "conversationId" not in msgspec.json.decode(frame.payload)


def test_a_control_frame_has_no_seq_of_its_own() -> None:
    frame = control("hello", epoch="e1", seq=4)
    assert frame.seq is None
    assert msgspec.json.decode(frame.payload) == {"type": "hello", "data": {"epoch": "e1", "seq": 4}}


# --- replay and live -------------------------------------------------------------------------------


async def test_without_a_cursor_one_hears_from_now() -> None:
    log = FakeLog()
    log.commit(count=3)
    async with Running(log) as running:
        with running.feed.subscribe("acme") as subscription:
            frames = aiter(subscription)
            hello, live = await take(frames, 2)
            assert types([hello, live]) == ["hello", "live"]
            assert data(hello) == {"epoch": "e1", "seq": 3}
            log.commit()
            assert [frame.seq for frame in await take(frames, 1)] == [4]


async def test_a_cursor_is_resumed_from_across_pages() -> None:
    log = FakeLog()
    log.commit(count=450)
    async with Running(log) as running:
        seen = await seqs_until(running.feed.subscribe("acme", after=3, epoch="e1"), 450)
    assert seen == list(range(4, 451))


async def test_live_comes_behind_the_replay() -> None:
    log = FakeLog()
    log.commit(count=2)
    async with Running(log) as running:
        with running.feed.subscribe("acme", after=1, epoch="e1") as subscription:
            assert types(await take(aiter(subscription), 3)) == ["hello", "message.created", "live"]


async def test_a_cursor_at_the_head_replays_nothing() -> None:
    log = FakeLog()
    log.commit(count=2)
    async with Running(log) as running:
        with running.feed.subscribe("acme", after=2, epoch="e1") as subscription:
            assert types(await take(aiter(subscription), 2)) == ["hello", "live"]


@pytest.mark.parametrize(
    ("after", "epoch", "reason"),
    [(5, "e0", "epoch"), (99, "e1", "ahead"), (99, None, "ahead"), (2, "e1", "retention"), (0, None, "retention")],
)
async def test_a_cursor_that_cannot_be_used_is_refused_with_its_reason(
    after: int, epoch: str | None, reason: str
) -> None:
    log = FakeLog()
    log.commit(count=10)
    log.dropped = 4
    async with Running(log) as running:
        with running.feed.subscribe("acme", after=after, epoch=epoch) as subscription:
            frames = aiter(subscription)
            _, resync, live = await take(frames, 3)
            assert types([resync, live]) == ["resync_required", "live"]
            assert data(resync)["reason"] == reason
            log.commit()
            assert [frame.seq for frame in await take(frames, 1)] == [11]


async def test_the_oldest_kept_event_can_still_be_resumed_to() -> None:
    log = FakeLog()
    log.commit(count=10)
    log.dropped = 4
    async with Running(log) as running:
        assert await seqs_until(running.feed.subscribe("acme", after=4, epoch="e1"), 10) == [5, 6, 7, 8, 9, 10]


async def test_events_dropped_during_the_replay_are_not_passed_over_in_silence() -> None:
    log = FakeLog()
    log.commit(count=500)
    async with Running(log) as running:
        with running.feed.subscribe("acme", after=0, epoch="e1") as subscription:
            frames = aiter(subscription)
            await take(frames, 201)
            log.dropped = 300
            resync, live = await take(frames, 2)
            assert data(resync) == {"reason": "retention", "epoch": "e1", "seq": 500}
            assert live.type == "live"


async def test_events_dropped_before_who_listens_heard_them_are_not_passed_over_in_silence() -> None:
    log = FakeLog()
    log.commit(count=3)
    async with Running(log) as running:
        with running.feed.subscribe("acme") as subscription:
            frames = aiter(subscription)
            await take(frames, 2)
            log.dropped = 5
            log.commit(count=4)
            resync, *events = await take(frames, 3)
            assert data(resync) == {"reason": "retention", "epoch": "e1", "seq": 5}
            assert [event.seq for event in events] == [6, 7]


async def test_an_event_committed_before_the_first_wake_up_is_heard() -> None:
    log = FakeLog()
    async with Running(log) as running:
        with running.feed.subscribe("acme") as subscription:
            frames = aiter(subscription)
            await take(frames, 1)
            # Nobody tells of this one: the channel is only just beginning.
            log.logs["acme"] = [Event(seq=1, type="message.created", at=AT, data={})]
            assert [frame.seq for frame in await take(frames, 2)] == [None, 1]


async def test_wake_ups_missed_by_a_restart_cost_no_event() -> None:
    log = FakeLog()
    async with Running(log) as running:
        with running.feed.subscribe("acme") as subscription:
            frames = aiter(subscription)
            await take(frames, 2)
            log.commit()
            await take(frames, 1)
            await settle()
            log.logs["acme"].append(Event(seq=2, type="message.created", at=AT, data={}))
            await running.restart()
            assert [frame.seq for frame in await take(frames, 1)] == [2]


async def test_tenants_hear_only_their_own() -> None:
    log = FakeLog()
    async with Running(log) as running:
        acme = asyncio.create_task(seqs_until(running.feed.subscribe("acme", after=0), 5))
        other = asyncio.create_task(seqs_until(running.feed.subscribe("other", after=0), 2))
        log.commit("acme", 5)
        log.commit("other", 2)
        assert await acme == [1, 2, 3, 4, 5]
        assert await other == [1, 2]


async def test_each_event_is_read_once_for_300_listeners() -> None:
    log = FakeLog()
    async with Running(log) as running:
        readers = [asyncio.create_task(seqs_until(running.feed.subscribe("acme", after=0), 200)) for _ in range(300)]
        await until(lambda: log.states == 300 and running.feed.listeners == 300)
        before = log.reads
        for _ in range(20):
            log.commit(count=10)
            await asyncio.sleep(0)
        for seen in await asyncio.gather(*readers):
            assert seen == list(range(1, 201))
        assert log.reads - before < 350


@pytest.mark.parametrize("seed", range(60))
async def test_any_interleaving_gives_each_event_once_in_order(seed: int) -> None:
    chance = random.Random(seed)
    log = FakeLog(chance=chance)
    log.commit(count=chance.choice([0, 1, 199, 200, 201, 450]))
    total = len(log.logs.get("acme", [])) + 120
    async with Running(log, retry_seconds=0.001) as running:

        async def listen() -> None:
            cursor = start = chance.randint(0, len(log.logs.get("acme", [])))
            seen: list[int] = []
            while cursor < total:
                # Leaves in the middle, comes back with its last seq: also as the last one, which ends the channel.
                leave_after = chance.randint(1, 150)
                with suppress(StoreUnavailable), running.feed.subscribe("acme", cursor, "e1") as frames:
                    async for frame in frames:
                        assert frame.type != "resync_required"
                        for _ in range(chance.randint(0, 2)):
                            await asyncio.sleep(0)
                        if frame.seq is not None:
                            cursor = frame.seq
                            seen.append(cursor)
                        leave_after -= 1
                        if cursor >= total or leave_after == 0:
                            break
                await asyncio.sleep(0)
            assert seen == list(range(start + 1, total + 1))

        async def write() -> None:
            left = 120
            while left:
                count = min(left, chance.randint(1, 12))
                log.commit(count=count)
                left -= count
                log.failing = chance.random() < 0.15
                for _ in range(chance.randint(0, 12)):
                    await asyncio.sleep(0)
            log.failing = False

        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
            for _ in range(chance.randint(1, 8)):
                group.create_task(listen())
            group.create_task(write())
        assert running.feed.listeners == 0


# --- faults ----------------------------------------------------------------------------------------


async def test_a_store_that_fails_for_a_while_costs_live_listeners_nothing() -> None:
    log = FakeLog()
    async with Running(log, retry_seconds=0.001) as running:
        with running.feed.subscribe("acme") as subscription:
            frames = aiter(subscription)
            await take(frames, 2)
            log.failing = True
            log.commit(count=3)
            reads = log.reads
            await until(lambda: log.reads > reads + 3)
            log.failing = False
            assert [frame.seq for frame in await take(frames, 3)] == [1, 2, 3]


async def test_an_event_that_cannot_be_encoded_is_no_silent_end() -> None:
    log = FakeLog()
    async with Running(log, retry_seconds=0.001) as running:
        with running.feed.subscribe("acme") as subscription:
            frames = aiter(subscription)
            await take(frames, 2)
            log.commit(data=object())
            reads = log.reads
            await until(lambda: log.reads > reads + 2)
            log.logs["acme"][0] = Event(seq=1, type="message.created", at=AT + timedelta(1), data={})
            assert [frame.seq for frame in await take(frames, 1)] == [1]


async def test_a_store_that_fails_during_the_replay_ends_it_with_its_error() -> None:
    log = FakeLog()
    log.commit(count=450)
    async with Running(log) as running:
        with running.feed.subscribe("acme", after=0) as subscription:
            frames = aiter(subscription)
            await take(frames, 201)
            log.failing = True
            with pytest.raises(StoreUnavailable):
                await take(frames, 1)
        assert running.feed.listeners == 0


async def test_a_listener_that_falls_too_far_behind_is_told_and_resumes() -> None:
    log = FakeLog()
    async with Running(log) as running:
        with running.feed.subscribe("acme") as slow:
            frames = aiter(slow)
            await take(frames, 2)
            log.commit(count=1500)
            await until(lambda: slow.waiting == 1500)
            assert running.feed.waiting == 1500
            with pytest.raises(SlowReader):
                await take(frames, 1)
        assert await seqs_until(running.feed.subscribe("acme", after=0, epoch="e1"), 1500) == list(range(1, 1501))


async def test_frames_kept_for_listeners_are_bounded_in_bytes() -> None:
    log = FakeLog()
    async with Running(log) as running:
        with running.feed.subscribe("acme") as slow:
            frames = aiter(slow)
            await take(frames, 2)
            log.commit(count=30, data={"text": "x" * 150_000})
            await until(lambda: slow.waiting == 30)
            with pytest.raises(SlowReader):
                await take(frames, 1)


@pytest.mark.parametrize("pauses", [0, 1])
@pytest.mark.parametrize("size", [10, 16_000])
async def test_a_quick_listener_keeps_up_with_a_burst_larger_than_what_is_kept(pauses: int, size: int) -> None:
    log = FakeLog(pauses=pauses)
    async with Running(log) as running:
        with running.feed.subscribe("acme") as subscription:
            frames = aiter(subscription)
            await take(frames, 2)
            log.commit(count=2000, data={"text": "x" * size})
            assert [frame.seq for frame in await take(frames, 2000)] == list(range(1, 2001))


async def test_frames_that_all_have_taken_are_not_kept() -> None:
    log = FakeLog()
    async with Running(log) as running:
        with running.feed.subscribe("acme") as one, running.feed.subscribe("acme") as two:
            quick, slow = aiter(one), aiter(two)
            await take(quick, 2)
            await take(slow, 2)
            for place in range(5):
                log.commit()
                await take(quick, 1)
                if place == 2:
                    await take(slow, 3)
            kept = one._channel.frames
            assert [seq for seq, _ in kept] == [4, 5]


# --- the end ---------------------------------------------------------------------------------------


async def test_closing_ends_every_subscription() -> None:
    log = FakeLog()
    log.commit(count=3)
    async with Running(log) as running:

        async def listen() -> list[str]:
            with running.feed.subscribe("acme") as frames:
                return [frame.type async for frame in frames]

        tasks = [asyncio.create_task(listen()) for _ in range(3)]
        await until(lambda: log.reads > 0 and running.feed.listeners == 3)
        await running.feed.close()
        async with asyncio.timeout(DEADLINE):
            assert await asyncio.gather(*tasks) == [["hello", "live"]] * 3
            assert await listen() == []
        await running.feed.close()


async def test_closing_ends_a_subscription_whose_listener_is_busy() -> None:
    log = FakeLog()
    async with Running(log) as running:
        with running.feed.subscribe("acme") as subscription:
            frames = aiter(subscription)
            await take(frames, 2)
            log.commit()
            await take(frames, 1)
            await running.feed.close()
            with pytest.raises(StopAsyncIteration):
                await take(frames, 1)


async def test_a_listener_that_leaves_at_any_frame_leaves_nothing_behind() -> None:
    log = FakeLog()
    log.commit(count=2)
    async with Running(log) as running:
        for frames in range(4):
            with running.feed.subscribe("acme", after=0) as subscription:
                await take(aiter(subscription), frames)
                assert running.feed.listeners == 1
            assert running.feed.listeners == 0
            assert running.feed.waiting == 0
        assert [task for task in asyncio.all_tasks() if task.get_name() == "feed acme" and not task.cancelling()] == []


async def test_a_channel_without_listeners_reads_no_more() -> None:
    log = FakeLog()
    async with Running(log) as running:
        await seqs_until_left(running.feed)
        reads = log.reads
        log.commit(count=5)
        await until(lambda: not log.changed.is_set())
        assert log.reads == reads


async def seqs_until_left(feed: Feed) -> None:
    with feed.subscribe("acme") as subscription:
        await take(aiter(subscription), 2)
