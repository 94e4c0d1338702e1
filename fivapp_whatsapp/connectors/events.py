"""What the connection service posts to us, as events: messages, acks, session statuses, QR codes, changes of groups."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from typing import Any

import msgspec

from fivapp_whatsapp import addresses
from fivapp_whatsapp.errors import UnreadableWebhook
from fivapp_whatsapp.models import (
    SESSION_ID,
    Choice,
    GroupUpdate,
    IncomingMessage,
    Media,
    MessageError,
    MessageKind,
    MessageStatus,
    SessionStatus,
    SessionUpdate,
    StatusUpdate,
    WebhookEvent,
)
from fivapp_whatsapp.text import clean_text

from . import groups, wire
from .answers import REASON, STATUS, session_update, tells_status
from .attachments import attachment
from .choices import chosen
from .qr import QR, find_qr
from .words import folded, kind_of_mime, message_kind, message_status, session_status

_SESSION_ID = re.compile(SESSION_ID)
_TEXT = ("message", "text", "body", "caption", "media.caption")
_CONTENT = ("message", "text", "body", "caption", "media", "mediaUrl")
_SENDER_NAME = ("pushName", "senderName")
_GROUP_ID = ("groupId", "group_id", "group.id")
_GROUP_NAME = ("groupName", "group_name", "group.name")
_PARTICIPANT = ("participant", "author")
_QUOTED = ("quotedMessageId", "quoted_message_id")
_ACK = ("ack", "status")


class _SeedMessage(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The seed's own webhook, and nothing else: any further field takes the long way."""

    tenantId: str
    sender: str = msgspec.field(name="from")
    message: str
    messageId: str
    timestamp: int | float | str | None = None


_seed = msgspec.json.Decoder(_SeedMessage)


def decode(body: bytes, now: datetime) -> list[WebhookEvent]:
    """Read a webhook's body: one event or a list of them.

    Media sent inline (base64) is never kept in an event: its size, type and name are, without a URL.
    Raises UnreadableWebhook, whose words never quote the body, when any event in it cannot be read.
    """
    try:
        seed = _seed.decode(body)
    except (ValueError, RecursionError):
        return _decode_any(body, now)
    return [_seed_message(seed, body, now)]


def _seed_message(seed: _SeedMessage, body: bytes, now: datetime) -> IncomingMessage:
    sender = wire.address(seed.sender)
    if sender is None:
        raise UnreadableWebhook("from is not a WhatsApp address")
    return IncomingMessage(
        session_id=_checked_session(seed.tenantId),
        native_id=wire.identifier(seed.messageId) or _body_id(partial(_digest, body), 0),
        chat_id=sender,
        sender=sender,
        text=clean_text(seed.message),
        at=wire.moment(seed.timestamp, now),
    )


def _decode_any(body: bytes, now: datetime) -> list[WebhookEvent]:
    try:
        document = wire.read_json(body)
    except wire.Unreadable as exc:
        raise UnreadableWebhook(str(exc)) from None
    events = document if isinstance(document, list) else [document]
    if not events:
        raise UnreadableWebhook("an empty list")
    # Once for the whole body, and only if an event has no id of its own.
    digest = cache(partial(_digest, body))
    found: list[WebhookEvent] = []
    for index, event in enumerate(events):
        if not isinstance(event, dict):
            raise UnreadableWebhook("an event that is no object")
        found += _READERS[_event_name(event)](event, partial(_body_id, digest, index), now)
    return found


def _event_name(event: dict[str, Any]) -> str:
    if (named := wire.pick(event, ("event",))) is not None:
        if (known := _EVENTS.get(folded(named).replace("_", "."))) is None:
            raise UnreadableWebhook("unknown event")
        return known
    has_chat = wire.pick(event, ("from", "chatId", *_GROUP_ID)) is not None
    if has_chat and any(field in event for field in _CONTENT):
        return "message"
    if wire.message_id(event) and wire.pick(event, _ACK) is not None:
        return "ack"
    if has_chat:
        return "message"
    if wire.pick(event, (*QR, *STATUS, *wire.CONNECTED)) is not None:
        return "session"
    raise UnreadableWebhook("unknown event without a name")


def _message(event: dict[str, Any], body_id: Callable[[], str], now: datetime) -> list[WebhookEvent]:
    chat_id, sender = _chat_and_sender(event)
    media, text, choice = attachment(event), wire.text(_text_value(event)), chosen(event)
    if choice is not None:
        text = text or choice.title or choice.id
    text = text or (None if media else text)
    kind = _kind(event, media, text, choice)
    if text is None and media is None and kind is MessageKind.TEXT:
        raise UnreadableWebhook("a message without content")
    return [
        IncomingMessage(
            session_id=_session_id(event),
            native_id=wire.message_id(event) or body_id(),
            chat_id=chat_id,
            sender=sender,
            sender_name=wire.line(wire.pick(event, _SENDER_NAME)),
            kind=kind,
            text=text,
            media=media,
            at=wire.moment(wire.pick(event, wire.TIMESTAMP), now),
            from_me=wire.flag(event.get("fromMe")) is True,
            group_name=wire.line(wire.pick(event, _GROUP_NAME)) if addresses.is_group(chat_id) else None,
            quoted_native_id=wire.identifier(wire.pick(event, _QUOTED)),
            client_message_id=wire.identifier(wire.pick(event, wire.CLIENT_MESSAGE_ID)),
            choice=choice.id if choice else None,
        )
    ]


def _ack(event: dict[str, Any], body_id: Callable[[], str], now: datetime) -> list[WebhookEvent]:
    status = message_status(wire.pick(event, _ACK))
    if status is None:
        raise UnreadableWebhook("unknown message status")
    native_id = wire.message_id(event)
    client_message_id = wire.identifier(wire.pick(event, wire.CLIENT_MESSAGE_ID))
    if not native_id and not client_message_id:
        raise UnreadableWebhook("an ack without a message's id")
    return [
        StatusUpdate(
            session_id=_session_id(event),
            status=status,
            native_id=native_id,
            client_message_id=client_message_id,
            at=wire.moment(wire.pick(event, wire.TIMESTAMP), now),
            error=_error(event) if status is MessageStatus.FAILED else None,
        )
    ]


def _session(event: dict[str, Any], body_id: Callable[[], str], now: datetime) -> list[WebhookEvent]:
    word = wire.pick(event, STATUS)
    if not tells_status(event) or (word is not None and session_status(word) is None):
        raise UnreadableWebhook("unknown session status")
    return [session_update(event, _session_id(event))]


def _qr(event: dict[str, Any], body_id: Callable[[], str], now: datetime) -> list[WebhookEvent]:
    qr = find_qr(event)
    if qr is None:
        raise UnreadableWebhook("a QR event without a QR code that can be read")
    return [SessionUpdate(session_id=_session_id(event), status=SessionStatus.QR_READY, qr_code=qr)]


def _group_change(event: dict[str, Any], body_id: Callable[[], str], now: datetime) -> list[WebhookEvent]:
    named = groups.change_of(event)
    if named is None:
        raise UnreadableWebhook("a group's event without its group")
    return [
        GroupUpdate(
            session_id=_session_id(event, groups.SESSION),
            chat_id=named.chat_id,
            change=named.change,
            subject=named.subject,
            changed=named.changed,
            at=wire.moment(wire.pick(event, groups.TIMESTAMP), now),
        )
    ]


_READERS: dict[str, Callable[[dict[str, Any], Callable[[], str], datetime], list[WebhookEvent]]] = {
    "message": _message,
    "ack": _ack,
    "session": _session,
    "qr": _qr,
    "group": _group_change,
}
_EVENTS = {
    "message": "message",
    "message.ack": "ack",
    "session.status": "session",
    "qr": "qr",
    "group": "group",
    "group.update": "group",
    "group.v2.participants": "group",
    "group.participants.update": "group",
}


def _session_id(event: dict[str, Any], names: tuple[str, ...] = wire.SESSION_ID) -> str:
    named = wire.pick(event, names)
    return _checked_session(str(named) if type(named) is int else named)


def _checked_session(named: Any) -> str:
    if isinstance(named, str) and _SESSION_ID.fullmatch(named):
        return named
    raise UnreadableWebhook("tenantId is missing or not a session's id")


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _body_id(digest: Callable[[], str], index: int) -> str:
    # The same bytes again are the same message; what a service says twice in one list is not.
    return digest() + (f".{index}" if index else "")


def _chat_and_sender(event: dict[str, Any]) -> tuple[str, str]:
    """Return the chat and the author of a message; our own echoes name the contact in `to`."""
    from_me = wire.flag(event.get("fromMe")) is True
    writer = _address(event, ("from",))
    author = _address(event, _PARTICIPANT)
    chat = _address(event, ("chatId",)) or _group(event, writer) or (_address(event, ("to",)) if from_me else None)
    chat = chat or writer
    if chat is None:
        raise UnreadableWebhook("a message without an address")
    if wire.flag(event.get("isGroup")) is True and not addresses.is_group(chat):
        raise UnreadableWebhook("a group's message without its group")
    return chat, author or writer or chat


def _group(event: dict[str, Any], writer: str | None) -> str | None:
    named = wire.pick(event, _GROUP_ID)
    if isinstance(named, str) and "@" not in named:
        named = f"{named}@g.us"
    if named is not None:
        return _checked_address(named)
    return writer if writer and addresses.is_group(writer) else None


def _address(event: dict[str, Any], paths: tuple[str, ...]) -> str | None:
    value = wire.pick(event, paths)
    return None if value is None else _checked_address(value)


def _checked_address(value: Any) -> str:
    found = wire.address(value)
    if found is None:
        raise UnreadableWebhook("an address that is not WhatsApp's")
    return found


def _text_value(event: dict[str, Any]) -> Any:
    # An empty text is a text when no other name gives a better one.
    found = wire.pick(event, _TEXT)
    return "" if found is None and "" in (event.get("message"), event.get("text")) else found


def _kind(event: dict[str, Any], media: Media | None, text: str | None, choice: Choice | None) -> MessageKind:
    if choice is not None:
        return MessageKind.INTERACTIVE
    word = event.get("type")
    if (known := message_kind(word)) is not None and not (media and known is MessageKind.TEXT):
        return known
    if media is not None:
        return kind_of_mime(media.mime_type)
    return MessageKind.UNSUPPORTED if folded(word) and text is None else MessageKind.TEXT


def _error(event: dict[str, Any]) -> MessageError:
    said = wire.line(wire.pick(event, ("error.message", "error", *REASON)))
    return MessageError(code="failed", detail=said or "WhatsApp did not deliver the message.")
