"""How plugins do in each process. A row is changed and never made anew, so that a person's word in it is not lost."""

from __future__ import annotations

from collections.abc import Mapping

from fivapp_whatsapp.db.statements import Sql, Work


def tell(process: str, healths: Mapping[str, str], until: int) -> Work[set[str]]:
    """Put what a process tells, and take the words that are there for it: returns the plugins to go on."""
    words = yield Sql(_HEAR, (process,))
    for plugin, health in healths.items():
        yield Sql(_TELL, (process, plugin, health, until))
    yield Sql(_FORGET, (process, until))
    return {plugin for (plugin,) in words} & healths.keys()


def resume(plugin: str) -> Work[None]:
    """Leave a word for each process that told of a plugin."""
    yield Sql(_RESUME, (plugin,))


_HEAR = "UPDATE fivapp_plugin_health SET resumed = FALSE WHERE process = $1 AND resumed RETURNING plugin"
_TELL = """
INSERT INTO fivapp_plugin_health (process, plugin, health, until, resumed) VALUES ($1, $2, $3, $4, FALSE)
ON CONFLICT (process, plugin) DO UPDATE SET health = excluded.health, until = excluded.until
"""
_FORGET = "DELETE FROM fivapp_plugin_health WHERE process = $1 AND until <> $2"
_RESUME = "UPDATE fivapp_plugin_health SET resumed = TRUE WHERE plugin = $1"
