"""The writer: group commit. Writes in flight share a transaction; an answer means that it is on disk.

There is no timer: a flush takes all that waits and starts when the one before has ended. A batch that fails is
split until the culprit stands alone, so that one bad row never fails its neighbours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar

import structlog

from fivapp_whatsapp.errors import AlreadyExists, GatewayError, Overloaded, StoreUnavailable
from fivapp_whatsapp.ports import Metrics

from .needs import Needs
from .refusals import Collision
from .rows import CursorRow
from .statements import Lock, MakeWork, Many, Sql, Work
from .unit import Operation, Unit

_log = structlog.get_logger(__name__)
_MAX_BATCH = 500
# In the words of its index, for both databases use one with a condition only where they find it again.
_AUTOMATIC = """
SELECT conversation_id, received_at FROM fivapp_message WHERE conversation_id IN ({conversations}) AND received_at > $1
AND direction = 'outgoing' AND kind NOT IN ('note', 'system') AND author_kind = 'plugin'
"""
_HOUR_MS = 3600 * 1000
UNREAD = "SELECT count(*) FROM fivapp_message WHERE conversation_id = $1 AND seq > $2 AND direction = 'incoming'"
T = TypeVar("T")
_Batch: TypeAlias = "list[tuple[Operation[Any], asyncio.Future[Any]]]"


class Database(Protocol):
    """Runs a writer's work in one transaction of its own connection."""

    async def transact(self, work: MakeWork[T]) -> T:
        """Run the work and commit. Raises StoreUnavailable, InvalidInput, Collision, and the work's own errors."""
        ...


class _Failed:
    """An operation's own error, kept until its batch has committed."""

    __slots__ = ("error",)

    def __init__(self, error: GatewayError) -> None:
        self.error = error


class Writer:
    """Takes operations, applies them in batches, and answers each after the commit."""

    def __init__(
        self, database: Database, *, metrics: Metrics, pending_limit: int, on_commit: Callable[[dict[str, int]], None]
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._limit = pending_limit
        self._on_commit = on_commit
        self._pending: _Batch = []
        self._flushing: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, operation: Operation[T]) -> T:
        """Apply an operation and return its result after the commit.

        Raises the operation's own GatewayError, StoreUnavailable, and Overloaded when too many wait.
        """
        if self._closed:
            raise StoreUnavailable("The store is closing; nothing was stored.")
        if len(self._pending) >= self._limit:
            raise Overloaded
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append((operation, answer))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._run(), name="writer")
        # A caller that goes away cancels its answer alone: the operation goes on with its batch.
        return await answer

    @property
    def waiting(self) -> int:
        """Return how many operations wait for a flush."""
        return len(self._pending)

    async def close(self) -> None:
        """Write what was submitted and take no more."""
        self._closed = True
        if self._flushing is not None:
            await asyncio.shield(self._flushing)

    async def _run(self) -> None:
        batch: _Batch = []
        try:
            while self._pending:
                batch, self._pending = self._pending[:_MAX_BATCH], self._pending[_MAX_BATCH:]
                await self._flush(batch)
        finally:
            self._flushing = None
            # Left over only when this task is cancelled with its loop: nobody may wait for ever.
            for _, answer in batch + self._pending:
                answer.cancel()

    async def _flush(self, batch: _Batch, *, again: bool = False) -> None:
        started = time.perf_counter()
        try:
            unit, results = await self._database.transact(lambda: apply_all([operation for operation, _ in batch]))
        except StoreUnavailable as exc:
            for _, answer in batch:
                _settle(answer, _Failed(exc))
        except Collision as exc:
            # The other process has committed: this time its row is seen.
            await (self._split(batch, AlreadyExists(), exc) if again else self._flush(batch, again=True))
        except Exception as exc:
            await self._split(batch, exc, exc)
        else:
            for (_, answer), result in zip(batch, results, strict=True):
                _settle(answer, result)
            self._committed(unit.heads, time.perf_counter() - started, len(batch))

    def _committed(self, heads: dict[str, int], seconds: float, size: int) -> None:
        try:
            if heads:
                self._on_commit(heads)
            self._metrics.observe("commit_seconds", seconds)
            self._metrics.observe("commit_size", size)
        except Exception:
            # Nobody's answer depends on it, and the next batch must not.
            _log.exception("commit_not_told")

    async def _split(self, batch: _Batch, answered: Exception, cause: Exception) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._flush(batch[:middle])
            await self._flush(batch[middle:])
            return
        operation, answer = batch[0]
        name = type(operation).__name__
        if isinstance(answered, GatewayError):
            _log.warning("operation_refused", operation=name, error=answered.code)
        else:
            _log.error("operation_failed", operation=name, error=type(cause).__name__, exc_info=cause)
        if not answer.done():
            answer.set_exception(answered)


def apply_all(operations: list[Operation[Any]]) -> Work[tuple[Unit, list[Any]]]:
    """Load, apply, write: one batch in one transaction."""
    needs = Needs()
    for operation in operations:
        operation.needs(needs)
    if needs.tenants:
        # In one order for all processes, so that no two wait for each other.
        yield Lock(CursorRow, sorted(needs.tenants))
    unit = Unit()
    for lookups in unit.loads(needs):
        if lookups:
            for rows in (yield Many(lookups)):
                unit.loaded(rows)
    for conversation_id, seq in needs.unread:
        [(count,)] = yield Sql(UNREAD, (conversation_id, seq))
        unit.counted(conversation_id, seq, count)
    if needs.automatic_in:
        marks = ", ".join(f"${number}" for number, _ in enumerate(needs.automatic_in, 2))
        values = (unit.now - _HOUR_MS, *sorted(needs.automatic_in))
        for conversation_id, at in (yield Sql(_AUTOMATIC.format(conversations=marks), values)):
            unit.automatic(conversation_id).append(at)
    results: list[Any] = []
    for operation in operations:
        try:
            results.append(operation.apply(unit))
        except GatewayError as exc:
            results.append(_Failed(exc))
    if writes := list(unit.writes()):
        yield Many(writes)
    return unit, results


def _settle(answer: asyncio.Future[Any], result: Any) -> None:
    if answer.done():
        return
    if isinstance(result, _Failed):
        answer.set_exception(result.error)
    else:
        answer.set_result(result)
