from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from piccolo.columns import Column
from piccolo.table import Table

from fivapp_whatsapp.db.engine import Engine, PostgresEngine, connect_sqlite, make_engine, pg_connection
from fivapp_whatsapp.db.migrate import migrate, modules, pending
from fivapp_whatsapp.db.tables import TABLES, Events, Messages, Migrations, Outbox, Tenants, bound

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
# What the tables declare, as SQLite is told of it.
SQLITE_TYPES = {"BYTEA": "BLOB", "BIGINT": "INT8", "INTEGER": "INT4"}

# What a database may hold once and no more: table, columns of the key, and whether it is a primary key.
KEYS = {
    ("fivapp_tenant", ("id",)),
    ("fivapp_tenant_cursor", ("tenant_id",)),
    ("fivapp_account", ("id",)),
    ("fivapp_account", ("tenant_id", "login")),
    ("fivapp_session", ("id",)),
    ("fivapp_contact", ("id",)),
    ("fivapp_contact_alias", ("tenant_id", "address_key")),
    ("fivapp_conversation", ("id",)),
    ("fivapp_message", ("id",)),
    ("fivapp_message", ("session_id", "native_id")),
    ("fivapp_message_status", ("message_id", "status")),
    ("fivapp_parked_status", ("session_id", "native_id", "status")),
    ("fivapp_event", ("tenant_id", "seq")),
    ("fivapp_quarantine", ("id",)),
    ("fivapp_outbox", ("message_id",)),
    ("fivapp_send_gate", ("session_id",)),
    ("fivapp_session_pulse", ("session_id",)),
    ("fivapp_spent_token", ("mark",)),
    ("fivapp_failed_login", ("address",)),
    ("fivapp_webhook_batch", ("id",)),
    ("fivapp_idempotency_key", ("tenant_id", "principal", "route", "key")),
    ("fivapp_quick_replies", ("tenant_id",)),
    ("fivapp_seen_user", ("tenant_id", "user_id")),
    ("fivapp_plugin_lane", ("tenant_id", "plugin")),
    ("fivapp_plugin_answer", ("message_id",)),
    ("fivapp_plugin_failure", ("id",)),
    ("fivapp_plugin_failure", ("tenant_id", "plugin", "hook", "subject")),
    ("fivapp_plugin_setting", ("tenant_id", "plugin")),
    ("fivapp_plugin_automation", ("tenant_id",)),
    ("fivapp_plugin_state", ("tenant_id", "plugin", "conversation_id", "key")),
    ("fivapp_plugin_timer", ("tenant_id", "plugin", "conversation_id", "key")),
    ("fivapp_plugin_presence", ("tenant_id", "user_id", "process")),
    ("fivapp_plugin_health", ("process", "tenant_id", "plugin")),
    ("fivapp_migration", ("name",)),
}
INDEXES = {
    ("fivapp_session", ("tenant_id",)),
    ("fivapp_contact_alias", ("contact_id",)),
    ("fivapp_conversation", ("tenant_id", "activity_seq")),
    ("fivapp_conversation", ("snoozed_until",)),
    ("fivapp_message", ("conversation_id", "seq")),
    ("fivapp_message", ("conversation_id", "received_at")),
    ("fivapp_quarantine", ("state", "session_id")),
    ("fivapp_outbox", ("state", "not_before")),
    ("fivapp_outbox", ("conversation_id", "seq")),
    ("fivapp_idempotency_key", ("expires_at",)),
    ("fivapp_plugin_failure", ("tenant_id", "id")),
    ("fivapp_plugin_failure", ("next_at",)),
    ("fivapp_plugin_state", ("expires_at",)),
    ("fivapp_plugin_timer", ("due_at",)),
    ("fivapp_plugin_presence", ("process",)),
}

Columns = dict[str, tuple[str, bool]]
Index = tuple[str, tuple[str, ...]]


def _declared(table: type[Table], engine: Engine) -> Columns:
    names = {} if isinstance(engine, PostgresEngine) else SQLITE_TYPES
    return {
        column._meta.db_column_name: (names.get(_kind(column), _kind(column)), column._meta.null)
        for column in table._meta.columns
    }


def _kind(column: Column) -> str:
    # Asked of its class, since a BigInt that knows an SQLite engine calls itself INTEGER.
    return {"Text": "TEXT", "BigInt": "BIGINT", "Integer": "INTEGER", "Boolean": "BOOLEAN", "Bytea": "BYTEA"}[
        type(column).__name__
    ]


async def _columns(engine: Engine, name: str) -> Columns:
    """Return each column's type and whether it may be null."""
    if isinstance(engine, PostgresEngine):
        query = (
            "SELECT column_name, upper(data_type), is_nullable FROM information_schema.columns WHERE table_name = $1"
        )
        async with pg_connection(engine) as connection:
            return {row[0]: (row[1], row[2] == "YES") for row in await connection.fetch(query, name)}
    connection = connect_sqlite(engine.path)
    rows = connection.execute(f"PRAGMA table_info({name})").fetchall()
    connection.close()
    return {row[1]: (row[2], not row[3]) for row in rows if row[1] != "search_row"}


async def _indexes(engine: Engine, *, unique: bool) -> set[Index]:
    if isinstance(engine, PostgresEngine):
        return await _postgres_indexes(engine, unique=unique)
    query = """SELECT m.name, i.name, i."unique" FROM sqlite_master m, pragma_index_list(m.name) i
               WHERE m.type = 'table' AND m.name NOT LIKE '%\\_search%' ESCAPE '\\'"""
    connection = connect_sqlite(engine.path)
    found = {
        (table, tuple(row[2] for row in connection.execute(f"PRAGMA index_info({index})")))
        for table, index, is_unique in connection.execute(query).fetchall()
        if bool(is_unique) is unique
    }
    connection.close()
    return found


async def _postgres_indexes(engine: PostgresEngine, *, unique: bool) -> set[Index]:
    query = """SELECT i.indrelid::regclass::text, array_agg(a.attname::text ORDER BY k.place)
               FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(number, place)
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
               WHERE i.indrelid::regclass::text LIKE 'fivapp%' AND i.indisunique = $1 GROUP BY i.indexrelid, 1"""
    async with pg_connection(engine) as connection:
        return {(row[0], tuple(row[1])) for row in await connection.fetch(query, unique)}


async def test_an_empty_database_gets_the_schema_that_the_tables_declare(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    await migrate(engine)

    for table in TABLES:
        assert await _columns(engine, table._meta.tablename) == _declared(table, engine), table
        rows = await bound(table, engine).select()
        assert rows == [] or table is Migrations
    assert await _indexes(engine, unique=True) == KEYS
    assert await _indexes(engine, unique=False) == INDEXES


def test_no_two_migrations_have_one_id() -> None:
    # The second one would count as applied.
    ids = [module.ID for module in modules()]
    assert len(set(ids)) == len(ids)


async def test_a_second_run_applies_nothing(empty_database_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    engine = make_engine(empty_database_url)
    before = await pending(engine)
    applied = await migrate(engine)

    assert before == applied != []
    assert await pending(engine) == []
    assert await migrate(engine) == []
    assert capfd.readouterr() == ("", "")


async def test_many_may_migrate_at_once(empty_database_url: str) -> None:
    engines = [make_engine(empty_database_url) for _ in range(5)]

    applied = await asyncio.gather(*(migrate(engine) for engine in engines))

    assert sorted(name for names in applied for name in names) == sorted(module.ID for module in modules())


async def test_two_processes_may_migrate_at_once(empty_database_url: str) -> None:
    script = """
        import asyncio, sys
        from fivapp_whatsapp.db.engine import make_engine
        from fivapp_whatsapp.db.migrate import migrate
        print(len(asyncio.run(migrate(make_engine(sys.argv[1])))))
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), empty_database_url]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) for _ in "12"
    ]
    outputs = await asyncio.gather(*(asyncio.to_thread(process.communicate, timeout=30) for process in processes))

    assert sum(int(out) for out, _ in outputs) == len(modules()), outputs


async def test_statements_of_a_migration_may_run_again(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    await migrate(engine)
    await engine.run_ddl("DELETE FROM fivapp_migration")

    assert len(await migrate(engine)) == len(modules())


async def test_a_failed_migration_leaves_nothing_behind(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    await engine.run_ddl("CREATE TABLE fivapp_outbox (id TEXT)")

    with pytest.raises(Exception, match=r"not_before|state|column"):
        await migrate(engine)

    assert len(await pending(engine)) == len(modules())
    assert await _columns(engine, "fivapp_tenant") == {}


async def test_a_database_of_the_first_release_keeps_its_rows(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fivapp_whatsapp.db.migrate.modules", lambda: modules()[:1])
        assert len(await migrate(engine)) == 1
    await engine.run_ddl("INSERT INTO fivapp_event VALUES ('acme', 1, 'notification', NULL, NULL, NULL, NULL, 1)")
    await engine.run_ddl("INSERT INTO fivapp_outbox VALUES ('m', 'acme', 's', 'c', 1, 'lost', 1, 1, 1, NULL, NULL, 1)")

    assert len(await migrate(engine)) == len(modules()) - 1

    events, sends = bound(Events, engine), bound(Outbox, engine)
    assert await events.select(events.type, events.was, events.reached) == [
        {"type": "notification", "was": None, "reached": None}
    ]
    assert [bool(row["in_doubt"]) for row in await sends.select(sends.in_doubt)] == [False]


def _run_in_host(folder: Path, script: str, **environment: str) -> str:
    (folder / "host_conf.py").write_text(
        "from piccolo.engine.sqlite import SQLiteEngine\n"
        f"DB = SQLiteEngine(path={str(folder / 'host.db')!r})\n"
        "from piccolo.conf.apps import AppRegistry\n"
        "APP_REGISTRY = AppRegistry(apps=[])\n"
    )
    variables = {**os.environ, "PICCOLO_CONF": "host_conf", "PYTHONPATH": f"{folder}:{ROOT}", **environment}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_inside_a_host_our_tables_land_in_our_database_only(empty_database_url: str, tmp_path: Path) -> None:
    script = """
        import asyncio, os
        from piccolo.engine import engine_finder
        from piccolo.apps.migrations.tables import Migration
        from fivapp_whatsapp.db.engine import make_engine
        from fivapp_whatsapp.db.migrate import migrate
        from fivapp_whatsapp.db.tables import Tenants, bound

        async def main():
            await Migration.create_table()
            await Migration.insert(Migration(name="theirs", app_name="host"))
            engine = make_engine(os.environ["OURS"])
            await migrate(engine)
            tenants = bound(Tenants, engine)
            await tenants.insert(tenants(id="t", name="T", created_at=1))
            host = engine_finder()
            rows = await host._run_in_new_connection("SELECT name FROM sqlite_master WHERE type = 'table'")
            print(await tenants.select(tenants.id), sorted(row["name"] for row in rows))

        asyncio.run(main())
    """
    output = _run_in_host(tmp_path, script, OURS=empty_database_url)

    assert output == "[{'id': 't'}] ['migration']\n"


def test_piccolos_own_command_applies_the_same_migrations(empty_database_url: str) -> None:
    script = "import asyncio, sys; from piccolo.main import main; sys.argv = sys.argv[1:]; main()"
    command = [sys.executable, "-c", script, "piccolo", "migrations", "forwards", "fivapp_whatsapp"]
    variables = {**os.environ, "DATABASE_URL": empty_database_url}
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert asyncio.run(pending(make_engine(empty_database_url))) == []


async def test_two_gateways_in_one_process_keep_their_rows_apart(sqlite_url: str, postgres_url: str) -> None:
    here, there = (bound(Tenants, make_engine(url)) for url in (sqlite_url, postgres_url))
    await here.insert(here(id="a", name="A", created_at=1))
    await there.insert(there(id="b", name="B", created_at=1))

    assert await here.select(here.id) == [{"id": "a"}]
    assert await there.select(there.id) == [{"id": "b"}]


async def test_a_native_id_is_unique_in_its_session_only_when_it_is_known(database_url: str) -> None:
    engine = make_engine(database_url)
    messages = bound(Messages, engine)

    def row(id: str, session: str, native: str | None) -> Messages:
        known = {
            "id": id,
            "tenant_id": "t",
            "session_id": session,
            "conversation_id": "c",
            "native_id": native,
            "seq": 1,
        }
        return messages(
            **known, direction="incoming", kind="text", status="received", author_kind="contact", at=1, received_at=1
        )

    for n, (session, native) in enumerate((("s", "x"), ("s2", "x"), ("s", None), ("s", None))):
        await messages.insert(row(str(n), session, native))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await messages.insert(row("dup", "s", "x"))
