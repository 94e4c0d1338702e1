"""What a message goes through before its row is written: the plugins that look at it, the checks, its choices."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fivapp_whatsapp import addresses
from fivapp_whatsapp.choices import render
from fivapp_whatsapp.errors import (
    CapabilityMissing,
    Hold,
    InvalidInput,
    MessageNotFound,
    RecipientMismatch,
    SessionNotConnected,
)
from fivapp_whatsapp.models import Conversation, MessageKind, OutgoingMessage, Session
from fivapp_whatsapp.plugins.registry import Hook, Plugins
from fivapp_whatsapp.plugins.runner import Result, UnfitResult
from fivapp_whatsapp.ports import Clock, Connector, Store
from fivapp_whatsapp.tenant import Scope
from fivapp_whatsapp.text import clean_text

from .asking import Asking, Context, View, sound
from .decisions import Decisions
from .lines import not_looked_at
from .told import reason

_HOOK = "outgoing_message"
# Kinds whose content is text alone; all others carry a file.
_TEXTS = frozenset({MessageKind.TEXT, MessageKind.INTERACTIVE})


class Outgoing:
    """Makes messages ready to be queued; `connector` finds the one of a session."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        asking: Asking,
        decisions: Decisions,
        connector: Callable[[Session], Connector],
        *,
        clock: Clock,
        language: str,
    ) -> None:
        self._store = store
        self._plugins = plugins
        self._asking = asking
        self._decisions = decisions
        self._connector = connector
        self._clock = clock
        self._language = language

    async def prepare(
        self,
        tenant_id: str,
        conversation: Conversation,
        session: Session,
        message: OutgoingMessage,
        *,
        key: str = "",
        ask_plugins: bool = True,
        prepared: bool = False,
    ) -> OutgoingMessage:
        """Return a message as it is to be queued; one that is `prepared` is that already.

        `key` names what may run again: what plugins do when they are asked is then done once.
        Raises Hold, RecipientMismatch, InvalidInput, CapabilityMissing, SessionNotConnected, MessageNotFound.
        """
        await self.check(conversation, session, message)
        if prepared:
            return message
        if ask_plugins and self._plugins.hooks(_HOOK):
            changed = await self.ask(tenant_id, conversation, session, message, key=key)
            if changed is not message:
                await self.check(conversation, session, changed)
                message = changed
        if message.text is not None:
            # A plugin's words come from anywhere.
            message = msgspec.structs.replace(message, text=clean_text(message.text))
        if message.choices:
            message = render(message, await self._connector(session).capabilities())
        return message

    async def check(self, conversation: Conversation, session: Session, message: OutgoingMessage) -> None:
        """Raise RecipientMismatch, InvalidInput, CapabilityMissing, SessionNotConnected for what cannot be sent.

        Raises MessageNotFound for a message that names one of another conversation.
        """
        if message.to is not None and not addresses.same_chat(message.to, conversation.chat_id):
            raise RecipientMismatch
        if session.desired != "running":
            raise SessionNotConnected("No WhatsApp connection found for this conversation")
        await self.able(session, message)
        # Looked at again where it is stored; of a bot's answer it is to be known while another bot can be asked.
        for named, how in ((message.quoted_message_id, "quoted"), (message.retry_of, "repeated")):
            found = None if named is None else await self._store.message(session.tenant_id, named)
            if named is not None and (found is None or found.conversation_id != conversation.id):
                raise MessageNotFound(f"The {how} message is not in this conversation.")

    async def able(self, session: Session, message: OutgoingMessage) -> None:
        """Raise InvalidInput or CapabilityMissing for what the connection service of a session cannot send."""
        if message.media is not None or message.kind not in _TEXTS:
            await self.require(session, "media", "send files")
        elif not (message.text or "").strip():
            raise InvalidInput("A message needs a text.", errors=[{"pointer": "#/text", "code": "required"}])
        if message.quoted_message_id is not None:
            await self.require(session, "quote", "quote messages")

    async def require(self, session: Session, capability: str, what: str) -> None:
        """Raise CapabilityMissing when the connection service of a session cannot do something."""
        if capability not in await self._connector(session).capabilities():
            raise CapabilityMissing(f"The connection service of this session cannot {what}.")

    async def ask(
        self,
        tenant_id: str,
        conversation: Conversation,
        session: Session,
        message: OutgoingMessage,
        *,
        key: str = "",
        view: View | None = None,
    ) -> OutgoingMessage:
        """Ask each plugin once, in the order of the chain: what one returns, the next one sees. Raises Hold.

        `view` makes the gateway that the hooks get, where it is not the real one.
        """
        for plugin in await self._decisions.order(tenant_id):
            if not plugin.hooks.get(_HOOK) or not (await self._decisions.plugin(tenant_id, plugin.name)).on:
                continue
            for number, hook in enumerate(plugin.hooks[_HOOK]):
                context = Context(
                    self._store,
                    self._clock,
                    tenant_id,
                    conversation_id=conversation.id,
                    conversation=conversation,
                    session=session,
                    message=message,
                    contact=await self._contact(tenant_id, hook, conversation),
                )
                scope = Scope(key=_key(key, number), hook=_HOOK, conversation_id=conversation.id, automatic=True)
                result = await self._asking.call(hook, context, scope, view=view, check=_message_or_none)
                message = self._after(hook, result, message)
        return message

    def _after(self, hook: Hook, result: Result, message: OutgoingMessage) -> OutgoingMessage:
        """Return the message as a function leaves it. Raises Hold."""
        if result.outcome == "held":
            raise Hold(getattr(result.error, "detail", None))
        if result.outcome == "ok":
            if result.value is None:
                return message
            changed: OutgoingMessage = result.value
            # Where it goes and what it repeats is not a plugin's to change.
            return msgspec.structs.replace(changed, to=message.to, retry_of=message.retry_of)
        if hook.options.on_failure == "hold":
            raise Hold(not_looked_at(hook.plugin, reason(hook, result), self._language))
        return message

    async def _contact(self, tenant_id: str, hook: Hook, conversation: Conversation) -> object:
        if "contact" not in hook.arguments or conversation.contact_id is None:
            return None
        return await self._store.contact(tenant_id, conversation.contact_id)


def _key(key: str, number: int) -> str:
    if not key:
        return ""
    return f"{key}:{_HOOK}" if number == 0 else f"{key}:{_HOOK}.{number}"


def _message_or_none(value: object) -> OutgoingMessage | None:
    if value is None:
        return None
    if isinstance(value, OutgoingMessage):
        return sound(value)
    raise UnfitResult(f"outgoing_message returned {type(value).__name__}, not an OutgoingMessage")
