"""What is known of sessions beside their status: signs of life, failing sends, the end of a restriction."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T12:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Session pulses"

TABLES = """
CREATE TABLE IF NOT EXISTS fivapp_session_pulse (
  session_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, heard_at INT8 NOT NULL, told_at INT8 NOT NULL,
  sent_at INT8 NOT NULL
)
"""
COLUMNS = (
    ("fivapp_session", "restricted_until", "INT8"),
    ("fivapp_send_gate", "failing_since", "INT8"),
)


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=(TABLES,), postgresql=(TABLES,), columns=COLUMNS)
