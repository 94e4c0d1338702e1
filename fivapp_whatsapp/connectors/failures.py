"""What an answer that is no yes means: not done, refused, unreadable, or in doubt."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from fivapp_whatsapp.errors import (
    ConnectorError,
    ConnectorKeyRefused,
    ConnectorNotConnected,
    ConnectorRejected,
    ConnectorRestricted,
    ConnectorUnavailable,
)

from .http import Answer, garbled, in_doubt
from .wire import line, pick, until_of
from .words import folded

KEY_REFUSED = (401, 403)
_LONGEST_WAIT = 300.0
_SENTENCE = 200
_REASONS = {
    400: "rejected",
    404: "no_session",
    409: "no_session",
    413: "too_large",
    422: "rejected",
}
_CODE = ("code", "error.code")
_RESTRICTED = frozenset(
    {"restricted", "account_restricted", "banned", "account_banned", "temporarily_banned", "reachout_timelock"}
)
_CODES = {
    "not_connected": "no_session",
    "no_session": "no_session",
    "session_not_found": "no_session",
    "not_on_whatsapp": "not_on_whatsapp",
    "invalid_number": "not_on_whatsapp",
    "invalid_recipient": "not_on_whatsapp",
    "rate_limited": "rate_limited",
    "window_closed": "window_closed",
}


def unreadable(answer: Answer, what: str) -> ConnectorError:
    """Return the error of an answer that cannot be read; the request may well have been done."""
    return garbled(
        f"The connection service gave an answer that cannot be read ({answer.status}, {what}).",
        repeatable=answer.repeatable,
    )


def refused(answer: Answer, *, secret: str = "") -> ConnectorError:
    """Return the error of an answer that is not 2xx, or that says no inside a 2xx.

    What may succeed later, when our key or the session is mended, is ConnectorUnavailable and not a final no.
    """
    status, document = answer.status, answer.document() or {}
    if folded(pick(document, _CODE)) in _RESTRICTED and not answer.repeatable:
        until = until_of(document, datetime.now(UTC))
        return ConnectorRestricted(_sentence(document, secret) or None, until=until)
    if status in KEY_REFUSED:
        return ConnectorKeyRefused(f"The connection service refuses CONNECTION_SERVICE_API_KEY ({status}).")
    wait, said = retry_after(answer, document), _sentence(document, secret)
    detail = f"The connection service answered {status}{': ' + said if said else '.'}"
    if status == 429 or (wait is not None and (status == 503 or status < 300)):
        return ConnectorUnavailable(detail, retry_after=wait)
    if status == 408 or status >= 500:
        return in_doubt(detail, repeatable=answer.repeatable, retry_after=wait)
    if 300 <= status < 400:
        return unreadable(answer, "a redirect")
    reason = _reason(status, document)
    # Only a send is not repeatable, and only it can wait for the session; other calls would start or ask for it.
    if reason == "no_session" and not answer.repeatable:
        return ConnectorNotConnected(detail)
    return ConnectorRejected(detail, reason=reason)


def says_no(document: dict[str, Any]) -> bool:
    """Tell whether an answer denies success in its body."""
    return document.get("success") is False or document.get("ok") is False


def retry_after(answer: Answer, document: dict[str, Any]) -> float | None:
    """Return how many seconds the service asks us to wait, at most 300, or None when it does not say."""
    header, milliseconds = answer.retry_after, document.get("retryAfterMs")
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool):
        return min(max(milliseconds / 1000, 0.0), _LONGEST_WAIT)
    if not header:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else _until(header)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _until(date: str) -> float:
    when = parsedate_to_datetime(date)
    return (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _reason(status: int, document: dict[str, Any]) -> str:
    code = folded(pick(document, _CODE))
    # A 404 or 409 with a word of its own is about something else than the session.
    return _CODES.get(code) or ("rejected" if code and status in (404, 409) else _REASONS.get(status, "rejected"))


def _sentence(document: dict[str, Any], secret: str) -> str:
    said = pick(document, ("error.message", "message", "detail", "error", "code"))
    if not isinstance(said, str):
        return ""
    return line(said.replace(secret, "***") if secret else said, _SENTENCE) or ""
