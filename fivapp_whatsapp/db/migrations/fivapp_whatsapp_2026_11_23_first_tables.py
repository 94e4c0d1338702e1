"""The first tables."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-23T22:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "The first tables"

# INT8 and INT4 are PostgreSQL's short names of BIGINT and INTEGER; SQLite takes any name with INT in it, and to
# these two Piccolo has attached no slow conversion.
# {key} is the primary key of fivapp_message, {bytes} the type for bytes, {rowless} ends a table of small rows.
TABLES = """
CREATE TABLE IF NOT EXISTS fivapp_tenant (
  id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, suspended BOOLEAN NOT NULL DEFAULT FALSE,
  created_at INT8 NOT NULL
);
CREATE TABLE IF NOT EXISTS fivapp_tenant_cursor (
  tenant_id TEXT NOT NULL PRIMARY KEY, seq INT8 NOT NULL DEFAULT 0, epoch INT8 NOT NULL
){rowless};
CREATE TABLE IF NOT EXISTS fivapp_account (
  id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, login TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
  password_hash TEXT NOT NULL, disabled BOOLEAN NOT NULL DEFAULT FALSE, created_at INT8 NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS fivapp_account_login ON fivapp_account (tenant_id, login);
CREATE TABLE IF NOT EXISTS fivapp_session (
  id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, name TEXT NOT NULL, connector TEXT NOT NULL,
  desired TEXT NOT NULL, status TEXT NOT NULL, problem TEXT, phone TEXT, profile_name TEXT,
  epoch INT4 NOT NULL DEFAULT 0, error TEXT, status_at INT8 NOT NULL, last_seen_at INT8,
  created_at INT8 NOT NULL, deleted BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX IF NOT EXISTS fivapp_session_tenant ON fivapp_session (tenant_id);
CREATE TABLE IF NOT EXISTS fivapp_contact (
  id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, name TEXT, phone TEXT, created_at INT8 NOT NULL,
  updated_at INT8 NOT NULL
);
CREATE TABLE IF NOT EXISTS fivapp_contact_alias (
  tenant_id TEXT NOT NULL, address_key TEXT NOT NULL, address TEXT NOT NULL, contact_id TEXT NOT NULL,
  created_at INT8 NOT NULL, PRIMARY KEY (tenant_id, address_key)
){rowless};
CREATE INDEX IF NOT EXISTS fivapp_contact_alias_contact ON fivapp_contact_alias (contact_id);
CREATE TABLE IF NOT EXISTS fivapp_conversation (
  id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, session_id TEXT NOT NULL, chat_id TEXT NOT NULL,
  contact_id TEXT, title TEXT NOT NULL, search_title TEXT NOT NULL, is_group BOOLEAN NOT NULL DEFAULT FALSE,
  status TEXT NOT NULL, snoozed_until INT8, unread_count INT4 NOT NULL DEFAULT 0, last_message_id TEXT,
  activity_seq INT8 NOT NULL DEFAULT 0, read_seq INT8 NOT NULL DEFAULT 0, read_up_to TEXT, assignee_id TEXT,
  labels TEXT NOT NULL DEFAULT '[]', waiting_since INT8, answered_by TEXT NOT NULL, paused_until INT8,
  created_at INT8 NOT NULL
);
CREATE INDEX IF NOT EXISTS fivapp_conversation_activity ON fivapp_conversation (tenant_id, activity_seq);
CREATE INDEX IF NOT EXISTS fivapp_conversation_snoozed ON fivapp_conversation (snoozed_until)
  WHERE snoozed_until IS NOT NULL;
CREATE TABLE IF NOT EXISTS fivapp_message (
  {key}, tenant_id TEXT NOT NULL, session_id TEXT NOT NULL, conversation_id TEXT NOT NULL,
  native_id TEXT, seq INT8 NOT NULL, direction TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL, text TEXT,
  author_kind TEXT NOT NULL, author_id TEXT, author_name TEXT, media TEXT, quoted_message_id TEXT,
  quoted_native_id TEXT, retry_of TEXT, error_code TEXT, error_detail TEXT, at INT8 NOT NULL,
  received_at INT8 NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS fivapp_message_native ON fivapp_message (session_id, native_id)
  WHERE native_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS fivapp_message_conversation ON fivapp_message (conversation_id, seq);
CREATE TABLE IF NOT EXISTS fivapp_message_status (
  message_id TEXT NOT NULL, status TEXT NOT NULL, tenant_id TEXT NOT NULL, at INT8 NOT NULL,
  received_at INT8 NOT NULL, error_code TEXT, error_detail TEXT, PRIMARY KEY (message_id, status)
){rowless};
CREATE TABLE IF NOT EXISTS fivapp_parked_status (
  session_id TEXT NOT NULL, native_id TEXT NOT NULL, status TEXT NOT NULL, tenant_id TEXT NOT NULL, at INT8,
  received_at INT8 NOT NULL, error_code TEXT, error_detail TEXT, PRIMARY KEY (session_id, native_id, status)
){rowless};
CREATE TABLE IF NOT EXISTS fivapp_event (
  tenant_id TEXT NOT NULL, seq INT8 NOT NULL, type TEXT NOT NULL, conversation_id TEXT, message_id TEXT,
  session_id TEXT, data TEXT, at INT8 NOT NULL, PRIMARY KEY (tenant_id, seq)
){rowless};
CREATE TABLE IF NOT EXISTS fivapp_quarantine (
  id TEXT NOT NULL PRIMARY KEY, connector TEXT NOT NULL, session_id TEXT, reason TEXT NOT NULL, raw {bytes} NOT NULL,
  state TEXT NOT NULL, attempts INT4 NOT NULL DEFAULT 0, received_at INT8 NOT NULL
);
CREATE INDEX IF NOT EXISTS fivapp_quarantine_state ON fivapp_quarantine (state, session_id);
CREATE TABLE IF NOT EXISTS fivapp_outbox (
  message_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, session_id TEXT NOT NULL,
  conversation_id TEXT NOT NULL, seq INT8 NOT NULL, state TEXT NOT NULL, attempt INT4 NOT NULL DEFAULT 0,
  not_before INT8 NOT NULL, expires_at INT8 NOT NULL, lease_owner TEXT, lease_until INT8,
  created_at INT8 NOT NULL
);
CREATE INDEX IF NOT EXISTS fivapp_outbox_due ON fivapp_outbox (state, not_before);
CREATE INDEX IF NOT EXISTS fivapp_outbox_conversation ON fivapp_outbox (conversation_id, seq);
CREATE TABLE IF NOT EXISTS fivapp_idempotency_key (
  tenant_id TEXT NOT NULL, principal TEXT NOT NULL, route TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL,
  message_id TEXT NOT NULL, created_at INT8 NOT NULL, expires_at INT8 NOT NULL,
  PRIMARY KEY (tenant_id, principal, route, key)
);
CREATE INDEX IF NOT EXISTS fivapp_idempotency_key_expiry ON fivapp_idempotency_key (expires_at);
"""

# The full-text index points at messages by row number; only a declared one survives a VACUUM.
SQLITE_KEY = "search_row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE"

SQLITE_SEARCH = (
    """CREATE VIRTUAL TABLE IF NOT EXISTS fivapp_message_search USING fts5(
         text, content='fivapp_message', content_rowid='search_row', tokenize='unicode61 remove_diacritics 2')""",
    """CREATE TRIGGER IF NOT EXISTS fivapp_message_search_insert AFTER INSERT ON fivapp_message
       WHEN new.text IS NOT NULL BEGIN
         INSERT INTO fivapp_message_search (rowid, text) VALUES (new.search_row, new.text);
       END""",
    """CREATE TRIGGER IF NOT EXISTS fivapp_message_search_delete AFTER DELETE ON fivapp_message
       WHEN old.text IS NOT NULL BEGIN
         INSERT INTO fivapp_message_search (fivapp_message_search, rowid, text)
         VALUES ('delete', old.search_row, old.text);
       END""",
    """CREATE TRIGGER IF NOT EXISTS fivapp_message_search_update AFTER UPDATE OF text ON fivapp_message
       WHEN new.text IS NOT old.text BEGIN
         INSERT INTO fivapp_message_search (fivapp_message_search, rowid, text)
         SELECT 'delete', old.search_row, old.text WHERE old.text IS NOT NULL;
         INSERT INTO fivapp_message_search (rowid, text)
         SELECT new.search_row, new.text WHERE new.text IS NOT NULL;
       END""",
)

# What db/search.py does with a query, done with a text: what separates words becomes a space, accents go, case goes.
# A text is cut at 65,536 characters, since a tsvector has a limit and a message must never fail for it.
POSTGRESQL_SEARCH = (
    r"""CREATE OR REPLACE FUNCTION fivapp_search_vector(message_text text) RETURNS tsvector
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $fold$
          SELECT to_tsvector('pg_catalog.simple', lower(translate(
            regexp_replace(left(message_text, 65536), '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7\u2000-\u2bff\u3000-\u3004\ufe00-\ufe0f\U0001f000-\U0001faff]+', ' ', 'g'),
            'ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöùúûüýÿ̧̀́̂̃̈',
            'aaaaaaceeeeiiiinooooouuuuyaaaaaaceeeeiiiinooooouuuuyy')))
        $fold$""",  # noqa: E501
    """CREATE INDEX IF NOT EXISTS fivapp_message_text ON fivapp_message USING gin (fivapp_search_vector(text))
       WHERE text IS NOT NULL""",
)


def _statements(**words: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in TABLES.format(**words).split(";\n") if part.strip())


SQLITE = _statements(key=SQLITE_KEY, bytes="BLOB", rowless=" WITHOUT ROWID") + SQLITE_SEARCH
POSTGRESQL = _statements(key="id TEXT NOT NULL PRIMARY KEY", bytes="BYTEA", rowless="") + POSTGRESQL_SEARCH


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(ID, DESCRIPTION, sqlite=SQLITE, postgresql=POSTGRESQL)
