"""Requests as they go over the wire, made before the clock starts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from .databases import TENANT


def webhook(key: str, number: int, contacts: int) -> bytes:
    """Return the webhook of a text message; each number is a message of its own, of one of so many contacts."""
    body = msgspec.json.encode(
        {
            "tenantId": TENANT,
            "from": f"5511{900000000 + number % contacts}",
            "message": f"Olá, quero saber do pedido {number}, por favor",
            "messageId": f"3EB0{number:016X}",
            "timestamp": int(time.time()),
        }
    )
    return post("/api/webhooks/whatsapp", body, f"x-api-key: {key}")


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


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return a POST with a JSON body."""
    lines = (f"POST {path} HTTP/1.1", "host: localhost", "content-type: application/json", *headers)
    return "\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode() + body
