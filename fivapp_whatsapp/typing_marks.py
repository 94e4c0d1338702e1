"""Who writes right now: told to colleagues on every process, and to the contact where the connection service can.

Nothing of it is kept: a mark that is not told again is over after some seconds, here and on the phone.
"""

from __future__ import annotations

import msgspec

from .errors import ConnectorError
from .models import Author, Conversation
from .observe import get_logger
from .ports import Clock, Connector, Store

_log = get_logger(__name__)
# A contact's phone shows the mark for five seconds or longer; a call for each key would be one a key.
_AGAIN_SECONDS = 2.5
_MOST = 2_000
_LONGEST_NAME = 100
_encode = msgspec.json.Encoder().encode


class TypingMarks:
    """Tells who writes; the contact of one conversation is told at most once in some seconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._told: dict[str, float] = {}

    async def tell_colleagues(self, tenant_id: str, conversation: Conversation, on: bool, by: Author) -> None:
        """Tell the pages of a tenant that somebody writes in a conversation, or no longer does."""
        data = {"conversationId": conversation.id, "userId": by.id, "name": (by.name or "")[:_LONGEST_NAME], "on": on}
        await self._store.pass_on(tenant_id, _encode({"type": "typing", "data": data}).decode())

    async def tell_contact(self, connector: Connector, conversation: Conversation, on: bool) -> None:
        """Show or hide "typing…" on the contact's phone, where the connection service can; a failure is no error."""
        now = self._clock.monotonic()
        before = self._told.get(conversation.id)
        again = before is None or now >= before + _AGAIN_SECONDS
        if not (again if on else before is not None):
            return
        self._note(conversation.id, now if on else None)
        try:
            if "typing" in await connector.capabilities():
                await connector.typing(conversation.session_id, conversation.chat_id, on)
        except ConnectorError as exc:
            _log.info("typing_not_shown", error=exc.code)

    def _note(self, conversation_id: str, at: float | None) -> None:
        self._told.pop(conversation_id, None)
        if at is None:
            return
        if len(self._told) >= _MOST:
            del self._told[next(iter(self._told))]
        self._told[conversation_id] = at
