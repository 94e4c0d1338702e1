"""Calls of a flow's services: by the guarded client, in the time that the step gives, with answers kept small."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from fivapp_whatsapp import GatewayError, PluginLog

from .memory import Call, Replied

MAX_ANSWER = 65_536
_JSON = {"Content-Type": "application/json"}


async def call_service(http: httpx.AsyncClient, call: Call, key: str, log: PluginLog) -> Replied:
    """Call a service, and say what came of it: anything but a 2xx that can be read is a failure.

    `key` goes along as Idempotency-Key: after a crash the same call may come again.
    """
    # Not by httpx: TOML has dates and times, which JSON writes as texts.
    body = None if call.json is None or call.method in ("GET", "DELETE") else msgspec.json.encode(call.json)
    try:
        response = await http.request(
            call.method,
            call.url,
            headers={"Idempotency-Key": key, **(_JSON if body else {}), **call.headers},
            content=body,
            timeout=call.timeout,
            extensions={"max_body": MAX_ANSWER},
        )
        if response.is_success:
            return Replied(ok=True, data=_read(response))
        log.warning("service_refused", step=call.step, status=response.status_code)
    except (httpx.HTTPError, httpx.InvalidURL, GatewayError, TimeoutError, ValueError, RecursionError) as exc:
        # The name of the error alone: its text may hold an answer of the contact.
        log.warning("service_failed", step=call.step, error=type(exc).__name__)
    return Replied(ok=False)


def _read(response: httpx.Response) -> Any:
    """Return the JSON of a response; a body of another kind has nothing for texts. Raises ValueError."""
    if not response.content or "json" not in response.headers.get("content-type", ""):
        return None
    return _clean(msgspec.json.decode(response.content))


def _clean(data: Any) -> Any:
    """Return a JSON value without what a database cannot keep."""
    if isinstance(data, str):
        return data.replace("\0", "\ufffd")
    if isinstance(data, dict):
        return {_clean(name): _clean(value) for name, value in data.items()}
    return [_clean(value) for value in data] if isinstance(data, list) else data
