"""How plugins do in each process. A row is changed and never made anew, so that a person's word in it is not lost."""

from __future__ import annotations

from collections.abc import Mapping

from fivapp_whatsapp.db.statements import Many, Sql, Work

Key = tuple[str, str]


def tell(process: str, healths: Mapping[Key, str], until: int, *, all_: bool) -> Work[set[Key]]:
    """Put what a process tells, by tenant and plugin, and take the words that are there for it: those to go on."""
    words = yield Sql(_HEAR, (process,))
    yield Many([Sql(_TELL, (process, *key, health, until)) for key, health in healths.items()])
    if all_:
        yield Sql(_FORGET, (process, until))
    return {(tenant_id, plugin) for tenant_id, plugin in words}


def resume(plugin: str, tenant_id: str | None) -> Work[None]:
    """Leave a word for each process that told of a plugin for a tenant, or for anybody."""
    if tenant_id is None:
        yield Sql(_RESUME_ALL, (plugin,))
    else:
        yield Sql(_RESUME, (plugin, tenant_id))


_HEAR = "UPDATE fivapp_plugin_health SET resumed = FALSE WHERE process = $1 AND resumed RETURNING tenant_id, plugin"
_TELL = """
INSERT INTO fivapp_plugin_health (process, tenant_id, plugin, health, until, resumed) VALUES ($1, $2, $3, $4, $5, FALSE)
ON CONFLICT (process, tenant_id, plugin) DO UPDATE SET health = excluded.health, until = excluded.until
"""
_FORGET = "DELETE FROM fivapp_plugin_health WHERE process = $1 AND until <> $2"
_RESUME_ALL = "UPDATE fivapp_plugin_health SET resumed = TRUE WHERE plugin = $1"
_RESUME = "UPDATE fivapp_plugin_health SET resumed = TRUE WHERE plugin = $1 AND tenant_id = $2"
