"""A connector without a connection service: what it is asked is noted, what it answers is set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from fivapp_whatsapp.errors import ConnectorError, ConnectorRejected, UnreadableWebhook
from fivapp_whatsapp.models import (
    Group,
    GroupUpdate,
    IncomingMessage,
    SendResult,
    SessionStatus,
    SessionUpdate,
    StatusUpdate,
    WebhookEvent,
)
from fivapp_whatsapp.ports import MediaStream, OutgoingSend

_decode = msgspec.json.decode


class FakeConnector:
    """Implements ports.Connector in memory.

    `statuses` is what sessions report, by their id; `fail_sends` are errors that the next sends raise, one
    each; `found` is what a look-up finds, by our id; `hold` keeps sends waiting until it is set. `typed` notes
    (session, chat, on or off), `group_list` are each session's groups, `files` are (MIME type, bytes) by URL or the
    error that fetching raises, `fetched` notes URLs. A webhook's body is JSON of the fields of an IncomingMessage,
    StatusUpdate, SessionUpdate or GroupUpdate, with its struct's name under `type`.
    """

    name = "connection_service"

    def __init__(self, *, capabilities: frozenset[str] = frozenset(), key: str = "fake-key") -> None:
        self.key = key
        self.statuses: dict[str, SessionUpdate] = {}
        self.unreachable: ConnectorError | None = None
        self.sends: list[OutgoingSend] = []
        self.fail_sends: list[ConnectorError] = []
        self.found: dict[str, SendResult] = {}
        self.hold = asyncio.Event()
        self.hold.set()
        self.typed: list[tuple[str, str, bool]] = []
        self.group_list: dict[str, list[Group]] = {}
        self.files: dict[str, tuple[str | None, bytes] | ConnectorError] = {}
        self.fetched: list[str] = []
        self.closed = False
        self._capabilities = capabilities

    def report(self, session_id: str, status: SessionStatus, **facts: Any) -> None:
        """Set what a session reports from now on."""
        self.statuses[session_id] = SessionUpdate(session_id=session_id, status=status, **facts)

    def can(self, **capabilities: bool) -> None:
        """Switch capabilities on or off: `typing=True, buttons=False`."""
        on = {name for name, able in capabilities.items() if able}
        self._capabilities = (self._capabilities - capabilities.keys()) | on

    def webhook(self, event: WebhookEvent) -> bytes:
        """Return the body by which this connection service would tell of something."""
        return msgspec.json.encode(msgspec.to_builtins(event) | {"type": type(event).__name__})

    async def capabilities(self) -> frozenset[str]:
        """Return what was given."""
        return self._capabilities

    async def start_session(self, session_id: str, name: str) -> SessionUpdate:
        """Start a session, which then waits for its QR to be scanned unless something else was reported."""
        self._answer()
        self.statuses.setdefault(
            session_id, SessionUpdate(session_id=session_id, status=SessionStatus.QR_READY, qr_code="data:,qr")
        )
        return self.statuses[session_id]

    async def session_status(self, session_id: str) -> SessionUpdate:
        """Return what was reported; an unknown session is disconnected."""
        self._answer()
        unknown = SessionUpdate(session_id=session_id, status=SessionStatus.DISCONNECTED)
        return self.statuses.get(session_id, unknown)

    async def stop_session(self, session_id: str) -> None:
        """Forget a session."""
        self._answer()
        self.statuses.pop(session_id, None)

    async def pairing_code(self, session_id: str, phone: str) -> str:
        """Return a code."""
        self._answer()
        return "ABCD-1234"

    async def send(self, send: OutgoingSend) -> SendResult:
        """Note the send, wait while `hold` is clear, and fail as it was set."""
        self.sends.append(send)
        await self.hold.wait()
        if self.fail_sends:
            raise self.fail_sends.pop(0)
        self._answer()
        native_id = f"true_{send.to}_{len(self.sends)}"
        return SendResult(native_id=native_id, raw={"success": True, "messageId": native_id})

    async def find_sent(self, session_id: str, client_message_id: str) -> SendResult | None:
        """Return what `found` has."""
        self._needs("lookup")
        return self.found.get(client_message_id)

    async def typing(self, session_id: str, to: str, on: bool) -> None:
        """Note who is shown that somebody types."""
        self._needs("typing")
        self.typed.append((session_id, to, on))

    async def groups(self, session_id: str) -> list[Group]:
        """Return the session's groups, without their members as services may do."""
        self._needs("groups")
        return [msgspec.structs.replace(group, members=None) for group in self.group_list.get(session_id, ())]

    async def group(self, session_id: str, chat_id: str) -> Group | None:
        """Return one of the session's groups."""
        self._needs("groups")
        return next((group for group in self.group_list.get(session_id, ()) if group.chat_id == chat_id), None)

    @asynccontextmanager
    async def fetch_media(self, url: str) -> AsyncIterator[MediaStream]:
        """Give a file that was set, in pieces of 64 KiB; any other is gone."""
        self.fetched.append(url)
        self._answer()
        file = self.files.get(url, ConnectorRejected("The file is no longer there.", reason="gone"))
        if isinstance(file, ConnectorError):
            raise file
        mime_type, content = file
        yield MediaStream(mime_type=mime_type, size=len(content), pieces=_pieces(content))

    def verify_webhook(self, key: str | None, headers: Mapping[str, str], body: bytes) -> bool:
        """Compare the key."""
        return key == self.key

    def answer_challenge(self, query: Mapping[str, str]) -> str | None:
        """Return None: no questions are asked."""
        return None

    def decode_webhook(self, body: bytes, session_id: str | None = None) -> list[WebhookEvent]:
        """Read a body as this class's docstring says. Raises UnreadableWebhook."""
        try:
            fields = _decode(body)
            kind = _KINDS[fields.pop("type")]
            return [msgspec.convert(fields, kind)]
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, AttributeError, TypeError) as exc:
            raise UnreadableWebhook(type(exc).__name__) from exc

    async def check(self) -> None:
        """Raise what `unreachable` says."""
        self._answer()

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _answer(self) -> None:
        if self.unreachable is not None:
            raise self.unreachable

    def _needs(self, capability: str) -> None:
        self._answer()
        if capability not in self._capabilities:
            raise ConnectorRejected(f"This connector has no {capability}.", reason="capability_missing")


async def _pieces(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


_KINDS: dict[str, type[WebhookEvent]] = {
    kind.__name__: kind for kind in (IncomingMessage, StatusUpdate, SessionUpdate, GroupUpdate)
}
