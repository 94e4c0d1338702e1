"""What the connection service's answer to a send means for the send, and for those of its session behind it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Literal

import msgspec

from .errors import (
    ConnectorError,
    ConnectorKeyRefused,
    ConnectorNotConnected,
    ConnectorRejected,
    ConnectorRestricted,
    ConnectorUnavailable,
)
from .models import MessageStatus
from .ports import Outcome

_RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
WaitingFor = Literal["session_connected", "connection_service"]

IN_DOUBT = Outcome(
    kind="unknown",
    code="outcome_unknown",
    detail="It may have been sent; the connection service does not say that it can be asked again.",
    in_doubt=True,
)
# A person has to do something first, which takes longer than any request waits.
WAITING_FOR: Mapping[str, WaitingFor] = {
    ConnectorNotConnected.code: "session_connected",
    ConnectorRestricted.code: "session_connected",
    ConnectorKeyRefused.code: "connection_service",
}
# How a send ends that was to be tried again, when there is no time left for it.
ENDED: Mapping[MessageStatus, str] = {
    MessageStatus.EXPIRED: "messages_failed_total",
    MessageStatus.UNKNOWN: "messages_unknown_total",
}
COUNTERS: Mapping[str, str] = {
    "accepted": "messages_sent_total",
    "failed": "messages_failed_total",
    "unknown": "messages_unknown_total",
    "retry": "sends_retried_total",
}


def outcome_of(error: ConnectorError, attempt: int) -> Outcome:
    """Return what an error of a send means: tried again when nothing was done, ended by a no, else in doubt."""
    if isinstance(error, ConnectorRejected):
        return Outcome(kind="failed", code=error.reason, detail=error.detail, fault=False)
    if not isinstance(error, ConnectorUnavailable):
        return Outcome(kind="unknown", code=error.code, detail=error.detail, fault=True)
    again = Outcome(kind="retry", code=error.code, detail=error.detail, retry_after=backoff(attempt), fault=True)
    if isinstance(error, ConnectorNotConnected | ConnectorRestricted):
        # That session waits for its connection or for WhatsApp, not for the service to come back.
        return msgspec.structs.replace(again, fault=None)
    if error.retry_after is not None:
        # It is there and wants us to wait: with this message, and with all others of the session.
        wait = error.retry_after
        return msgspec.structs.replace(again, retry_after=wait, hold=wait, fault=None)
    return again


def repeated(outcome: Outcome, attempt: int) -> Outcome:
    """Return the outcome that makes a send in doubt once more, where a service sends no id twice."""
    return msgspec.structs.replace(outcome, kind="retry", in_doubt=True, retry_after=backoff(attempt))


def backoff(attempt: int) -> float:
    """Return how many seconds a send waits before its next try."""
    seconds = _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS)) - 1]
    return seconds * random.uniform(0.5, 1)  # noqa: S311  # jitter, no secret
