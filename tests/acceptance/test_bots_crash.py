"""kill -9 twenty times while a bot replies: one reply each with ids that the service keeps, never two without.

A plugin that is told after the fact, and its timers, hear of every message, whichever process died.
Twenty with such a service and twenty with one that keeps no ids, half of them on each database.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fivapp_whatsapp.db.engine import make_engine
from fivapp_whatsapp.db.migrate import migrate
from fivapp_whatsapp.testing.postgres import create_database, drop_database

from . import bots
from .cluster import Cluster, cluster, messages, post_webhook, service_client, until
from .product import Product

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(900)]
KILLS = 10
PER_KILL = 5
CASES = [("sqlite", True), ("sqlite", False), ("postgresql", True), ("postgresql", False)]


@pytest.fixture
def postgres_url_of_its_own(durable_postgres: str) -> Iterator[str]:
    """The URL of a migrated database that keeps its commits, for one case."""
    url = asyncio.run(create_database(durable_postgres))
    asyncio.run(migrate(make_engine(url)))
    yield url
    asyncio.run(drop_database(url))


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{'idempotent' if case[1] else 'plain'}")
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Cluster, bool]]:
    kind, idempotent = request.param
    url = (
        request.getfixturevalue("postgres_url_of_its_own")
        if kind == "postgresql"
        else request.getfixturevalue("sqlite_url")
    )
    files = [bots.bot(tmp_path, "echo", bots.ECHO), bots.bot(tmp_path, "reminds", bots.REMINDS)]
    service = () if idempotent else ("--without", "idempotent_send")
    with cluster(tmp_path, url, count=2 if kind == "postgresql" else 1, plugins=files, service=service) as world:
        yield world, idempotent


async def test_each_message_is_answered_once_whatever_is_killed(case: tuple[Cluster, bool], tmp_path: Path) -> None:
    world, idempotent = case
    rng = random.Random(20)
    expected: list[str] = []
    for round_ in range(KILLS):
        alive = [gateway for gateway in world.gateways if gateway.process.poll() is None]
        victim = rng.choice(alive)
        world.send_webhooks_to(alive[0])
        texts = [f"{round_}-{n}" for n in range(PER_KILL)]
        await _write_and_kill(alive, victim, texts, rng.uniform(0.0, 0.12))
        expected += texts
        world.serve()
    await _all_written(world, expected)
    await _settled(world, expected)
    replies = Counter(world.reached("re "))
    assert set(replies) <= {f"re {text}" for text in expected}
    assert max(replies.values()) == 1, "a message was answered twice"
    missing = {text for text in expected if f"re {text}" not in replies}
    if idempotent:
        assert missing == set()
    else:
        # One that arrived may be unknown too: its answer was lost with the process.
        assert missing <= await _unknown(world, expected)
    told = {*expected, *(f"timer-{text}" for text in expected)}

    async def all_told() -> bool:
        return told <= set((tmp_path / "reminds.notes").read_text().split())

    # What a process that died was at waits until its lease is over.
    await until(all_told, 90)


async def _write_and_kill(alive: list[Product], victim: Product, texts: list[str], after: float) -> None:
    """Let contacts write, each in a conversation of its own, and kill in the middle of the answers."""

    async def write(text: str) -> None:
        while True:
            for gateway in alive:
                if gateway.process.poll() is None:
                    try:
                        async with service_client(gateway) as service:
                            if (await post_webhook(service, text, _number(text))).status_code == 200:
                                return
                    except httpx.TransportError:
                        continue
            if all(gateway.process.poll() is not None for gateway in alive):
                return  # brought again later, as a service would
            await asyncio.sleep(0.05)

    writing = asyncio.gather(*(write(text) for text in texts))
    await asyncio.sleep(after + 0.05)
    victim.kill()
    await writing


def _number(text: str) -> int:
    round_, _, n = text.partition("-")
    return 10_000 + int(round_) * 100 + int(n)


async def _all_written(world: Cluster, texts: list[str]) -> None:
    """Bring everything again: what was acknowledged before is a duplicate, what was not is stored now."""
    gateway = next(one for one in world.gateways if one.process.poll() is None)
    async with service_client(gateway) as service:
        for text in texts:
            assert (await post_webhook(service, text, _number(text))).status_code == 200


async def _settled(world: Cluster, expected: list[str]) -> None:
    """Wait until each conversation has an outgoing message that has ended."""
    gateway = next(one for one in world.gateways if one.process.poll() is None)
    async with gateway.client() as client:

        async def ended() -> bool:
            found = await _outgoing(client)
            return len(found) >= len(expected) and all(
                status != "pending" for sent in found.values() for status in sent
            )

        await until(ended, 120)


async def _outgoing(client: httpx.AsyncClient) -> dict[str, list[str]]:
    """Return the statuses of the outgoing messages of each conversation that has some, by its incoming text."""
    found: dict[str, list[str]] = {}
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/api/conversations", params=query)).json()
        for conversation in page["items"]:
            thread = await messages(client, conversation["id"])
            sent = [message["status"] for message in thread if message["direction"] == "outgoing"]
            if sent:
                found[next(message["text"] for message in thread if message["direction"] == "incoming")] = sent
        cursor = page["nextCursor"]
    return found


async def _unknown(world: Cluster, expected: list[str]) -> set[str]:
    gateway = next(one for one in world.gateways if one.process.poll() is None)
    async with gateway.client() as client:
        found = await _outgoing(client)
    assert all(len(sent) == 1 for sent in found.values())
    return {text for text in expected if found[text] == ["unknown"]}
