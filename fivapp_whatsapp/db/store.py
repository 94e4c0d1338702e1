"""DatabaseStore: the Store port over SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from piccolo.querystring import QueryString

from fivapp_whatsapp.ports import Metrics, NoMetrics, Pace, StoreCheck

from .changes import LOOK_SECONDS, PASSING, Changes
from .claims import Claims
from .engine import PostgresEngine, ServerLock, check_durability, make_engine
from .migrate import migrate, pending
from .plugin_queries import PluginQueries
from .plugin_store import PluginTables
from .postgres_writer import PostgresWriterDatabase
from .queries import Queries
from .send_store import SendTables
from .session_store import SessionTables
from .sqlite import BUSY_SECONDS
from .sqlite_writer import SQLiteWriterDatabase
from .tenant_store import TenantTables
from .vault import Vault
from .writer import Writer

_QUARANTINED = "SELECT count(*) AS n FROM fivapp_quarantine WHERE state = 'waiting'"
_OUTBOX = "SELECT count(*) AS n FROM fivapp_outbox WHERE state IN ('queued', 'sending')"
_UNKNOWN = "SELECT count(*) AS n FROM fivapp_outbox WHERE state = 'lost'"


class DatabaseStore(TenantTables, SessionTables, SendTables, PluginTables):
    """Keeps everything in one database. `server` takes the lock that refuses a second server on one SQLite file.

    Short commands use `server=False`: they write beside a running server, which notices within a second.
    `pace` is how fast each session sends. With `keep_webhooks` their bodies are kept as they came, as those in
    quarantine always, but without these `secrets`. `busy_seconds` is how long a write waits for another process that
    writes to the SQLite file, `look_seconds` how long a change of another process that was not told may stay unseen.
    """

    def __init__(
        self,
        url: str,
        *,
        metrics: Metrics | None = None,
        pending_limit: int = 10_000,
        server: bool = True,
        pace: Pace | None = None,
        keep_webhooks: bool = False,
        secrets: Sequence[str] = (),
        busy_seconds: float = BUSY_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._engine = make_engine(url)
        self._metrics = metrics or NoMetrics()
        self._pace = pace or Pace()
        self._keep_webhooks = keep_webhooks
        self._vault = Vault(secrets)
        self._read = Queries(self._engine)
        self._plugins = PluginQueries(self._read)
        self._claims = Claims(postgresql=isinstance(self._engine, PostgresEngine))
        self._changes = Changes(self._read.heads, look_seconds=look_seconds)
        self._lock: ServerLock | None = None
        if isinstance(self._engine, PostgresEngine):
            self._database = PostgresWriterDatabase(self._engine)
        else:
            self._database = SQLiteWriterDatabase(self._engine.path, busy_seconds=busy_seconds)
            self._lock = ServerLock(self._engine.path) if server else None
        self._writer = Writer(
            self._database, metrics=self._metrics, pending_limit=pending_limit, on_commit=self._changes.publish
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._tenants_of_sessions: dict[str, str] = {}

    async def start(self) -> None:
        """Open the database, migrate it, start the writer. Raises StoreLocked, StoreUnavailable."""
        if self._lock is not None:
            self._lock.acquire()
        try:
            await migrate(self._engine)
            await self._engine.start_connection_pool()
            self._read.lookups.start()
            if isinstance(self._database, SQLiteWriterDatabase):
                await self._database.start()
            self._changes.publish(await self._read.heads())
            self._tenants_of_sessions = {row.id: row.tenant_id for row in await self._read.sessions()}
        except BaseException:
            await self._close_database()
            raise
        self._tasks.append(asyncio.create_task(self._changes.watch(), name="changes"))
        if isinstance(self._engine, PostgresEngine):
            self._tasks.append(asyncio.create_task(self._changes.hear_postgres(self._engine), name="listen"))

    async def close(self) -> None:
        """Finish what was submitted, end all listening, and close; may be called twice, and after a failed start."""
        await self._writer.close()
        self._changes.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._close_database()

    async def _close_database(self) -> None:
        if isinstance(self._database, SQLiteWriterDatabase):
            await self._database.close()
        await self._read.lookups.close()
        await self._engine.close_connection_pool()
        if self._lock is not None:
            self._lock.close()

    async def check(self) -> StoreCheck:
        """Tell how the database is. Raises StoreUnavailable."""
        durability = await check_durability(self._engine)
        missing = await pending(self._engine)
        counts = [0, 0, 0] if missing else [await self._read.count(sql) for sql in (_QUARANTINED, _OUTBOX, _UNKNOWN)]
        return StoreCheck(
            database=self._engine.engine_type,
            durable=durability.durable,
            detail=" ".join(durability.problems),
            migrations_pending=len(missing),
            quarantined=counts[0],
            outbox_waiting=counts[1],
            outbox_unknown=counts[2],
        )

    def changes(self) -> AsyncIterator[tuple[str, int]]:
        """Yield (tenant, head) after commits of any process."""
        return self._changes.listen()

    def hear(self, listener: Callable[[str, str], None]) -> None:
        """Call a listener with the tenant and the words that any process passes on."""
        self._changes.hear(listener)

    async def pass_on(self, tenant_id: str, text: str) -> None:
        """Tell all processes a few words that are kept nowhere. Raises StoreUnavailable."""
        if isinstance(self._engine, PostgresEngine):
            # This process hears it as the others do.
            await self._engine.run_querystring(QueryString("SELECT pg_notify({}, {})", PASSING, f"{tenant_id} {text}"))
        else:
            self._changes.pass_on(tenant_id, text)

    @property
    def waiting(self) -> int:
        """Return how many writes wait for a commit."""
        return self._writer.waiting
