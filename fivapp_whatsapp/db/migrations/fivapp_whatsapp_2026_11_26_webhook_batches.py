"""Webhooks' bodies as they came, for a while."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T11:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Webhook batches"

TABLES = """
CREATE TABLE IF NOT EXISTS fivapp_webhook_batch (
  id TEXT NOT NULL PRIMARY KEY, received_at INT8 NOT NULL, count INT4 NOT NULL, bodies {bytes} NOT NULL
)
"""
# They are packed already: the database is not to try it again.
AS_IT_IS = "ALTER TABLE fivapp_webhook_batch ALTER COLUMN bodies SET STORAGE EXTERNAL"


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(
        ID,
        DESCRIPTION,
        sqlite=(TABLES.format(bytes="BLOB"),),
        postgresql=(TABLES.format(bytes="BYTEA"), AS_IT_IS),
    )
