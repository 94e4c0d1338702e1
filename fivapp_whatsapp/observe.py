"""How the core tells what it does: one structured line per operation, tied together by a correlation id.

What is logged here is a fact with a known name: ids, counts, codes. `logs.py` renders the lines and drops
every fact whose name it does not know, so that no text, phone or secret gets out by carelessness; without it
the lines go to the stdlib's logging.
"""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict

from .errors import ConnectorError, GatewayError, Overloaded, SettingsError, StoreError
from .randoms import random_hex

# Ids, codes and numbers: shown as they are, when they look like one.
_SAFE = (
    "operation outcome code error reason status problem level kind direction answer role type task job queue state "
    "tenant_id session_id conversation_id message_id client_message_id contact_id user_id event_id plugin hook "
    "location trace rule "
    "connector capability component version database dialect migration metric route method http_status host port "
    "pid signal epoch seq head after oldest attempt attempts size count total limit stored duplicates quarantined "
    "statuses sent failed waiting unknown expired forgotten sockets sessions tenants frames batch depth "
    "duration_ms lag_ms retry_after seconds interval delay durable demo created claimed "
)
SAFE = frozenset(_SAFE.split())
# What a host's own logging is told as well: sentences of ours without a value.
_TOLD = SAFE | {"hint"}

correlation_id: ContextVar[str] = ContextVar("fivapp_correlation_id", default="")

# Worth an operator's look; the other GatewayErrors are the caller's own mistakes.
_TROUBLE = (ConnectorError, StoreError, Overloaded, SettingsError)


def new_correlation_id() -> str:
    """Make an id of 16 hex digits, the current one of this task and the tasks it starts, and return it."""
    new = random_hex(16)
    correlation_id.set(new)
    return new


class Operation:
    """One thing that the gateway does; leaving it writes the line.

    `outcome` may be set inside for an end that is no exception, such as `duplicate` or `unknown`.
    """

    __slots__ = ("_facts", "_name", "_quiet", "_started", "outcome")

    def __init__(self, name: str, facts: dict[str, Any], quiet: bool) -> None:
        self._name = name
        self._facts = facts
        self._quiet = quiet
        self._started = 0.0
        self.outcome = "ok"

    def add(self, **facts: Any) -> None:
        """Add facts that are known only now."""
        self._facts.update(facts)

    def __enter__(self) -> Operation:
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        elapsed = time.perf_counter() - self._started
        level = "debug" if self._quiet else "info"
        if error is not None:
            level = self._fail(error, level)
        write = getattr(_log, level)
        write(self._name, outcome=self.outcome, duration_ms=round(elapsed * 1000, 3), **self._facts)

    def _fail(self, error: BaseException, level: str) -> str:
        """Note how it failed and return the line's level."""
        self.outcome = error_code(error)
        if isinstance(error, _TROUBLE):
            self._facts["detail"] = error.detail
            return "warning"
        if isinstance(error, GatewayError) or not isinstance(error, Exception):
            return level
        self._facts["exc_info"] = error
        return "error"


def operation(name: str, *, quiet: bool = False, **facts: Any) -> Operation:
    """Time a block and write exactly one line at its end: `with operation("message.send", session_id=…) as op:`.

    The same in sync and async functions, as nothing here waits. The line has `outcome` ("ok", what the block
    set, or the error's code), `duration_ms`, and the facts. The error goes on. `quiet` is for what runs all the
    time: its success is a debug line. The name is fixed text, never made of what somebody sent.
    """
    return Operation(name, facts, quiet)


def error_code(error: BaseException) -> str:
    """Return the code under which an error is logged and counted."""
    if isinstance(error, GatewayError):
        return error.code
    return "internal_error" if isinstance(error, Exception) else "cancelled"


class Logger:
    """Logs to structlog once somebody set it up, else to the stdlib's logging: a library prints nothing by itself."""

    __slots__ = ("_bound", "_host", "_made_for", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._made_for: dict[str, Any] | None = None
        self._bound: Any = None
        self._host = structlog.wrap_logger(
            logging.getLogger(name),
            processors=[structlog.stdlib.filter_by_level, _for_host],
            wrapper_class=structlog.stdlib.BoundLogger,
        )

    def __getattr__(self, level: str) -> Any:
        if not structlog.is_configured():
            return getattr(self._host, level)
        # structlog would make a logger for each line, also for one that nobody sees.
        made_for = structlog.get_config()
        if made_for != self._made_for:
            self._bound = structlog.get_logger(self._name).bind()
            self._made_for = made_for
        return getattr(self._bound, level)


def get_logger(name: str) -> Logger:
    """Return the logger of a module of ours."""
    return Logger(name)


def _for_host(_: Any, __: str, event: EventDict) -> tuple[tuple[str], dict[str, Any]]:
    """Make a line for the logging of a host, which does not redact: only what may be shown as it is."""
    exc_info = event.pop("exc_info", None)
    facts = [f"{name}={value}" for name, value in event.items() if name in _TOLD]
    return (" ".join((str(event.get("event", "")), *facts)),), {"exc_info": exc_info}


_log = get_logger(__name__)
