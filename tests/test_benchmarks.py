"""`make bench`: what its last line says, and that a row counts what it sent."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.table import ROWS, SHORT

from .processes import ROOT, clean_environment

SECONDS = 110


def test_the_short_form_is_a_subset_of_the_rows() -> None:
    assert set(SHORT) <= set(ROWS)


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
