"""What a host sees of our log that has set up nothing of ours, or its own logging."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import structlog

from fivapp_whatsapp.observe import get_logger

from .processes import program

_SCRIPT = """
import asyncio, logging
from fivapp_whatsapp import open_gateway
{setup}
async def main():
    async with open_gateway(database_url="sqlite:///host.db") as gateway:
        await gateway.store.add_tenant("acme", "Acme")
        try:
            await gateway.connect("acme")
        except Exception as exc:
            print(type(exc).__name__)
asyncio.run(main())
"""


def run(cwd: Path, setup: str) -> tuple[list[str], str]:
    environment = {"CONNECTION_SERVICE_URL": "http://127.0.0.1:9", "CONNECTION_SERVICE_API_KEY": "canary-key-0123"}
    with program(sys.executable, "-c", _SCRIPT.format(setup=setup), cwd=cwd, **environment) as process:
        assert process.process.wait(30) == 0, process.stderr
        process._reader.join(10)
        return process.lines, process.stderr


def test_a_gateway_in_a_script_prints_nothing_to_stdout_by_itself(tmp_path: Path) -> None:
    lines, errors = run(tmp_path, "")
    assert lines == ["ConnectorUnavailable\n"]
    assert "outcome=connector_unavailable" in errors
    assert "canary" not in errors


def test_a_hosts_own_logging_gets_our_lines(tmp_path: Path) -> None:
    _, errors = run(tmp_path, "logging.basicConfig(level='INFO', format='%(levelname)s %(name)s %(message)s')")
    assert "WARNING fivapp_whatsapp.observe connect outcome=connector_unavailable" in errors


def test_a_set_up_that_comes_later_counts_for_loggers_that_have_written_already() -> None:
    log = get_logger("fivapp_whatsapp.test")
    before = structlog.get_config()
    lines: list[str] = []
    try:
        for level in (logging.INFO, logging.ERROR):
            # Only the level changes: the processors are the same list.
            structlog.configure(
                processors=before["processors"],
                wrapper_class=structlog.make_filtering_bound_logger(level),
                logger_factory=lambda *_: _Into(lines),
            )
            log.info("told")
    finally:
        structlog.reset_defaults()
        if before["wrapper_class"] is not structlog.get_config()["wrapper_class"]:
            structlog.configure(**before)
    assert len(lines) == 1


class _Into:
    """A logger that keeps its lines."""

    def __init__(self, lines: list[str]) -> None:
        self.info = self.error = lines.append
