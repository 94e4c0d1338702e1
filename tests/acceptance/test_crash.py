"""A crash right behind an acknowledgement, again and again: every acknowledged message is stored once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import httpx
import pytest

from .product import Product, demo

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]
KILLS = 8
SENDERS = 16


async def test_every_acknowledged_message_survives_kill_9(database_url: str, tmp_path: Path) -> None:
    """Eight times: load from sixteen senders, then SIGKILL the moment an answer has come."""
    acknowledged: list[str] = []
    rng = random.Random(8)
    for round_ in range(KILLS):
        with demo(tmp_path / "demo", database_url=database_url) as product:
            if round_ == 0:
                await _pair(product)
            else:
                assert await _stored(product) >= set(acknowledged)
            before = len(acknowledged)
            await _load_until_killed(product, round_, acknowledged, rng.randint(20, 200))
            assert len(acknowledged) > before
    with demo(tmp_path / "demo", database_url=database_url) as product:
        texts = await _all_texts(product)
    assert set(texts) >= set(acknowledged), "an acknowledged message is lost"
    assert len(texts) == len(set(texts)), "a message is stored twice"


async def _pair(product: Product) -> None:
    tenant = product.ready.tenant_id
    async with product.client() as gateway, product.simulator() as phone:
        assert (await gateway.post("/api/whatsapp/connect", json={})).is_success
        assert (await phone.post(f"/simulator/sessions/{tenant}/scan")).is_success


async def _load_until_killed(product: Product, round_: int, acknowledged: list[str], after: int) -> None:
    """Send until `after` answers have come, kill, and note what was answered with 200 before the connection died."""
    answered = 0

    async def sender(client: httpx.AsyncClient, number: int) -> None:
        nonlocal answered
        count = 0
        while product.process.poll() is None:
            text = f"{round_}-{number}-{count}"
            # Each message comes twice in a row now and then, as services do that got no answer.
            try:
                reply = await client.post("/api/webhooks/whatsapp", json=_webhook(product, text, number))
            except httpx.TransportError:
                return
            assert reply.status_code == 200
            acknowledged.append(text)
            count += 1
            answered += 1
            if answered == after:
                product.kill()
                return

    limits = httpx.Limits(max_connections=SENDERS)
    headers = {"X-API-KEY": product.ready.api_key}
    async with httpx.AsyncClient(base_url=product.ready.gateway, headers=headers, limits=limits) as client:
        await asyncio.gather(*(sender(client, number) for number in range(SENDERS)))


def _webhook(product: Product, text: str, number: int) -> dict[str, object]:
    sender = f"55119870000{number:02d}@c.us"
    return {
        "tenantId": product.ready.tenant_id,
        "from": sender,
        "message": text,
        "timestamp": 1_790_000_000_000,
        "messageId": f"false_{sender}_{text}",
    }


async def _stored(product: Product) -> set[str]:
    return set(await _all_texts(product))


async def _all_texts(product: Product) -> list[str]:
    texts: list[str] = []
    async with product.client() as gateway:
        for conversation in (await gateway.get("/api/conversations", params={"limit": 200})).json()["items"]:
            cursor: str | None = ""
            while cursor is not None:
                query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
                page = (await gateway.get(f"/api/conversations/{conversation['id']}/messages", params=query)).json()
                texts += [message["text"] for message in page["items"]]
                cursor = page["nextCursor"]
    return texts
