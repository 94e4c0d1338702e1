"""Finds out what became of sends whose outcome is not known, where the connection service can look them up.

A look-up proves that a message went out; that it finds nothing proves nothing, for the service may still be at it.
So what is not found stays `unknown`, for a person to decide, unless an echo or a report proves it later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from .errors import ConnectorError, MessageNotFound, StoreError
from .models import SendResult
from .observe import get_logger
from .ports import Clock, Connector, Metrics, Store, UnknownSend

_log = get_logger(__name__)
# How old the doubt is at each look: often at first, for it mostly ends at once.
LOOK_AT_SECONDS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_TICK = 2.0
_FIND_SECONDS = 3.0
_AT_ONCE = 8
_PART = 200


class Reconciler:
    """Looks up sends by our id; each process looks for itself, which does no harm."""

    def __init__(self, store: Store, connectors: Mapping[str, Connector], *, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._connectors = connectors
        self._clock = clock
        self._metrics = metrics
        self._looks: dict[str, int] = {}

    async def find(self, connector: str, session_id: str, message_id: str) -> SendResult | None:
        """Ask what became of a send; None when that is not known, or the service cannot say. Raises nothing."""
        bridge = self._connectors.get(connector)
        if bridge is None:
            return None
        try:
            async with asyncio.timeout(_FIND_SECONDS):
                if "lookup" not in await bridge.capabilities():
                    return None
                found = await bridge.find_sent(session_id, message_id)
        except (ConnectorError, TimeoutError) as exc:
            _log.info("send_not_looked_up", connector=connector, message_id=message_id, error=type(exc).__name__)
            return None
        except Exception:
            _log.exception("connector_defect")
            return None
        if found is not None:
            self._metrics.count("sends_found_total")
        return found

    async def run(self) -> None:
        """Look up what is in doubt until cancelled."""
        while True:
            try:
                await self.look()
            except StoreError as exc:
                _log.warning("unknown_sends_not_read", error=exc.code)
            await asyncio.sleep(_TICK)

    async def look(self) -> None:
        """Look up each send in doubt whose next look is due. Raises StoreError."""
        now = self._clock.now()
        young = now - timedelta(seconds=LOOK_AT_SECONDS[-1] + 60)
        sends = await self._store.unknown_sends(_PART, ended_after=young)
        self._looks = {each.message_id: self._looks.get(each.message_id, 0) for each in sends}
        due = [each for each in sends if self._is_due(each, (now - each.ended_at).total_seconds())]
        for start in range(0, len(due), _AT_ONCE):
            await asyncio.gather(*(self._settle(each) for each in due[start : start + _AT_ONCE]))

    def _is_due(self, send: UnknownSend, age: float) -> bool:
        passed = sum(1 for seconds in LOOK_AT_SECONDS if seconds <= age)
        due = passed > self._looks[send.message_id]
        self._looks[send.message_id] = max(passed, self._looks[send.message_id])
        return due

    async def _settle(self, send: UnknownSend) -> None:
        found = await self.find(send.connector, send.session_id, send.message_id)
        if found is None:
            return
        try:
            await self._store.record_found(send, found)
        except MessageNotFound:
            return
        _log.info("send_found", message_id=send.message_id, session_id=send.session_id)
