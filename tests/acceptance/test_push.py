"""The bundled plugin push in the demo: a browser subscribes, and a push service with a certificate gets what it reads.

The push service is ours, on this machine, over https; the browser decrypts by RFC 8291, without our code.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import json
import os
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from .product import Product, demo, later

pytestmark = pytest.mark.anyio
ANA = "5511988887777"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """A browser's subscription: its keys never leave it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._private = generate_private_key(SECP256R1())
        self._secret = os.urandom(16)
        self._public = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def subscription(self) -> dict[str, Any]:
        return {"endpoint": self.endpoint, "keys": {"p256dh": _text(self._public), "auth": _text(self._secret)}}

    def reads(self, body: bytes) -> dict[str, Any]:
        salt, length = body[:16], body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        shared = self._private.exchange(ECDH(), EllipticCurvePublicKey.from_encoded_point(SECP256R1(), sender))
        ikm = HKDF(SHA256(), 32, self._secret, b"WebPush: info\0" + self._public + sender).derive(shared)
        key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(ikm)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(ikm)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain[-1] == 2
        found: dict[str, Any] = json.loads(plain[:-1])
        return found


class PushService:
    """A push service at https://localhost, with a certificate that `certificate` vouches for."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "ca.pem"
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 201
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.requests.append((self.path, headers, body))
                self.send_response(service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(self.certificate))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"localhost:{self._server.server_port}"
        self.url = f"https://{self.address}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _certificate(path: Path) -> Path:
    """Make a certificate of localhost, valid for a day; returns the file that has its key too."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    public = certificate.public_bytes(Encoding.PEM)
    path.write_bytes(public)
    both = path.with_name("server.pem")
    both.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + public)
    return both


@pytest.fixture
def push_service(tmp_path: Path) -> Iterator[PushService]:
    service = PushService(tmp_path)
    yield service
    service.close()


async def test_an_agents_browser_is_told_of_a_message_and_reads_it(tmp_path: Path, push_service: PushService) -> None:
    environment = {
        "SSL_CERT_FILE": str(push_service.certificate),
        "FIVAPP_HTTP_ALLOW": push_service.address,
        "FIVAPP_PUSH_HOSTS": push_service.address,
        "FIVAPP_PUSH_CONTACT": "mailto:ops@example.com",
    }
    with demo(tmp_path / "demo", environment=environment) as product:
        async with product.client() as gateway, product.simulator() as phone:
            browser = Browser(f"{push_service.url}/wpush/one")
            key = (await gateway.get("/api/push/key")).json()["publicKey"]
            device = await _subscribe(gateway, browser)
            await _refuse_hostile_endpoints(gateway, browser)
            await _try(gateway, device, browser, push_service, key)
            await _hear_of_a_message(product, gateway, phone, browser, push_service)
            await _not_while_watching(product, phone, push_service)
            await _not_when_off(product, gateway, phone, device, push_service)
            await _a_dead_subscription_goes(gateway, device, push_service)


async def _subscribe(gateway: httpx.AsyncClient, browser: Browser) -> str:
    async with httpx.AsyncClient(verify=False) as stranger:
        assert (await stranger.get(f"{gateway.base_url}/api/push/key")).status_code == 401
    reply = await gateway.post("/api/push/subscriptions", json={**browser.subscription, "name": "Notebook"})
    assert reply.status_code == 201, reply.text
    again = await gateway.post("/api/push/subscriptions", json=browser.subscription)
    assert again.json() == reply.json()
    [device] = (await gateway.get("/api/push/subscriptions")).json()["items"]
    assert device == reply.json()
    assert (device["name"], device["on"], device["service"], device["stale"]) == ("Notebook", True, "localhost", False)
    assert browser.endpoint not in reply.text
    return str(device["id"])


async def _refuse_hostile_endpoints(gateway: httpx.AsyncClient, browser: Browser) -> None:
    for endpoint in (
        "http://localhost/x",
        "https://localhost/x",
        "https://169.254.169.254/latest/meta-data",
        "https://fcm.googleapis.com.evil.example/x",
        "https://fcm.googleapis.com@evil.example/x",
        "file:///etc/passwd",
    ):
        reply = await gateway.post("/api/push/subscriptions", json={**browser.subscription, "endpoint": endpoint})
        assert (reply.status_code, reply.json()["code"]) == (400, "endpoint_refused"), endpoint
        assert endpoint not in reply.text
    keys = {"p256dh": _text(os.urandom(65)), "auth": _text(os.urandom(16))}
    reply = await gateway.post("/api/push/subscriptions", json={"endpoint": browser.endpoint, "keys": keys})
    assert (reply.status_code, reply.json()["code"]) == (400, "endpoint_refused")
    assert (await gateway.patch("/api/push/subscriptions/" + "0" * 40, json={"on": False})).status_code == 404
    assert (await gateway.delete("/api/push/subscriptions/x")).json()["code"] == "device_not_found"


async def _try(
    gateway: httpx.AsyncClient, device: str, browser: Browser, push_service: PushService, public_key: str
) -> None:
    tried = await gateway.post(f"/api/push/subscriptions/{device}/test")
    assert (tried.status_code, tried.json()) == (200, {"outcome": "delivered", "status": 201})
    [(path, headers, body)] = push_service.requests
    assert path == "/wpush/one"
    assert browser.reads(body)["title"] == "Notificações ligadas"
    token, key = (part.strip().split("=", 1)[1] for part in headers["authorization"].removeprefix("vapid ").split(","))
    assert key == public_key
    verifier = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), _bytes(key))
    claims = jwt.decode(token, verifier, algorithms=["ES256"], audience=push_service.url)
    assert claims["sub"] == "mailto:ops@example.com"
    assert (headers["content-encoding"], headers["urgency"]) == ("aes128gcm", "high")


async def _hear_of_a_message(
    product: Product, gateway: httpx.AsyncClient, phone: httpx.AsyncClient, browser: Browser, service: PushService
) -> None:
    (await gateway.post("/api/whatsapp/connect", json={})).raise_for_status()
    (await phone.post(f"/simulator/sessions/{product.ready.tenant_id}/scan")).raise_for_status()
    config = {"config": {"botSeconds": 1}}
    assert (await gateway.put("/api/plugins/push", json=config)).status_code == 200
    await _write(product, phone, "Meu CPF é 529.982.247-25")
    _, headers, body = await later(lambda: _request(service, 1))
    heard = browser.reads(body)
    [conversation] = (await gateway.get("/api/conversations")).json()["items"]
    assert (heard["title"], heard["body"]) == ("Ana", "Um cliente escreveu.")
    assert heard["conversationId"] == heard["tag"] == conversation["id"]
    assert heard["url"].startswith(f"/conversations/{conversation['id']}?message=")
    assert len(headers["topic"]) == 32
    patched = await gateway.patch(f"/api/conversations/{conversation['id']}", json={"answeredBy": "human"})
    patched.raise_for_status()


async def _not_while_watching(product: Product, phone: httpx.AsyncClient, service: PushService) -> None:
    async with product.socket() as socket:
        await socket.send(json.dumps({"type": "presence", "visible": True}))
        await asyncio.sleep(2)  # what a page shows is known within a second
        before = len(service.requests)
        await _write(product, phone, "alguém?")
        await asyncio.sleep(2)
        assert len(service.requests) == before


async def _not_when_off(
    product: Product, gateway: httpx.AsyncClient, phone: httpx.AsyncClient, device: str, service: PushService
) -> None:
    url = f"/api/push/subscriptions/{device}"
    quiet = {"from": "00:00", "to": "23:59", "timeZone": "UTC"}
    off = (await gateway.patch(url, json={"on": False, "quietHours": quiet})).json()
    assert (off["on"], off["quietHours"]) == (False, quiet)
    assert (await gateway.patch(url, json={"quietHours": {**quiet, "timeZone": "Mars"}})).status_code == 400
    await asyncio.sleep(2)
    before = len(service.requests)
    await _write(product, phone, "oi?")
    await asyncio.sleep(2)
    assert len(service.requests) == before
    on = (await gateway.patch(url, json={"on": True, "quietHours": None})).json()
    assert (on["on"], on["quietHours"]) == (True, None)
    await _write(product, phone, "olá?")
    await later(lambda: _request(service, before))


async def _a_dead_subscription_goes(gateway: httpx.AsyncClient, device: str, service: PushService) -> None:
    service.status = 410
    tried = (await gateway.post(f"/api/push/subscriptions/{device}/test")).json()
    assert tried == {"outcome": "gone", "status": 410}
    assert (await gateway.get("/api/push/subscriptions")).json() == {"items": []}


async def _request(service: PushService, number: int) -> tuple[str, dict[str, str], bytes] | None:
    return service.requests[number] if len(service.requests) > number else None


async def _write(product: Product, phone: httpx.AsyncClient, text: str) -> None:
    url = f"/simulator/sessions/{product.ready.tenant_id}/messages"
    (await phone.post(url, json={"from": ANA, "name": "Ana", "text": text})).raise_for_status()
