"""Calls hooks with what they ask for: each object is loaded when the first function names it, once for an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from fivapp_whatsapp.choices import chosen
from fivapp_whatsapp.models import Contact, Conversation, Group, Message, OutgoingMessage, Session
from fivapp_whatsapp.plugins.registry import Hook
from fivapp_whatsapp.plugins.runner import Place, Result, Runner, UnfitResult
from fivapp_whatsapp.plugins.threads import AT_MOST as THREADS
from fivapp_whatsapp.ports import Clock, Store
from fivapp_whatsapp.tenant import Scope, TenantGateway

from .decisions import Decisions
from .slots import Slots

# So many calls of one hook of a plugin run at once in a process: a slow bot keeps others waiting, not the machine. Of
# plain functions it is as many as there are threads for them. One tenant has two thirds of it at most: what is slow by
# its doing leaves the others theirs.
AT_ONCE = 24
# How long a question with choices can still be answered by a number, and among how many messages it is looked for.
_CHOICE_HOURS = 24
_CHOICE_MESSAGES = 50
_LONGEST_CHOICE = 100

View = Callable[[str, Scope], TenantGateway]


class Context:
    """What the hooks of one event of a tenant may ask for; `facts` are known already.

    The names are those of the hooks' arguments: message, messages, conversation, contact, session, group, key, data.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        tenant_id: str,
        *,
        conversation_id: str | None = None,
        message_id: str | None = None,
        session_id: str | None = None,
        **facts: Any,
    ) -> None:
        self.tenant_id = tenant_id
        self.conversation_id = conversation_id
        self._message_id = message_id
        self._session_id = session_id
        self._store = store
        self._clock = clock
        self._known: dict[str, Any] = facts
        self._loading = asyncio.Lock()

    async def get(self, name: str) -> Any:
        """Return an object by its name, None when it is not there. Raises StoreError."""
        if name in self._known:
            return self._known[name]
        async with self._loading:
            return await self._get(name)

    async def _get(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = await self._load(name)
        return self._known[name]

    async def _load(self, name: str) -> Any:
        match name:
            case "message":
                return await self._message()
            case "messages":
                message = await self._get("message")
                return () if message is None else (message,)
            case "conversation":
                return await self._conversation()
            case "contact":
                return await self._contact()
            case "session":
                return await self._session()
            case "group":
                return await self._group()
        return None

    async def _message(self) -> Message | None:
        if self._message_id is None:
            return None
        message = await self._store.message(self.tenant_id, self._message_id)
        if message is None or message.direction != "incoming":
            return message
        return await with_choice(self._store, self._clock, self.tenant_id, message)

    async def _conversation(self) -> Conversation | None:
        if self.conversation_id is None:
            return None
        return await self._store.conversation(self.tenant_id, self.conversation_id)

    async def _contact(self) -> Contact | None:
        message: Message | None = await self._get("message")
        contact_id = None
        if message is not None and message.author.kind == "contact":
            contact_id = message.author.id
        elif (conversation := await self._get("conversation")) is not None:
            contact_id = conversation.contact_id
        return None if contact_id is None else await self._store.contact(self.tenant_id, contact_id)

    async def _session(self) -> Session | None:
        session_id = self._session_id
        if session_id is None and (conversation := await self._get("conversation")) is not None:
            session_id = conversation.session_id
        return None if session_id is None else await self._store.session(self.tenant_id, session_id)

    async def _group(self) -> Group | None:
        conversation: Conversation | None = await self._get("conversation")
        if conversation is None or not conversation.is_group:
            return None
        facts = self._known.get("data") or {}
        return Group(chat_id=conversation.chat_id, subject=conversation.title, conversation_id=conversation.id, **facts)


async def with_choice(store: Store, clock: Clock, tenant_id: str, message: Message) -> Message:
    """Return an incoming message with the choice that its text names of those offered last, if it names one."""
    text = message.text
    if message.choice is not None or not text or len(text) > _LONGEST_CHOICE:
        return message
    since = clock.now() - timedelta(hours=_CHOICE_HOURS)
    sent = await store.outgoing_messages(tenant_id, message.conversation_id, since, _CHOICE_MESSAGES)
    offered = next((each for each in sent if each.choices), None)
    choice = None if offered is None else chosen(text, offered.choices)
    return message if choice is None else msgspec.structs.replace(message, choice=choice)


def sound(message: OutgoingMessage) -> OutgoingMessage:
    """Return a message that a plugin made. Raises UnfitResult for one whose fields are not of their types."""
    try:
        return msgspec.convert(msgspec.to_builtins(message), OutgoingMessage)
    except (msgspec.ValidationError, TypeError):  # the latter for what is no data at all
        raise UnfitResult("a field of this OutgoingMessage has another type") from None


def share(slots: int) -> int:
    """Return how many of a hook's slots one tenant may have."""
    return slots * 2 // 3


class Asking:
    """Calls hooks of plugins, each so many times at once; `view` makes a tenant's gateway for one of them."""

    def __init__(self, runner: Runner, decisions: Decisions, view: Callable[[str, str, Scope], TenantGateway]) -> None:
        self._runner = runner
        self._decisions = decisions
        self._view = view
        # For each hook by itself: what one sends goes through the same plugin's outgoing_message.
        self._slots: dict[tuple[str, str], Slots] = {}

    def paused(self, plugin: str, hook: str, tenant_id: str) -> str | None:
        """Return why a hook of a plugin is not called for a tenant at the moment, or None."""
        return self._runner.paused(plugin, hook, tenant_id)

    def pauses(self) -> list[Place]:
        """List what is paused; EVERYBODY stands for all tenants, EVERY for all hooks of a plugin."""
        return self._runner.pauses()

    async def call(
        self,
        hook: Hook,
        context: Context,
        scope: Scope,
        *,
        attempt: int = 1,
        timeout: float | None = None,
        view: View | None = None,
        check: Callable[[Any], Any] | None = None,
    ) -> Result:
        """Call a hook with the arguments that it names, of this context. Raises StoreError when one cannot be read.

        `view` makes the gateway that the hook gets in a rehearsal, in place of the real one; `check` takes what the
        hook returned, and raises TypeError for what it may not return.
        """
        async with self._slots_of(hook).held(context.tenant_id):
            arguments = await self._arguments(hook, context, scope, attempt, view)
            return await self._runner.call(
                hook,
                arguments,
                tenant_id=context.tenant_id,
                timeout=timeout,
                check=check,
                again=attempt > 1,
                rehearsed=view is not None,
            )

    def _slots_of(self, hook: Hook) -> Slots:
        slots = self._slots.get((hook.plugin, hook.name))
        if slots is None:
            # No more than there are threads: a deadline is not to run out in a queue for one.
            size = THREADS if hook.threaded else AT_ONCE
            slots = self._slots[hook.plugin, hook.name] = Slots(size, of_tenant=share(size))
        return slots

    async def _arguments(
        self, hook: Hook, context: Context, scope: Scope, attempt: int, view: View | None
    ) -> Mapping[str, Any]:
        gateway = view(hook.plugin, scope) if view else self._view(context.tenant_id, hook.plugin, scope)
        found: dict[str, Any] = {}
        for name in hook.arguments:
            match name:
                case "gateway":
                    found[name] = gateway
                case "state":
                    found[name] = gateway.state_of(context.conversation_id or "")
                case "log":
                    found[name] = gateway.log
                case "attempt":
                    found[name] = attempt
                case "config":
                    found[name] = await gateway.config()
                case _:
                    found[name] = await context.get(name)
        return found
