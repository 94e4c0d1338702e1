"""Prometheus metrics: one table that declares them all, and the watch over the event loop's lag.

docs/metrics.md explains each; a test holds table, page and every call in the package together. No label
carries a tenant, a phone or an id: their values would grow without end.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter as Counter_
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from . import ports
from .observe import get_logger

_log = get_logger(__name__)

Sampler = Callable[[], float]
# Plugins' own metrics; further ones are not counted.
_MAX_OWN = 200
# A label whose values turn out to be endless stops here, and is counted under `other` from then on.
_MAX_SERIES = 500
_OTHER = "other"

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CALLS = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


class Metric(msgspec.Struct, frozen=True):
    """A metric as it is declared; `/metrics` shows it as `fivapp_<name>`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric("messages_received_total", "counter", "Incoming messages stored."),
    Metric("messages_sent_total", "counter", "Outgoing messages that the connection service accepted."),
    Metric("messages_failed_total", "counter", "Outgoing messages that ended as failed or expired."),
    Metric("messages_unknown_total", "counter", "Sends whose outcome is not known."),
    Metric("sends_found_total", "counter", "Sends in doubt that a look-up proved to have gone out."),
    Metric("sends_retried_total", "counter", "Sends that provably did not go out and are tried again."),
    Metric("messages_duplicated_total", "counter", "Incoming messages that were already stored."),
    Metric("webhooks_total", "counter", "Webhooks by what they were answered.", ("answer",)),
    Metric("webhooks_quarantined_total", "counter", "Webhook bodies kept aside as not understood."),
    Metric("session_status", "gauge", "Sessions in each status.", ("status",)),
    Metric("session_problem", "gauge", "Running sessions with each problem.", ("problem",)),
    Metric("commit_size", "histogram", "Jobs that shared one commit.", (), _SIZES),
    Metric("commit_seconds", "histogram", "Time of one commit, begin to durable.", (), _FAST),
    Metric("send_seconds", "histogram", "Time of one call that sends a message.", ("outcome",), _SLOW),
    Metric("sockets", "gauge", "Open WebSockets and event streams."),
    Metric("queue_length", "gauge", "What waits: writer, outbox, sockets.", ("queue",)),
    Metric("plugin_calls_total", "counter", "Calls of plugins' functions.", ("plugin", "hook", "outcome")),
    Metric("plugin_call_seconds", "histogram", "Time of one call of a plugin's function.", ("hook",), _CALLS),
    Metric("plugin_calls_left", "gauge", "Calls that run on beyond their deadline.", ("plugin",)),
    Metric("plugin_threads_hung", "gauge", "Threads that hang beyond their deadline.", ("plugin", "hook")),
    Metric("plugin_events_total", "counter", "Events that plugins were told of.", ("plugin", "outcome")),
    Metric("plugin_lag", "gauge", "Events that a plugin has not handled yet.", ("plugin",)),
    Metric("plugin_stalls_total", "counter", "Times that a plugin blocked the event loop.", ("plugin",)),
    Metric("plugin_pauses_total", "counter", "Times that a hook of a plugin was paused.", ("plugin", "hook", "reason")),
    Metric("event_loop_lag_seconds", "histogram", "How late the event loop woke a timer.", (), _FAST),
    Metric("http_requests_total", "counter", "HTTP requests answered.", ("route", "status")),
    Metric("http_request_seconds", "histogram", "Time from an HTTP request to its answer.", ("route",), _FAST),
)


_Child = Counter | Gauge | Histogram
_CLASSES: dict[str, type[Counter] | type[Gauge] | type[Histogram]] = {
    "counter": Counter,
    "gauge": Gauge,
    "histogram": Histogram,
}


class PrometheusMetrics(ports.Metrics):
    """Counters, gauges and histograms in a registry of their own, so that two gateways share a process in peace.

    A name, kind or label that `METRICS` does not declare raises LookupError; with `strict=False`, as servers
    run it, it is logged once and ignored, for a wrong counter must not undo what it counts. Any thread may call.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self.registry = CollectorRegistry()
        self._strict = strict
        self._families: dict[str, _Child] = {metric.name: self._declare(metric) for metric in METRICS}
        # Looking a label's series up costs prometheus_client most of a count: each is looked up once.
        self._series: dict[tuple[Any, ...], _Child] = {}
        self._sizes: Counter_[str] = Counter_()
        self._samplers: list[tuple[str, Sampler, dict[str, str]]] = []
        self._reported: set[str] = set()
        self._own = 0
        ProcessCollector(registry=self.registry)

    def _declare(self, metric: Metric) -> _Child:
        facts: dict[str, Any] = {"buckets": metric.buckets} if metric.buckets else {}
        name, kind = f"fivapp_{metric.name}", _CLASSES[metric.kind]
        return kind(name, metric.help, metric.labels, registry=self.registry, **facts)

    def declare(self, name: str, kind: Literal["counter", "histogram"]) -> bool:
        """Make a metric of a plugin's own, without labels, a histogram being of seconds; False when it cannot be."""
        if name in self._families:
            return isinstance(self._families[name], _CLASSES[kind])
        if self._own >= _MAX_OWN:
            self._report("plugins have too many metrics of their own")
            return False
        self._own += 1
        buckets = _CALLS if kind == "histogram" else ()
        try:
            self._families[name] = self._declare(Metric(name, kind, "Counted by a plugin.", (), buckets))
        except ValueError:  # another metric shows under this name, such as a counter's `_total`
            self._report(f"{name} is taken")
            return False
        return True

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        if isinstance(series := self._find(name, labels), Counter):
            series.inc(amount)
        else:
            self._complain(f"no counter {name} with labels {sorted(labels)}")

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add a value (seconds, or a size) to a histogram."""
        if isinstance(series := self._find(name, labels), Histogram):
            series.observe(value)
        else:
            self._complain(f"no histogram {name} with labels {sorted(labels)}")

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        if isinstance(series := self._find(name, labels), Gauge):
            series.set(value)
        else:
            self._complain(f"no gauge {name} with labels {sorted(labels)}")

    def sample(self, name: str, callback: Sampler, **labels: str) -> None:
        """Ask `callback` for a gauge's value at each render."""
        if isinstance(self._find(name, labels), Gauge):
            self._samplers.append((name, callback, labels))
        else:
            self._complain(f"no gauge {name} with labels {sorted(labels)}")

    def render(self) -> tuple[bytes, str]:
        """Return the page for Prometheus and its content type."""
        for name, callback, labels in self._samplers:
            try:
                self.gauge(name, callback(), **labels)
            except Exception as error:  # the other numbers are wanted, above all when something is broken
                if f"sample {name}" not in self._reported:
                    self._reported.add(f"sample {name}")
                    _log.error("metrics.sample_failed", metric=name, exc_info=error)
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _find(self, name: str, labels: dict[str, str]) -> _Child | None:
        """Return the series of a name and its labels; None when there is no such metric."""
        if not labels:
            family = self._families.get(name)
            return family if family is not None and not family._labelnames else None
        key = (name, *labels.items())
        return self._series.get(key) or self._add(key, name, labels)

    def _add(self, key: tuple[Any, ...], name: str, labels: dict[str, str]) -> _Child | None:
        family = self._families.get(name)
        if family is None or labels.keys() != set(family._labelnames):
            return None
        if self._sizes[name] >= _MAX_SERIES:
            self._report(f"{name} has too many series")
            return family.labels(**dict.fromkeys(labels, _OTHER))
        self._sizes[name] += 1
        series = self._series[key] = family.labels(**labels)
        return series

    def _complain(self, problem: str) -> None:
        if self._strict:
            raise LookupError(f"METRICS declares {problem}")
        self._report(problem)

    def _report(self, problem: str) -> None:
        if problem not in self._reported:
            self._reported.add(problem)
            _log.error("metrics.misused", detail=problem)


class LoopLag:
    """Measures how late the event loop wakes a timer: what every request waits beyond its own work.

    More than `limit` seconds is also a line in the log, at most one in `pause` seconds, with the worst since
    the line before.
    """

    def __init__(
        self, metrics: ports.Metrics, *, interval: float = 0.5, limit: float = 0.1, pause: float = 10.0
    ) -> None:
        self._metrics = metrics
        self._interval = interval
        self._limit = limit
        self._pause = pause
        self._worst = 0.0
        self._warned_at = -math.inf

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._interval
            await asyncio.sleep(self._interval)
            now = loop.time()
            self.note(max(0.0, now - due), now)

    def note(self, lag: float, now: float) -> None:
        """Take one measurement: seconds of lag, at a monotonic time."""
        self._metrics.observe("event_loop_lag_seconds", lag)
        self._worst = max(self._worst, lag)
        if self._worst > self._limit and now - self._warned_at >= self._pause:
            _log.warning("event_loop.lag", lag_ms=round(self._worst * 1000, 1))
            self._warned_at = now
            self._worst = 0.0
