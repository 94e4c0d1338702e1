"""When sessions may send: their pace, and pauses while the connection service does not answer."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T09:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Gates of sends"

TABLES = """
CREATE TABLE IF NOT EXISTS fivapp_send_gate (
  session_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, paced_until INT8 NOT NULL, held_until INT8 NOT NULL,
  failures INT4 NOT NULL
)
"""


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=(TABLES,), postgresql=(TABLES,))
