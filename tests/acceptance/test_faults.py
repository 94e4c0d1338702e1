"""What goes wrong between a gateway, its database and its connection service, each a process of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from tests.databases import KINDS
from tests.processes import command

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
    until,
)
from .product import Listener, Product, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
ON_THE_PHONE = {"accepted", "sent", "delivered", "read"}


@pytest.fixture(scope="module", params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("faults")
    kept = request.param == "sqlite"
    url = f"sqlite:///{folder}/fivapp.db" if kept else request.getfixturevalue("durable_url")
    with cluster(folder, url) as world:
        yield world


@pytest.fixture
def product(world: Cluster) -> Product:
    """A gateway that runs, on a line that is whole, before a service that does as it should."""
    world.chaos()
    world.cable.mend()
    return world.gateways[-1] if world.gateways[-1].process.poll() is None else world.serve()


only_sqlite = pytest.mark.parametrize("world", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("world", ["postgresql"], indirect=True)


# --- the connection service ------------------------------------------------------------------------


async def test_what_cannot_be_sent_now_waits_and_goes_out_once(world: Cluster, product: Product) -> None:
    async with product.client() as gateway:
        waiting, other = await conversation(gateway, 101), await conversation(gateway, 102)
        world.cable.cut()
        replies = await asyncio.gather(*(send(gateway, waiting, f"cut {number}") for number in range(2)))
        assert [(reply.status_code, reply.json()["message"]["status"]) for reply in replies] == [(202, "pending")] * 2
        _write(world, 103, "olá, mesmo assim")
        await _delivered_all(world)
        assert [m["text"] for m in await messages(gateway, await conversation(gateway, 103))] == ["olá, mesmo assim"]
        world.cable.mend()
        assert (await send(gateway, other, "not behind the others")).status_code == 200
        sent = await settled(gateway, waiting)
        assert {message["status"] for message in sent} <= ON_THE_PHONE
    assert world.reached("cut ") == [message["text"] for message in sent]


async def test_a_send_that_nobody_answered_is_made_again_with_its_id_and_arrives_once(
    world: Cluster, product: Product
) -> None:
    async with product.client() as gateway:
        places = [await conversation(gateway, number) for number in (111, 112)]
        world.chaos(ambiguous=1, dropAck=1)
        replies = await asyncio.gather(*(send(gateway, place, f"doubt {place}") for place in places))
        sent = [reply.json()["message"] for reply in replies]
        assert {message["status"] for message in sent} <= {"pending"} | ON_THE_PHONE
        await until(lambda: _reached(world, "doubt ", len(places)))
        world.chaos(dropAck=1)
        # What comes behind waits for it, so that order holds.
        assert {(await send(gateway, place, f"behind {place}")).status_code for place in places} <= {200, 202}
        for place in places:
            assert {message["status"] for message in await settled(gateway, place)} <= ON_THE_PHONE
        world.chaos()
        await _delivered_all(world)
    for place in places:
        assert world.reached(f"doubt {place}") + world.reached(f"behind {place}") == [
            f"doubt {place}",
            f"behind {place}",
        ]


async def _reached(world: Cluster, beginning: str, count: int) -> bool:
    return len(world.reached(beginning)) >= count


async def test_webhooks_that_come_twice_and_in_another_order_count_once(world: Cluster, product: Product) -> None:
    async with product.client() as gateway:
        places = [await conversation(gateway, 120 + number) for number in range(6)]
        world.chaos(duplicate=0.5, reorder=0.5, seed=7)
        for number in range(60):
            _write(world, 120 + number % 6, f"chaos {number}", messageId=f"false_chaos_{number}")
        for number in range(0, 60, 6):
            _write(world, 120, f"chaos {number}", messageId=f"false_chaos_{number}")
        assert {(await send(gateway, place, "resposta")).status_code for place in places} == {200}
        await until(lambda: _all_read(gateway, places))
        await _delivered_all(world)
        for number, place in enumerate(places):
            stored = Counter(m["text"] for m in await messages(gateway, place) if m["direction"] == "incoming")
            assert stored == Counter(f"chaos {n}" for n in range(number, 60, 6))


# --- the gateway -----------------------------------------------------------------------------------


async def test_a_gateway_killed_in_the_middle_sends_nothing_twice(world: Cluster, product: Product) -> None:
    world.chaos(latencyMs=400)
    async with product.client() as gateway:
        places = [await conversation(gateway, 200 + number) for number in range(12)]
        calls = [asyncio.create_task(send(gateway, place, f"kill {place} {n}")) for n in range(2) for place in places]
        await eventually(lambda: len(world.reached("kill ")) >= 3)
        product.kill()
        await asyncio.gather(*calls, return_exceptions=True)
    world.chaos()
    async with world.serve().client() as gateway:

        async def proved() -> list[dict[str, Any]]:
            """What is stored, once each message that arrived is known to have: its ack is told again after the kill."""
            found = [message for place in places for message in await settled(gateway, place)]
            told = {message["text"] for message in found if message["status"] in ON_THE_PHONE}
            return found if set(world.reached("kill ")) <= told else []

        stored = await until(proved, 60)
    arrived = world.reached("kill ")
    assert len(arrived) == len(set(arrived)), "a message reached the phone twice"
    assert set(arrived) <= {message["text"] for message in stored}, "a message was sent before its row was stored"
    for message in stored:
        assert message["status"] in (ON_THE_PHONE if message["text"] in arrived else {"unknown"}), message
    for place in places:
        mine = [message["text"] for message in stored if message["conversationId"] == place]
        assert [text for text in arrived if f" {place} " in text] == [text for text in mine if text in arrived]


@only_sqlite
async def test_while_another_connection_holds_sqlites_write_lock_nothing_is_acknowledged(
    world: Cluster, product: Product
) -> None:
    async with product.client() as gateway, service_client(product) as service:
        place = await conversation(gateway, 301)
        with _write_lock(world) as rows:
            before, retried = rows(), _retried(world)
            _write(world, 301, "behind the lock")
            others = [asyncio.create_task(post_webhook(service, f"others {n}", 301)) for n in range(3)]
            await eventually(lambda: _retried(world) > retried)
            assert not any(other.done() for other in others)
            assert rows() == before
        assert {(await other).status_code for other in others} == {200}
        await _delivered_all(world)
        texts = [message["text"] for message in await messages(gateway, place)]
        assert sorted(texts) == ["behind the lock", "others 0", "others 1", "others 2"]
        assert 'webhooks_total{answer="unavailable"} 1.0' in (await gateway.get("/metrics")).text


@only_sqlite
async def test_a_second_gateway_on_one_sqlite_file_is_refused(world: Cluster, product: Product) -> None:
    second = await asyncio.to_thread(command, "serve", "--port", "0", cwd=world.folder, **world.environment)
    assert second.returncode == 1
    *_, line = second.stderr.splitlines()
    assert line.startswith(f"Error: Another server uses {world.folder}/fivapp.db: end it, ")
    async with product.client() as gateway:
        assert (await gateway.get("/health/ready")).status_code == 200


@only_postgresql
async def test_connections_that_postgresql_ends_lose_nothing(world: Cluster, product: Product) -> None:
    listener = Listener(await product.socket())
    load = Load(product)
    senders = [asyncio.create_task(load.write(number)) for number in range(410, 418)]
    ended = await _end_backends(world.database_url, load, rounds=6)
    load.over = True
    await asyncio.gather(*senders)
    assert ended >= 6
    assert set(load.answers) <= {200, 503}
    async with product.client() as gateway:
        reply = await send(gateway, await conversation(gateway, 401), "still there")
        assert reply.status_code == 200
        stored = [m["text"] for n in range(410, 418) for m in await messages(gateway, await conversation(gateway, n))]
    assert sorted(stored) == sorted(load.acknowledged)
    heard = await listener.until(lambda _: len(found := _texts_of(listener)) > len(stored) and found)
    assert Counter(heard) == Counter([*stored, "still there"])
    await listener.close()


class Load:
    """Webhooks without a pause; what is not acknowledged is posted again, as services do."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self.answers: Counter[int] = Counter()
        self.acknowledged: list[str] = []
        self.over = False

    async def write(self, number: int) -> None:
        """Let one contact write until it is over."""
        count = 0
        async with service_client(self._product) as service:
            while not self.over:
                text, status = f"load {number} {count}", 0
                while status != 200:
                    status = (await post_webhook(service, text, number)).status_code
                    self.answers[status] += 1
                self.acknowledged.append(text)
                count += 1


async def _end_backends(url: str, load: Load, rounds: int) -> int:
    """End all of the gateway's connections again and again, each time after some more acknowledgements."""
    ended = 0
    connection = await asyncpg.connect(url)
    for round_ in range(1, rounds + 1):
        await eventually(partial(_has, load.acknowledged, 25 * round_))
        ended += await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'fivapp%'"
        )
    await connection.close()
    return ended


def _retried(world: Cluster) -> int:
    return int(world.control("GET", "sessions")["webhook"]["retried"])


def _has(things: list[str], count: int) -> bool:
    return len(things) >= count


@contextmanager
def _write_lock(world: Cluster) -> Iterator[Callable[[], int]]:
    """Hold the write lock of the SQLite file; gives what counts its messages."""
    with closing(sqlite3.connect(world.folder / "fivapp.db", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        yield lambda: int(lock.execute("SELECT count(*) FROM fivapp_message").fetchone()[0])
        lock.execute("ROLLBACK")


def _texts_of(listener: Listener) -> list[str]:
    return [frame["data"]["text"] for frame in listener.of("message.created")]


def _write(world: Cluster, number: int, text: str, **fields: Any) -> None:
    world.control("POST", f"sessions/{TENANT}/messages", **{"from": f"55119{number:08d}", "text": text, **fields})


async def _statuses(gateway: httpx.AsyncClient, places: list[str]) -> dict[str, str]:
    """Return the status of each message that was sent in these conversations, by its id."""
    found = [message for place in places for message in await messages(gateway, place)]
    return {message["id"]: message["status"] for message in found if message["direction"] == "outgoing"}


async def _all_read(gateway: httpx.AsyncClient, places: list[str]) -> bool:
    return set((await _statuses(gateway, places)).values()) == {"read"}


async def _delivered_all(world: Cluster) -> None:
    """Wait until the connection service has no webhook left to post."""
    await eventually(lambda: world.control("GET", "sessions")["webhook"]["pending"] == 0)
