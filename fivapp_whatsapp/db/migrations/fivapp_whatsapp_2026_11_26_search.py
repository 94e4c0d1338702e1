"""The index of texts knows whose a message is, and in PostgreSQL about when it came: a search reads what it shows."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T08:58:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Search by tenant"

# Filled anew from the messages that are there; the tenant never changes, so only a new text touches the index.
SQLITE = (
    "DROP TRIGGER IF EXISTS fivapp_message_search_insert",
    "DROP TRIGGER IF EXISTS fivapp_message_search_delete",
    "DROP TRIGGER IF EXISTS fivapp_message_search_update",
    "DROP TABLE IF EXISTS fivapp_message_search",
    """CREATE VIRTUAL TABLE fivapp_message_search USING fts5(
         text, tenant_id, content='fivapp_message', content_rowid='search_row',
         tokenize='unicode61 remove_diacritics 2')""",
    """INSERT INTO fivapp_message_search (rowid, text, tenant_id)
       SELECT search_row, text, tenant_id FROM fivapp_message WHERE text IS NOT NULL""",
    """CREATE TRIGGER fivapp_message_search_insert AFTER INSERT ON fivapp_message
       WHEN new.text IS NOT NULL BEGIN
         INSERT INTO fivapp_message_search (rowid, text, tenant_id)
         VALUES (new.search_row, new.text, new.tenant_id);
       END""",
    """CREATE TRIGGER fivapp_message_search_delete AFTER DELETE ON fivapp_message
       WHEN old.text IS NOT NULL BEGIN
         INSERT INTO fivapp_message_search (fivapp_message_search, rowid, text, tenant_id)
         VALUES ('delete', old.search_row, old.text, old.tenant_id);
       END""",
    """CREATE TRIGGER fivapp_message_search_update AFTER UPDATE OF text ON fivapp_message
       WHEN new.text IS NOT old.text BEGIN
         INSERT INTO fivapp_message_search (fivapp_message_search, rowid, text, tenant_id)
         SELECT 'delete', old.search_row, old.text, old.tenant_id WHERE old.text IS NOT NULL;
         INSERT INTO fivapp_message_search (rowid, text, tenant_id)
         SELECT new.search_row, new.text, new.tenant_id WHERE new.text IS NOT NULL;
       END""",
)

# The place of a message is a word that no text can hold: `=tenant/stretch`, 65,536 seqs a stretch (db/search.py).
POSTGRESQL = (
    """CREATE INDEX IF NOT EXISTS fivapp_message_words ON fivapp_message USING gin (
         (fivapp_search_vector(text) || array_to_tsvector(ARRAY['=' || tenant_id || '/' || (seq >> 16)::text]))
       ) WHERE text IS NOT NULL""",
    "DROP INDEX IF EXISTS fivapp_message_text",
)


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=SQLITE, postgresql=POSTGRESQL)
