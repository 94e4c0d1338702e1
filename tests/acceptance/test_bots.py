"""Bots in the running product: they answer on the simulated phone, and none harms another."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.planted import MISBEHAVING

from . import bots
from .cluster import until
from .product import Product, demo

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
MESSAGES = 10_000
# A quiet machine needs a twentieth of it.
PATIENCE = 500
PAUSED = {"raises": "failing", "hangs": "failing", "blocks": "blocking", "nonsense": "failing"}
_NOT_PAUSED = {
    "pausedUntil": None,
    "reason": None,
    "pausedHooks": [],
    "pausedIn": 0,
    "forAll": False,
    "lastError": None,
}
CONTACTS = 200


async def pair(product: Product) -> None:
    tenant = product.ready.tenant_id
    async with product.client() as gateway, product.simulator() as phone:
        assert (await gateway.post("/api/whatsapp/connect", json={})).is_success
        assert (await phone.post(f"/simulator/sessions/{tenant}/scan")).is_success


async def write(phone: httpx.AsyncClient, product: Product, text: str, **more: Any) -> None:
    """Let a contact write."""
    body = {"from": "5511988887777", "name": "Rita", "text": text, **more}
    reply = await phone.post(f"/simulator/sessions/{product.ready.tenant_id}/messages", json=body)
    assert reply.is_success, reply.text


async def reached(phone: httpx.AsyncClient) -> list[str]:
    """Return the texts that reached phones."""
    return [item["text"] for item in (await phone.get("/simulator/ledger")).json()["items"]]


async def answered(phone: httpx.AsyncClient, text: str, count: int = 1) -> bool:
    return bool(await until(lambda: _has(phone, text, count), 30))


async def _has(phone: httpx.AsyncClient, text: str, count: int) -> bool:
    return (await reached(phone)).count(text) >= count


async def test_the_readmes_bot_answers_on_the_phone(tmp_path: Path) -> None:
    file = bots.bot(tmp_path, "ping", bots.the_readmes_bot())
    assert len([line for line in file.read_text().splitlines() if line.strip()]) <= 7
    with demo(tmp_path / "demo", plugins=[file]) as product:
        await pair(product)
        async with product.simulator() as phone, product.client() as gateway:
            await write(phone, product, "ping")
            assert await answered(phone, "pong")
            await write(phone, product, "something else")
            listed = (await gateway.get("/api/plugins")).json()["items"]
            assert listed[0]["name"] == "ping"
            await asyncio.sleep(1)
            assert await reached(phone) == ["pong"]


async def test_the_same_bot_answers_when_it_is_installed(tmp_path: Path) -> None:
    folder = bots.install(tmp_path / "site", "ping", bots.the_readmes_bot())
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    with demo(tmp_path / "demo", environment={"PYTHONPATH": path}) as product:
        await pair(product)
        async with product.simulator() as phone:
            await write(phone, product, "ping")
            assert await answered(phone, "pong")


async def test_why_a_bot_did_or_did_not_answer_is_told(tmp_path: Path) -> None:
    file = bots.bot(tmp_path, "ping", bots.the_readmes_bot())
    with demo(tmp_path / "demo", plugins=[file]) as product:
        await pair(product)
        async with product.simulator() as phone, product.client() as gateway:
            await write(phone, product, "ping")
            assert await answered(phone, "pong")
            await write(phone, product, "hello")
            conversation = (await gateway.get("/api/conversations")).json()["items"][0]["id"]
            found = await until(lambda: _incoming(gateway, conversation, 2), 20)
            why = {text: await until(partial(_automation, gateway, id_), 20) for text, id_ in found.items()}
            assert why["ping"]["plugin"] == "ping"
            assert (why["ping"]["steps"][0]["outcome"], why["ping"]["steps"][0]["plugin"]) == ("answered", "ping")
            assert len(why["ping"]["answerIds"]) == 1
            assert why["hello"]["steps"][0]["outcome"] == "nothing"
            said = await until(partial(_said_in_the_terminal, tmp_path / "demo" / "demo.log"), 20)
            assert re.fullmatch(r'why  "ping": ping answered in [0-9.]+ ms; "pong"', said[0]), said
            assert said[1].startswith('why  "hello": ping nothing in ')
            assert said[1].endswith("; no bot had an answer")


async def _said_in_the_terminal(log: Path) -> list[str]:
    """Return the demo's lines about both messages, oldest first, once they are there."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("why  ")]
    return lines if len(lines) >= 2 else []


async def _incoming(gateway: httpx.AsyncClient, conversation: str, count: int) -> dict[str, str]:
    items = (await gateway.get(f"/api/conversations/{conversation}/messages")).json()["items"]
    found = {message["text"]: message["id"] for message in items if message["direction"] == "incoming"}
    return found if len(found) == count else {}


async def _automation(gateway: httpx.AsyncClient, message_id: str) -> Any:
    return (await gateway.get(f"/api/messages/{message_id}/timeline")).json().get("automation")


async def test_old_messages_and_groups_are_not_answered(tmp_path: Path) -> None:
    file = bots.bot(tmp_path, "echo", bots.ECHO)
    with demo(tmp_path / "demo", plugins=[file]) as product:
        await pair(product)
        tenant = product.ready.tenant_id
        async with product.simulator() as phone, product.client() as gateway:
            old = int((time.time() - 3600) * 1000)
            slots = asyncio.Semaphore(32)

            async def one(number: int) -> None:
                async with slots:
                    sender = f"55119{number % 40:08d}"
                    await write(phone, product, f"old {number}", **{"from": sender, "timestamp": old})

            await asyncio.gather(*(one(number) for number in range(1000)))
            group = {"groupId": "120363020000000001@g.us", "groupName": "Family"}
            await write(phone, product, "to all", **group)
            await write(phone, product, "to you")
            assert await answered(phone, "re to you")
            assert await reached(phone) == ["re to you"]
            assert (await gateway.put("/api/automations", json={"groupBots": "always"})).is_success
            await asyncio.sleep(1.5)
            await write(phone, product, "to all again", **group)
            assert await answered(phone, "re to all again")
            assert len((await gateway.get("/api/conversations", params={"limit": 200})).json()["items"]) == 42
            assert tenant == "demo"


async def test_a_persons_reply_pauses_bots_and_giving_back_lets_them_on(tmp_path: Path) -> None:
    file = bots.bot(tmp_path, "echo", bots.ECHO)
    with demo(tmp_path / "demo", plugins=[file]) as product:
        await pair(product)
        async with product.simulator() as phone, product.client() as gateway:
            await write(phone, product, "one")
            assert await answered(phone, "re one")
            conversation = (await gateway.get("/api/conversations")).json()["items"][0]["id"]
            reply = await gateway.post(f"/api/conversations/{conversation}/send-message", json={"text": "I am here"})
            assert reply.status_code == 200
            found = (await gateway.get(f"/api/conversations/{conversation}")).json()
            assert (found["answeredBy"], "pausedUntil" in found) == ("human", True)
            await write(phone, product, "two")
            await asyncio.sleep(2)
            assert "re two" not in await reached(phone)
            back = await gateway.patch(f"/api/conversations/{conversation}", json={"answeredBy": "bot"})
            assert back.json()["answeredBy"] == "bot"
            await write(phone, product, "three")
            assert await answered(phone, "re three")
            await write(phone, product, "typed on the phone", fromMe=True)
            await until(lambda: _answered_by_human(gateway, conversation), 20)
            await write(phone, product, "four")
            await asyncio.sleep(2)
            assert "re four" not in await reached(phone)


async def _answered_by_human(gateway: httpx.AsyncClient, conversation: str) -> bool:
    return bool((await gateway.get(f"/api/conversations/{conversation}")).json()["answeredBy"] == "human")


async def test_four_that_misbehave_harm_no_other(tmp_path: Path) -> None:
    """10,000 messages: the good one hears of each once; the others are named in log, metric and page, and paused."""
    planted = {"good": bots.GOOD, **MISBEHAVING}
    files = [bots.bot(tmp_path, name, source) for name, source in planted.items()]
    seen: dict[str, dict[str, Any]] = {}
    # Of what is installed only one is loaded: the bundled bots have tests of their own.
    with demo(tmp_path / "demo", plugins=files, environment={"FIVAPP_PLUGINS": "groups"}) as product:
        await pair(product)
        flood = asyncio.create_task(_flood(product))
        notes = tmp_path / "good.notes"
        async with product.client() as gateway:
            gateway.timeout = 60

            async def done() -> bool:
                for name, health in (await _health(gateway)).items():
                    if health["reason"] is not None:
                        seen.setdefault(name, health)
                return flood.done() and notes.read_text().count("\n") >= MESSAGES

            await until(done, PATIENCE, every=1)
            await flood
            health = await _health(gateway)
            metrics = (await gateway.get("/metrics")).text
            assert (await gateway.get("/health/ready")).is_success
    assert Counter(notes.read_text().split()) == {f"m{number}": 1 for number in range(MESSAGES)}
    assert {name: health["reason"] for name, health in seen.items()} == PAUSED
    assert health["good"] == {"failures": 0, "late": 0, "stalls": 0, "left": 0, **_NOT_PAUSED}
    assert "blocks.py:8" in seen["blocks"]["lastError"]
    assert health["hangs"]["late"] == health["hangs"]["failures"] >= health["hangs"]["left"] > 0
    for name, reason in PAUSED.items():
        assert re.search(rf'fivapp_plugin_pauses_total{{hook="\w+",plugin="{name}",reason="{reason}"}}', metrics)
    log = (tmp_path / "demo" / "demo.log").read_text()
    told = [json.loads(line) for line in log.splitlines() if '"plugin_paused"' in line]
    assert {line["plugin"]: line["reason"] for line in told} == PAUSED


async def _flood(product: Product) -> None:
    headers = {"X-API-KEY": product.ready.api_key}
    numbers = iter(range(MESSAGES))
    async with httpx.AsyncClient(base_url=product.ready.gateway, headers=headers, timeout=60, verify=False) as service:

        async def sender() -> None:
            for number in numbers:
                contact = f"55119{number % CONTACTS:08d}@c.us"
                body = {
                    "tenantId": product.ready.tenant_id,
                    "from": contact,
                    "message": f"m{number}",
                    "timestamp": int(time.time() * 1000),
                    "messageId": f"false_{contact}_{number}",
                }
                assert (await service.post("/api/webhooks/whatsapp", json=body)).status_code == 200

        await asyncio.gather(*(sender() for _ in range(32)))


async def _health(gateway: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {one["name"]: one["health"] for one in (await gateway.get("/api/plugins")).json()["items"]}
