"""The state machines of messages and sessions as pure functions: what a report may change, and what it may not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from .errors import ConnectorError, ConnectorKeyRefused, ConnectorUnavailable
from .models import MessageStatus, Session, SessionProblem, SessionStatus, SessionUpdate
from .ports import SessionHealth

# Statuses that only a person can mend; entering one is told to people once.
NEEDS_A_PERSON = frozenset({SessionStatus.LOGGED_OUT, SessionStatus.RESTRICTED, SessionStatus.FAILED})
_ONLINE = frozenset({SessionStatus.CONNECTED, SessionStatus.RECONNECTING})
_OFFLINE = frozenset({SessionStatus.DISCONNECTED, SessionStatus.QR_READY})


def higher(current: MessageStatus, reported: MessageStatus) -> MessageStatus:
    """Return the status after a report: the maximum, so that order and repetition of reports do not matter.

    `received` stands outside of the order: nothing leads to it, nothing leads away.
    """
    if MessageStatus.RECEIVED in (current, reported):
        return current
    return reported if reported.rank > current.rank else current


def apply_update(session: Session, update: SessionUpdate, now: datetime) -> Session:
    """Return the session after the connection service told its status.

    A session that a person stopped stays stopped, whatever late news says. One that WhatsApp restricts until a
    time stays so until then, for services call it connected meanwhile. An answer of any kind ends `unreachable`.
    """
    status = update.status
    if session.desired == "stopped" and status not in (SessionStatus.DISCONNECTED, SessionStatus.LOGGED_OUT):
        status = session.status
    if status is SessionStatus.CONNECTED and _is_restricted(session, now):
        status = session.status
    changes: dict[str, Any] = {"last_seen_at": now}
    if session.problem is SessionProblem.UNREACHABLE:
        # Its error told why nothing answered, which is over as well.
        changes |= {"problem": None, "error": None}
    if status is not session.status:
        changes |= {"status": status, "status_at": now, "error": update.reason, "restricted_until": None}
    elif update.reason and status is update.status:
        changes["error"] = update.reason
    if status is SessionStatus.RESTRICTED is update.status and update.until is not None:
        changes["restricted_until"] = update.until
    if status is SessionStatus.CONNECTED:
        changes |= {"phone": update.phone or session.phone, "profile_name": update.profile_name or session.profile_name}
        if session.problem is not SessionProblem.DEGRADED:
            changes["error"] = None
    return msgspec.structs.replace(session, **changes)


def _is_restricted(session: Session, now: datetime) -> bool:
    until = session.restricted_until
    return session.status is SessionStatus.RESTRICTED and until is not None and until > now


def ailment(health: SessionHealth, now: datetime, silence: float, quiet: float) -> str | None:
    """Return what is wrong with a session that the service calls connected, or None.

    Its sends are not answered; or `silence` seconds after a send nothing at all came back by webhook, from a service
    that did tell of sends before; or no webhook came for `quiet` seconds. 0 looks at neither.
    """
    if health.failing_since is not None:
        return f"The connection service has not answered its sends since {_clock(health.failing_since)}."
    sent, told, heard = health.sent_at, health.told_at, health.heard_at
    awaits = sent is not None and told is not None and sent > max(told, heard or told)
    if silence and awaits and sent is not None and (now - sent).total_seconds() > silence:
        return f"Nothing came back by webhook for what was sent since {_clock(sent)}."
    if quiet and heard is not None and (now - heard).total_seconds() > quiet:
        return f"No webhook came since {_clock(heard)}."
    return None


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def problem_of(error: ConnectorError) -> SessionProblem:
    """Return what a failed call says of its session: the service is away, or it is there and does not serve us."""
    away = isinstance(error, ConnectorUnavailable) and not isinstance(error, ConnectorKeyRefused)
    return SessionProblem.UNREACHABLE if away else SessionProblem.DEGRADED


def wants_start(session: Session) -> bool:
    """Tell whether a session is to run and the service knows nothing of it: it forgot it, or was never asked."""
    return session.desired == "running" and session.status is SessionStatus.DISCONNECTED


def visible_change(before: Session, after: Session) -> bool:
    """Tell whether a browser would see a difference: the time of the last sign of life alone is none."""
    return before != msgspec.structs.replace(after, last_seen_at=before.last_seen_at)


def notification(before: Session, after: Session) -> dict[str, Any] | None:
    """Return what people must be told about this change of a session, or None; one that is stopped needs nobody."""
    if after.desired == "stopped":
        return None
    if after.status is not before.status and after.status in NEEDS_A_PERSON:
        return {"code": f"session_{after.status}", "sessionId": after.id, "detail": after.error}
    if before.status in _ONLINE and after.status in _OFFLINE:
        return {"code": "session_disconnected", "sessionId": after.id, "detail": after.error}
    if after.problem is not before.problem and after.problem is not None:
        return {"code": f"session_{after.problem}", "sessionId": after.id, "detail": after.error}
    return None
