"""The seed's whole flow against the demo, as a process of its own, on both databases."""

from __future__ import annotations

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
import zxingcpp
from PIL import Image

from .product import Listener, Product, demo

pytestmark = pytest.mark.anyio
CONTACTS = [f"55119{contact}0000000"[:11] + f"00{contact}" for contact in range(5)]


async def test_a_conversation_happens_through_the_gateway(database_url: str, tmp_path: Path) -> None:
    with demo(tmp_path / "demo", database_url=database_url) as product:
        async with product.client() as gateway, product.simulator() as phone:
            await _connect(product, gateway, phone)
            listener = Listener(await product.socket(after=0))
            cursor = await _receive(product, listener, phone)
            await _read_back(gateway)
            await _resume(product, cursor, listener)
            await _reply(gateway, listener)
            await _disconnect(gateway, listener)
            await listener.close()


async def _connect(product: Product, gateway: httpx.AsyncClient, phone: httpx.AsyncClient) -> None:
    tenant = product.ready.tenant_id
    listener = Listener(await product.socket())
    await listener.until(lambda frames: frames and frames[0]["type"] == "hello")
    started = (await gateway.post("/api/whatsapp/connect", json={"tenantId": tenant, "name": "Loja"})).json()
    assert started["tenantId"] == tenant
    assert started["connected"] is False
    status = (await gateway.get(f"/api/whatsapp/status/{tenant}")).json()
    assert status["status"] == "qr_ready"
    assert _decoded(status["qrCode"])
    assert (await phone.post(f"/simulator/sessions/{tenant}/scan")).is_success
    frame = await listener.until(lambda _: _with_status(listener, "connected"))
    assert "qrCode" not in frame["data"]
    status = (await gateway.get(f"/api/whatsapp/status/{tenant}")).json()
    assert (status["status"], status["connected"]) == ("connected", True)
    assert status["phone"]
    await listener.close()


def _decoded(data_url: str) -> str:
    kind, _, data = data_url.partition(",")
    assert kind == "data:image/png;base64"
    [code] = zxingcpp.read_barcodes(Image.open(io.BytesIO(base64.b64decode(data))))
    return str(code.text)


def _with_status(listener: Listener, status: str) -> dict[str, Any] | None:
    return next((f for f in listener.of("session.updated") if f["data"]["status"] == status), None)


async def _receive(product: Product, listener: Listener, phone: httpx.AsyncClient) -> int:
    url = f"/simulator/sessions/{product.ready.tenant_id}/messages"
    bodies = [
        {"from": CONTACTS[n % 5], "name": f"Cliente {n % 5}", "text": f"olá {n}", "messageId": f"false_{n}_3EB0"}
        for n in range(50)
    ]
    replies = await asyncio.gather(*(phone.post(url, json=body) for body in bodies + bodies[:10]))
    assert all(reply.is_success for reply in replies)
    created = await listener.until(lambda _: len(found := listener.of("message.created")) >= 50 and found)
    assert sorted(frame["data"]["text"] for frame in created) == sorted(body["text"] for body in bodies)
    return int(created[24]["seq"])


async def _read_back(gateway: httpx.AsyncClient) -> None:
    page = (await gateway.get("/api/conversations")).json()
    assert [item["unreadCount"] for item in page["items"]] == [10] * 5
    assert {item["title"] for item in page["items"]} == {f"Cliente {n}" for n in range(5)}
    stored = []
    for item in page["items"]:
        url = f"/api/conversations/{item['id']}/messages"
        first = (await gateway.get(url, params={"limit": 7})).json()
        rest = (await gateway.get(url, params={"limit": 7, "cursor": first["nextCursor"]})).json()
        assert rest["nextCursor"] is None
        stored += first["items"] + rest["items"]
    assert len(stored) == len({message["id"] for message in stored}) == 50


async def _resume(product: Product, cursor: int, listener: Listener) -> None:
    """A browser that reads half, goes, and comes back with its cursor has heard everything once."""
    first = Listener(await product.socket(after=0))
    await first.until(lambda frames: any(frame.get("seq") == cursor for frame in frames))
    await first.close()
    heard_before = [frame["seq"] for frame in first.frames if "seq" in frame and frame["seq"] <= cursor]
    second = Listener(await product.socket(after=cursor))
    await second.until(lambda frames: any(frame["type"] == "live" for frame in frames))
    seqs = [frame["seq"] for frame in second.frames if "seq" in frame]
    assert heard_before + seqs == list(range(1, seqs[-1] + 1))
    assert len(second.of("message.created")) == 25
    await second.close()
    heard = [frame["seq"] for frame in listener.frames if "seq" in frame]
    assert heard == list(range(1, heard[-1] + 1))


async def _reply(gateway: httpx.AsyncClient, listener: Listener) -> None:
    page = (await gateway.get("/api/conversations")).json()
    sent = []
    for item in page["items"]:
        reply = await gateway.post(f"/api/conversations/{item['id']}/send-message", json={"text": "Bom dia!"})
        assert reply.status_code == 200
        assert reply.json()["success"] is True
        assert reply.json()["serviceResponse"]["success"] is True
        sent.append(reply.json()["message"]["id"])

    def statuses(message_id: str) -> list[str]:
        return [f["data"]["status"] for f in listener.of("message.updated") if f["data"]["id"] == message_id]

    await listener.until(lambda _: all("read" in statuses(message_id) for message_id in sent))
    for message_id in sent:
        # A frame shows the message as it is when it is read, so a quick step may be seen as the next one.
        pushed = list(dict.fromkeys(statuses(message_id)))
        assert pushed[-1] == "read"
        assert set(pushed) <= {"accepted", "sent", "delivered", "read"}
        timeline = (await gateway.get(f"/api/messages/{message_id}/timeline")).json()
        words = [step["status"] for step in timeline["items"]]
        assert words[0] == "pending"
        assert {"accepted", "delivered", "read"} <= set(words)
        assert len(listener.of("message.updated")) >= 3 * len(sent)


async def _disconnect(gateway: httpx.AsyncClient, listener: Listener) -> None:
    tenant = (await gateway.get("/api/me")).json()["tenantId"]
    reply = (await gateway.delete(f"/api/whatsapp/disconnect/{tenant}")).json()
    assert reply == {"success": True, "status": "disconnected"}
    await listener.until(lambda _: _with_status(listener, "disconnected"))
