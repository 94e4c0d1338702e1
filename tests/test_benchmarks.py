"""`make bench`: what its last line says, and that a row counts what it sent."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.bench import Measure, Result
from benchmarks.browsers import Browsers, Expect, Open
from benchmarks.table import ROWS, SHORT

from .processes import ROOT, clean_environment

SECONDS = 110
# The gates of the design.
BUDGETS = {
    "webhook_postgresql": "≥ 0.5",
    "webhook_sqlite": "≥ 0.33",
    "webhook_vs_pywa": "≥ 2.5",
    "webhook_vs_pywa_storing": "≥ 8",
    "fan_out": "≥ 0.9",
    "send": "≥ 3",
    "hooks": "≥ 0.4",
    "hooks_idle": "≥ 0.95",
    "page_depth": "≥ 0.5",
}


def test_the_short_form_is_a_subset_of_the_rows() -> None:
    assert set(SHORT) <= set(ROWS)


def test_the_page_names_the_rows_that_there_are_with_their_budgets() -> None:
    assert report.documented(report.PAGE.read_text(encoding="utf-8")) == {
        name: BUDGETS.get(name, "reported") for name in ROWS
    }


def test_what_a_run_measured_takes_the_place_of_the_last_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(report.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    around = _around(page)
    rounds = [
        Measure(rate=1000.0 * n, p50=1, p99=2, server=70, database=30, generator=0.1, foreign=0) for n in (1, 3, 2)
    ]
    results = [Result("send", 3.5, 0.25, 3.0, "higher"), Result("process.idle_mb", 51.5, 0, None, "lower")]
    for facts in ("Measured long ago.", "Measured today."):
        report.write(results, {"send": {"ours": rounds}}, facts)
    text = page.read_text(encoding="utf-8")
    assert _around(page) == around
    assert "long ago" not in text
    assert "| `send` | 3.5 | 0.25 | ≥ 3 | met |" in text
    assert "| `process.idle_mb` | 51.5 | 0 | reported |  |" in text
    assert "| `send` | ours | 1,000 · 2,000 · 3,000 /s | 2 ms | 70 µs | 30 µs | 0% |" in text


def _around(page: Path) -> tuple[str, str]:
    before, _, rest = page.read_text(encoding="utf-8").partition("<!-- measured: begin -->")
    return before, rest.partition("<!-- measured: end -->")[2]


def test_browsers_count_text_frames_whole_and_in_pieces_and_answer_pings() -> None:
    frames = bytes([0x81, 2]) + b"hi" + bytes([0x89, 1]) + b"p" + bytes([0x81, 126, 1, 0]) + b"x" * 256
    heard, counting = [], threading.Event()

    def serve(listener: socket.socket) -> None:
        one, _ = listener.accept()
        with one:
            one.recv(4096)
            one.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + frames[:3])
            for at in range(3, len(frames)):
                one.sendall(frames[at : at + 1])
            heard.append(one.recv(7))
            counting.wait()
            one.sendall(frames[:4] * 3)
            one.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=[listener])
        server.start()
        browsers = Browsers()
        browsers.open(Open(listener.getsockname()[1], "/", [], 1, 2))
        browsers.reset()
        counting.set()
        seen = browsers.expect(Expect(3))
        browsers.close()
        server.join()
    assert heard == [bytes([0x8A, 0x81, 0, 0, 0, 0]) + b"p"]
    assert (len(seen.times), seen.size) == (3, 2)


def test_a_row_prints_a_line_of_json_and_nothing_else_on_stdout() -> None:
    command = [sys.executable, "-m", "benchmarks", "--json", "--rounds", "1", "--scale", "0.01", "webhook_sqlite"]
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    (line,) = done.stdout.splitlines() or [done.stderr]
    (result,) = json.loads(line)["results"]
    assert set(result) == {"name", "value", "spread", "budget", "better"}
    assert (result["name"], result["budget"], result["better"]) == ("webhook_sqlite", 0.33, "higher")
    assert result["value"] > 0
    assert "200 webhooks acknowledged, 200 messages kept, each once" in done.stderr
