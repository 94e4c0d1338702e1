"""A contact's phone in front of a gateway, for tests: what they write, and what comes back."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from fivapp_whatsapp import addresses
from fivapp_whatsapp.errors import ConversationNotFound, InvalidInput
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import (
    Author,
    Conversation,
    IncomingMessage,
    Message,
    MessageKind,
    OutgoingMessage,
    new_id,
)
from fivapp_whatsapp.plugins.config import parse_config
from fivapp_whatsapp.ports.plugins import AnswerTrail, AutomationSettings, PluginSetting

from .clock import FakeClock
from .connector import FakeConnector
from .kit import OUR_PHONE, TENANT, quiet

ANA = "5511988887777@c.us"
_GROUP = "120363025246125486@g.us"
_AGENT = Author(kind="agent", id="bia", name="Bia")


class Chat:
    """A chat of the contact Ana with the tenant `acme`.

    Each method that writes something returns when all is quiet: hooks have run, answers have been sent, and what is
    left waits for the clock. `clock` is the gateway's time, `connector` has what was sent in `sends`.
    """

    def __init__(self, gateway: Gateway, clock: FakeClock) -> None:
        self.gateway = gateway
        self.clock = clock
        self.connector = _connector(gateway)
        self.tenant_id = TENANT
        self.conversation: Conversation
        self.messages: list[Message] = []
        self._chat_id = ANA
        self._mention = False
        self._seen = 0
        self._head = -1
        self._last: Message | None = None

    async def open(self) -> None:
        """Open the conversation; the fixture does it."""
        self.conversation = await self.gateway.store.open_conversation(TENANT, TENANT, self._chat_id, "Ana")
        self.clock.settle = self.quiet

    # --- writing -------------------------------------------------------------------------------

    async def says(self, text: str | None = "oi", **fields: Any) -> Message:
        """Write as the contact; `fields` are those of an IncomingMessage, such as `kind` and `media`."""
        self._begin()
        if self._mention and text is not None:
            text = f"@{OUR_PHONE} {text}"
        message = await self._deliver(text=text, **fields)
        self._last = message
        return message

    async def chooses(self, choice: str) -> Message:
        """Choose one of what was offered last, by its id, as a tap on its button does."""
        offered = next((each.choices for each in reversed(self.messages) if each.choices), ())
        title = next((each.title for each in offered if each.id == choice), None)
        if title is None:
            raise AssertionError(f"{choice!r} was not offered: {[each.id for each in offered]}")
        return await self.says(title, choice=choice)

    async def human_says(self, text: str) -> Message:
        """Write as an agent, on the page."""
        self._begin()
        sent = await self.gateway.send(TENANT, self.conversation.id, OutgoingMessage(text=text), author=_AGENT)
        await self.quiet()
        return sent.message

    async def types_on_phone(self, text: str) -> Message:
        """Write as somebody who has the tenant's paired phone in their hand."""
        self._begin()
        return await self._deliver(text=text, from_me=True)

    async def runs_twice(self) -> None:
        """Have the hooks handle the last message of the contact again, and assert that nothing more is sent."""
        if self._last is None:
            raise AssertionError("Nobody has said anything yet.")
        before = len(self.connector.sends), [each.id for each in self.messages]
        await self._again(self._last)
        await self.quiet()
        after = len(self.connector.sends), [each.id for each in self.messages]
        more = [each.text for each in self.messages if each.id not in before[1]]
        assert after == before, f"handled twice, this was sent again: {more}"  # noqa: S101  # what it is for

    # --- what came of it -----------------------------------------------------------------------

    @property
    def replies(self) -> list[str]:
        """Return the texts that bots have sent since somebody last wrote, oldest first."""
        return [each.text or "" for each in self.messages[self._seen :] if _is_reply(each)]

    @property
    def system_lines(self) -> list[str]:
        """Return the system lines of the conversation, oldest first."""
        return [each.text or "" for each in self.messages if each.kind is MessageKind.SYSTEM]

    async def why(self) -> AnswerTrail | None:
        """Return who was asked about the contact's last message, and which rule silenced the bots."""
        if self._last is None:
            return None
        return await self.gateway.store.answer_trail(TENANT, self._last.id)

    async def quiet(self) -> None:
        """Wait until all is quiet."""
        head = await quiet(self.gateway)
        if head != self._head:
            # A group is there from its first message on.
            with contextlib.suppress(ConversationNotFound):
                await self._read()
            self._head = head

    # --- circumstances -------------------------------------------------------------------------

    def in_group(self, *, mentioned: bool = False) -> None:
        """Go on in a group, in which Ana writes, and mentions our number each time or never."""
        if self._chat_id != _GROUP:
            self.messages, self._head = [], -1
        self._chat_id, self._mention = _GROUP, mentioned

    def connector_can(self, **capabilities: bool) -> None:
        """Switch what the connection service can do: `typing=True, buttons=False`."""
        self.connector.can(**capabilities)

    async def configure(self, plugin: str, **values: Any) -> None:
        """Give a plugin its settings for the tenant, by the names that their JSON has; the others are the defaults.

        Raises InvalidInput for what does not fit its struct, PluginNotFound.
        """
        found = self.gateway.plugins.get(plugin)
        if found.config_type is None:
            raise InvalidInput(f"{plugin} has no settings.")
        config = msgspec.to_builtins(values)
        parse_config(found.config_type, config)
        config = self.gateway.vault.closed(TENANT, found, config)
        await self.gateway.store.set_plugin(TENANT, PluginSetting(plugin=plugin, enabled=True, config=config))
        self.gateway.decisions.forget(TENANT)

    async def automation(self, **values: Any) -> None:
        """Set what the tenant decided about all bots: `enabled`, `group_bots`, `pause_minutes`."""
        await self.gateway.store.set_automation(TENANT, AutomationSettings(**values))
        self.gateway.decisions.forget(TENANT)

    # --- helpers -------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._seen = len(self.messages)

    async def _deliver(self, **fields: Any) -> Message:
        group = {"group_name": "Vizinhos"} if self._chat_id == _GROUP else {}
        told = IncomingMessage(
            session_id=TENANT,
            native_id=f"test_{new_id()}",
            chat_id=self._chat_id,
            sender=fields.pop("sender", ANA),
            sender_name=fields.pop("sender_name", "Ana"),
            **{"at": self.clock.now(), **group, **fields},
        )
        await self.gateway.receive(self.connector.name, self.connector.key, {}, self.connector.webhook(told))
        await self._read()
        message = self.messages[self._seen]
        await self.quiet()
        return message

    async def _read(self) -> None:
        conversation_id = addresses.conversation_id(TENANT, TENANT, self._chat_id)
        found: list[Message] = []
        before: int | None = None
        while True:
            page = await self.gateway.messages(TENANT, conversation_id, before=before, limit=200)
            found += page.items
            if page.next_cursor is None:
                break
            before = int(page.next_cursor)
        self.messages = found[::-1]
        self.conversation = await self.gateway.conversation(TENANT, conversation_id)

    async def _again(self, message: Message) -> None:
        """Handle the event of a message again, as after a crash."""
        events = await self.gateway.store.stored_events(TENANT, 0, 1_000_000)
        (event,) = (each for each in events if each.type == "message.created" and each.message_id == message.id)
        for subscriber in self.gateway.dispatcher.subscribers.values():
            if event.type in subscriber.types:
                ends = await subscriber.handle(TENANT, event, 2)
                if ends is not None:
                    await ends


def _connector(gateway: Gateway) -> FakeConnector:
    (connector,) = gateway.connectors.values()
    if not isinstance(connector, FakeConnector):
        raise TypeError("A chat needs a gateway with a FakeConnector.")
    return connector


def _is_reply(message: Message) -> bool:
    sent = message.direction == "outgoing" and message.kind not in (MessageKind.NOTE, MessageKind.SYSTEM)
    return sent and message.author.kind in ("plugin", "api")
