"""The JSON that the simulated service answers and posts: the plain service's, and what extensions add."""

from __future__ import annotations

from typing import Any

from .options import SimulatorOptions
from .phones import Chat, PhoneMedia, PhoneMessage
from .sessions import Session, qr_data_url

ACK_NUMBERS = {"failed": -1, "sent": 1, "delivered": 2, "read": 3, "played": 4}


def session_reply(session: Session) -> dict[str, Any]:
    """Return the answer to start and status: `{tenantId, status, connected, qrCode?, phone?, name?, reason?}`."""
    status = session.status
    reply: dict[str, Any] = {"tenantId": session.id, "status": status, "connected": status == "connected"}
    if (qr := session.qr) is not None:
        reply["qrCode"] = qr_data_url(qr.text)
    if session.paired:
        reply |= {"phone": session.phone.number, "name": session.name}
    if session.reason is not None:
        reply["reason"] = session.reason
    return reply


def session_hook(session: Session, at_ms: int) -> dict[str, Any]:
    """Return the webhook that tells a session's status."""
    return {"event": "session.status", **session_reply(session), "timestamp": at_ms}


def message_hook(session: Session, chat: Chat, message: PhoneMessage, options: SimulatorOptions) -> dict[str, Any]:
    """Return the webhook of a message that a contact wrote, or that was typed on the paired phone."""
    # A group's messages come from the group, and name their author: the spelling of whatsapp-web.js.
    sender = session.phone.address if message.outgoing else chat.id
    hook: dict[str, Any] = {
        "tenantId": session.id,
        "from": sender,
        "message": message.text,
        "timestamp": message.at,
        "messageId": message.id,
    }
    if not options.has("events"):
        return hook
    hook |= {
        "event": "message",
        "type": message.kind,
        "fromMe": message.outgoing,
        "to": chat.id if message.outgoing else session.phone.address,
        "chatId": chat.id,
        "isGroup": chat.is_group,
    }
    if message.author_name:
        hook["pushName"] = message.author_name
    if chat.is_group:
        hook |= {"author": message.author, "groupName": chat.name}
    if message.choice_id is not None:
        hook["choiceId"] = message.choice_id
    if message.quoted_message_id is not None:
        hook["quotedMessageId"] = message.quoted_message_id
    if message.media is not None and options.has("media"):
        hook["media"] = media_fields(message.media)
        if message.text:
            hook["caption"] = message.text
    return hook


def media_fields(media: PhoneMedia) -> dict[str, Any]:
    """Return a message's file as webhooks tell it."""
    fields = {"url": media.url, "mimetype": media.mime_type, "filename": media.filename, "size": media.size}
    return {name: value for name, value in fields.items() if value is not None}


def group_hook(session: Session, group: Chat, change: str, people: list[str], at_ms: int) -> dict[str, Any]:
    """Return the webhook that tells of a group's change: subject, joined, left, promoted or demoted."""
    return {
        "tenantId": session.id,
        "event": "group",
        "groupId": group.id,
        "change": change,
        "subject": group.name,
        "participants": people,
        "timestamp": at_ms,
    }


def ack_hook(session: Session, message: PhoneMessage, status: str, at_ms: int) -> dict[str, Any]:
    """Return the webhook that tells how far a sent message has come."""
    hook: dict[str, Any] = {
        "tenantId": session.id,
        "event": "message.ack",
        "messageId": message.id,
        "chatId": message.chat_id,
        "status": status,
        "ack": ACK_NUMBERS[status],
        "timestamp": at_ms,
    }
    if message.client_message_id is not None:
        hook["clientMessageId"] = message.client_message_id
    return hook


def send_reply(message: PhoneMessage) -> dict[str, Any]:
    """Return the answer to a send."""
    reply: dict[str, Any] = {"success": True, "messageId": message.id, "timestamp": message.at}
    if message.client_message_id is not None:
        reply["clientMessageId"] = message.client_message_id
    return reply


def lookup_reply(session: Session, message: PhoneMessage) -> dict[str, Any]:
    """Return the answer to `GET /messages/{clientMessageId}`."""
    return {**send_reply(message), "tenantId": session.id, "to": message.chat_id, "status": message.status}


def groups_reply(session: Session) -> dict[str, Any]:
    """Return the answer to `GET /groups`."""
    return {"groups": [group_reply(chat) for chat in session.phone.groups()]}


def group_reply(group: Chat) -> dict[str, Any]:
    """Return the answer to `GET /groups/{id}`."""
    people = [{"id": address, "name": name, "admin": address in group.admins} for address, name in group.people.items()]
    return {"id": group.id, "subject": group.name, "participants": people}
