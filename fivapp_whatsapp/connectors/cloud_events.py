"""What WhatsApp's Cloud API posts to us, as events: texts, taps on buttons, and statuses of messages.

The shape is Meta's: https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples
A body with anything else in it is unreadable as a whole: it waits, and is read once we can.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from fivapp_whatsapp.errors import UnreadableWebhook
from fivapp_whatsapp.models import (
    IncomingMessage,
    MessageError,
    MessageKind,
    MessageStatus,
    StatusUpdate,
    WebhookEvent,
)
from fivapp_whatsapp.text import clean_text

from . import wire
from .words import message_status

_OBJECT = "whatsapp_business_account"
_FIELD = "messages"


class _Part(msgspec.Struct, gc=False):
    """A part of the body; fields that we do not know are left out."""


class _Profile(_Part):
    name: str | None = None


class _Contact(_Part):
    wa_id: str | None = None
    profile: _Profile | None = None


class _Text(_Part):
    body: str


class _Button(_Part):
    text: str | None = None
    payload: str | None = None


class _Tap(_Part):
    id: str
    title: str | None = None


class _Interactive(_Part):
    type: str
    button_reply: _Tap | None = None
    list_reply: _Tap | None = None


class _Context(_Part):
    id: str | None = None


class _Message(_Part, rename={"sender": "from"}):
    id: str
    type: str
    sender: str | None = None
    timestamp: str | int | None = None
    text: _Text | None = None
    button: _Button | None = None
    interactive: _Interactive | None = None
    context: _Context | None = None
    group_id: str | None = None


class _ErrorData(_Part):
    details: str | None = None


class _Error(_Part):
    title: str | None = None
    message: str | None = None
    error_data: _ErrorData | None = None


class _Status(_Part):
    id: str
    status: str
    timestamp: str | int | None = None
    biz_opaque_callback_data: str | None = None
    errors: list[_Error] = []


class _Value(_Part):
    contacts: list[_Contact] = []
    messages: list[_Message] = []
    statuses: list[_Status] = []


class _Change(_Part):
    field: str
    value: _Value


class _Entry(_Part):
    changes: list[_Change]


class _Webhook(_Part):
    object: str
    entry: list[_Entry]


_decoder = msgspec.json.Decoder(_Webhook)


def decode(body: bytes, session_id: str, now: datetime) -> list[WebhookEvent]:
    """Read a body that was posted to a session's address.

    Raises UnreadableWebhook, whose words never quote the body, when anything in it cannot be read.
    """
    try:
        webhook = _decoder.decode(body)
    except (ValueError, RecursionError):
        webhook = _forgiven(body)
    events = list(_events(webhook, session_id, now))
    if not events:
        raise UnreadableWebhook("neither a message nor a status")
    return events


def _forgiven(body: bytes) -> _Webhook:
    """Read a body again, with a byte-order mark and halves of emojis forgiven."""
    try:
        return msgspec.convert(wire.read_json(body), _Webhook)
    except wire.Unreadable as exc:
        raise UnreadableWebhook(str(exc)) from None
    except msgspec.ValidationError:
        # Its words name the path, and may quote a key of the body.
        raise UnreadableWebhook("not what the Cloud API posts") from None


def _events(webhook: _Webhook, session_id: str, now: datetime) -> Iterator[WebhookEvent]:
    if webhook.object != _OBJECT:
        raise UnreadableWebhook("not of a WhatsApp business account")
    for change in (change for entry in webhook.entry for change in entry.changes):
        if change.field != _FIELD:
            raise UnreadableWebhook("a change of a field other than messages")
        for message in change.value.messages:
            yield _message(message, change.value.contacts, session_id, now)
        for status in change.value.statuses:
            yield _status(status, session_id, now)


def _message(message: _Message, contacts: list[_Contact], session_id: str, now: datetime) -> IncomingMessage:
    if message.group_id is not None:
        raise UnreadableWebhook("a message of a group")
    sender = wire.address(message.sender)
    if sender is None:
        raise UnreadableWebhook("a message without a phone number")
    kind, text, choice = _content(message)
    return IncomingMessage(
        session_id=session_id,
        native_id=_id(message.id),
        chat_id=sender,
        sender=sender,
        sender_name=_name(message.sender, contacts),
        kind=kind,
        text=clean_text(text),
        at=wire.moment(message.timestamp, now),
        quoted_native_id=None if message.context is None else wire.identifier(message.context.id),
        choice=wire.identifier(choice),
    )


def _content(message: _Message) -> tuple[MessageKind, str, str | None]:
    """Return a message's kind, text and the id of what was tapped."""
    match message:
        case _Message(type="text", text=_Text(body=text)):
            return MessageKind.TEXT, text, None
        case _Message(type="button", button=_Button() as button) if button.text or button.payload:
            return MessageKind.INTERACTIVE, button.text or button.payload or "", button.payload
        case _Message(
            type="interactive",
            interactive=(
                _Interactive(type="button_reply", button_reply=_Tap() as tap)
                | _Interactive(type="list_reply", list_reply=_Tap() as tap)
            ),
        ):
            return MessageKind.INTERACTIVE, tap.title or tap.id, tap.id
    raise UnreadableWebhook("a message of a type that is not read yet")


def _status(status: _Status, session_id: str, now: datetime) -> StatusUpdate:
    known = message_status(status.status)
    if known is None:
        raise UnreadableWebhook("unknown message status")
    return StatusUpdate(
        session_id=session_id,
        status=known,
        native_id=_id(status.id),
        client_message_id=wire.identifier(status.biz_opaque_callback_data),
        at=wire.moment(status.timestamp, now),
        error=_error(status.errors) if known is MessageStatus.FAILED else None,
    )


def _error(errors: list[_Error]) -> MessageError:
    first = errors[0] if errors else _Error()
    details = None if first.error_data is None else first.error_data.details
    said = wire.line(details) or wire.line(first.message) or wire.line(first.title)
    return MessageError(code="failed", detail=said or "WhatsApp did not deliver the message.")


def _id(value: str) -> str:
    found = wire.identifier(value)
    if found is None:
        raise UnreadableWebhook("a message without its id")
    return found


def _name(sender: str | None, contacts: list[_Contact]) -> str | None:
    for contact in contacts:
        if contact.wa_id == sender and contact.profile is not None:
            return wire.line(contact.profile.name)
    return None
