"""When each session was last heard of, and what it sent meanwhile: noted in memory, shared now and then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .models import IncomingMessage, StatusUpdate, WebhookEvent
from .ports import Clock, PulseNote, Store

_FLUSH_SECONDS = 10.0


class Pulse:
    """Notes signs of life at the price of a dict's entry, and writes what is new to the store every ten seconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._heard: dict[str, datetime] = {}
        self._told: dict[str, datetime] = {}
        self._sent: dict[str, datetime] = {}
        self._next = 0.0

    def heard(self, events: Sequence[WebhookEvent]) -> None:
        """Note what a webhook told."""
        now = self._clock.now()
        for event in events:
            self._heard[event.session_id] = now
            if isinstance(event, StatusUpdate) or (isinstance(event, IncomingMessage) and event.from_me):
                self._told[event.session_id] = now

    def sent(self, session_id: str) -> None:
        """Note that the connection service accepted a send: the first one counts, until something is heard."""
        self._sent.setdefault(session_id, self._clock.now())

    async def flush(self) -> None:
        """Write what is new, if it is time to. Raises StoreError."""
        now = self._clock.monotonic()
        if now < self._next or not (self._heard or self._sent):
            return
        self._next = now + _FLUSH_SECONDS
        heard, told, sent = self._heard, self._told, self._sent
        self._heard, self._told, self._sent = {}, {}, {}
        notes = [PulseNote(id, heard.get(id), told.get(id), sent.get(id)) for id in sorted(heard.keys() | sent.keys())]
        await self._store.note_pulses(notes)
