"""The keys of the requests by which users wrote messages."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T12:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Keys of messages"

COLUMNS = (("fivapp_message", "idempotency_key", "TEXT"),)


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=(), postgresql=(), columns=COLUMNS)
