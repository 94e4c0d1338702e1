"""What a notification says: JSON for the pages' service worker, small enough for every push service."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from .devices import Language
from .encoding import to_text

# Services take 4,096 bytes; the encoding adds 103 of them.
MAX_PAYLOAD = 3_900
Content = Literal["nothing", "name", "text"]

_WORDS = {
    "pt-BR": {"title": "Nova mensagem", "body": "Um cliente escreveu.", "needs": "Precisa de uma pessoa."},
    "en": {"title": "New message", "body": "A customer wrote.", "needs": "Somebody is needed."},
}
_TEST = {
    "pt-BR": ("Notificações ligadas", "É assim que você fica sabendo de novas mensagens."),
    "en": ("Notifications are on", "This is how you hear of new messages."),
}


class Notification(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the service worker shows: `tag` is the conversation, whose notifications replace each other."""

    title: str
    body: str
    tag: str
    url: str
    conversation_id: str | None = None
    message_id: str | None = None
    unread: int | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a notification is about; `needs_person` tells that a bot gave the conversation up."""

    conversation_id: str
    title: str
    text: str = ""
    message_id: str | None = None
    unread: int | None = None
    needs_person: bool = False


def notify(facts: Facts, language: Language, content: Content) -> Notification:
    """Return the notification for a device, with as much of the conversation as the tenant allows."""
    words = _WORDS[language]
    title = words["title"] if content == "nothing" or not facts.title else facts.title
    body = words["needs"] if facts.needs_person else words["body"]
    if content == "text" and facts.text:
        body = facts.text
    link = f"/conversations/{facts.conversation_id}"
    return Notification(
        title=title[:200],
        body=body,
        tag=facts.conversation_id,
        url=f"{link}?message={facts.message_id}" if facts.message_id else link,
        conversation_id=facts.conversation_id,
        message_id=facts.message_id,
        unread=facts.unread,
    )


def test_notification(language: Language) -> Notification:
    """Return what a person sees who tries it out."""
    title, body = _TEST[language]
    return Notification(title=title, body=body, tag="test", url="/conversations")


def payload(notification: Notification) -> bytes:
    """Return the JSON of a notification, its body cut to what fits."""
    data = msgspec.json.encode(notification)
    body = notification.body
    while len(data) > MAX_PAYLOAD:
        body = body[: len(body) * 3 // 4]
        data = msgspec.json.encode(msgspec.structs.replace(notification, body=body + "…"))
    return data


def topic(tenant_id: str, tag: str) -> str:
    """Return the Topic header (RFC 8030): a waiting notification of the same conversation is replaced."""
    return to_text(hashlib.sha256(f"{tenant_id}/{tag}".encode()).digest()[:24])
