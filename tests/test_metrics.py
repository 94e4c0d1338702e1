"""Metrics are declared once, hold their names, and cost little."""

from __future__ import annotations

import ast
import asyncio
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from fivapp_whatsapp.metrics import METRICS, LoopLag, PrometheusMetrics

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[1]
KINDS = {"count": "counter", "observe": "histogram", "gauge": "gauge", "sample": "gauge"}


def values(metrics: PrometheusMetrics) -> dict[str, float]:
    """Return every sample as `name{labels}`, as Prometheus would read it."""
    page, content_type = metrics.render()
    assert content_type.startswith("text/plain")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            assert f"{sample.name}{{{labels}}}" not in found, "a series stands there twice"
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def calls_in_the_package() -> Iterator[tuple[str, str, str, set[str]]]:
    """Yield (place, method, metric, labels) of every call that names a metric."""
    for path in sorted((ROOT / "fivapp_whatsapp").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            method = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            if method in KINDS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield f"{path.name}:{node.lineno}", method, first.value, {word.arg or "**" for word in node.keywords}


def test_every_metric_of_the_table_is_on_the_page_with_its_help() -> None:
    page = PrometheusMetrics().render()[0].decode()
    for metric in METRICS:
        assert f"# HELP fivapp_{metric.name} {metric.help}" in page
        assert f"# TYPE fivapp_{metric.name} {metric.kind}" in page


def test_the_document_names_every_metric_with_its_kind_and_labels() -> None:
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `fivapp_(\w+)` \| (\w+) \|(.*?)\| .{20,} \|$", text, re.MULTILINE)
    documented = {(name, kind, tuple(re.findall(r"\w+", labels))) for name, kind, labels in rows}
    assert documented == {(metric.name, metric.kind, metric.labels) for metric in METRICS}
    mentioned = set(re.findall(r"fivapp_(\w+?)(?:_bucket)?[\[{`)(]", text))
    assert mentioned <= {metric.name for metric in METRICS} | {"whatsapp"}


def test_every_call_in_the_package_is_declared() -> None:
    declared = {metric.name: metric for metric in METRICS}
    for place, method, name, labels in calls_in_the_package():
        assert name in declared, f"{place}: {name}"
        assert declared[name].kind == KINDS[method], place
        if "**" not in labels and method != "sample":
            assert labels - {"amount"} == set(declared[name].labels), place


def test_no_label_could_hold_a_person_or_grow_without_end() -> None:
    ours = {"answer", "status", "outcome", "problem", "queue", "route", "reason"}
    # As many as plugins are installed, and as hooks there are.
    plugins = {"plugin", "hook"}
    assert {label for metric in METRICS for label in metric.labels} == ours | plugins


def test_counts_gauges_and_histograms_add_up() -> None:
    metrics = PrometheusMetrics()
    metrics.count("messages_received_total")
    metrics.count("messages_received_total", 2)
    metrics.count("http_requests_total", route="/api/me", status="200")
    metrics.count("http_requests_total", status="200", route="/api/me")
    metrics.gauge("sockets", 3)
    metrics.gauge("sockets", 2)
    for size in (1, 2, 3, 501):
        metrics.observe("commit_size", size)
    found = values(metrics)
    assert found["fivapp_messages_received_total{}"] == 3
    assert found["fivapp_http_requests_total{route=/api/me,status=200}"] == 2
    assert found["fivapp_sockets{}"] == 2
    assert [found[f"fivapp_commit_size_bucket{{le={le}}}"] for le in ("1.0", "2.0", "5.0", "500.0", "+Inf")] == [
        1,
        2,
        3,
        3,
        4,
    ]
    assert (found["fivapp_commit_size_count{}"], found["fivapp_commit_size_sum{}"]) == (4, 507)


def test_a_label_is_escaped() -> None:
    metrics = PrometheusMetrics()
    metrics.count("webhooks_total", answer='a"b\\c\nd')
    assert values(metrics)['fivapp_webhooks_total{answer=a"b\\c\nd}'] == 1


def test_two_gateways_in_one_process_count_apart() -> None:
    one, other = PrometheusMetrics(), PrometheusMetrics()
    one.count("messages_sent_total")
    assert values(one)["fivapp_messages_sent_total{}"] == 1
    assert values(other)["fivapp_messages_sent_total{}"] == 0


def misuse(metrics: PrometheusMetrics) -> Iterator[object]:
    yield lambda: metrics.count("messages_recieved_total")
    yield lambda: metrics.count("sockets")
    yield lambda: metrics.gauge("messages_sent_total", 1)
    yield lambda: metrics.observe("send_seconds", 1)
    yield lambda: metrics.count("messages_sent_total", tenant="acme")
    yield lambda: metrics.sample("messages_sent_total", lambda: 1)
    yield lambda: metrics.sample("sockets", lambda: 1, queue="writer")


def test_what_is_not_declared_is_a_programming_error() -> None:
    for wrong in misuse(PrometheusMetrics()):
        with pytest.raises(LookupError):
            wrong()  # type: ignore[operator]


def test_a_server_logs_a_programming_error_once_and_goes_on() -> None:
    metrics = PrometheusMetrics(strict=False)
    before = set(values(metrics))
    with capture_logs() as lines:
        for wrong in [*misuse(metrics), *misuse(metrics)]:
            wrong()  # type: ignore[operator]
    assert 5 < len(lines) == len({line["detail"] for line in lines})
    assert set(values(metrics)) == before


def test_a_sampled_gauge_is_asked_at_each_render() -> None:
    metrics = PrometheusMetrics()
    waiting = [1, 2]
    metrics.sample("queue_length", lambda: len(waiting), queue="writer")
    metrics.sample("sockets", lambda: 5)
    assert values(metrics)["fivapp_queue_length{queue=writer}"] == 2
    waiting.clear()
    found = values(metrics)
    assert found["fivapp_queue_length{queue=writer}"] == 0
    assert found["fivapp_sockets{}"] == 5


def test_a_sampler_that_fails_is_logged_once_and_costs_only_its_own_number() -> None:
    metrics = PrometheusMetrics()
    metrics.sample("sockets", lambda: 1 / 0)
    metrics.sample("queue_length", lambda: 4, queue="outbox")
    with capture_logs() as lines:
        assert values(metrics)["fivapp_queue_length{queue=outbox}"] == 4
        values(metrics)
    assert [line["event"] for line in lines] == ["metrics.sample_failed"]


def test_endless_label_values_end_up_as_other() -> None:
    metrics = PrometheusMetrics()
    with capture_logs() as lines:
        for number in range(700):
            metrics.count("webhooks_total", answer=str(number))
    found = [value for name, value in values(metrics).items() if name.startswith("fivapp_webhooks_total")]
    assert len(found) == 501
    assert sum(found) == 700
    assert len(lines) == 1


def test_no_count_is_lost_between_threads() -> None:
    metrics = PrometheusMetrics()

    def work() -> None:
        for _ in range(2_000):
            metrics.count("messages_sent_total")
            metrics.observe("commit_seconds", 0.01)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = values(metrics)
    assert found["fivapp_messages_sent_total{}"] == found["fivapp_commit_seconds_count{}"] == 8_000


def test_lag_over_the_limit_warns_at_most_once_in_ten_seconds_with_the_worst() -> None:
    metrics = PrometheusMetrics()
    watch = LoopLag(metrics)
    with capture_logs() as lines:
        for lag, now in [(0.01, 1.0), (0.3, 2.0), (0.9, 3.0), (0.2, 4.0), (0.0, 11.9), (0.0, 12.0), (0.05, 30.0)]:
            watch.note(lag, now)
    assert [(line["event"], line["lag_ms"], line["log_level"]) for line in lines] == [
        ("event_loop.lag", 300, "warning"),
        ("event_loop.lag", 900, "warning"),
    ]
    assert values(metrics)["fivapp_event_loop_lag_seconds_count{}"] == 7


async def test_a_blocked_event_loop_is_seen() -> None:
    metrics = PrometheusMetrics()
    with capture_logs() as lines:
        task = asyncio.create_task(LoopLag(metrics, interval=0.01).run())
        deadline = time.monotonic() + 10
        while not lines and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
            time.sleep(0.15)  # what a plugin should not do
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert lines[0]["event"] == "event_loop.lag"
    assert lines[0]["lag_ms"] > 100
