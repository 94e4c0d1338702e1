"""Which connection services send nothing twice that has the same client message id: only theirs may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from .observe import get_logger
from .ports import Clock, Connector

_log = get_logger(__name__)
_AGAIN_SECONDS = 60.0
_ASK_SECONDS = 1.0


class Repeats:
    """Asks connectors for `idempotent_send`, and remembers what they said last."""

    def __init__(self, connectors: Mapping[str, Connector], clock: Clock) -> None:
        self._connectors = connectors
        self._clock = clock
        self._said: dict[str, bool] = {}
        self._asked_at: dict[str, float] = {}

    @property
    def known(self) -> frozenset[str]:
        """Return the connectors whose last word was yes."""
        return frozenset(name for name, yes in self._said.items() if yes)

    @property
    def possible(self) -> frozenset[str]:
        """Return the connectors that have not said no: theirs may wait for a word before they are given up."""
        return frozenset(name for name in self._connectors if self._said.get(name, True))

    async def learn(self) -> None:
        """Ask those that have not said yet, each once a minute; this keeps nobody waiting for longer than a second."""
        old = self._clock.monotonic() - _AGAIN_SECONDS
        silent = [name for name in self._connectors if name not in self._said]
        await asyncio.gather(*(self.ask(name) for name in silent if self._asked_at.get(name, old) <= old))

    async def ask(self, connector: str) -> bool | None:
        """Tell whether a service takes repeats now; None while it does not say."""
        self._asked_at[connector] = self._clock.monotonic()
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                yes = "idempotent_send" in await self._connectors[connector].capabilities()
        except Exception as exc:
            _log.info("repeats_not_known", connector=connector, error=type(exc).__name__)
            return None
        self._said[connector] = yes
        return yes
