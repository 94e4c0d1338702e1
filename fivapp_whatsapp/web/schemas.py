"""What goes over the wire beside the models: the bodies of requests and the replies that are no model.

A request refuses fields that it does not know; server-owned values can be set by no body.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.models import (
    MAX_TEXT,
    SESSION_NAME,
    AnsweredBy,
    Assignee,
    Conversation,
    ConversationStatus,
    GroupBots,
    Media,
    Message,
    MessageKind,
    OutgoingMessage,
    QuickReply,
    Role,
    Session,
    SessionProblem,
    SessionStatus,
    StatusChange,
)
from fivapp_whatsapp.ports.plugins import AnswerTrail
from fivapp_whatsapp.text import clean_line, clean_text
from fivapp_whatsapp.tries import WaitingFor

# A `$` of Python also matches before a line feed that ends the text.
_END = r"(?!\n)"
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Address = Annotated[str, Meta(min_length=1, max_length=128)]
Id = Annotated[str, Meta(min_length=1, max_length=128)]
Label = Annotated[str, Meta(min_length=1, max_length=64)]
SendableKind = Literal["text", "image", "video", "audio", "document", "sticker"]


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A request's body."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A reply's body."""


class Connect(Body, frozen=True, kw_only=True):
    """Which session to connect: absent or the tenant's own id for its first."""

    tenant_id: Id | None = None
    name: Name | None = None


class SessionState(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """A session's status as the seed has it; `qrCode` is a data URL, shown to admins while it can be scanned."""

    tenant_id: str
    status: SessionStatus
    connected: bool
    qr_code: str | None = None
    phone: str | None = None
    name: str | None = None
    problem: SessionProblem | None = None


class Disconnected(Reply, frozen=True, kw_only=True):
    """What a disconnect ended in."""

    success: bool
    status: SessionStatus


class NewSession(Body, frozen=True, kw_only=True):
    """A session to add: the tenant's first without a label, `<tenant>.<label>` with one."""

    label: Annotated[str, Meta(pattern=SESSION_NAME + _END)] | None = None
    name: Name | None = None


class SessionChange(Body, frozen=True, kw_only=True):
    """What may change in a session."""

    name: Name


class SessionItem(Session, frozen=True, kw_only=True):
    """A session and what its connection service can do beyond text; null where it does not say."""

    capabilities: Sequence[str] | None = None


class SessionDetail(SessionItem, frozen=True, kw_only=True):
    """A session with the QR code that it shows now."""

    qr_code: str | None = None


class PairingPhone(Body, frozen=True, kw_only=True):
    """The phone that a pairing code is for."""

    phone: Address


class PairingCode(Reply, frozen=True, kw_only=True):
    """A code to type on the phone."""

    code: str


class NewConversation(Body, frozen=True, kw_only=True):
    """Whom to write to, and from which session."""

    to: Address
    session_id: Id | None = None
    title: Name | None = None


class ConversationChange(Body, frozen=True, kw_only=True):
    """What may change in a conversation; what is absent stays."""

    answered_by: AnsweredBy | UnsetType = UNSET
    read_up_to: Id | UnsetType | None = UNSET
    status: ConversationStatus | UnsetType = UNSET
    snoozed_until: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET
    assignee_id: Id | UnsetType | None = UNSET
    labels: Annotated[list[Label], Meta(max_length=50)] | UnsetType = UNSET
    group_bots: GroupBots | UnsetType | None = UNSET


class NewNote(Body, frozen=True, kw_only=True):
    """A private note."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class Writing(Body, frozen=True, kw_only=True):
    """Whether somebody writes."""

    on: bool = True


class MediaLink(Body, frozen=True, kw_only=True):
    """A file that the connection service can fetch."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s]+$" + _END, max_length=2048)]
    mime_type: Annotated[str, Meta(pattern=r"^[\w.+-]+/[\w.+-]+$" + _END, max_length=100)] | None = None
    filename: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class SendMessage(Body, frozen=True, kw_only=True):
    """A message to send; `to` is optional and must be an address of the conversation."""

    text: Text | None = None
    to: Address | None = None
    kind: SendableKind | None = None
    media: MediaLink | None = None
    quoted_message_id: Id | None = None


class Sending(Reply, frozen=True, kw_only=True):
    """How a send went: the stored message, and what the connection service answered when it did.

    `waitingFor` is there when the message waits for something that may take long: until its session is connected, or
    until the connection service takes our key.
    """

    success: bool
    message: Message
    service_response: Any = None
    waiting_for: WaitingFor | UnsetType = UNSET


class Settle(Body, frozen=True, kw_only=True):
    """What became of a message, by a person's word."""

    as_: Literal["sent", "cancelled"] = msgspec.field(name="as")


class SessionPage(Reply, frozen=True, kw_only=True):
    """Sessions, newest first."""

    items: Sequence[SessionItem]
    next_cursor: str | None
    seq: int


class ConversationPage(Reply, frozen=True, kw_only=True):
    """Conversations by their last activity, newest first."""

    items: Sequence[Conversation]
    next_cursor: str | None
    seq: int


class MessagePage(Reply, frozen=True, kw_only=True):
    """Messages, newest first."""

    items: Sequence[Message]
    next_cursor: str | None
    seq: int


class FoundMessages(Reply, frozen=True, kw_only=True):
    """Messages that a search found, newest first; `conversations` holds each conversation that one stands in."""

    items: Sequence[Message]
    conversations: Sequence[Conversation]
    next_cursor: str | None
    seq: int


class Timeline(Reply, frozen=True, kw_only=True):
    """What happened to a message, oldest first; `automation` says why bots answered it, or did not."""

    items: Sequence[StatusChange]
    next_cursor: str | None
    seq: int
    automation: AnswerTrail | None = None


class QuickReplyText(Body, frozen=True, kw_only=True):
    """A quick reply: what is typed behind the slash, and the text."""

    shortcut: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}$" + _END)]
    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class QuickReplies(Body, frozen=True, kw_only=True):
    """All quick replies of a tenant."""

    items: Annotated[list[QuickReplyText], Meta(max_length=500)]


class QuickReplyList(Reply, frozen=True, kw_only=True):
    """All quick replies of a tenant."""

    items: Sequence[QuickReply]


class AccountPage(Reply, frozen=True, kw_only=True):
    """Whom the tenant's conversations may be assigned to, by name."""

    items: Sequence[Assignee]


class Login(Body, frozen=True, kw_only=True):
    """A local account's credentials; `tenantId` may be absent while there is one tenant."""

    tenant_id: Annotated[str, Meta(max_length=64)] | None = None
    login: Annotated[str, Meta(min_length=1, max_length=128)]
    password: Annotated[str, Meta(min_length=1, max_length=256)]


LoginKind = Literal["account", "bearer", "cookie"]


class LabelList(Reply, frozen=True, kw_only=True):
    """The labels of a tenant's conversations."""

    items: Sequence[str]


class Me(Reply, frozen=True, kw_only=True):
    """Who asks; `expiresAt` is when the token or the login ends, and `login` what it is.

    With a `cookie` of the main application only that application can log out; `logoutUrl` is where it does.
    `sendExpiry` is how many seconds a message waits at most until it can go out.
    """

    id: str
    tenant_id: str
    tenant_name: str
    role: Role
    name: str
    expires_at: datetime
    login: LoginKind
    logout_url: str | None = None
    send_expiry: float


class Health(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the server lives, or is ready; `brokenPlugins` names those that could not be loaded."""

    status: Literal["ok", "ready", "not_ready"]
    broken_plugins: list[str] = []


def outgoing_message(body: SendMessage) -> OutgoingMessage:
    """Return the message that a body asks for. Raises InvalidInput when its kind and its media do not fit."""
    kind = MessageKind(body.kind) if body.kind else _kind_of(body.media)
    if body.media is None and kind is not MessageKind.TEXT:
        raise InvalidInput("This kind of message needs media.", errors=[{"pointer": "#/media", "code": "required"}])
    if body.media is not None and kind is MessageKind.TEXT:
        raise InvalidInput("A text has no media.", errors=[{"pointer": "#/kind", "code": "unknown_value"}])
    return OutgoingMessage(
        text=None if body.text is None else clean_text(body.text),
        kind=kind,
        media=None if body.media is None else _media(body.media),
        quoted_message_id=body.quoted_message_id,
        to=body.to,
    )


def _media(link: MediaLink) -> Media:
    filename = None if link.filename is None else clean_line(link.filename, 255) or None
    return Media(url=clean_text(link.url), mime_type=link.mime_type, filename=filename)


def _kind_of(media: MediaLink | None) -> MessageKind:
    if media is None:
        return MessageKind.TEXT
    family = (media.mime_type or "").partition("/")[0].lower()
    return MessageKind(family) if family in ("image", "video", "audio") else MessageKind.DOCUMENT
