"""Two gateways whose bots answer each other stop by themselves; a bot whose API is away hands over to people."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from . import bots
from .cluster import until
from .product import demo
from .test_bots import answered, pair, reached, write

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
MINUTE = 10


async def test_two_bots_that_answer_each_other_stop_within_the_budget(tmp_path: Path) -> None:
    """Each one's answers are brought to the other, as WhatsApp would, until none comes any more."""
    file = bots.bot(tmp_path, "echo", bots.ECHO)
    with demo(tmp_path / "a", plugins=[file]) as one, demo(tmp_path / "b", plugins=[file]) as two:
        await pair(one)
        await pair(two)
        async with one.simulator() as phone_one, two.simulator() as phone_two:
            await write(phone_one, one, "hello")
            carried = {"one": 0, "two": 0}
            quiet = 0
            while quiet < 60:
                moved = False
                for name, source, target, product in (
                    ("one", phone_one, phone_two, two),
                    ("two", phone_two, phone_one, one),
                ):
                    texts = await reached(source)
                    for text in texts[carried[name] :]:
                        # Cut, so that the words do not grow beyond what is taken.
                        await write(target, product, text[-40:])
                        carried[name] += 1
                        moved = True
                quiet = 0 if moved else quiet + 1
                await asyncio.sleep(0.05)
                assert sum(carried.values()) <= 2 * MINUTE, "the budget did not hold"
            assert sum(carried.values()) >= MINUTE
        async with one.client() as gateway:
            conversation = (await gateway.get("/api/conversations")).json()["items"][0]["id"]
            thread = (await gateway.get(f"/api/conversations/{conversation}/messages")).json()["items"]
            assert [m for m in thread if m["kind"] == "system"], "nobody is told why the bots are silent"


class Api:
    """An API on loopback that a test takes away and brings back."""

    def __init__(self) -> None:
        self.server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()
        self.server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nfound")
        await writer.drain()
        writer.close()


async def test_while_a_bots_api_is_away_people_are_asked(tmp_path: Path) -> None:
    """The outage is five minutes of writing contacts, brought in seconds: the clock of a process cannot be moved."""
    api = Api()
    await api.start()
    file = bots.bot(tmp_path, "order", bots.CALLS_AN_API % api.port)
    allowed = {"FIVAPP_HTTP_ALLOW": f"localhost:{api.port},127.0.0.1:{api.port}"}
    with demo(tmp_path / "demo", plugins=[file], environment=allowed) as product:
        await pair(product)
        async with product.simulator() as phone, product.client() as gateway:
            await write(phone, product, "where is it?")
            assert await answered(phone, "found")
            await api.stop()
            for number in range(30):
                await write(phone, product, f"and mine {number}?", **{"from": f"55119{number:08d}"})
            handed = await until(lambda: _all_human(gateway, 30), 60)
            for conversation in handed:
                lines = await _system_lines(gateway, conversation["id"])
                assert len(lines) == 1
                assert "order" in lines[0]
            assert await reached(phone) == ["found"]
            await api.start()
            back = await gateway.patch(f"/api/conversations/{handed[0]['id']}", json={"answeredBy": "bot"})
            assert back.is_success
            # Its breaker may still be open: the plugin's page lifts it.
            assert (await gateway.post("/api/plugins/order/resume")).is_success
            await write(phone, product, "now?", **{"from": handed[0]["chatId"]})
            assert await answered(phone, "found", 2)
    await api.stop()


async def _all_human(gateway: httpx.AsyncClient, count: int) -> Any:
    items = (await gateway.get("/api/conversations", params={"limit": 200})).json()["items"]
    human = [one for one in items if one["answeredBy"] == "human"]
    return human if len(human) >= count else None


async def _system_lines(gateway: httpx.AsyncClient, conversation: str) -> list[str]:
    items = (await gateway.get(f"/api/conversations/{conversation}/messages")).json()["items"]
    return [message["text"] for message in items if message["kind"] == "system"]
