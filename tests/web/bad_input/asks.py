"""Requests, the refusals that they must get, and why some cannot be made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from urllib.parse import unquote

import httpx

from tests.web.tools import KEY, bearer, make_token, raw

from .words import OBJECTS, Field, Needs, Parts, Row

JSON = {"content-type": "application/json"}
BODY_LIMIT = 40_000
PLACEHOLDER = re.compile(r"\{(\w+)(?::\w+)?\}")


class Excuse(Enum):
    """Why a mistake cannot be made on a route; a test asks the application whether it is true."""

    NO_BODY = "the route takes no body"
    OPTIONAL_BODY = "the body may be absent"
    NO_REQUIRED_FIELD = "no field is required, or may not be empty"
    NO_TEXT = "no field is a text"
    RAW_BODY = "a webhook that proves its key is kept, whatever it is"
    NO_QUERY = "the route reads no query"
    NO_HEADER = "the route reads no header of its own"
    NO_ID = "neither path nor body name an object of a tenant"
    NOBODY = "anybody may come, or a key decides"
    ANY_ROLE = "agents may do it too"
    NO_KEY = "no webhook"
    A_SOCKET = "the route takes WebSockets"
    NOTHING_THERE = "no method is another: there is nothing"
    NOTHING_MORE = "nothing that is well formed is refused"


@dataclass(frozen=True)
class Ask:
    """A request; `path` is percent-encoded; a body of several chunks is sent without its length."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Case:
    """A request and the refusal that it must get."""

    name: str
    ask: Ask
    status: int
    code: str
    allow: str | None = None


World = Mapping[str, str]
Made = Excuse | list[Case]


def good(row: Row, world: World, /, *, body: Any = ..., query: str = "", id: str = "") -> Ask:
    """Return the request that the route takes, with another body, query or id where one is given."""
    path = PLACEHOLDER.sub(lambda found: id or _own(row, found[1], world), row.template)
    method = {"SOCKET": "GET", "ASGI": "POST"}.get(row.method, row.method)
    if row.method == "SOCKET":
        method = "SOCKET"
    ask = Ask(method, path, query, credentials(row))
    if row.body is None:
        return ask
    content = good_body(row.body, world) if body is ... else _filled(body, world)
    return with_body(ask, content if isinstance(content, bytes) else encoded(content))


def encoded(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def with_body(ask: Ask, body: bytes, headers: Mapping[str, str] = JSON) -> Ask:
    """Return the request with a body."""
    length = {"content-length": str(len(body))}
    return replace(ask, headers={**ask.headers, **length, **headers}, chunks=(body,))


def credentials(row: Row) -> dict[str, str]:
    """Return what lets one in."""
    if row.needs is Needs.NOBODY:
        return {}
    if row.needs is Needs.KEY:
        return {} if "{key}" in row.template else {"x-api-key": KEY}
    return bearer(make_token(role="admin"))


def good_body(fields: Mapping[str, Field], world: World) -> dict[str, Any]:
    """Return a body with every field."""
    return {
        name: good_body(one.fields, world) if isinstance(one, Parts) else _filled(one.good, world)
        for name, one in fields.items()
    }


def _own(row: Row, placeholder: str, world: World) -> str:
    if placeholder in ("key", "connector"):
        return {"key": KEY, "connector": "connection_service"}[placeholder]
    return world.get(row.own or OBJECTS[placeholder], "page")


def _filled(value: Any, world: World) -> Any:
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda found: world[found[1]], value)
    if isinstance(value, Mapping):
        return {name: _filled(one, world) for name, one in value.items()}
    return value


async def perform(app: Any, ask: Ask) -> httpx.Response:
    """Make a request as a server would hand it over."""
    path, query, headers = unquote(ask.path), ask.query.encode(), dict(ask.headers)
    if ask.method == "SOCKET":
        return await _handshake(app, path, headers, query)
    return await raw(app, ask.method, path, *ask.chunks, headers=headers, query=query)


async def _handshake(app: Any, path: str, headers: Mapping[str, str], query: bytes) -> httpx.Response:
    """Ask for a WebSocket as a server would, and return how it was refused; 101 when it was let in."""
    sent: list[Any] = []
    waiting: list[Any] = [{"type": "websocket.connect"}]

    async def receive() -> Any:
        return waiting.pop() if waiting else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        sent.append(message)

    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "websocket", "http_version": "1.1", "path": path, "raw_path": path.encode(), "headers": pairs}
    scope |= {"query_string": query, "client": ("127.0.0.1", 5), "server": ("gateway.test", 80), "subprotocols": []}
    await app({**scope, "scheme": "ws", "root_path": "", "extensions": {"websocket.http.response": {}}}, receive, send)
    if sent[0]["type"] != "websocket.http.response.start":
        return httpx.Response(101 if sent[0]["type"] == "websocket.accept" else 403, content=repr(sent).encode())
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)
