"""The routes that a gateway calls, all with `X-API-KEY`, and what chaos does to their answers."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import quote

from litestar import Request, Response, Router, delete, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath

from . import wire
from .guards import key_is_right
from .options import Extension, SimulatorOptions
from .phones import address_of
from .refusal import Refusal, invalid
from .service import Simulator
from .sessions import Session
from .shapes import SendMessage, StartSession, Typing, decode

Service = NamedDependency[Simulator]
_SHOWN = re.compile(r"image/(?:png|jpeg|gif|webp)|(?:audio|video)/.+|application/pdf")
GARBAGE = b'{"success":tru\xff<html><h1>502 Bad Gatew'


def service_router(options: SimulatorOptions) -> Router:
    """Return the service's routes; those of extensions that are off answer 404."""

    def needs_key(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        if not key_is_right(connection.headers, options.api_key):
            raise NotAuthorizedException("The X-API-KEY is missing or wrong.")

    return Router(
        path="/",
        route_handlers=[start, status, stop, send, capabilities, lookup, download, typing, groups, group],
        guards=[needs_key],
        before_request=_before,
    )


async def _before(request: Request[Any, Any, Any]) -> Response[Any] | None:
    simulator = _simulator(request)
    simulator.seen_at(str(request.base_url), by_gateway=True)
    dice = simulator.dice
    if dice.chaos.latency_ms:
        await asyncio.sleep(dice.chaos.latency_ms / 1000)
    if dice.roll("error"):
        return Response({"error": "Something broke on purpose."}, status_code=500)
    return None


def _simulator(request: Request[Any, Any, Any]) -> Simulator:
    simulator: Simulator = request.app.state.simulator
    return simulator


def _answer(simulator: Simulator, body: dict[str, Any]) -> Response[Any]:
    """Answer a call that took effect, or with garbage when the dice say so."""
    if simulator.dice.roll("garbage"):
        return Response(GARBAGE, media_type="application/json", status_code=200)
    return Response(body, status_code=200)


def _session(request: Request[Any, Any, Any], simulator: Simulator) -> Session:
    session_id = request.query_params.get("tenantId")
    if not session_id:
        raise invalid("`tenantId` is required.")
    return simulator.sessions.get(session_id)


def _needs(simulator: Simulator, *extensions: Extension) -> None:
    if not any(simulator.options.has(extension) for extension in extensions):
        raise Refusal(404, "Not Found")


@post("/sessions/start")
async def start(request: Request[Any, Any, Any], simulator: Service) -> Response[Any]:
    """Start a session: shows a QR code, unless it is paired."""
    body = decode(await request.body(), StartSession)
    return _answer(simulator, wire.session_reply(simulator.start(body.tenant_id, body.name)))


@get("/sessions/{session_id:str}/status")
async def status(session_id: FromPath[str], simulator: Service) -> Response[Any]:
    """Tell a session's status."""
    return _answer(simulator, wire.session_reply(simulator.sessions.get(session_id)))


@delete("/sessions/{session_id:str}", status_code=200)
async def stop(session_id: FromPath[str], simulator: Service) -> Response[Any]:
    """End a session."""
    simulator.stop(session_id)
    return _answer(simulator, {"success": True, "status": "disconnected"})


@post("/message/send")
async def send(request: Request[Any, Any, Any], simulator: Service) -> Response[Any]:
    """Send a message; an ambiguous one reaches the phone, and its answer comes too late or never."""
    body = decode(await request.body(), SendMessage)
    if simulator.dice.roll("refuse"):
        raise invalid("This message is refused on purpose.", "MESSAGE_REJECTED")
    await simulator.fetch_file(body)
    message = simulator.send(body)
    if simulator.dice.roll("ambiguous"):
        await _until_gone(request, simulator.options.ambiguous_seconds)
        return Response({"error": "The answer took too long, on purpose."}, status_code=504)
    return _answer(simulator, wire.send_reply(message))


@get("/capabilities")
async def capabilities(simulator: Service) -> Response[Any]:
    """List what this service can do beyond the plain one."""
    if not simulator.options.active_extensions:
        raise Refusal(404, "Not Found")
    return _answer(simulator, {"capabilities": simulator.options.capabilities})


@get("/messages/{client_message_id:str}")
async def lookup(
    request: Request[Any, Any, Any], client_message_id: FromPath[str], simulator: Service
) -> Response[Any]:
    """Tell what became of a send; `?tenantId=` looks in one session only."""
    _needs(simulator, "lookup")
    found = simulator.sent_as(client_message_id, request.query_params.get("tenantId"))
    return _answer(simulator, wire.lookup_reply(*found))


@get("/media/{media_id:str}")
async def download(media_id: FromPath[str], simulator: Service) -> Response[bytes]:
    """Return a file of a message."""
    _needs(simulator, "media")
    return media_response(simulator, media_id)


@post("/typing")
async def typing(request: Request[Any, Any, Any], simulator: Service) -> Response[Any]:
    """Show in a chat that an answer is being typed."""
    _needs(simulator, "typing")
    body = decode(await request.body(), Typing)
    simulator.typing(body.tenant_id, body.to, body.typing)
    return _answer(simulator, {"success": True})


@get("/groups")
async def groups(request: Request[Any, Any, Any], simulator: Service) -> Response[Any]:
    """List the groups of a session, `?tenantId=`."""
    _needs(simulator, "groups")
    return _answer(simulator, wire.groups_reply(_session(request, simulator)))


@get("/groups/{group_id:str}")
async def group(request: Request[Any, Any, Any], group_id: FromPath[str], simulator: Service) -> Response[Any]:
    """Return one group of a session, `?tenantId=`."""
    _needs(simulator, "groups")
    found = _session(request, simulator).phone.group(address_of(group_id, group=True))
    if found is None:
        raise Refusal(404, "This session is in no such group.", "NO_GROUP")
    return _answer(simulator, wire.group_reply(found))


def media_response(simulator: Simulator, media_id: str) -> Response[bytes]:
    """Return one of our files. Raises Refusal 404."""
    file = simulator.files.find(media_id)
    if file is None:
        raise Refusal(404, "There is no such file.")
    # What a browser could run is only ever saved: files come from whoever sent them.
    shown = "inline" if _SHOWN.fullmatch(file.mime_type) else "attachment"
    headers = {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(file.filename, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file.content, media_type=file.mime_type, headers=headers)


async def _until_gone(request: Request[Any, Any, Any], seconds: float) -> None:
    """Wait until the caller hangs up, at most so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                continue
    except TimeoutError:
        return
