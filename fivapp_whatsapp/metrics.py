"""Prometheus metrics: one table that declares them all, and the watch over the event loop's lag.

docs/metrics.md explains each; a test holds table, page and every call in the package together. No label
carries a tenant, a phone or an id: their values would grow without end.
"""

from __future__ import annotations

import asyncio
import math
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Literal, TypeVar

import msgspec
import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as PrometheusFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from . import ports

_log = structlog.get_logger(__name__)

Sampler = Callable[[], float | Mapping[str, float]]
# A label whose values turn out to be endless stops here, and is counted under `other` from then on.
_MAX_SERIES = 500
_OTHER = "other"

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
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
    Metric("messages_duplicated_total", "counter", "Incoming messages that were already stored."),
    Metric("webhooks_total", "counter", "Webhooks by what they were answered.", ("answer",)),
    Metric("webhooks_quarantined_total", "counter", "Webhook bodies kept aside as not understood."),
    Metric("session_status", "gauge", "Sessions in each status.", ("status",)),
    Metric("commit_size", "histogram", "Jobs that shared one commit.", (), _SIZES),
    Metric("commit_seconds", "histogram", "Time of one commit, begin to durable.", (), _FAST),
    Metric("send_seconds", "histogram", "Time of one call that sends a message.", ("outcome",), _SLOW),
    Metric("sockets", "gauge", "Open WebSockets and event streams."),
    Metric("queue_length", "gauge", "What waits: writer, outbox, sockets.", ("queue",)),
    Metric("event_loop_lag_seconds", "histogram", "How late the event loop woke a timer.", (), _FAST),
    Metric("http_requests_total", "counter", "HTTP requests answered.", ("route", "status")),
    Metric("http_request_seconds", "histogram", "Time from an HTTP request to its answer.", ("route",), _FAST),
)


class _Number:
    """A counter's or a gauge's value."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def read(self) -> float:
        return self.value


class _Histogram:
    """How many values fell under each bound (the last place: above all of them), and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def read(self) -> tuple[list[int], float]:
        return list(self.counts), self.total


_Key = str | tuple[Any, ...]
_S = TypeVar("_S", _Number, _Histogram)


class PrometheusMetrics(ports.Metrics):
    """Counters, gauges and histograms in a registry of their own, so that two gateways share a process in peace.

    A name, kind or label that `METRICS` does not declare raises LookupError; with `strict=False`, as servers
    run it, it is logged once and ignored, for a wrong counter must not undo what it counts. Any thread may
    call. The values are kept here and handed to prometheus_client at render: its own counters cost four times
    as much, and a message passes several.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self.registry = CollectorRegistry()
        self._strict = strict
        self._lock = threading.Lock()
        self._declared = {metric.name: metric for metric in METRICS}
        # By kind, name and labels in the order of the call; the families below hold each series once.
        self._counters: dict[_Key, _Number] = {}
        self._gauges: dict[_Key, _Number] = {}
        self._histograms: dict[_Key, _Histogram] = {}
        self._families: dict[str, dict[tuple[str, ...], _Number | _Histogram]] = {m.name: {} for m in METRICS}
        self._samplers: list[tuple[str, Sampler, dict[str, str]]] = []
        self._reported: set[str] = set()
        for metric in METRICS:
            if not metric.labels:  # so that Prometheus sees the first step from 0 to 1
                self._families[metric.name][()] = _new_series(metric)
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = (name, *labels.items()) if labels else name
        series = self._counters.get(key) or self._find(self._counters, key, name, "counter", labels)
        with self._lock:
            series.value += amount

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add a value (seconds, or a size) to a histogram."""
        key = (name, *labels.items()) if labels else name
        series = self._histograms.get(key) or self._find(self._histograms, key, name, "histogram", labels)
        with self._lock:
            series.counts[bisect_left(series.bounds, value)] += 1
            series.total += value

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        key = (name, *labels.items()) if labels else name
        series = self._gauges.get(key) or self._find(self._gauges, key, name, "gauge", labels)
        series.value = value

    def sample(self, name: str, callback: Sampler, **labels: str) -> None:
        """Ask `callback` for a gauge's value at each render.

        Where one label of the gauge is left out, it returns a mapping of that label's values; a value that is
        no longer in it becomes 0.
        """
        metric = self._declared.get(name)
        missing = set(metric.labels) - set(labels) if metric is not None else set()
        if metric is None or metric.kind != "gauge" or set(labels) - set(metric.labels) or len(missing) > 1:
            self._complain(f"no gauge {name} with labels {sorted(labels)}")
            return
        self._samplers.append((name, callback, labels))

    def render(self) -> tuple[bytes, str]:
        """Return the page for Prometheus and its content type."""
        for name, callback, labels in self._samplers:
            try:
                self._take(name, callback(), labels)
            except Exception as error:  # the other numbers are wanted, above all when something is broken
                if f"sample {name}" not in self._reported:
                    self._reported.add(f"sample {name}")
                    _log.error("metrics.sample_failed", metric=name, exc_info=error)
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterator[PrometheusFamily]:
        """Yield everything in prometheus_client's words."""
        for metric in METRICS:
            with self._lock:
                values = [(labels, series.read()) for labels, series in self._families[metric.name].items()]
            yield _family(metric, values)

    def _take(self, name: str, value: float | Mapping[str, float], labels: dict[str, str]) -> None:
        missing = [label for label in self._declared[name].labels if label not in labels]
        if not isinstance(value, Mapping) or not missing:
            self.gauge(name, float(value), **labels)  # type: ignore[arg-type]  # a mapping raises, and is logged
            return
        values = dict(value)
        for series_labels in list(self._families[name]):
            known = dict(zip(self._declared[name].labels, series_labels, strict=True))
            if labels.items() <= known.items():
                values.setdefault(known[missing[0]], 0)
        for entry, amount in values.items():
            self.gauge(name, amount, **labels, **{missing[0]: entry})

    def _find(self, cache: dict[_Key, _S], key: _Key, name: str, kind: str, labels: dict[str, str]) -> _S:
        """Return the series of a key that this kind's calls did not use before."""
        metric = self._declared.get(name)
        if metric is None or metric.kind != kind or labels.keys() != set(metric.labels):
            self._complain(f"no {kind} {name} with labels {sorted(labels)}")
            return _new_series(Metric(name, kind, ""))  # type: ignore[return-value,arg-type]  # counts for nobody
        family = self._families[name]
        values = tuple(str(labels[label]) for label in metric.labels)
        with self._lock:
            full = len(family) >= _MAX_SERIES and values not in family
            series = family.setdefault((_OTHER,) * len(values) if full else values, _new_series(metric))
            if not full:
                cache[key] = series  # type: ignore[assignment]  # the kind was checked above
        if full:
            self._report(f"{name} has too many series")
        return series  # type: ignore[return-value]

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


def _new_series(metric: Metric) -> _Number | _Histogram:
    return _Histogram(metric.buckets) if metric.kind == "histogram" else _Number()


def _family(metric: Metric, values: list[tuple[tuple[str, ...], Any]]) -> PrometheusFamily:
    """Say one metric in prometheus_client's words."""
    name = f"fivapp_{metric.name}"
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(name, metric.help, labels=metric.labels)
        bounds = [*(str(bound) for bound in metric.buckets), "+Inf"]
        for labels, (counts, total) in values:
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            histogram.add_metric(labels, buckets, total)
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(name, metric.help, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family
