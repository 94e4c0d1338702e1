"""What the gateway needs of a connection service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from fivapp_whatsapp.models import Group, OutgoingMessage, SendResult, SessionUpdate, WebhookEvent


class OutgoingSend(msgspec.Struct, frozen=True, kw_only=True):
    """What a connector is asked to send: one stored message to one address."""

    session_id: str
    to: str
    client_message_id: str
    message: OutgoingMessage
    quoted_native_id: str | None = None


class MediaStream(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it comes: what its sender says of it, and its bytes in pieces."""

    mime_type: str | None
    size: int | None
    pieces: AsyncIterator[bytes]


class Connector(Protocol):
    """Our adapter to one kind of connection service.

    Every call ends within its deadline and raises only ConnectorError: ConnectorUnavailable when nothing
    was done, ConnectorRejected for a final no, OutcomeUnknown when a send may have taken effect.
    """

    name: str

    async def capabilities(self) -> frozenset[str]:
        """Return what the service can do beyond text.

        Of: `media`, `quote`, `idempotent_send`, `lookup`, `typing`, `groups`, `pairing_code`, `buttons`, `list`.
        """
        ...

    async def start_session(self, session_id: str, name: str) -> SessionUpdate:
        """Start a session; the QR may come with the answer or only later, by `session_status`."""
        ...

    async def session_status(self, session_id: str) -> SessionUpdate:
        """Ask for a session's status; an unknown session is `disconnected`. `qr_code` is a data URL."""
        ...

    async def stop_session(self, session_id: str) -> None:
        """End a session; one that is not there is no error."""
        ...

    async def pairing_code(self, session_id: str, phone: str) -> str:
        """Ask for a code to type on the phone, where `pairing_code` is a capability; `phone` is an address."""
        ...

    async def send(self, send: OutgoingSend) -> SendResult:
        """Send one message."""
        ...

    async def find_sent(self, session_id: str, client_message_id: str) -> SendResult | None:
        """Look up a send by our id, where `lookup` is a capability; None when it never arrived."""
        ...

    async def typing(self, session_id: str, to: str, on: bool) -> None:
        """Show or hide "typing…" in a chat, where `typing` is a capability."""
        ...

    async def groups(self, session_id: str) -> list[Group]:
        """List the groups that a session is in, where `groups` is a capability; members may be missing."""
        ...

    async def group(self, session_id: str, chat_id: str) -> Group | None:
        """Return one group with its members, where `groups` is a capability; None when the session is not in it."""
        ...

    def fetch_media(self, url: str) -> AbstractAsyncContextManager[MediaStream]:
        """Open the file of an incoming message: `async with connector.fetch_media(url) as file:`.

        A path, or an address of the service itself, is asked with our key; any other is fetched as from the public
        internet, by the guarded client. Raises ConnectorUnavailable (try again later), ConnectorRejected with the
        reason `gone` or `address_refused`.
        """
        ...

    def verify_webhook(self, key: str | None, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell, in constant time, whether a webhook is from our service; `key` is what its header or URL gave."""
        ...

    def answer_challenge(self, query: Mapping[str, str]) -> str | None:
        """Return what a service wants to read when it asks, by GET, whether a webhook's address is ours.

        None where the service asks no such question. Raises InvalidWebhookKey for one who may not ask.
        """
        ...

    def decode_webhook(self, body: bytes, session_id: str | None = None) -> list[WebhookEvent]:
        """Read a webhook's body; `session_id` is the session that its address names, if that names one.

        Raises UnreadableWebhook for a body that says nothing we know.
        """
        ...

    async def check(self) -> None:
        """Raise ConnectorError unless the service answers and takes our key."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
