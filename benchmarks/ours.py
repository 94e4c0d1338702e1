"""`serve` with the plugins that are named and no others, whatever is installed: what they cost is a row of its own.

python -m benchmarks.ours PORT [PLUGIN.py …]
"""

from __future__ import annotations

import sys
from pathlib import Path

from fivapp_whatsapp.commands.serve import run_server
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import load_settings

if __name__ == "__main__":
    port, *files = sys.argv[1:]
    run_server(load_settings(port=int(port)), Plugins.load(files=[Path(file) for file in files], installed=False))
