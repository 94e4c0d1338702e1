"""The paired phone of a session: its chats and their messages, as many as a demo needs."""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from fivapp_whatsapp import addresses
from fivapp_whatsapp.errors import InvalidInput

from .refusal import invalid

MAX_CHATS = 500
MAX_MESSAGES_SHOWN = 300
MAX_SENT_KEPT = 50_000
RANKS = {"accepted": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4, "played": 5}
_PHONE_DIGITS = range(8, 16)


class PhoneMedia(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a message: where it is; `kept` is the id of our own copy."""

    url: str
    mime_type: str | None = None
    filename: str | None = None
    size: int | None = None
    kept: str | None = None


class PhoneChoice(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One button, or one row of a list."""

    id: Annotated[str, Meta(min_length=1, max_length=256)]
    title: Annotated[str, Meta(min_length=1, max_length=256)]
    description: Annotated[str, Meta(max_length=1024)] | None = None


class PhoneMessage(msgspec.Struct, kw_only=True):
    """A message on the phone; `outgoing` ones left it, through the service (`api`) or typed on it (`phone`).

    `at` is in milliseconds since 1970, `status` is that of an outgoing one. `choices` are what an outgoing one
    offers as buttons or as a list (`style`), `choice_id` is what was chosen of them.
    """

    id: str
    chat_id: str
    outgoing: bool
    author: str
    author_name: str | None
    kind: str
    text: str
    at: int
    via: str = "contact"
    status: str = "accepted"
    media: PhoneMedia | None = None
    client_message_id: str | None = None
    quoted_message_id: str | None = None
    style: str | None = None
    choices: tuple[PhoneChoice, ...] = ()
    choice_id: str | None = None


class Chat(msgspec.Struct, kw_only=True):
    """One contact or group on the phone; `people` are the members that are known, address to name."""

    id: str
    name: str
    is_group: bool
    people: dict[str, str] = {}
    admins: set[str] = set()
    typing_until: float = 0.0
    messages: deque[PhoneMessage] = msgspec.field(default_factory=lambda: deque(maxlen=MAX_MESSAGES_SHOWN))


class Phone:
    """What one paired phone holds; the oldest chats and sends fall out when there are too many."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.chats: OrderedDict[str, Chat] = OrderedDict()
        self._sent: OrderedDict[str, PhoneMessage] = OrderedDict()
        self._by_client_id: OrderedDict[str, PhoneMessage] = OrderedDict()

    @property
    def address(self) -> str:
        """Return the phone's own address."""
        return f"{self.number}@c.us"

    def chat(self, address: str, name: str | None = None) -> Chat:
        """Return the chat with an address, made when it is not there; the newest stand last."""
        key = addresses.key(address)
        chat = self.chats.get(key)
        if chat is None:
            chat = Chat(id=address, name=name or addresses.split(address)[0], is_group=addresses.is_group(address))
        elif name:
            chat.name = name
        self.keep(chat)
        return chat

    def keep(self, chat: Chat) -> None:
        """Let a chat stand last, and the oldest one go when there are too many."""
        key = addresses.key(chat.id)
        self.chats[key] = chat
        self.chats.move_to_end(key)
        if len(self.chats) > MAX_CHATS:
            self.chats.popitem(last=False)

    def add(self, message: PhoneMessage) -> None:
        """Show a message in its chat; one that is shown already is not shown again."""
        chat = self.chat(message.chat_id)
        if all(known.id != message.id for known in chat.messages):
            chat.messages.append(message)
        if message.outgoing:
            _keep(self._sent, message.id, message)
            if message.client_message_id is not None:
                _keep(self._by_client_id, message.client_message_id, message)

    def sent(self, message_id: str) -> PhoneMessage | None:
        """Return an outgoing message by WhatsApp's id, or None."""
        return self._sent.get(message_id)

    def sent_as(self, client_message_id: str) -> PhoneMessage | None:
        """Return an outgoing message by the sender's own id, or None."""
        return self._by_client_id.get(client_message_id)

    def offer(self, chat_id: str, choice_id: str) -> tuple[PhoneMessage, PhoneChoice] | None:
        """Return the newest message in a chat that offers a choice, and the choice, or None."""
        chat = self.chats.get(addresses.key(chat_id))
        found = (
            (message, choice)
            for message in reversed(chat.messages if chat else ())
            for choice in message.choices
            if choice.id == choice_id
        )
        return next(found, None)

    def group(self, chat_id: str) -> Chat | None:
        """Return a group on the phone, or None."""
        chat = self.chats.get(addresses.key(chat_id))
        return chat if chat is not None and chat.is_group else None

    def groups(self) -> Iterable[Chat]:
        """Return the groups on the phone."""
        return [chat for chat in self.chats.values() if chat.is_group]


def address_of(text: str, *, group: bool = False) -> str:
    """Return the address in the spelling that phones here use. Raises Refusal 422 for what can be none."""
    try:
        address = addresses.normalize(f"{text}@g.us" if group and "@" not in text else text)
    except InvalidInput:
        raise invalid("This is not a WhatsApp number.", "INVALID_NUMBER") from None
    user, domain = addresses.split(address)
    if domain in ("c.us", "s.whatsapp.net") and len(user) in _PHONE_DIGITS and not group:
        return f"{user}@c.us"
    if domain == "g.us" or (domain == "lid" and not group):
        return address
    raise invalid("This is not a WhatsApp number.", "INVALID_NUMBER")


def new_native_id() -> str:
    """Return the part of a message's id that is WhatsApp's own."""
    return f"3EB0{secrets.token_hex(9).upper()}"


def _keep(kept: OrderedDict[str, PhoneMessage], key: str, message: PhoneMessage) -> None:
    kept[key] = message
    if len(kept) > MAX_SENT_KEPT:
        kept.popitem(last=False)
