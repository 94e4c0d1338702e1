"""How plugins do for each tenant. What stood there holds for seconds, and is told anew."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T14:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "How plugins do for each tenant"

TABLES = (
    "DROP TABLE IF EXISTS fivapp_plugin_health",
    """
CREATE TABLE IF NOT EXISTS fivapp_plugin_health (
  process TEXT NOT NULL, tenant_id TEXT NOT NULL, plugin TEXT NOT NULL, health TEXT NOT NULL, until INT8 NOT NULL,
  resumed BOOLEAN NOT NULL DEFAULT FALSE, PRIMARY KEY (process, tenant_id, plugin)
)
""",
)


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=TABLES, postgresql=TABLES)
