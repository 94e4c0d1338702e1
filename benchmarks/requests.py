"""Requests as they go over the wire, made before the clock starts."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence

import msgspec

from .databases import TENANT

PHONE, PHONE_ID = "551130000000", "106540352242922"


def webhook(key: str, number: int, contacts: int, tenants: int = 1) -> bytes:
    """Return the webhook of a text message; each number is a message of its own, of one of so many contacts."""
    body = msgspec.json.encode(
        {
            "tenantId": tenant(number % tenants),
            "from": f"5511{900000000 + number % contacts}",
            "message": f"Olá, quero saber do pedido {number}, por favor",
            "messageId": f"3EB0{number:016X}",
            "timestamp": int(time.time()),
        }
    )
    return post("/api/webhooks/whatsapp", body, f"x-api-key: {key}")


def tenant(number: int) -> str:
    """Return the id of a tenant, and of its session."""
    return f"{TENANT}{number}" if number else TENANT


def cloud_webhook(secret: str, number: int, contacts: int) -> bytes:
    """Return the same message as the Cloud API posts it, signed."""
    phone = f"5511{900000000 + number % contacts}"
    # In the order and the fields of Meta's own example, with the user id that newer ones have.
    message = {
        "from": phone,
        "id": f"wamid.HBgNNTUxMTk{number:024d}",
        "timestamp": str(int(time.time())),
        "text": {"body": f"Olá, quero saber do pedido {number}, por favor"},
        "type": "text",
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": PHONE, "phone_number_id": PHONE_ID},
        "contacts": [{"profile": {"name": "Ana Souza"}, "wa_id": phone, "user_id": f"BR.{number % contacts:015d}"}],
        "messages": [message],
    }
    entry = {"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}
    body = msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return post(f"/api/webhooks/cloud_api/{TENANT}", body, f"x-hub-signature-256: sha256={signature}")


def sends(token: str, conversation_ids: Sequence[str], count: int) -> list[bytes]:
    """Return sends over the API, spread over conversations."""
    return [
        post(
            f"/api/conversations/{conversation_ids[number % len(conversation_ids)]}/send-message",
            msgspec.json.encode({"text": f"Seu pedido {number} saiu para entrega"}),
            f"authorization: Bearer {token}",
        )
        for number in range(count)
    ]


def get(path: str, *headers: str) -> bytes:
    """Return a GET."""
    return "\r\n".join((f"GET {path} HTTP/1.1", "host: localhost", *headers, "", "")).encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return a POST with a JSON body."""
    lines = (f"POST {path} HTTP/1.1", "host: localhost", "content-type: application/json", *headers)
    return "\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode() + body
