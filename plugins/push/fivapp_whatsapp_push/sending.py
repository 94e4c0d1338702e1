"""One notification to one device: encrypted (RFC 8291), signed, posted; and what the push service made of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

import http_ece
import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from fivapp_whatsapp import GatewayError

from .devices import Device
from .encoding import to_bytes
from .vapid import Vapid

_SECONDS = 5.0
_MAX_ANSWER = 65_536
_LONGEST_WAIT = timedelta(hours=24)
Outcome = Literal["delivered", "gone", "refused", "later", "failed"]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a notification. `gone`: the subscription is dead. `later`: try again, not before `wait`."""

    outcome: Outcome
    status: int | None = None
    wait: timedelta | None = None
    error: str | None = None


async def push(
    http: httpx.AsyncClient,
    vapid: Vapid,
    device: Device,
    data: bytes,
    *,
    ttl: int,
    topic: str,
    now: datetime,
    urgency: Literal["normal", "high"] = "high",
) -> Sent:
    """Send a notification. Raises nothing of the network: whatever went wrong is told in the answer."""
    try:
        response = await http.post(
            device.endpoint,
            content=_encrypt(device, data),
            headers={
                "Authorization": vapid.authorization(device.endpoint),
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(ttl),
                "Topic": topic,
                "Urgency": urgency,
            },
            timeout=_SECONDS,
            extensions={"max_body": _MAX_ANSWER},
        )
    except GatewayError as exc:  # the guard: this address leads inside
        return Sent(outcome="refused", error=exc.code)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as exc:
        return Sent(outcome="later", error=type(exc).__name__)
    return _judge(response, device, vapid, now)


def _judge(response: httpx.Response, device: Device, vapid: Vapid, now: datetime) -> Sent:
    status = response.status_code
    if response.is_success:
        return Sent(outcome="delivered", status=status)
    if status in (404, 410):
        return Sent(outcome="gone", status=status)
    if status in (401, 403) and device.key != vapid.public_key:  # it trusts a key that we no longer have
        return Sent(outcome="gone", status=status)
    if status == 429 or status >= 500:
        return Sent(outcome="later", status=status, wait=_retry_after(response, now))
    return Sent(outcome="failed", status=status)


def _encrypt(device: Device, data: bytes) -> bytes:
    # A key and a salt of its own for each notification, as RFC 8291 asks.
    encrypted: bytes = http_ece.encrypt(
        data,
        salt=os.urandom(16),
        private_key=generate_private_key(SECP256R1()),
        dh=to_bytes(device.p256dh),
        auth_secret=to_bytes(device.auth),
        version="aes128gcm",
    )
    return encrypted


def _retry_after(response: httpx.Response, now: datetime) -> timedelta | None:
    """Return the wait that a Retry-After names, in seconds or as a date; None when it names none."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        wait = timedelta(seconds=min(int(text[:9]), 86_400))
    else:
        try:
            at = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta()), _LONGEST_WAIT)
