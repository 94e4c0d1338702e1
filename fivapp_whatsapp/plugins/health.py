"""How each plugin does in this process: failures, stalls, and the pauses that follow from them."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Clock, Metrics

_log = get_logger(__name__)

Reason = Literal["failing", "blocking"]

_FAILURES = 5
_FAILURES_WITHIN = 60.0
_FAILURES_PAUSE = 60.0
_STALLS = 3
_STALLS_WITHIN = 600.0
_STALLS_PAUSE = 600.0


class PluginHealth(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a plugin does, since the start of the process, or of each of several.

    `left` counts the calls that run on beyond their deadline; `last_error` is an error's type and its place;
    `paused_in` counts the processes in which it is paused.
    """

    failures: int = 0
    late: int = 0
    stalls: int = 0
    left: int = 0
    paused_until: datetime | None = None
    reason: Reason | None = None
    paused_in: int = 0
    last_error: str | None = None


class Record:
    """What is known of one plugin in this process; the watchdog's thread writes as well."""

    __slots__ = (
        "failed_at",
        "failures",
        "last_error",
        "late",
        "left",
        "paused_until",
        "reason",
        "stalled_at",
        "stalls",
    )

    def __init__(self) -> None:
        self.failures = 0
        self.late = 0
        self.stalls = 0
        self.left = 0
        self.failed_at: deque[float] = deque(maxlen=_FAILURES)
        self.stalled_at: deque[float] = deque(maxlen=_STALLS)
        self.paused_until: float | None = None
        self.reason: Reason | None = None
        self.last_error: str | None = None


class Records:
    """The records of all plugins, and the rules: five failures in a minute, or three stalls in ten, pause one."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._records: dict[str, Record] = {}

    def of(self, plugin: str) -> Record:
        """Return a plugin's record, made when it has none."""
        record = self._records.get(plugin)
        if record is None:
            record = self._records[plugin] = Record()
        return record

    def health(self, plugin: str) -> PluginHealth:
        """Tell how a plugin does."""
        reason = self.paused(plugin)
        record = self.of(plugin)
        until = None
        if record.paused_until is not None:
            until = self._clock.now() + timedelta(seconds=record.paused_until - self._clock.monotonic())
        return PluginHealth(
            failures=record.failures,
            late=record.late,
            stalls=record.stalls,
            left=record.left,
            paused_until=until,
            reason=reason,
            paused_in=int(reason is not None),
            last_error=record.last_error,
        )

    def paused(self, plugin: str) -> Reason | None:
        """Say why a plugin is not called now, or None when it is; a pause whose time is over ends here."""
        record = self.of(plugin)
        if record.paused_until is not None and self._clock.monotonic() >= record.paused_until:
            self.resume(plugin)
        return record.reason

    def resume(self, plugin: str) -> None:
        """Lift a pause; what led to it is forgotten."""
        record = self.of(plugin)
        record.paused_until = record.reason = None
        record.failed_at.clear()
        record.stalled_at.clear()

    def left(self, plugin: str, change: int) -> None:
        """Count a call that nobody waits for any more, or one that has ended at last."""
        record = self.of(plugin)
        record.left += change
        self._metrics.gauge("plugin_calls_left", record.left, plugin=plugin)

    def failed(self, plugin: str, error: str, *, late: bool, pauses: bool) -> None:
        """Count a failure; `pauses` tells whether it can lead to a pause."""
        record = self.of(plugin)
        record.failures += 1
        record.late += late
        record.last_error = error
        now = self._clock.monotonic()
        if pauses and _too_many(record.failed_at, now, _FAILURES_WITHIN):
            self._pause(plugin, "failing", now + _FAILURES_PAUSE)

    def stalled(self, plugin: str, error: str) -> None:
        """Count a time that a plugin blocked the event loop."""
        record = self.of(plugin)
        record.stalls += 1
        record.last_error = error
        self._metrics.count("plugin_stalls_total", plugin=plugin)
        now = self._clock.monotonic()
        if _too_many(record.stalled_at, now, _STALLS_WITHIN):
            self._pause(plugin, "blocking", now + _STALLS_PAUSE)

    def _pause(self, plugin: str, reason: Reason, until: float) -> None:
        record = self.of(plugin)
        if record.paused_until is not None and record.paused_until >= until:
            return
        record.reason, record.paused_until = reason, until
        self._metrics.count("plugin_pauses_total", plugin=plugin, reason=reason)
        _log.error("plugin_paused", plugin=plugin, reason=reason, seconds=round(until - self._clock.monotonic()))


def _too_many(times: deque[float], now: float, within: float) -> bool:
    """Note a time; tell whether as many as the deque holds lie within so many seconds."""
    times.append(now)
    return len(times) == times.maxlen and now - times[0] <= within
