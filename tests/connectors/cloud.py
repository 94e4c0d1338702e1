"""Bodies as the Cloud API posts them, and their signature."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import Any

SECRET = secrets.token_hex(16)
ANA = "5511988887777"
WAMID = "wamid.HBgNNTUxMTk4ODg4Nzc3NxUCABIYFjNFQjA"
TEXT = {"from": ANA, "id": WAMID, "timestamp": "1767323045", "type": "text", "text": {"body": "Olá"}}
STATUS = {"id": WAMID, "status": "delivered", "timestamp": "1767323045", "recipient_id": ANA}


def posted(*messages: Any, statuses: Any = (), field: str = "messages", **changes: Any) -> bytes:
    """Return a body with these messages and statuses, as Meta writes it: escaped ASCII."""
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "551130000000", "phone_number_id": "112200000000"},
    }
    if messages:
        value["contacts"] = [{"profile": {"name": "Ana Souza"}, "wa_id": ANA, "user_id": "BR.134900000000"}]
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    entry = {"id": "900000000000", "changes": [{"field": field, "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry], **changes}).encode()


def signature(body: bytes, secret: str = SECRET) -> str:
    """Return the value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
