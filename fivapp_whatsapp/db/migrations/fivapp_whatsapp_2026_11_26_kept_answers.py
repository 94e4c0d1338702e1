"""The answers of requests with an Idempotency-Key."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T10:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Kept answers"

COLUMNS = (("fivapp_idempotency_key", "answer", "TEXT"),)


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=(), postgresql=(), columns=COLUMNS)
