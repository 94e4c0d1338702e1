"""What logins leave behind for all processes."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T13:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Logins"

TABLES = (
    """
CREATE TABLE IF NOT EXISTS fivapp_spent_token (
  mark TEXT NOT NULL PRIMARY KEY, until INT8 NOT NULL
)
""",
    """
CREATE TABLE IF NOT EXISTS fivapp_failed_login (
  address TEXT NOT NULL PRIMARY KEY, full_at INT8 NOT NULL
)
""",
)


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=TABLES, postgresql=TABLES)
