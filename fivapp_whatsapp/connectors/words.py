"""The words of connection services for a session's status, a message's status and a message's kind, in ours."""

from __future__ import annotations

from typing import Any

from fivapp_whatsapp.models import MessageKind, MessageStatus, SessionStatus

from .wire import number

_SESSION_WORDS = {
    SessionStatus.QR_READY: "qr qr_ready qr_pending pending_qr pairing scan_qr_code qrcode",
    SessionStatus.CONNECTING: "connecting starting initializing authenticating authenticated",
    SessionStatus.RECONNECTING: "reconnecting",
    SessionStatus.CONNECTED: "connected open ready working",
    SessionStatus.DISCONNECTED: "disconnected close closed stopped destroyed",
    SessionStatus.LOGGED_OUT: "logged_out unpaired",
    SessionStatus.RESTRICTED: "restricted banned temporarily_banned temp_banned suspended",
    SessionStatus.FAILED: "failed error auth_failure init_error refused",
}
_MESSAGE_WORDS = {
    MessageStatus.FAILED: "-1 failed error",
    MessageStatus.ACCEPTED: "0 accepted pending queued",
    MessageStatus.SENT: "1 sent server server_ack",
    MessageStatus.DELIVERED: "2 delivered device delivery_ack",
    MessageStatus.READ: "3 read",
    MessageStatus.PLAYED: "4 played",
}
_KIND_WORDS = {
    MessageKind.TEXT: "text chat conversation",
    MessageKind.IMAGE: "image",
    MessageKind.VIDEO: "video ptv gif",
    MessageKind.AUDIO: "audio voice ptt",
    MessageKind.DOCUMENT: "document file",
    MessageKind.STICKER: "sticker",
    MessageKind.LOCATION: "location live_location",
    MessageKind.CONTACT: "contact contacts vcard multi_vcard",
    MessageKind.REACTION: "reaction",
    MessageKind.POLL: "poll poll_creation",
    MessageKind.INTERACTIVE: "interactive button buttons_response list_response",
    MessageKind.TEMPLATE: "template",
    MessageKind.CALL: "call call_log",
    MessageKind.SYSTEM: "system notification",
}
_SESSION = {word: status for status, words in _SESSION_WORDS.items() for word in words.split()}
_MESSAGE = {word: status for status, words in _MESSAGE_WORDS.items() for word in words.split()}
_KINDS = {word: kind for kind, words in _KIND_WORDS.items() for word in words.split()}
_KINDS_BY_MIME = {"image": MessageKind.IMAGE, "video": MessageKind.VIDEO, "audio": MessageKind.AUDIO}

MEDIA_KINDS = frozenset(
    {MessageKind.IMAGE, MessageKind.VIDEO, MessageKind.AUDIO, MessageKind.DOCUMENT, MessageKind.STICKER}
)


def folded(value: Any) -> str:
    """Return a word in the one spelling that these tables use: lower case, underscores."""
    return value.strip().casefold().replace("-", "_").replace(" ", "_") if isinstance(value, str) else ""


def session_status(value: Any) -> SessionStatus | None:
    """Return a session's status by any service's word, or None for a word that we do not know."""
    return _SESSION.get(folded(value))


def message_status(value: Any) -> MessageStatus | None:
    """Return a message's status by a number from -1 to 4 or a word, or None for one that we do not know."""
    count = number(value)
    # Folding turns the minus of "-1" into an underscore, so numbers go first.
    return _MESSAGE.get(folded(value) if count is None else str(count))


def message_kind(value: Any) -> MessageKind | None:
    """Return a message's kind by any service's word, or None for a word that we do not know."""
    return _KINDS.get(folded(value))


def kind_of_mime(mime_type: str | None) -> MessageKind:
    """Return the kind of a file by its MIME type; what is no picture, film or sound is a document."""
    return _KINDS_BY_MIME.get((mime_type or "").partition("/")[0].lower(), MessageKind.DOCUMENT)
