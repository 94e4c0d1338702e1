"""What a send says to the service: text, files and choices, as far as the service can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fivapp_whatsapp import addresses
from fivapp_whatsapp.errors import ConnectorRejected
from fivapp_whatsapp.models import Choice, MessageKind, OutgoingMessage
from fivapp_whatsapp.ports import OutgoingSend
from fivapp_whatsapp.text import clean_line, clean_text

from .words import MEDIA_KINDS, kind_of_mime

# WhatsApp's own limits of interactive messages: https://developers.facebook.com/docs/whatsapp/guides/interactive-messages
MAX_BUTTONS = 3
MAX_ROWS = 10


def send_body(send: OutgoingSend, capabilities: frozenset[str]) -> dict[str, Any]:
    """Return the body of `POST /message/send`.

    Raises ConnectorRejected with the reason `empty`, or `capability_missing` for what the service cannot send.
    """
    message = send.message
    text = clean_text(message.text or "")
    body: dict[str, Any] = {"tenantId": send.session_id, "to": addresses.phone(send.to) or send.to, "text": text}
    kind = _kind(message)
    interactive = kind is MessageKind.INTERACTIVE and message.choices
    if not text and (interactive or kind is MessageKind.TEXT):
        raise ConnectorRejected("There is no text to send.", reason="empty")
    if interactive:
        body |= _choice_fields(message.choices, capabilities)
    elif kind is not MessageKind.TEXT:
        body |= _media_fields(message, kind, text, capabilities)
    if "idempotent_send" in capabilities:
        body["clientMessageId"] = send.client_message_id
    if send.quoted_native_id and "quote" in capabilities:
        body["quotedMessageId"] = send.quoted_native_id
    return body


def missing(what: str) -> ConnectorRejected:
    """Return the refusal of something that this service cannot do."""
    return ConnectorRejected(f"The connection service cannot {what}.", reason="capability_missing")


def _kind(message: OutgoingMessage) -> MessageKind:
    if message.kind is MessageKind.TEXT and message.media is not None:
        return kind_of_mime(message.media.mime_type)
    return message.kind


def _choice_fields(choices: Sequence[Choice | str], capabilities: frozenset[str]) -> dict[str, Any]:
    rows = [_row(choice) for choice in choices]
    style = _style(rows, capabilities)
    if style is None:
        raise missing(f"offer {len(rows)} choices")
    return {"type": "interactive", "style": style, "choices": rows}


def _row(choice: Choice | str) -> dict[str, str]:
    if isinstance(choice, str):
        choice = Choice(id=choice, title=choice)
    row = {"id": choice.id, "title": clean_line(choice.title, len(choice.title) or 1)}
    return row | ({"description": clean_text(choice.description)} if choice.description else {})


def _style(rows: Sequence[dict[str, str]], capabilities: frozenset[str]) -> str | None:
    buttons = "buttons" in capabilities and len(rows) <= MAX_BUTTONS
    rows_fit = "list" in capabilities and len(rows) <= MAX_ROWS
    # Buttons show no descriptions; a list does, but has to be opened first.
    if buttons and not (rows_fit and any("description" in row for row in rows)):
        return "buttons"
    return "list" if rows_fit else None


def _media_fields(
    message: OutgoingMessage, kind: MessageKind, text: str, capabilities: frozenset[str]
) -> dict[str, Any]:
    media = message.media
    if kind not in MEDIA_KINDS or "media" not in capabilities:
        raise missing(f"send {kind} messages")
    if media is None or not media.url:
        raise ConnectorRejected("There is no file to send.", reason="empty")
    fields = {"type": str(kind), "mediaUrl": media.url, "caption": text, "filename": media.filename}
    return {name: value for name, value in fields.items() if value}
