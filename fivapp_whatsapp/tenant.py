"""What a hook may do: its tenant's view of the gateway, its memory, its log."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from .errors import ConnectorError, InvalidInput, OverBudget
from .models import (
    Author,
    Contact,
    Conversation,
    ConversationPatch,
    Group,
    Media,
    Message,
    OutgoingMessage,
    Page,
    Session,
    new_id,
)
from .observe import get_logger
from .ports import Clock, ConversationFilter, MediaStream
from .ports.plugins import PluginStore, Timer
from .text import clean_line

if TYPE_CHECKING:
    import httpx

    from .gateway import Gateway

_METRIC = re.compile(r"[a-z][a-z0-9_]{0,39}")
# What a plugin sends again under a key is the first message, whatever its words are now.
_ANY_CONTENT = "plugin"


class PluginLog(Protocol):
    """The log of a plugin: `log.info("ordered", count=2)`; facts with unknown names are left out of the lines."""

    def debug(self, event: str, **facts: Any) -> Any:
        """Write a line for those who look for a fault."""
        ...

    def info(self, event: str, **facts: Any) -> Any:
        """Write a line."""
        ...

    def warning(self, event: str, **facts: Any) -> Any:
        """Write a line about what an operator should look at."""
        ...

    def error(self, event: str, **facts: Any) -> Any:
        """Write a line about what went wrong."""
        ...


class State:
    """A plugin's memory, for one conversation or for its tenant: JSON values by key, kept across restarts."""

    def __init__(
        self, store: PluginStore, clock: Clock, tenant_id: str, plugin: str, conversation_id: str = ""
    ) -> None:
        self._store = store
        self._clock = clock
        self._where = (tenant_id, plugin, conversation_id)

    async def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or the default when there is none or its time is over."""
        found = await self._store.state(*self._where, key, self._clock.now())
        return default if found is None else found

    async def set(self, key: str, value: Any, *, expires: timedelta | None = None) -> None:
        """Keep a JSON value; it is gone after `expires`. None deletes it."""
        until = None if expires is None else self._clock.now() + expires
        await self._store.set_state(*self._where, key, value, until)

    async def delete(self, key: str) -> None:
        """Forget a value; one that is not there is no error."""
        await self._store.set_state(*self._where, key, None, None)

    async def items(self, prefix: str = "") -> dict[str, Any]:
        """Return the values whose keys begin with a prefix, in the order of keys, 1,000 at most."""
        return await self._store.states(*self._where, prefix, self._clock.now())


class Scope(msgspec.Struct):
    """Where a plugin's view is used: in which hook, for which conversation.

    `key` names the event or timer and the hook, and is empty outside of hooks; `count` numbers what is sent in it.
    `automatic` marks what happens without a person asking for it: that has a budget. Notes are numbered by themselves.
    """

    key: str = ""
    hook: str = ""
    conversation_id: str | None = None
    automatic: bool = False
    count: int = 0
    notes: int = 0
    timers: dict[tuple[str, str | None], int] = {}

    def next_key(self, given: str | None, *, note: bool = False) -> str | None:
        """Return the key of the next send or note: the given one, else its number; None where nothing runs twice."""
        if not self.key:
            return given
        if given is not None:
            # No number is what a name is, also when the name is "1".
            return f"{self.key}:={given}"
        if note:
            self.notes += 1
            return f"{self.key}:{self.notes}"
        self.count += 1
        return f"{self.key}:{self.count}"

    def timer_id(self, whose: str, key: str, conversation_id: str | None) -> str:
        """Return the id of the next timer of a key: a second run sets the same one, so that what it sends is known."""
        if not self.key:
            return new_id()
        # Numbered for each key by itself: what only one of the runs sets does not move the others.
        number = self.timers[key, conversation_id] = self.timers.get((key, conversation_id), 0) + 1
        parts = msgspec.json.encode([whose, self.key, conversation_id, key, number])
        return hashlib.sha256(parts).hexdigest()[:32]


class TenantGateway:
    """The gateway as a plugin sees it: one tenant's, in the plugin's name.

    Every method raises NotFound errors for what is not the tenant's. `dry_run` tells whether this is only a
    rehearsal: then nothing is sent or changed, and what would have been is shown to a person.
    """

    dry_run = False

    def __init__(self, gateway: Gateway, tenant_id: str, plugin: str, scope: Scope | None = None) -> None:
        self.tenant_id = tenant_id
        self.plugin = plugin
        self._gateway = gateway
        self._scope = scope or Scope()

    @property
    def log(self) -> PluginLog:
        """Return the plugin's log, whose lines name the tenant."""
        return _Log(self.plugin, self.tenant_id)

    @property
    def state(self) -> State:
        """Return the plugin's memory for the tenant as a whole."""
        return self.state_of("")

    @property
    def public_url(self) -> str:
        """Return the address by which others reach the gateway (FIVAPP_PUBLIC_URL); empty when it is not set."""
        return self._gateway.settings.public_url

    @property
    def http(self) -> httpx.AsyncClient:
        """Return the HTTP client for the public internet: it refuses addresses that lead inside (AddressRefused)."""
        if self._gateway.http is None:
            raise InvalidInput("This gateway was made without an HTTP client.")
        return self._gateway.http

    @property
    def shared(self) -> dict[str, Any]:
        """Return what the plugin keeps in this process for all tenants, such as a client that `startup` made."""
        return self._gateway.shared(self.plugin)

    def now(self) -> datetime:
        """Return the UTC time; tests of plugins move it."""
        return self._gateway.clock.now()

    def state_of(self, conversation_id: str) -> State:
        """Return the plugin's memory for a conversation."""
        return State(self._gateway.store, self._gateway.clock, self.tenant_id, self.plugin, conversation_id)

    async def config(self) -> Any:
        """Return the plugin's settings for the tenant, as its own struct; the defaults while they cannot be used."""
        found = await self._gateway.decisions.plugin(self.tenant_id, self.plugin)
        kind = self._gateway.plugins.get(self.plugin).config_type
        return kind() if found.config is None and kind is not None else found.config

    # --- sending -------------------------------------------------------------------------------

    async def send(
        self, conversation: Conversation | str, message: str | OutgoingMessage, *, key: str | None = None
    ) -> Message:
        """Queue a message, and return it without waiting until it went out.

        In a hook it is sent once even when the hook runs again: the second run gets the first message back. What is
        sent is numbered for that; where the order may differ, as in `asyncio.gather`, give each a `key`. Outside of
        hooks only a `key` does so, for 31 days. Raises Hold, also when a hook has sent too much in a conversation.
        """
        content = OutgoingMessage(text=message) if isinstance(message, str) else message
        try:
            sent = await self._gateway.send(
                self.tenant_id,
                _id(conversation),
                content,
                author=self._author,
                idempotency_key=self._keyed(self._scope.next_key(key)),
                fingerprint=_ANY_CONTENT,
                wait=0,
                # A hook that looks at outgoing messages would be asked about its own for ever.
                ask_plugins=self._scope.hook != "outgoing_message",
                automatic=self._scope.automatic,
            )
        except OverBudget as exc:
            raise OverBudget(self._gateway.automation.say(exc.rule), rule=exc.rule) from None
        return sent.message

    async def note(self, conversation_id: str, text: str, *, key: str | None = None) -> Message:
        """Add a private note to a conversation; it is never sent. In a hook it is added once, as `send` sends once."""
        known = self._keyed(self._scope.next_key(key, note=True))
        return await self._gateway.add_note(
            self.tenant_id, conversation_id, text, author=self._author, idempotency_key=known
        )

    def _keyed(self, key: str | None) -> tuple[str, str] | None:
        return None if key is None else (f"plugin:{self.plugin}", key)

    async def typing(self, conversation_id: str, on: bool = True) -> None:
        """Show or hide "typing…" in a chat; nothing happens where the connection service cannot."""
        conversation, session = await self._chat(conversation_id)
        connector = self._gateway.connector(session)
        with contextlib.suppress(ConnectorError):
            if "typing" in await connector.capabilities():
                await connector.typing(session.id, conversation.chat_id, on)

    # --- conversations -------------------------------------------------------------------------

    async def open_conversation(
        self, to: str, *, session_id: str | None = None, title: str | None = None
    ) -> Conversation:
        """Return the conversation with an address, made when it is not there. Raises SessionNotFound, InvalidInput."""
        return await self._gateway.open_conversation(self.tenant_id, to, session_id=session_id, title=title)

    async def conversation(self, conversation_id: str) -> Conversation:
        """Return a conversation. Raises ConversationNotFound."""
        return await self._gateway.conversation(self.tenant_id, conversation_id)

    async def conversations(
        self, where: ConversationFilter | None = None, *, before: str | None = None, limit: int = 50
    ) -> Page:
        """List conversations by their last activity, newest first; `before` is the next_cursor of a page."""
        return await self._gateway.conversations(self.tenant_id, where, before=before, limit=limit)

    async def messages(self, conversation_id: str, *, before: int | None = None, limit: int = 50) -> Page:
        """List a conversation's messages, newest first. Raises ConversationNotFound."""
        return await self._gateway.messages(self.tenant_id, conversation_id, before=before, limit=limit)

    async def message(self, message_id: str) -> Message:
        """Return a message. Raises MessageNotFound."""
        return await self._gateway.message(self.tenant_id, message_id)

    async def contact(self, contact_id: str) -> Contact | None:
        """Return a contact, or None."""
        return await self._gateway.store.contact(self.tenant_id, contact_id)

    async def change_conversation(self, conversation_id: str, patch: ConversationPatch) -> Conversation:
        """Change labels, status, assignee, who answers … Raises ConversationNotFound."""
        return await self._gateway.change_conversation(self.tenant_id, conversation_id, patch, by=self._author)

    async def hand_over(self, conversation_id: str, reason: str = "") -> None:
        """Give a conversation to people, without an end: no bot answers there until somebody gives it back."""
        await self._gateway.hand_over(self.tenant_id, conversation_id, reason=reason, by=self._author)

    async def give_back(self, conversation_id: str) -> None:
        """Let bots answer in a conversation again."""
        await self._gateway.give_back(self.tenant_id, conversation_id, by=self._author)

    # --- sessions, groups, files ---------------------------------------------------------------

    async def sessions(self) -> list[Session]:
        """List the tenant's sessions."""
        return await self._gateway.sessions(self.tenant_id)

    async def session(self, session_id: str) -> Session:
        """Return a session. Raises SessionNotFound."""
        return await self._gateway.session(self.tenant_id, session_id)

    async def capabilities(self, conversation_id: str) -> frozenset[str]:
        """Return what the connection service of a conversation can do: media, typing, groups, buttons, list …"""
        _, session = await self._chat(conversation_id)
        return await self._gateway.connector(session).capabilities()

    async def set_media(self, message_id: str, media: Media) -> Message:
        """Replace what is known of a message's file, and tell browsers. Raises MessageNotFound."""
        return await self._gateway.store.set_media(self.tenant_id, message_id, media)

    @contextlib.asynccontextmanager
    async def fetch_media(self, message: Message) -> AsyncIterator[MediaStream]:
        """Open the file of a message that came in: `async with gateway.fetch_media(message) as file:`.

        Raises InvalidInput for a message without one, ConnectorUnavailable (try again later), ConnectorRejected.
        """
        # Whoever wrote a message here chose its address: with our key it could lead where only we may go.
        theirs = message.direction == "incoming" or message.author.kind == "phone"
        if not theirs or message.media is None or message.media.url is None:
            raise InvalidInput("This message has no file that came in.", code="no_media")
        _, session = await self._chat(message.conversation_id)
        async with self._gateway.connector(session).fetch_media(message.media.url) as file:
            yield file

    async def groups(self, session_id: str | None = None) -> list[Group]:
        """List the groups that a session is in, the first session's without an id. Raises CapabilityMissing."""
        session = await self.session(session_id or self.tenant_id)
        await self._gateway.require(session, "groups", "list groups")
        return await self._gateway.connector(session).groups(session.id)

    async def group(self, conversation_id: str) -> Group | None:
        """Return the group of a conversation with its members, None when it is none. Raises CapabilityMissing."""
        conversation, session = await self._chat(conversation_id)
        if not conversation.is_group:
            return None
        await self._gateway.require(session, "groups", "read groups")
        found = await self._gateway.connector(session).group(session.id, conversation.chat_id)
        return None if found is None else msgspec.structs.replace(found, conversation_id=conversation.id)

    # --- time, people, counters ----------------------------------------------------------------

    async def later(
        self, key: str, after: timedelta | datetime, data: Any = None, *, conversation_id: str | None = None
    ) -> None:
        """Have the plugin's `timer` hook called once, after a while or at a time; one of the same key is replaced.

        In the hook of a conversation the timer is that conversation's. `data` is JSON.
        """
        now = self._gateway.clock.now()
        where = conversation_id or self._scope.conversation_id
        timer = Timer(
            id=self._scope.timer_id(f"{self.tenant_id}:{self.plugin}", key, where),
            tenant_id=self.tenant_id,
            plugin=self.plugin,
            key=key,
            due_at=now + after if isinstance(after, timedelta) else after,
            data=data,
            conversation_id=where,
        )
        await self._gateway.timers.set(timer)

    async def cancel_later(self, key: str, *, conversation_id: str | None = None) -> bool:
        """Take a timer back; False when there is none."""
        where = conversation_id or self._scope.conversation_id
        return await self._gateway.store.cancel_timer(self.tenant_id, self.plugin, where, key)

    async def is_watching(self, user_id: str) -> bool:
        """Tell whether a user has the pages before their eyes, on any process."""
        return await self._gateway.presence.is_watching(self.tenant_id, user_id)

    def count(self, name: str, amount: float = 1) -> None:
        """Add to a counter of the plugin's own: `fivapp_plugin_<plugin>_<name>`."""
        if (metric := self._metric(name, "counter")) is not None:
            self._gateway.metrics.count(metric, amount)

    def observe(self, name: str, seconds: float) -> None:
        """Add a time to a histogram of the plugin's own: `fivapp_plugin_<plugin>_<name>`."""
        if (metric := self._metric(name, "histogram")) is not None:
            self._gateway.metrics.observe(metric, seconds)

    def _metric(self, name: str, kind: Literal["counter", "histogram"]) -> str | None:
        if not _METRIC.fullmatch(name):
            raise InvalidInput(f"A metric's name is snake_case, 40 letters at most: {clean_line(name, 60)!r} is not.")
        whole = f"plugin_{self.plugin.replace('-', '_')}_{name}"
        return whole if self._gateway.metrics.declare(whole, kind) else None

    # --- helpers -------------------------------------------------------------------------------

    @property
    def _author(self) -> Author:
        return Author(kind="plugin", id=self.plugin, name=self._gateway.plugins.get(self.plugin).title or self.plugin)

    async def _chat(self, conversation_id: str) -> tuple[Conversation, Session]:
        conversation = await self.conversation(conversation_id)
        return conversation, await self.session(conversation.session_id)


class _Log:
    """The log of one plugin in one tenant: its name and the tenant's stand on each line."""

    __slots__ = ("_facts", "_log")

    def __init__(self, plugin: str, tenant_id: str) -> None:
        self._log = get_logger(f"fivapp_whatsapp.plugin.{plugin}")
        self._facts = {"plugin": plugin, "tenant_id": tenant_id}

    def debug(self, event: str, **facts: Any) -> None:
        self._write("debug", event, facts)

    def info(self, event: str, **facts: Any) -> None:
        self._write("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._write("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._write("error", event, facts)

    def _write(self, level: str, event: str, facts: dict[str, Any]) -> None:
        getattr(self._log, level)(clean_line(event, 80), **{**facts, **self._facts})


def _id(conversation: Conversation | str) -> str:
    return conversation if isinstance(conversation, str) else conversation.id
