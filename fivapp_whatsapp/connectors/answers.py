"""What a connection service answers to our calls, read by every name that such services use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fivapp_whatsapp.models import SendResult, SessionStatus, SessionUpdate

from . import wire
from .qr import find_qr
from .words import session_status

STATUS = ("status", "state")
REASON = ("reason", "lastError", "last_disconnect_reason")

# A QR code that outlives its pairing is a key to the account, and is shown nowhere.
_SHOWS_QR = frozenset({SessionStatus.QR_READY, SessionStatus.CONNECTING})
# Steps on the way to a connection: a flag that says "connected" is news to them, and no contradiction.
_ON_THE_WAY = frozenset({SessionStatus.CONNECTING, SessionStatus.RECONNECTING, SessionStatus.UNKNOWN})


def session_update(document: dict[str, Any], session_id: str) -> SessionUpdate:
    """Read a session's status: its word, the flag `connected`, QR, phone and name.

    A word that we do not know is kept in `reason`; with a QR it means connecting, else unknown.
    """
    word = _word(document)
    qr = find_qr(document)
    status = _status(word, wire.flag(wire.pick(document, wire.CONNECTED)), has_qr=qr is not None)
    reason = wire.line(wire.pick(document, REASON))
    if word and session_status(word) is None:
        reason = reason or f"status {word}"
    return SessionUpdate(
        session_id=session_id,
        status=status,
        qr_code=qr if status in _SHOWS_QR else None,
        phone=wire.phone(wire.pick(document, wire.PHONE)),
        profile_name=wire.line(wire.pick(document, wire.NAME)),
        reason=reason,
        until=wire.until_of(document, datetime.now(UTC)) if status is SessionStatus.RESTRICTED else None,
    )


def tells_status(document: dict[str, Any]) -> bool:
    """Tell whether anything in an answer says how a session is."""
    connected = wire.flag(wire.pick(document, wire.CONNECTED))
    return _word(document) is not None or connected is not None or find_qr(document) is not None


def send_result(document: dict[str, Any], now: datetime) -> SendResult:
    """Read the answer to a send; one without an id is legal, and found again by its echo."""
    return SendResult(
        native_id=wire.message_id(document),
        at=wire.moment(wire.pick(document, wire.TIMESTAMP), now),
        raw=document,
    )


def pairing_code(document: dict[str, Any]) -> str | None:
    """Read a code to type on the phone, or None."""
    return wire.line(wire.pick(document, ("code", "pairingCode")), 32)


def names_another(document: Mapping[str, Any], session_id: str) -> bool:
    """Tell whether an answer is about another session than the one that was asked for."""
    named = wire.pick(document, wire.SESSION_ID)
    return isinstance(named, str) and named != session_id


def _word(document: dict[str, Any]) -> str | None:
    return wire.line(document.get("status")) or wire.line(document.get("state"))


def _status(word: str | None, connected: bool | None, *, has_qr: bool) -> SessionStatus:
    status = session_status(word) or _without_known_word(word, connected, has_qr=has_qr)
    if connected is True and status in _ON_THE_WAY:
        return SessionStatus.CONNECTED
    if connected is False and status is SessionStatus.CONNECTED:
        return SessionStatus.CONNECTING
    return status


def _without_known_word(word: str | None, connected: bool | None, *, has_qr: bool) -> SessionStatus:
    if has_qr:
        return SessionStatus.CONNECTING if word else SessionStatus.QR_READY
    return SessionStatus.DISCONNECTED if connected is False and not word else SessionStatus.UNKNOWN
