"""Users of the main application who came by."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T16:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Seen users"

TABLES = (
    """
CREATE TABLE IF NOT EXISTS fivapp_seen_user (
  tenant_id TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, seen_at INT8 NOT NULL,
  PRIMARY KEY (tenant_id, user_id)
)
""",
)


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=TABLES, postgresql=TABLES)
