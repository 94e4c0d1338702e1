"""The bundled chatbot in the demo: a contact fills in a form on the simulated phone, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from .product import Product, demo, later

pytestmark = pytest.mark.anyio
ANA = "5511988887777"
FLOW = """
name = "Pedidos"
[[triggers]]
words = ["pedido"]

[steps.what]
kind = "menu"
text = "Olá, {contact.first_name}! O que deseja?"
options = [{ id = "order", title = "Fazer um pedido" }, { id = "person", title = "Falar com alguém", to = "person" }]

[steps.cpf]
kind = "ask"
type = "cpf"
text = "Qual o seu CPF?"

[steps.day]
kind = "ask"
type = "date"
text = "Para que dia?"

[steps.send]
kind = "http"
url = "URL/orders/{cpf}"
json = { day = "{day}", who = "{contact.name}" }
save = "order"
on_error = "person"

[steps.done]
kind = "end"
text = "Pedido {order.number} para {day}, CPF {cpf}."

[steps.person]
kind = "hand_over"
text = "Já chamo alguém."
reason = "Pediu uma pessoa"
"""


class Shop:
    """The tenant's own service."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                shop.requests.append((self.path, body))
                answer = b'{"number": 42}'
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


class Phone:
    """The contact's phone: what they write, and what arrived there."""

    def __init__(self, product: Product, http: httpx.AsyncClient) -> None:
        self._url = f"/simulator/sessions/{product.ready.tenant_id}"
        self._http = http
        self._seen = 0

    async def scan(self) -> None:
        (await self._http.post(f"{self._url}/scan")).raise_for_status()

    async def says(self, text: str, **fields: Any) -> dict[str, Any]:
        """Write, and return the next message that arrives."""
        body = {"from": ANA, "name": "Ana Lima", "text": text, **fields}
        (await self._http.post(f"{self._url}/messages", json=body)).raise_for_status()
        return await later(self._next)

    async def _next(self) -> dict[str, Any] | None:
        items = (await self._http.get("/simulator/ledger")).json()["items"]
        if len(items) <= self._seen:
            return None
        self._seen += 1
        found: dict[str, Any] = items[self._seen - 1]
        return found


async def test_a_contact_fills_in_a_form_on_the_phone(tmp_path: Path, shop: Shop) -> None:
    with demo(tmp_path / "demo", environment={"FIVAPP_HTTP_ALLOW": shop.address}) as product:
        async with product.client() as gateway, product.simulator() as simulator:
            phone = Phone(product, simulator)
            await _configure(gateway, FLOW.replace("URL", f"http://{shop.address}"))
            (await gateway.post("/api/whatsapp/connect", json={})).raise_for_status()
            await phone.scan()
            assert (await phone.says("Quero fazer um pedido"))["text"].startswith("Olá, Ana! O que deseja?")
            assert (await phone.says("1"))["text"] == "Qual o seu CPF?"
            assert (await phone.says("111.111.111-11"))["text"].startswith("Esse CPF não é válido.")
            assert (await phone.says("529.982.247-25"))["text"] == "Para que dia?"
            assert (await phone.says("25/12/2026"))["text"] == "Pedido 42 para 25/12/2026, CPF 529.982.247-25."
            assert shop.requests == [("/orders/52998224725", {"day": "2026-12-25", "who": "Ana Lima"})]
            await phone.says("outro pedido")
            assert (await phone.says("Falar com alguém", choiceId="what:person"))["text"] == "Já chamo alguém."
            await _is_a_persons(gateway)


async def _configure(gateway: httpx.AsyncClient, flow: str) -> None:
    broken = await gateway.put("/api/plugins/chatbot", json={"config": {"flow": flow.replace('"person" }', '"x" }')}})
    assert broken.status_code in (400, 422)
    assert "there is no step 'x'" in broken.json()["detail"]
    done = await gateway.put("/api/plugins/chatbot", json={"config": {"flow": flow}})
    assert done.status_code == 200, done.text
    tried = await gateway.post("/api/chatbot/preview", json={"flow": flow, "text": "pedido"})
    assert tried.status_code == 200, tried.text
    assert [choice["id"] for choice in tried.json()["outputs"][0]["choices"]] == ["what:order", "what:person"]
    memory = tried.json()["memory"]
    again = await gateway.post("/api/chatbot/preview", json={"flow": flow, "memory": memory, "choice": "what:person"})
    assert again.json()["events"] == [{"kind": "hand_over", "detail": "Pediu uma pessoa"}]
    first = (await gateway.post("/api/automations/try", json={"text": "pedido", "plugin": "chatbot"})).json()
    assert [answer["text"] for answer in first["answers"]] == ["Olá, Ana! O que deseja?"], first
    body = {"text": "1", "plugin": "chatbot", "memory": first["memory"]}
    second = (await gateway.post("/api/automations/try", json=body)).json()
    assert [answer["text"] for answer in second["answers"]] == ["Qual o seu CPF?"], second
    async with httpx.AsyncClient(verify=False) as stranger:
        refused = await stranger.post(f"{gateway.base_url}/api/chatbot/preview", json={})
    assert refused.status_code == 401


async def _is_a_persons(gateway: httpx.AsyncClient) -> None:
    async def lines() -> list[str] | None:
        [conversation] = (await gateway.get("/api/conversations")).json()["items"]
        page = (await gateway.get(f"/api/conversations/{conversation['id']}/messages")).json()
        found = [message["text"] for message in page["items"] if message["kind"] == "system"]
        return found if found and conversation["answeredBy"] == "human" else None

    assert any("Pediu uma pessoa" in line for line in await later(lines))
