"""A crash right behind an acknowledgement, again and again: every acknowledged message is stored once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import httpx
import pytest

from .product import Product, demo

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]
KILLS = 6
SENDERS = 16


async def test_every_acknowledged_message_survives_kill_9(database_url: str, tmp_path: Path) -> None:
    """Six times: load from sixteen senders, then SIGKILL the moment an answer has come.

    The senders do as services do: what was not answered is brought again, to the process that comes after.
    """
    acknowledged: list[str] = []
    unanswered: list[tuple[str, int]] = []
    cut_off = 0
    rng = random.Random(8)
    for round_ in range(KILLS):
        with demo(tmp_path / "demo", database_url=database_url) as product:
            if round_ == 0:
                await _pair(product)
            else:
                assert await _stored(product) >= set(acknowledged)
            before = len(acknowledged)
            await _bring_again(product, unanswered, acknowledged)
            unanswered = await _load_until_killed(product, round_, acknowledged, rng.randint(20, 200))
            assert len(acknowledged) > before
            cut_off += len(unanswered)
    # One kill may find all answers on their way; that each of them did would mean that none came under load.
    assert cut_off, "the kills came when nobody was on the way"
    with demo(tmp_path / "demo", database_url=database_url) as product:
        texts = await _all_texts(product)
    assert set(texts) >= set(acknowledged), "an acknowledged message is lost"
    assert len(texts) == len(set(texts)), "a message is stored twice"


async def _pair(product: Product) -> None:
    tenant = product.ready.tenant_id
    async with product.client() as gateway, product.simulator() as phone:
        assert (await gateway.post("/api/whatsapp/connect", json={})).is_success
        assert (await phone.post(f"/simulator/sessions/{tenant}/scan")).is_success


async def _bring_again(product: Product, unanswered: list[tuple[str, int]], acknowledged: list[str]) -> None:
    async with _service(product) as client:
        for text, number in unanswered:
            reply = await client.post("/api/webhooks/whatsapp", json=_webhook(product, text, number))
            assert reply.status_code == 200
            acknowledged.append(text)


async def _load_until_killed(
    product: Product, round_: int, acknowledged: list[str], after: int
) -> list[tuple[str, int]]:
    """Send until `after` answers have come, kill, note what was answered with 200, and return what was not."""
    answered = 0
    unanswered: list[tuple[str, int]] = []

    async def sender(client: httpx.AsyncClient, number: int) -> None:
        nonlocal answered
        count = 0
        while product.process.poll() is None:
            text = f"{round_}-{number}-{count}"
            try:
                reply = await client.post("/api/webhooks/whatsapp", json=_webhook(product, text, number))
            except httpx.TransportError:
                unanswered.append((text, number))
                return
            assert reply.status_code == 200
            acknowledged.append(text)
            count += 1
            answered += 1
            if answered == after:
                product.kill()
                return

    async with _service(product) as client:
        await asyncio.gather(*(sender(client, number) for number in range(SENDERS)))
    return unanswered


def _service(product: Product) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=SENDERS)
    return httpx.AsyncClient(
        base_url=product.ready.gateway, headers={"X-API-KEY": product.ready.api_key}, limits=limits
    )


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
