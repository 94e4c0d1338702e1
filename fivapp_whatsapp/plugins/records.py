"""What each plugin did in this process: failures, stalls, threads that hang, and the pauses that follow from them.

All of it is one tenant's: a plugin that fails by one's settings is paused for that one. Only what harms all tenants is
paused for all: what blocks the loop of several, and a hook with too many threads that do not come back.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from datetime import timedelta
from math import inf
from typing import NamedTuple

from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Clock, Metrics

from .health import EVERY, EVERYBODY, NEXT_STEPS, Place, PluginHealth, Reason

_log = get_logger(__name__)

_FAILURES = 5
_FAILURES_WITHIN = 60.0
_FAILURES_PAUSE = 60.0
_STALLS = 3
_STALLS_WITHIN = 600.0
_STALLS_PAUSE = 600.0
# So many threads of one hook may hang: one tenant's calls, then those of all together.
HUNG_OF_TENANT = 8
HUNG = 24


class Record:
    """What is known of one plugin for one tenant in this process; the watchdog's thread writes as well."""

    __slots__ = ("failed_at", "failures", "last_error", "late", "left", "stalls")

    def __init__(self) -> None:
        self.failures = 0
        self.late = 0
        self.stalls = 0
        self.left = 0
        self.failed_at: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_FAILURES))
        self.last_error: str | None = None


class _Pause(NamedTuple):
    reason: Reason
    until: float


class Records:
    """The records of all plugins, and the rules that pause them.

    Five events of a tenant within a minute for which one hook failed pause that hook for the tenant. Three stalls in
    ten minutes pause the whole plugin: for the tenant whose calls they were, or for all when they were of several.
    """

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._records: dict[tuple[str, str], Record] = {}
        self._pauses: dict[Place, _Pause] = {}
        self._stalled: defaultdict[str, deque[tuple[float, str]]] = defaultdict(lambda: deque(maxlen=_STALLS))
        self._hung: Counter[Place] = Counter()
        self._left: Counter[str] = Counter()

    def of(self, tenant_id: str, plugin: str) -> Record:
        """Return a plugin's record, made when it has none."""
        record = self._records.get((tenant_id, plugin))
        if record is None:
            record = self._records[tenant_id, plugin] = Record()
        return record

    def known(self) -> list[tuple[str, str]]:
        """List the tenants and plugins of whom something is known."""
        return list(dict.fromkeys([*self._records, *((place.tenant_id, place.plugin) for place in self.pauses())]))

    def health(self, tenant_id: str, plugin: str) -> PluginHealth:
        """Tell how a plugin does for a tenant, with what holds for all of them left out."""
        record = self._records.get((tenant_id, plugin)) or Record()
        paused = {place.hook: self._pauses[place] for place in self.pauses() if place[:2] == (tenant_id, plugin)}
        last = max(paused.values(), key=lambda pause: pause.until, default=None)
        until = None
        if last is not None and last.until < inf:
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
            for_all=last is not None and tenant_id == EVERYBODY,
            last_error=record.last_error,
        )

    def paused(self, tenant_id: str, plugin: str, hook: str) -> Reason | None:
        """Say why a hook of a plugin is not called for a tenant now, or None when it is."""
        if not self._pauses:
            return None
        for whose in (EVERYBODY, tenant_id):
            for place in (Place(whose, plugin, EVERY), Place(whose, plugin, hook)):
                if (pause := self._now(place)) is not None:
                    return pause.reason
        return None

    def pauses(self) -> list[Place]:
        """List what is paused."""
        return [place for place in list(self._pauses) if self._now(place) is not None]

    def _now(self, place: Place) -> _Pause | None:
        """Return the pause that holds at a place; one whose time is over ends here."""
        pause = self._pauses.get(place)
        if pause is not None and self._clock.monotonic() >= pause.until:
            self._end(place)
            return None
        return pause

    def resume(self, plugin: str, tenant_id: str | None = None) -> None:
        """Lift the pauses of a plugin, one tenant's or all; what led to them is forgotten.

        Threads that hang do so on: their pause stays.
        """
        for place, pause in list(self._pauses.items()):
            if place.plugin == plugin and tenant_id in (None, place.tenant_id) and pause.reason != "hanging":
                self._end(place)
        for (whose, name), record in list(self._records.items()):
            if name == plugin and tenant_id in (None, whose):
                record.failed_at.clear()
        self._forget_stalls(plugin, tenant_id)

    def renewed(self, plugin: str) -> None:
        """Take note that a plugin was loaded again: the threads in which the old one hangs are its own no more."""
        for place in [place for place in self._hung if place.plugin == plugin]:
            del self._hung[place]
            self._end(place)
            self._tell_hung(place)
        self.resume(plugin)

    def _end(self, place: Place) -> None:
        self._pauses.pop(place, None)
        if place.hook == EVERY:
            self._forget_stalls(place.plugin, None if place.tenant_id == EVERYBODY else place.tenant_id)
        else:
            self.of(place.tenant_id, place.plugin).failed_at[place.hook].clear()

    def _forget_stalls(self, plugin: str, tenant_id: str | None) -> None:
        stalled = self._stalled[plugin]
        kept = [] if tenant_id is None else [each for each in stalled if each[1] != tenant_id]
        stalled.clear()
        stalled.extend(kept)

    # --- what happens --------------------------------------------------------------------------

    def left(self, tenant_id: str, plugin: str, change: int) -> None:
        """Count a call that nobody waits for any more, or one that has ended at last."""
        self.of(tenant_id, plugin).left += change
        self._left[plugin] += change
        self._metrics.gauge("plugin_calls_left", self._left[plugin], plugin=plugin)

    def hung(self, place: Place, change: int) -> None:
        """Count a thread of a hook that hangs beyond its deadline, or one that came back at last."""
        for whose, most in {place.tenant_id: HUNG_OF_TENANT, EVERYBODY: HUNG}.items():
            where = place._replace(tenant_id=whose)
            self._hung[where] += change
            if self._hung[where] >= most:
                self._pause(where, _Pause("hanging", inf))
            elif (pause := self._pauses.get(where)) is not None and pause.reason == "hanging":
                self._end(where)
            if not self._hung[where]:
                del self._hung[where]
        self._tell_hung(place)

    def _tell_hung(self, place: Place) -> None:
        count = self._hung[place._replace(tenant_id=EVERYBODY)]
        self._metrics.gauge("plugin_threads_hung", count, plugin=place.plugin, hook=place.hook)

    def failed(self, place: Place, error: str, *, late: bool, pauses: bool) -> None:
        """Count a failure; `pauses` tells whether it can lead to a pause."""
        record = self.of(place.tenant_id, place.plugin)
        record.failures += 1
        record.late += late
        record.last_error = error
        now = self._clock.monotonic()
        if pauses and _too_many(record.failed_at[place.hook], now, _FAILURES_WITHIN):
            self._pause(place, _Pause("failing", now + _FAILURES_PAUSE))

    def stalled(self, tenant_id: str, plugin: str, error: str) -> None:
        """Count a time that a plugin blocked the event loop; EVERYBODY when nobody knows for whom."""
        record = self.of(tenant_id, plugin)
        record.stalls += 1
        record.last_error = error
        self._metrics.count("plugin_stalls_total", plugin=plugin)
        now, stalled = self._clock.monotonic(), self._stalled[plugin]
        stalled.append((now, tenant_id))
        if len(stalled) == _STALLS and now - stalled[0][0] <= _STALLS_WITHIN:
            # A tenant by whose doing alone it blocks is to silence nobody else.
            whose = {each for _, each in stalled}
            tenant_id = whose.pop() if len(whose) == 1 else EVERYBODY
            self._pause(Place(tenant_id, plugin, EVERY), _Pause("blocking", now + _STALLS_PAUSE))

    def _pause(self, place: Place, pause: _Pause) -> None:
        known = self._pauses.get(place)
        if known is not None and known.until >= pause.until:
            return
        self._pauses[place] = pause
        self._metrics.count("plugin_pauses_total", plugin=place.plugin, hook=place.hook, reason=pause.reason)
        _log.error(
            "plugin_paused",
            plugin=place.plugin,
            hook=place.hook,
            tenant_id=place.tenant_id or None,
            reason=pause.reason,
            seconds=None if pause.until == inf else round(pause.until - self._clock.monotonic()),
            hint=NEXT_STEPS[pause.reason],
        )


def _too_many(times: deque[float], now: float, within: float) -> bool:
    """Note a time; tell whether as many as the deque holds lie within so many seconds."""
    times.append(now)
    return len(times) == times.maxlen and now - times[0] <= within
