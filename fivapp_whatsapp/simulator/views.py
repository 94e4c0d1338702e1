"""What the phone page reads: sessions, and one session's chats."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from . import wire
from .phones import Chat, PhoneMessage
from .service import Simulator
from .sessions import Session


def sessions_view(simulator: Simulator) -> dict[str, Any]:
    """Return all sessions, the chaos, and what became of webhooks."""
    courier = simulator.courier
    return {
        "sessions": [
            {
                "id": session.id,
                "name": session.name,
                "status": session.status,
                "reason": session.reason,
                "phone": session.phone.number,
            }
            for session in simulator.sessions
        ],
        "webhook": {"url": courier.url, **msgspec.structs.asdict(courier.tally)},
        "chaos": simulator.dice.chaos,
        "extensions": sorted(simulator.options.active_extensions),
    }


def session_view(simulator: Simulator, session: Session) -> dict[str, Any]:
    """Return one session with its QR code and its chats, the newest first; `version` changes with the content."""
    view: dict[str, Any] = {
        "id": session.id,
        "name": session.name,
        "phone": session.phone.number,
        "status": session.status,
        "reason": session.reason,
        "waiting": len(session.waiting),
        "chats": [_chat(simulator, chat) for chat in reversed(session.phone.chats.values())],
    }
    qr = session.qr
    view["qrCode"] = wire.session_reply(session).get("qrCode")
    version = hashlib.blake2b(msgspec.json.encode(view), digest_size=12).hexdigest()
    count = simulator.options.qr_count
    seconds = None if qr is None else {"number": qr.number, "of": count, "expiresIn": round(qr.expires_in, 1)}
    return {**view, "version": version, "qr": seconds}


def _chat(simulator: Simulator, chat: Chat) -> dict[str, Any]:
    return {
        "id": chat.id,
        "name": chat.name,
        "isGroup": chat.is_group,
        "people": wire.group_reply(chat)["participants"],
        "typing": simulator.is_typing(chat),
        "messages": [_message(message) for message in chat.messages],
    }


def _message(message: PhoneMessage) -> dict[str, Any]:
    file = message.media
    return {
        "id": message.id,
        "outgoing": message.outgoing,
        "author": message.author,
        "authorName": message.author_name,
        "kind": message.kind,
        "text": message.text,
        "at": message.at,
        "via": message.via,
        "status": message.status if message.outgoing else None,
        "quotedMessageId": message.quoted_message_id,
        "media": None
        if file is None
        else {
            **wire.media_fields(file),
            # The page has no key: it reads our files under its own path.
            "src": f"/simulator/media/{file.kept}" if file.kept is not None else file.url,
        },
        "style": message.style,
        "choices": message.choices,
        "choiceId": message.choice_id,
    }
