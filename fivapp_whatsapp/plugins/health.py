"""How each plugin does in this process: failures, stalls, and the pauses that follow from them."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Clock, Metrics

_log = get_logger(__name__)

Reason = Literal["failing", "blocking"]

# In place of a hook's name: all hooks of a plugin.
EVERY = "all"
_FAILURES = 5
_FAILURES_WITHIN = 60.0
_FAILURES_PAUSE = 60.0
_STALLS = 3
_STALLS_WITHIN = 600.0
_STALLS_PAUSE = 600.0


class PluginHealth(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a plugin does, since the start of the process, or of each of several.

    `left` counts the calls that run on beyond their deadline; `last_error` is an error's type and its place;
    `paused_hooks` are paused for their failures (`blocking` pauses all); `paused_in` counts the processes in which it
    is paused.
    """

    failures: int = 0
    late: int = 0
    stalls: int = 0
    left: int = 0
    paused_until: datetime | None = None
    reason: Reason | None = None
    paused_hooks: tuple[str, ...] = ()
    paused_in: int = 0
    last_error: str | None = None


class Record:
    """What is known of one plugin in this process; the watchdog's thread writes as well."""

    __slots__ = ("failed_at", "failures", "last_error", "late", "left", "stalled_at", "stalls")

    def __init__(self) -> None:
        self.failures = 0
        self.late = 0
        self.stalls = 0
        self.left = 0
        self.failed_at: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_FAILURES))
        self.stalled_at: deque[float] = deque(maxlen=_STALLS)
        self.last_error: str | None = None


class _Pause(NamedTuple):
    reason: Reason
    until: float


class Records:
    """The records of all plugins, and the rules that pause them.

    Five events within a minute for which one hook failed pause that hook, three stalls in ten minutes the whole plugin.
    """

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._records: dict[str, Record] = {}
        # By plugin and hook; EVERY stands for all of them.
        self._pauses: dict[tuple[str, str], _Pause] = {}

    def of(self, plugin: str) -> Record:
        """Return a plugin's record, made when it has none."""
        record = self._records.get(plugin)
        if record is None:
            record = self._records[plugin] = Record()
        return record

    def health(self, plugin: str) -> PluginHealth:
        """Tell how a plugin does."""
        record = self.of(plugin)
        paused = {hook: pause for (name, hook), pause in self._now_paused().items() if name == plugin}
        last = max(paused.values(), key=lambda pause: pause.until, default=None)
        until = None
        if last is not None:
            until = self._clock.now() + timedelta(seconds=last.until - self._clock.monotonic())
        return PluginHealth(
            failures=record.failures,
            late=record.late,
            stalls=record.stalls,
            left=record.left,
            paused_until=until,
            reason=None if last is None else last.reason,
            paused_hooks=tuple(sorted(hook for hook in paused if hook != EVERY)),
            paused_in=int(last is not None),
            last_error=record.last_error,
        )

    def paused(self, plugin: str, hook: str) -> Reason | None:
        """Say why a hook of a plugin is not called now, or None when it is."""
        if not self._pauses:
            return None
        pauses = self._now_paused()
        pause = pauses.get((plugin, EVERY)) or pauses.get((plugin, hook))
        return None if pause is None else pause.reason

    def pauses(self) -> list[tuple[str, str]]:
        """List what is paused, as plugin and hook; EVERY stands for all hooks of a plugin."""
        return list(self._now_paused())

    def _now_paused(self) -> dict[tuple[str, str], _Pause]:
        """Return the pauses that hold; one whose time is over ends here."""
        for (plugin, hook), pause in list(self._pauses.items()):
            if self._clock.monotonic() >= pause.until:
                self._end(plugin, hook)
        return self._pauses

    def resume(self, plugin: str) -> None:
        """Lift the pauses of a plugin; what led to them is forgotten."""
        for name, hook in list(self._pauses):
            if name == plugin:
                self._end(name, hook)
        record = self.of(plugin)
        record.failed_at.clear()
        record.stalled_at.clear()

    def _end(self, plugin: str, hook: str) -> None:
        self._pauses.pop((plugin, hook), None)
        record = self.of(plugin)
        (record.stalled_at if hook == EVERY else record.failed_at[hook]).clear()

    def left(self, plugin: str, change: int) -> None:
        """Count a call that nobody waits for any more, or one that has ended at last."""
        record = self.of(plugin)
        record.left += change
        self._metrics.gauge("plugin_calls_left", record.left, plugin=plugin)

    def failed(self, plugin: str, hook: str, error: str, *, late: bool, pauses: bool) -> None:
        """Count a failure; `pauses` tells whether it can lead to a pause."""
        record = self.of(plugin)
        record.failures += 1
        record.late += late
        record.last_error = error
        now = self._clock.monotonic()
        if pauses and _too_many(record.failed_at[hook], now, _FAILURES_WITHIN):
            self._pause(plugin, hook, _Pause("failing", now + _FAILURES_PAUSE))

    def stalled(self, plugin: str, error: str) -> None:
        """Count a time that a plugin blocked the event loop."""
        record = self.of(plugin)
        record.stalls += 1
        record.last_error = error
        self._metrics.count("plugin_stalls_total", plugin=plugin)
        now = self._clock.monotonic()
        if _too_many(record.stalled_at, now, _STALLS_WITHIN):
            self._pause(plugin, EVERY, _Pause("blocking", now + _STALLS_PAUSE))

    def _pause(self, plugin: str, hook: str, pause: _Pause) -> None:
        known = self._pauses.get((plugin, hook))
        if known is not None and known.until >= pause.until:
            return
        self._pauses[plugin, hook] = pause
        self._metrics.count("plugin_pauses_total", plugin=plugin, hook=hook, reason=pause.reason)
        seconds = round(pause.until - self._clock.monotonic())
        _log.error("plugin_paused", plugin=plugin, hook=hook, reason=pause.reason, seconds=seconds)


def _too_many(times: deque[float], now: float, within: float) -> bool:
    """Note a time; tell whether as many as the deque holds lie within so many seconds."""
    times.append(now)
    return len(times) == times.maxlen and now - times[0] <= within
