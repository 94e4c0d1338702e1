"""Who has the pages before their eyes, on any process: pages say so over their sockets, and the store passes it on.

What a process knows itself is exact. Of other processes it knows what they told last, which holds for 40 s and is
told again every 15: a process that died is soon forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from datetime import timedelta

from .errors import StoreError
from .models import User, new_id
from .observe import get_logger
from .ports import Clock
from .ports.plugins import PluginStore

_VALID = timedelta(seconds=40)
_log = get_logger(__name__)


class Presence:
    """Which users watch. `settle_seconds` is how long a change waits for others, `repeat_seconds` when it is retold."""

    def __init__(
        self, store: PluginStore, clock: Clock, *, settle_seconds: float = 0.5, repeat_seconds: float = 15.0
    ) -> None:
        self._store = store
        self._clock = clock
        self._settle_seconds = settle_seconds
        self._repeat_seconds = repeat_seconds
        self._process = new_id()
        self._watching: Counter[tuple[str, str]] = Counter()
        self._changed = asyncio.Event()
        self._told = False

    def watcher(self, user: User) -> Watcher:
        """Return what one page of a user reports to; it begins as not watching."""
        return Watcher(self, (user.tenant_id, user.id))

    async def is_watching(self, tenant_id: str, user_id: str) -> bool:
        """Tell whether a user has a page before their eyes, at any process. Raises StoreUnavailable."""
        if (tenant_id, user_id) in self._watching:
            return True
        return await self._store.is_watching(tenant_id, user_id, self._clock.now())

    async def run(self) -> None:
        """Tell the other processes what this one knows, for ever; nothing is told while nobody watches."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._repeat_seconds if self._told else None):
                        await self._changed.wait()
                # A page that is reloaded, or several that come at once, are one write.
                await asyncio.sleep(self._settle_seconds)
                await self._tell()
        except asyncio.CancelledError:
            self._watching.clear()
            if self._told:
                await self._tell()
            raise

    async def _tell(self) -> None:
        self._changed.clear()
        until = self._clock.now() + _VALID
        try:
            await self._store.show_presence(self._process, dict.fromkeys(self._watching, until))
            self._told = bool(self._watching)
        except StoreError as exc:
            self._told = True  # so that it is tried again
            _log.warning("presence_untold", error=exc.code)

    def count(self, user: tuple[str, str], by: int) -> None:
        """Note that one page of a user more, or less, is watched; watchers call it."""
        before = user in self._watching
        self._watching[user] += by
        if self._watching[user] <= 0:
            del self._watching[user]
        if before != (user in self._watching):
            self._changed.set()


class Watcher:
    """One page: a context manager, so that one whose socket ends is watched no more."""

    def __init__(self, presence: Presence, user: tuple[str, str]) -> None:
        self._presence = presence
        self._user = user
        self._visible = False

    def show(self, visible: bool) -> None:
        """Say whether the page is before somebody's eyes."""
        if visible != self._visible:
            self._visible = visible
            self._presence.count(self._user, 1 if visible else -1)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.show(False)
