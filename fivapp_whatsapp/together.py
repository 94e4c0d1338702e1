"""Group reads: reads that are wanted at the same time share a statement, as writes in flight share a commit.

There is no timer: a read takes all that wait, and starts at once when none of its kind is under way. What is
returned was read after it was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from .errors import StoreUnavailable

K = TypeVar("K")
V = TypeVar("V")
_AT_ONCE = 200


class Together(Generic[K, V]):
    """Reads of one kind; `load` reads many keys at once and leaves out those that have nothing."""

    def __init__(self, load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._load = load
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """Return what a key has, or None. Raises what `load` raises for this key."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(answer)
        if self._reading is None:
            self._reading = asyncio.create_task(self._run(), name="reads")
        return await answer

    async def _run(self) -> None:
        wanted: dict[K, list[asyncio.Future[V | None]]] = {}
        try:
            while self._waiting:
                keys = list(self._waiting)[:_AT_ONCE]
                wanted = {key: self._waiting.pop(key) for key in keys}
                await self._read(wanted)
        finally:
            self._reading = None
            # Left over only when this task is cancelled with its loop: nobody may wait for ever.
            for answers in (*wanted.values(), *self._waiting.values()):
                for answer in answers:
                    answer.cancel()

    async def _read(self, wanted: Mapping[K, list[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._load(list(wanted))
        except StoreUnavailable as exc:
            _refuse(wanted, exc)
        except Exception as exc:
            if len(wanted) == 1:
                _refuse(wanted, exc)
                return
            # One key that cannot be asked for never fails its neighbours.
            for key, answers in wanted.items():
                await self._read({key: answers})
        else:
            for key, answers in wanted.items():
                for answer in answers:
                    if not answer.done():
                        answer.set_result(found.get(key))


def _refuse(wanted: Mapping[K, list[asyncio.Future[V | None]]], error: Exception) -> None:
    for answers in wanted.values():
        for answer in answers:
            if not answer.done():
                answer.set_exception(error)
