"""`serve` as a process of a run, on a port that it keeps over its restarts.

python -m benchmarks.faults.gateway PORT [MISHAP …]
"""

from __future__ import annotations

import sys

from fivapp_whatsapp.commands.serve import run_server
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import load_settings

from .mishaps import befall


def main(port: int, mishaps: list[str]) -> None:
    """Serve until SIGTERM, or until a mishap ends it."""
    befall(mishaps)
    run_server(load_settings(port=port), Plugins.load(installed=False))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
