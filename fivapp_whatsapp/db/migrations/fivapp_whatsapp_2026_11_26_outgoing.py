"""What went out in a conversation lately is found without a look at what came in."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T08:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Outgoing messages"

INDEX = """
CREATE INDEX IF NOT EXISTS fivapp_message_outgoing ON fivapp_message (conversation_id, received_at)
  WHERE direction = 'outgoing' AND kind NOT IN ('note', 'system')
"""


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=(INDEX,), postgresql=(INDEX,))
