"""Two gateways on one PostgreSQL database: what one of them hears and does, the other one knows."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from .cluster import (
    TENANT,
    Cluster,
    cluster,
    conversation,
    messages,
    post_webhook,
    send,
    service_client,
    settled,
)
from .product import Listener, Product, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
Pair = tuple[Product, Product]


@pytest.fixture(scope="module")
def world(durable_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("processes"), durable_url, count=2) as world:
        yield world


@pytest.fixture
def pair(world: Cluster) -> Pair:
    """Two gateways that run; webhooks go to the first."""
    world.chaos()
    alive = [gateway for gateway in world.gateways if gateway.process.poll() is None]
    while len(alive) < 2:
        alive.append(world.serve())
    world.send_webhooks_to(alive[0])
    return alive[0], alive[1]


async def test_a_webhook_at_one_gateway_is_pushed_by_the_other(world: Cluster, pair: Pair) -> None:
    listeners = [Listener(await gateway.socket(after=0)) for gateway in pair]
    for listener in listeners:
        await listener.until(_is_live)
    for number in range(20):
        body = {"from": f"55119{500 + number % 4:08d}", "text": f"across {number}", "messageId": f"false_a_{number}"}
        world.control("POST", f"sessions/{TENANT}/messages", **body)
    heard = [await listener.until(_twenty_texts) for listener in listeners]
    assert heard[0] == heard[1]
    assert sorted(heard[0]) == sorted(f"across {number}" for number in range(20))
    for listener in listeners:
        seqs = [frame["seq"] for frame in listener.frames if "seq" in frame]
        assert seqs == list(range(1, len(seqs) + 1))
        await listener.close()


async def test_one_conversation_keeps_its_order_through_both(world: Cluster, pair: Pair) -> None:
    async with pair[0].client() as first, pair[1].client() as second:
        place = await conversation(first, 510)
        replies = await asyncio.gather(*(send((first, second)[n % 2], place, f"order {n}") for n in range(16)))
        # Who waits at one gateway hears of what the other one sent.
        assert {reply.status_code for reply in replies} == {200}
        stored = [message["text"] for message in await settled(second, place)]
    assert sorted(stored) == sorted(f"order {n}" for n in range(16))
    assert world.reached("order ") == stored


async def test_one_key_sends_once_through_both(world: Cluster, pair: Pair) -> None:
    async with pair[0].client() as first, pair[1].client() as second:
        place = await conversation(first, 511)
        url, body = f"/api/conversations/{place}/send-message", {"text": "once"}
        calls = (g.post(url, json=body, headers={"Idempotency-Key": "k"}) for g in (first, second) * 5)
        replies = await asyncio.gather(*calls)
        assert len({reply.json()["message"]["id"] for reply in replies}) == 1
        assert [message["text"] for message in await settled(first, place)] == ["once"]
    assert world.reached("once") == ["once"]


async def test_a_ticket_of_one_gateway_opens_a_socket_at_the_other(pair: Pair) -> None:
    first, second = pair
    origin = second.ready.gateway
    async with first.client() as gateway:
        ticket = (await gateway.post("/api/ws-tickets", headers={"Origin": origin})).json()["ticket"]
    url = f"{origin.replace('http', 'ws', 1)}/api/ws?ticket={ticket}"
    async with connect(url, additional_headers={"Origin": origin}) as socket:
        assert '"hello"' in str(await socket.recv())


async def test_a_killed_gateway_leaves_the_other_working(world: Cluster, pair: Pair) -> None:
    first, second = pair
    async with first.client() as dying, second.client() as living:
        places = [await conversation(living, 520 + number) for number in range(8)]
        world.chaos(latencyMs=400)
        calls = [asyncio.create_task(send(dying, place, f"dying {place}")) for place in places]
        await eventually(lambda: world.reached("dying "))
        first.kill()
        await asyncio.gather(*calls, return_exceptions=True)
        world.chaos()
        world.send_webhooks_to(second)
        reply = await send(living, await conversation(living, 530), "living")
        assert reply.status_code == 200
        stored = [message for place in places for message in await settled(living, place)]
    arrived = world.reached("dying ")
    assert sorted(arrived) == sorted(set(arrived))
    assert set(arrived) <= {message["text"] for message in stored}
    # The acks came to the other gateway, so that only what never arrived is unknown.
    assert {m["text"] for m in stored if m["status"] == "unknown"} == {m["text"] for m in stored} - set(arrived)


async def test_a_gateway_that_is_told_to_end_finishes_what_it_accepted(world: Cluster, pair: Pair) -> None:
    first, second = pair
    socket = await first.socket()
    listener = Listener(socket)
    async with first.client() as ending, second.client() as staying:
        places = [await conversation(staying, 540 + number) for number in range(10)]
        world.chaos(latencyMs=500)
        calls = [asyncio.create_task(send(ending, place, f"ending {place}")) for place in places]
        load = [asyncio.create_task(_write_until_refused(first, 550 + number)) for number in range(4)]
        await _stored(staying, places)
        first.process.send_signal(signal.SIGTERM)
        replies = await asyncio.gather(*calls)
        assert {reply.status_code for reply in replies} == {200}
        acknowledged = await asyncio.gather(*load)
        await eventually(lambda: socket.close_code)
        assert socket.close_code == 1012
        assert await asyncio.to_thread(first.process.wait, 15) == 0
        assert all(acknowledged)
        for number, texts in enumerate(acknowledged):
            kept = {m["text"] for m in await messages(staying, await conversation(staying, 550 + number))}
            assert set(texts) <= kept
    await listener.close()
    assert sorted(world.reached("ending ")) == sorted(f"ending {place}" for place in places)


async def _write_until_refused(product: Product, number: int) -> list[str]:
    """Post webhooks, each on a connection of its own, until none is accepted; returns what was acknowledged."""
    acknowledged: list[str] = []
    limits = httpx.Limits(max_keepalive_connections=0)
    async with service_client(product, limits=limits) as service:
        while True:
            text = f"load {number} {len(acknowledged)}"
            try:
                reply = await post_webhook(service, text, number)
            except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
                # Refused, or still in the queue of a socket that was closed: nobody accepted it.
                return acknowledged
            assert reply.status_code == 200
            acknowledged.append(text)


async def _stored(gateway: httpx.AsyncClient, places: list[str]) -> None:
    """Wait until each conversation has its message."""
    async with asyncio.timeout(20):
        while not all([await messages(gateway, place) for place in places]):
            await asyncio.sleep(0.01)


def _is_live(frames: list[dict[str, Any]]) -> bool:
    return any(frame["type"] == "live" for frame in frames)


def _twenty_texts(frames: list[dict[str, Any]]) -> list[str]:
    texts = [frame["data"]["text"] for frame in frames if frame["type"] == "message.created"]
    return texts if len(texts) >= 20 else []
