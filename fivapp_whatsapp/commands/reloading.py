"""Loads a plugin's file again whenever it is saved: for the demo, where bots are written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from fivapp_whatsapp.errors import PluginError
from fivapp_whatsapp.plugins.registry import Plugins

_EVERY_SECONDS = 0.5
# They are put together once, at the start.
_AT_START = ("register_connectors", "register_routes", "startup")


async def reload_on_change(plugins: Plugins, say: Callable[[str], None], *, every: float = _EVERY_SECONDS) -> None:
    """Look at the files of these plugins now and then, and replace the plugin of each that changed.

    A file with mistakes leaves the old one running; `say` is told what was done, or why not.
    """
    seen = {file: _stamp(file) for file in plugins.files.values()}
    while seen:
        await asyncio.sleep(every)
        for file, before in seen.items():
            # One that is gone or empty for a moment is just being written: it is looked at again.
            if (now := _stamp(file)) not in (before, None):
                seen[file] = now
                say(reload(plugins, file))


def reload(plugins: Plugins, file: Path) -> str:
    """Replace the plugin of a file, and say what came of it."""
    try:
        plugin = plugins.replace(file)
    except PluginError as exc:
        return "\n".join([f"{file.name}: the old one runs on.", *(f"  {problem}" for problem in exc.problems)])
    lines = [f"{file.name}: loaded again ({', '.join(plugin.hooks) or 'no hooks'})."]
    lines += [f"  {warning}" for warning in plugin.warnings]
    if later := [hook for hook in _AT_START if hook in plugin.hooks]:
        lines.append(f"  Changes of {' and '.join(later)} come with the next start.")
    return "\n".join(lines)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size) if stat.st_size else None
