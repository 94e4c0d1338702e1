"""Quick replies of tenants."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T07:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Quick replies"

TABLES = """
CREATE TABLE IF NOT EXISTS fivapp_quick_replies (
  tenant_id TEXT NOT NULL PRIMARY KEY, items TEXT NOT NULL, updated_at INT8 NOT NULL
)
"""


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=(TABLES,), postgresql=(TABLES,))
