"""The routes behind the phone page, for tests and people at this machine: no key, but no foreign host or origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import Request, Response, Router, get, post, put
from litestar.connection import ASGIConnection
from litestar.exceptions import PermissionDeniedException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath

from fivapp_whatsapp.text import clean_line

from . import views, wire
from .chaos import Chaos
from .files import MAX_FILE
from .guards import is_local
from .ledger import LedgerItem
from .media import PATH
from .options import SimulatorOptions
from .refusal import Refusal, invalid
from .service_routes import Service, media_response
from .shapes import ChangeGroup, ContactWrites, SetStatus, SetWebhook, decode

_PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: http: https:; media-src 'self' http: https:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def phone_router(options: SimulatorOptions) -> Router:
    """Return the phone's routes."""

    def from_here(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        if not is_local(connection.headers, options.allowed_hosts):
            raise PermissionDeniedException("The phone answers on this machine only.")

    handlers = [page, page_file, scan, expire, log_out, drop, restore, write, set_status, chaos, set_chaos, ledger]
    handlers += [sessions, session, set_group, set_webhook, media_file, upload]
    return Router(path="/", route_handlers=handlers, guards=[from_here])


@get("/")
async def page() -> Response[bytes]:
    """Return the phone page."""
    return _file("index.html")


@get("/page/{name:str}")
async def page_file(name: FromPath[str]) -> Response[bytes]:
    """Return a file of the phone page."""
    return _file(name)


@post("/simulator/sessions/{session_id:str}/scan", status_code=200)
async def scan(request: Request[Any, Any, Any], session_id: FromPath[str], simulator: Service) -> dict[str, Any]:
    """Scan the QR code that is shown."""
    simulator.seen_at(str(request.base_url))
    return wire.session_reply(simulator.scan(session_id))


@post("/simulator/sessions/{session_id:str}/expire", status_code=200)
async def expire(session_id: FromPath[str], simulator: Service) -> dict[str, Any]:
    """Let the QR code that is shown run out."""
    return wire.session_reply(simulator.expire(session_id))


@post("/simulator/sessions/{session_id:str}/logout", status_code=200)
async def log_out(session_id: FromPath[str], simulator: Service) -> dict[str, Any]:
    """Log out on the phone."""
    return wire.session_reply(simulator.log_out(session_id))


@post("/simulator/sessions/{session_id:str}/drop", status_code=200)
async def drop(session_id: FromPath[str], simulator: Service) -> dict[str, Any]:
    """Cut the line to WhatsApp."""
    return wire.session_reply(simulator.drop(session_id))


@post("/simulator/sessions/{session_id:str}/restore", status_code=200)
async def restore(session_id: FromPath[str], simulator: Service) -> dict[str, Any]:
    """Mend the line to WhatsApp."""
    return wire.session_reply(simulator.restore(session_id))


@post("/simulator/sessions/{session_id:str}/messages", status_code=200)
async def write(request: Request[Any, Any, Any], session_id: FromPath[str], simulator: Service) -> dict[str, Any]:
    """Let a contact write."""
    written = decode(await request.body(), ContactWrites)
    simulator.seen_at(str(request.base_url))
    return {"messageId": simulator.contact_writes(session_id, written).id}


@post("/simulator/sessions/{session_id:str}/groups/{group_id:str}", status_code=200)
async def set_group(
    request: Request[Any, Any, Any], session_id: FromPath[str], group_id: FromPath[str], simulator: Service
) -> dict[str, Any]:
    """Change a group's subject and participants; one that is not there is made."""
    return wire.group_reply(simulator.change_group(session_id, group_id, decode(await request.body(), ChangeGroup)))


@post("/simulator/sessions/{session_id:str}/messages/{message_id:str}/status", status_code=200)
async def set_status(
    request: Request[Any, Any, Any], session_id: FromPath[str], message_id: FromPath[str], simulator: Service
) -> dict[str, Any]:
    """Post an ack of a sent message."""
    status = decode(await request.body(), SetStatus).status
    simulator.set_status(session_id, message_id, status)
    return {"success": True, "messageId": message_id, "status": status}


@get("/simulator/chaos")
async def chaos(simulator: Service) -> Chaos:
    """Return what goes wrong on purpose."""
    return simulator.dice.chaos


@put("/simulator/chaos")
async def set_chaos(request: Request[Any, Any, Any], simulator: Service) -> Chaos:
    """Replace what goes wrong on purpose; what is not named goes right."""
    simulator.dice.set(decode(await request.body(), Chaos))
    return simulator.dice.chaos


@get("/simulator/ledger")
async def ledger(request: Request[Any, Any, Any], simulator: Service) -> dict[str, list[LedgerItem]]:
    """List every arrival of a message at a phone, oldest first; `?sessionId=` of one session only."""
    return {"items": simulator.ledger.items(request.query_params.get("sessionId"))}


@get("/simulator/sessions")
async def sessions(simulator: Service) -> dict[str, Any]:
    """List the sessions, for the page."""
    return views.sessions_view(simulator)


@get("/simulator/sessions/{session_id:str}")
async def session(request: Request[Any, Any, Any], session_id: FromPath[str], simulator: Service) -> dict[str, Any]:
    """Return one session with its chats; only `version` and `qr` when `?version=` is still right."""
    view = views.session_view(simulator, simulator.sessions.get(session_id))
    if request.query_params.get("version") == view["version"]:
        return {"version": view["version"], "qr": view["qr"]}
    return view


@put("/simulator/webhook")
async def set_webhook(request: Request[Any, Any, Any], simulator: Service) -> dict[str, Any]:
    """Set where webhooks go, and unless it is absent the key that they carry."""
    body = decode(await request.body(), SetWebhook)
    if body.url is not None and not body.url.startswith(("http://", "https://")):
        raise invalid("`url` must be an http or https URL.")
    simulator.courier.set_target(body.url, body.key)
    return {"url": simulator.courier.url}


@get("/simulator/media/{media_id:str}")
async def media_file(media_id: FromPath[str], simulator: Service) -> Response[bytes]:
    """Return a file of a message, for the page."""
    return media_response(simulator, media_id)


@post("/simulator/media", status_code=201, request_max_body_size=MAX_FILE)
async def upload(request: Request[Any, Any, Any], simulator: Service) -> dict[str, Any]:
    """Keep the body as a file of the type that its header says, under the name in `?filename=`; returns its URL."""
    content = await request.body()
    if not content:
        raise invalid("The file is empty.")
    simulator.seen_at(str(request.base_url))
    filename = clean_line(request.query_params.get("filename", ""), 200) or None
    kept = simulator.files.add(content, request.headers.get("content-type"), filename)
    return {"url": f"{simulator.base_url}{PATH}{kept.id}", "mimetype": kept.file.mime_type, "size": len(content)}


def _file(name: str) -> Response[bytes]:
    # Only names that the folder lists are opened: no path from outside is ever joined.
    found = next((path for path in _PAGE.iterdir() if path.name == name and path.suffix in _TYPES), None)
    if found is None:
        raise Refusal(404, "Not Found")
    return Response(found.read_bytes(), media_type=_TYPES[found.suffix], headers=_HEADERS)
