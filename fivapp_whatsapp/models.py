"""What the gateway speaks of, as frozen structs: JSON is camelCase, times are UTC, ids are opaque text.

Words are those of docs/words.md. A struct here never carries a secret.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from .randoms import random_hex

TENANT_ID = r"^[A-Za-z0-9_-]{1,64}$"
SESSION_ID = r"^[A-Za-z0-9_-]{1,64}(\.[a-z0-9-]{1,32})?$"
SESSION_NAME = r"^[a-z0-9-]{1,32}$"
PLUGIN_NAME = r"^[a-z][a-z0-9_-]{0,31}$"
OBJECT_ID = r"^[A-Za-z0-9_-]{1,64}$"
MAX_TEXT = 4096


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=False):
    """A frozen record with camelCase JSON."""


# The time by which rows are stored; tests of plugins put theirs in its place.
_time_ns = time.time_ns


def new_id() -> str:
    """Return a new id of 32 hex digits that sorts by time (UUIDv7's layout without its version bits)."""
    return f"{now_ms():012x}{random_hex(20)}"


def now_ms() -> int:
    """Return the time in milliseconds since 1970, UTC: what the tables keep."""
    return _time_ns() // 1_000_000


def to_datetime(ms: int) -> datetime:
    """Return the UTC time of a number of milliseconds since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC)


class SessionStatus(StrEnum):
    """What is known of a session's login."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    QR_READY = "qr_ready"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    LOGGED_OUT = "logged_out"
    RESTRICTED = "restricted"
    FAILED = "failed"
    UNKNOWN = "unknown"


class SessionProblem(StrEnum):
    """What stands between us and a session whose last status is known."""

    UNREACHABLE = "unreachable"
    DEGRADED = "degraded"


class MessageStatus(StrEnum):
    """How far a message has come; it only goes up, in the order of `rank`."""

    PENDING = "pending"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    RECEIVED = "received"

    @property
    def rank(self) -> int:
        """Return the place in the order; a message's status is the highest that was ever seen."""
        return _RANKS[self]


# `received` is the one status of an incoming message: it stands outside the order of sends.
_RANKS = {status: rank for rank, status in enumerate(MessageStatus)}


class MessageKind(StrEnum):
    """What a message holds."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    REACTION = "reaction"
    POLL = "poll"
    INTERACTIVE = "interactive"
    TEMPLATE = "template"
    CALL = "call"
    NOTE = "note"
    SYSTEM = "system"
    UNSUPPORTED = "unsupported"


Direction = Literal["incoming", "outgoing"]
AuthorKind = Literal["contact", "agent", "plugin", "phone", "api", "system"]
ConversationStatus = Literal["open", "snoozed", "closed"]
AnsweredBy = Literal["bot", "human"]
GroupBots = Literal["off", "mentioned", "always"]
MediaState = Literal["fetching", "ready", "failed", "gone", "refused", "expired"]
Role = Literal["agent", "admin"]
GroupChange = Literal["subject", "joined", "left", "promoted", "demoted", "changed"]


class Tenant(Model, frozen=True, kw_only=True):
    """A company."""

    id: str
    name: str
    suspended: bool = False
    created_at: datetime


class Account(Model, frozen=True, kw_only=True):
    """A local account of a tenant; the password's hash stays in the store."""

    id: str
    tenant_id: str
    login: str
    name: str
    role: Role
    disabled: bool = False


class Assignee(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Whom a conversation may be assigned to: a local account, by its `login`, or a user of the main application."""

    id: str
    name: str
    role: Role
    login: str | None = None


class User(Model, frozen=True, kw_only=True):
    """Who makes a request: from a token or a local account; `program` when the token says that nobody sits there."""

    id: str
    tenant_id: str
    role: Role
    name: str = ""
    program: bool = False


class Author(Model, frozen=True, kw_only=True):
    """Who wrote a message."""

    kind: AuthorKind
    id: str | None = None
    name: str | None = None


class Session(Model, frozen=True, kw_only=True):
    """One WhatsApp login of a tenant; `restricted_until` is the end of a restriction, where that is known."""

    id: str
    tenant_id: str
    name: str
    connector: str
    status: SessionStatus = SessionStatus.DISCONNECTED
    problem: SessionProblem | None = None
    desired: Literal["running", "stopped"] = "stopped"
    phone: str | None = None
    profile_name: str | None = None
    epoch: int = 0
    error: str | None = None
    status_at: datetime
    last_seen_at: datetime | None = None
    restricted_until: datetime | None = None
    created_at: datetime


class Media(Model, frozen=True, kw_only=True):
    """A file of a message: where it is, never its bytes; sizes are in bytes and pixels.

    `state` says whether it is kept here: None where nobody keeps files. `preview` is True when there is a small
    picture of it.
    """

    url: str | None = None
    mime_type: str | None = None
    filename: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    state: MediaState | None = None
    preview: bool | None = None


class MessageError(Model, frozen=True, kw_only=True):
    """Why a message was not sent: a stable code, and a sentence."""

    code: str
    detail: str


class Choice(Model, frozen=True, kw_only=True, omit_defaults=True):
    """One of the answers that a message offers; `id` comes back as the `choice` of the contact's message."""

    id: str
    title: str
    description: str | None = None


class Message(Model, frozen=True, kw_only=True, omit_defaults=True):
    """One message in a conversation; what it does not have is absent from its JSON.

    `choices` are what an outgoing message offers, `choice` is the id of what the contact chose. `idempotency_key` is
    the key of the request by which a user wrote it: so its page knows it for its own, whatever plugins made of it.
    """

    id: str
    conversation_id: str
    direction: Direction
    kind: MessageKind
    status: MessageStatus
    text: str | None
    author: Author
    media: Media | None = None
    quoted_message_id: str | None = None
    retry_of: str | None = None
    error: MessageError | None = None
    choices: Sequence[Choice] = ()
    choice: str | None = None
    idempotency_key: str | None = None
    at: datetime


class Contact(Model, frozen=True, kw_only=True):
    """A person behind one or more addresses; the phone may be unknown."""

    id: str
    tenant_id: str
    name: str | None
    phone: str | None
    addresses: Sequence[str] = ()


class Conversation(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept about one chat in one session; what it does not have is absent from its JSON.

    `activity_seq` is the seq of the newest message that is counted in it: an event that is not newer is not counted
    again.
    """

    id: str
    session_id: str
    chat_id: str
    title: str
    is_group: bool
    status: ConversationStatus
    unread_count: int
    last_message: Message | None
    answered_by: AnsweredBy
    labels: Sequence[str]
    activity_seq: int = 0
    contact_id: str | None = None
    read_up_to: str | None = None
    paused_until: datetime | None = None
    assignee_id: str | None = None
    waiting_since: datetime | None = None
    snoozed_until: datetime | None = None
    group_bots: GroupBots | None = None


class OutgoingMessage(Model, frozen=True, kw_only=True):
    """A message to be sent.

    `to` must be an address of the conversation when it is given. Media is a URL that the connection
    service can fetch. `kind` follows from `media` when it is not given. `choices` become buttons, a list or a
    numbered text, as the connector can; a text stands for a Choice whose id and title it is.
    """

    text: str | None = None
    kind: MessageKind = MessageKind.TEXT
    media: Media | None = None
    quoted_message_id: str | None = None
    retry_of: str | None = None
    to: str | None = None
    choices: Sequence[Choice | str] = ()


class QuickReply(Model, frozen=True, kw_only=True):
    """A text that agents send often, found by its shortcut."""

    shortcut: str
    text: str


class Event(Model, frozen=True, kw_only=True):
    """One thing that happened, numbered per tenant without gaps; `data` is the object after the change."""

    seq: int
    type: str
    at: datetime
    conversation_id: str | None = None
    data: Any = None


class Page(Model, frozen=True, kw_only=True):
    """One page of a list, newest first; `seq` is the head of the log when it was read."""

    items: Sequence[Any]
    next_cursor: str | None
    seq: int


class FoundPage(Page, frozen=True, kw_only=True):
    """One page of the messages that a search found, with the conversations that they stand in."""

    conversations: Sequence[Conversation]


class StatusChange(Model, frozen=True, kw_only=True):
    """One step in a message's life, for its timeline."""

    status: MessageStatus
    at: datetime
    received_at: datetime
    error: MessageError | None = None


class GroupMember(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A participant of a group; the name may not be known."""

    address: str
    name: str | None = None
    admin: bool = False


class Group(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A group chat. `change` says what a group.updated event is about, and `changed` whom, by their addresses."""

    chat_id: str
    subject: str | None = None
    conversation_id: str | None = None
    members: Sequence[GroupMember] | None = None
    change: GroupChange | None = None
    changed: Sequence[str] = ()


class ConversationPatch(Model, frozen=True, kw_only=True):
    """What is to change in a conversation; what is UNSET stays."""

    answered_by: AnsweredBy | msgspec.UnsetType = msgspec.UNSET
    paused_until: datetime | msgspec.UnsetType | None = msgspec.UNSET
    read_up_to: str | msgspec.UnsetType | None = msgspec.UNSET
    status: ConversationStatus | msgspec.UnsetType = msgspec.UNSET
    snoozed_until: datetime | msgspec.UnsetType | None = msgspec.UNSET
    assignee_id: str | msgspec.UnsetType | None = msgspec.UNSET
    labels: Sequence[Annotated[str, msgspec.Meta(min_length=1, max_length=64)]] | msgspec.UnsetType = msgspec.UNSET
    group_bots: GroupBots | msgspec.UnsetType | None = msgspec.UNSET


# --- what a connector decodes out of a webhook -------------------------------------------------


class IncomingMessage(Model, frozen=True, kw_only=True):
    """A message that the connection service tells of, written by a contact or typed on the paired phone.

    `session_id` is the service's word for the session. `chat_id` is normalized; `sender` is the author's
    address (in a group another one than the chat's). `native_id` is WhatsApp's id of the message.
    """

    session_id: str
    native_id: str
    chat_id: str
    sender: str
    sender_name: str | None = None
    kind: MessageKind = MessageKind.TEXT
    text: str | None = None
    media: Media | None = None
    at: datetime | None = None
    from_me: bool = False
    group_name: str | None = None
    quoted_native_id: str | None = None
    client_message_id: str | None = None
    choice: str | None = None


class GroupUpdate(Model, frozen=True, kw_only=True):
    """A change of a group that the connection service tells of; `changed` are the participants' addresses."""

    session_id: str
    chat_id: str
    change: GroupChange
    subject: str | None = None
    changed: Sequence[str] = ()
    at: datetime | None = None


class StatusUpdate(Model, frozen=True, kw_only=True):
    """A message's status as the connection service tells it; either id may be missing, not both."""

    session_id: str
    status: MessageStatus
    native_id: str | None = None
    client_message_id: str | None = None
    at: datetime | None = None
    error: MessageError | None = None


class SessionUpdate(Model, frozen=True, kw_only=True):
    """A session's status as the connection service tells it; also the answer to start and status.

    `until` is when a restriction ends, where that is told.
    """

    session_id: str
    status: SessionStatus
    qr_code: str | None = None
    phone: str | None = None
    profile_name: str | None = None
    reason: str | None = None
    until: datetime | None = None


class SendResult(Model, frozen=True, kw_only=True):
    """What the connection service said of a send; 2xx without an id is legal."""

    native_id: str | None = None
    at: datetime | None = None
    raw: Any = None


WebhookEvent = IncomingMessage | StatusUpdate | SessionUpdate | GroupUpdate
