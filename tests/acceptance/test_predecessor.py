"""The predecessor's pages work with only a token added: its calls, its bodies, the fields that it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from .product import PATIENCE, demo

pytestmark = pytest.mark.anyio


async def test_the_predecessors_pages_work(tmp_path: Path) -> None:
    with demo(tmp_path / "demo") as product:
        tenant = product.ready.tenant_id
        async with product.client() as gateway, product.simulator() as phone:
            # whatsapp-settings: connect, then read the status, whose qrCode goes into <img src>.
            connected = await gateway.post("/api/whatsapp/connect", json={"tenantId": tenant, "name": "Minha empresa"})
            assert connected.status_code == 200
            status = (await gateway.get(f"/api/whatsapp/status/{tenant}")).json()
            assert status["connected"] is False
            assert status["status"] in ("disconnected", "connecting", "connected", "qr_ready")
            assert status["qrCode"].startswith("data:image/")
            await phone.post(f"/simulator/sessions/{tenant}/scan")
            status = (await gateway.get(f"/api/whatsapp/status/{tenant}")).json()
            assert (status["connected"], status["status"]) == (True, "connected")
            assert isinstance(status["phone"], str)
            assert isinstance(status["name"], str)
            # conversations: what the service posts, and what the agent answers, with the contact's number.
            hook = {
                "tenantId": tenant,
                "from": "5511988887777@c.us",
                "message": "Olá",
                "timestamp": 1790000000000,
                "messageId": "false_5511988887777@c.us_3EB0AA",
            }
            keyed = {"X-API-KEY": product.ready.api_key}
            answer = await gateway.post("/api/webhooks/whatsapp", json=hook, headers=keyed)
            assert answer.json() == {"success": True, "message": "Message processed successfully"}
            [conversation] = (await gateway.get("/api/conversations")).json()["items"]
            url = f"/api/conversations/{conversation['id']}/send-message"
            sent = (await gateway.post(url, json={"text": "Bom dia", "to": "5511988887777"})).json()
            assert sent["success"] is True
            assert sent["message"]["text"] == "Bom dia"
            assert "serviceResponse" in sent
            # Its errors are shown by `message`.
            for reply, status_code in (
                (await gateway.post(url, json={}), 400),
                (await gateway.post("/api/conversations/none/send-message", json={"text": "a", "to": "1"}), 404),
                (await gateway.get("/api/whatsapp/status/somebody-else"), 404),
            ):
                assert reply.status_code == status_code
                assert reply.json()["message"]
            gone = await gateway.delete(f"/api/whatsapp/disconnect/{tenant}")
            assert gone.json() == {"success": True, "status": "disconnected"}
            refused = await gateway.post(url, json={"text": "a", "to": "5511988887777"})
            assert refused.json()["message"] == "No WhatsApp connection found for this conversation"


def test_the_demo_ends_by_sigterm(tmp_path: Path) -> None:
    with demo(tmp_path / "demo") as product:
        process = product.process
        process.terminate()
        assert process.wait(PATIENCE) == 0
