"""What a host sees of our log that has set up nothing of ours, or its own logging."""

from __future__ import annotations

import sys
from pathlib import Path

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
