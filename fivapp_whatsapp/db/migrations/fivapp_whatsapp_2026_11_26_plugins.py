"""What plugins and bots need kept."""

from __future__ import annotations

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from fivapp_whatsapp.db.migrate import raw_migration

ID = "2026-11-26T06:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Plugins: lanes, answers, failures, settings, state, timers, presence"

# {bytewise} makes PostgreSQL compare keys as SQLite does; {rowless} ends a table of small rows.
TABLES = """
CREATE TABLE IF NOT EXISTS fivapp_plugin_lane (
  tenant_id TEXT NOT NULL, plugin TEXT NOT NULL, seq INT8 NOT NULL, owner TEXT, lease_until INT8 NOT NULL,
  PRIMARY KEY (tenant_id, plugin)
){rowless};
CREATE TABLE IF NOT EXISTS fivapp_plugin_answer (
  message_id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, at INT8 NOT NULL, trail TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS fivapp_plugin_failure (
  id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, plugin TEXT NOT NULL, hook TEXT NOT NULL,
  subject TEXT NOT NULL, state TEXT NOT NULL, attempts INT4 NOT NULL, error TEXT NOT NULL, at INT8 NOT NULL,
  next_at INT8, conversation_id TEXT, event TEXT, timer TEXT, owner TEXT, lease_until INT8 NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS fivapp_plugin_failure_subject
  ON fivapp_plugin_failure (tenant_id, plugin, hook, subject);
CREATE INDEX IF NOT EXISTS fivapp_plugin_failure_tenant ON fivapp_plugin_failure (tenant_id, id);
CREATE INDEX IF NOT EXISTS fivapp_plugin_failure_due ON fivapp_plugin_failure (next_at) WHERE state = 'retrying';
CREATE TABLE IF NOT EXISTS fivapp_plugin_setting (
  tenant_id TEXT NOT NULL, plugin TEXT NOT NULL, enabled BOOLEAN, config TEXT, position INT4,
  PRIMARY KEY (tenant_id, plugin)
){rowless};
CREATE TABLE IF NOT EXISTS fivapp_plugin_automation (
  tenant_id TEXT NOT NULL PRIMARY KEY, settings TEXT NOT NULL
){rowless};
CREATE TABLE IF NOT EXISTS fivapp_plugin_state (
  tenant_id TEXT NOT NULL, plugin TEXT NOT NULL, conversation_id TEXT NOT NULL, key TEXT{bytewise} NOT NULL,
  value TEXT NOT NULL, expires_at INT8, PRIMARY KEY (tenant_id, plugin, conversation_id, key)
);
CREATE INDEX IF NOT EXISTS fivapp_plugin_state_expiry ON fivapp_plugin_state (expires_at)
  WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS fivapp_plugin_timer (
  tenant_id TEXT NOT NULL, plugin TEXT NOT NULL, conversation_id TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL,
  due_at INT8 NOT NULL, data TEXT, attempt INT4 NOT NULL, owner TEXT, lease_until INT8 NOT NULL,
  PRIMARY KEY (tenant_id, plugin, conversation_id, key)
);
CREATE INDEX IF NOT EXISTS fivapp_plugin_timer_due ON fivapp_plugin_timer (due_at);
CREATE TABLE IF NOT EXISTS fivapp_plugin_presence (
  tenant_id TEXT NOT NULL, user_id TEXT NOT NULL, process TEXT NOT NULL, until INT8 NOT NULL,
  PRIMARY KEY (tenant_id, user_id, process)
){rowless};
CREATE INDEX IF NOT EXISTS fivapp_plugin_presence_process ON fivapp_plugin_presence (process);
"""

COLUMNS = (
    ("fivapp_message", "choices", "TEXT"),
    ("fivapp_message", "choice", "TEXT"),
    ("fivapp_conversation", "group_bots", "TEXT"),
    ("fivapp_event", "was", "TEXT"),
    ("fivapp_event", "reached", "TEXT"),
    # A send that may have gone out and is made again with the same id, as services with idempotent_send allow.
    ("fivapp_outbox", "in_doubt", "BOOLEAN NOT NULL DEFAULT FALSE"),
)


def _statements(**words: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in TABLES.format(**words).split(";\n") if part.strip())


async def forwards() -> MigrationManager:
    """Return the migration."""
    return raw_migration(
        ID,
        DESCRIPTION,
        sqlite=_statements(rowless=" WITHOUT ROWID", bytewise=""),
        postgresql=_statements(rowless="", bytewise=' COLLATE "C"'),
        columns=COLUMNS,
    )
