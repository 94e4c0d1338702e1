"""Sessions: the seed's connect, status and disconnect, and the list that an admin keeps.

In the seed's routes `tenantId` names a session: absent or the tenant's own id is its first.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import Router, delete, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath

from fivapp_whatsapp.errors import ConnectorError
from fivapp_whatsapp.gateway import Gateway, SessionView
from fivapp_whatsapp.models import Session, SessionStatus, User
from fivapp_whatsapp.text import clean_line
from fivapp_whatsapp.web.auth import require_admin
from fivapp_whatsapp.web.cursors import decode_cursor, encode_cursor
from fivapp_whatsapp.web.openapi import problems
from fivapp_whatsapp.web.schemas import (
    Connect,
    Disconnected,
    NewSession,
    PairingCode,
    PairingPhone,
    SessionChange,
    SessionDetail,
    SessionItem,
    SessionPage,
    SessionState,
)

from .common import CurrentUser, Cursor, Limit, TheGateway, session_id_of

_ASK_SECONDS = 1.0


def _name(text: str | None) -> str | None:
    return None if text is None else clean_line(text, 100) or None


def _state(view: SessionView, user: User) -> SessionState:
    session = view.session
    return SessionState(
        tenant_id=session.id,
        status=session.status,
        connected=session.status is SessionStatus.CONNECTED,
        # Who scans it owns the number: only admins pair.
        qr_code=view.qr_code if user.role == "admin" else None,
        phone=session.phone,
        name=session.profile_name,
        problem=session.problem,
    )


@post(
    "/api/whatsapp/connect",
    operation_id="connect",
    summary="Connect a session",
    status_code=200,
    guards=[require_admin],
    responses=problems(400, 404, 413, 415, 502, 504),
)
async def connect(
    gateway: TheGateway,
    user: CurrentUser,
    data: Annotated[
        Connect | None,
        Body(
            examples=[
                Example(summary="The tenant's first session", value={}),
                Example(summary="As the seed's page asks", value={"tenantId": "acme", "name": "Acme"}),
            ]
        ),
    ] = None,
) -> SessionState:
    """Store the wish, then ask the connection service; the QR code is in the reply or, soon, in the status.

    If the service does not answer, the session stays and the gateway goes on trying.
    """
    wish = data or Connect()
    session_id = None if wish.tenant_id is None else session_id_of(wish.tenant_id)
    return _state(await gateway.connect(user.tenant_id, session_id, _name(wish.name)), user)


@get(
    "/api/whatsapp/status/{tenant_id:str}",
    operation_id="status",
    summary="Ask for a session's status",
    responses=problems(404, 502),
)
async def status(gateway: TheGateway, user: CurrentUser, tenant_id: FromPath[str]) -> SessionState:
    """Return the status as the connection service tells it now; one's own first session always has one.

    `qrCode` is a data URL for an `<img>`, shown to admins while it can be scanned.
    """
    return _state(await gateway.status(user.tenant_id, session_id_of(tenant_id)), user)


@delete(
    "/api/whatsapp/disconnect/{tenant_id:str}",
    operation_id="disconnect",
    summary="Disconnect a session",
    status_code=200,
    guards=[require_admin],
    responses=problems(404, 502),
)
async def disconnect(gateway: TheGateway, user: CurrentUser, tenant_id: FromPath[str]) -> Disconnected:
    """Store the wish, then end the session at the connection service."""
    session = await gateway.disconnect(user.tenant_id, session_id_of(tenant_id))
    return Disconnected(success=True, status=session.status)


@get(
    "/api/sessions",
    operation_id="listSessions",
    summary="List the sessions",
    responses=problems(400),
)
async def list_sessions(
    gateway: TheGateway, user: CurrentUser, cursor: Cursor = None, limit: Limit = 50
) -> SessionPage:
    """List the tenant's sessions, newest first."""
    before = decode_cursor("sessions", cursor)
    state = await gateway.store.log_state(user.tenant_id)
    sessions = sorted(await gateway.sessions(user.tenant_id), key=lambda one: (one.created_at, one.id))
    # A position is how many older sessions there are: new ones do not move it.
    rest = sessions if before is None else sessions[:before]
    page = rest[-limit:]
    left = len(rest) - len(page)
    can = {one.connector: await _can(gateway, one) for one in {each.connector: each for each in page}.values()}
    items = [SessionItem(**msgspec.structs.asdict(one), capabilities=can[one.connector]) for one in page[::-1]]
    return SessionPage(items=items, next_cursor=encode_cursor("sessions", left) if left else None, seq=state.head)


@post(
    "/api/sessions",
    operation_id="addSession",
    summary="Add a session",
    guards=[require_admin],
    responses=problems(400, 409, 413, 415),
)
async def add_session(
    gateway: TheGateway,
    user: CurrentUser,
    data: Annotated[
        NewSession | None,
        Body(examples=[Example(summary="A further number", value={"label": "sales", "name": "Sales"})]),
    ] = None,
) -> Session:
    """Add a session, not yet connected: the tenant's first without a label, `<tenant>.<label>` with one."""
    wish = data or NewSession()
    return await gateway.add_session(user.tenant_id, wish.label, _name(wish.name))


@get(
    "/api/sessions/{session_id:str}",
    operation_id="getSession",
    summary="Read a session",
    responses=problems(404, 502),
)
async def get_session(gateway: TheGateway, user: CurrentUser, session_id: FromPath[str]) -> SessionDetail:
    """Return a session as it is now, with what its connection service can do; for admins with its QR code."""
    known = await gateway.session(user.tenant_id, session_id_of(session_id))
    view = await gateway.status(user.tenant_id, known.id)
    qr_code = view.qr_code if user.role == "admin" else None
    can = await _can(gateway, known)
    return SessionDetail(**msgspec.structs.asdict(view.session), qr_code=qr_code, capabilities=can)


async def _can(gateway: Gateway, session: Session) -> list[str] | None:
    """Return what a session's connection service can do; None for one that does not say in a moment."""
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            return sorted(await gateway.capabilities(session))
    except (ConnectorError, TimeoutError):
        return None


@patch(
    "/api/sessions/{session_id:str}",
    operation_id="changeSession",
    summary="Rename a session",
    guards=[require_admin],
    responses=problems(400, 404, 413, 415),
)
async def change_session(
    gateway: TheGateway,
    user: CurrentUser,
    session_id: FromPath[str],
    data: Annotated[SessionChange, Body(examples=[Example(summary="A name", value={"name": "Sales"})])],
) -> Session:
    """Give a session another name."""
    known = await gateway.session(user.tenant_id, session_id_of(session_id))
    return await gateway.rename_session(user.tenant_id, known.id, _name(data.name) or known.name)


@delete(
    "/api/sessions/{session_id:str}",
    operation_id="removeSession",
    summary="Remove a session",
    guards=[require_admin],
    responses=problems(404, 502),
)
async def remove_session(gateway: TheGateway, user: CurrentUser, session_id: FromPath[str]) -> None:
    """Disconnect a session and take it off the list; its conversations stay."""
    await gateway.remove_session(user.tenant_id, session_id_of(session_id))


@post(
    "/api/sessions/{session_id:str}/pairing-code",
    operation_id="requestPairingCode",
    summary="Ask for a pairing code",
    status_code=200,
    guards=[require_admin],
    responses=problems(400, 404, 413, 415, 422, 502),
)
async def request_pairing_code(
    gateway: TheGateway,
    user: CurrentUser,
    session_id: FromPath[str],
    data: Annotated[PairingPhone, Body(examples=[Example(summary="A number", value={"phone": "+55 11 98888-7777"})])],
) -> PairingCode:
    """Ask for a code to type on the phone instead of a scan, where the connection service can."""
    return PairingCode(code=await gateway.pairing_code(user.tenant_id, session_id_of(session_id), data.phone))


def session_router() -> Router:
    """Return the routes of sessions."""
    handlers = [
        connect,
        status,
        disconnect,
        list_sessions,
        add_session,
        get_session,
        change_session,
        remove_session,
        request_pairing_code,
    ]
    return Router("/", route_handlers=handlers, tags=["Sessions"])
