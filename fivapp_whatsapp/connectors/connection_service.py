"""The connector to the seed's "Serviço de Conexão WhatsApp": strict in what it sends, tolerant in what it reads."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx

from fivapp_whatsapp import addresses
from fivapp_whatsapp.errors import ConnectorProtocolError, ConnectorRejected, ConnectorUnavailable
from fivapp_whatsapp.models import Group, SendResult, SessionStatus, SessionUpdate, WebhookEvent
from fivapp_whatsapp.ports import Clock, MediaStream, OutgoingSend, SystemClock
from fivapp_whatsapp.settings import Settings

from . import answers, events, failures
from .groups import MAX_GROUPS, group_of, groups_of
from .http import Answer, ServiceClient
from .media import MEDIA_SECONDS, MediaSource
from .outgoing import missing, send_body

CAPABILITIES = frozenset(
    {"media", "quote", "idempotent_send", "lookup", "typing", "groups", "pairing_code", "buttons", "list"}
)
CAPABILITIES_KEPT = 60.0
# A plain service may answer 500 to a route that it does not have: it must not be asked before each send.
CAPABILITIES_KEPT_IN_TROUBLE = 5.0
# A session that no tenant has: its status tells whether the service answers and takes our key.
_PROBE = "fivapp-check"


class ConnectionServiceConnector:
    """Implements ports.Connector for the seed's microservice, plain or with the extensions that it declares.

    `timeout` is in seconds and bounds every call as a whole, `media_timeout` a file from its request to its last
    byte. `outside` fetches files that are not the service's own: a client that refuses private addresses and that who
    made it closes; without one such files are refused. Without `webhook_keys` no webhook is accepted.
    Raises SettingsError for a base URL or key that cannot be used.
    """

    name = "connection_service"

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        webhook_keys: Sequence[str] = (),
        timeout: float = 10.0,
        media_timeout: float = MEDIA_SECONDS,
        connections: int = 80,
        outside: httpx.AsyncClient | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._client = ServiceClient(
            base_url=base_url,
            headers={"X-API-KEY": api_key},
            timeout=timeout,
            connections=connections,
            transport=transport,
        )
        self._media = MediaSource(self._client, outside, media_timeout)
        self._secret = str(api_key)
        self._timeout = timeout
        self._clock: Clock = clock or SystemClock()
        self._digests = [_digest(key.encode("utf-8", "surrogatepass")) for key in webhook_keys if key]
        self._known: frozenset[str] = frozenset()
        self._known_until = float("-inf")
        self._asking: asyncio.Task[frozenset[str]] | None = None

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        outside: httpx.AsyncClient | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Return the connector that the settings describe. Raises SettingsError."""
        return cls(
            base_url=settings.connection_service_url,
            api_key=settings.connection_service_api_key,
            webhook_keys=settings.accepted_webhook_keys,
            timeout=settings.connector_timeout,
            connections=settings.connector_connections,
            outside=outside,
            transport=transport,
        )

    async def capabilities(self) -> frozenset[str]:
        """Return what the service declares at /capabilities: nothing for the plain seed's service.

        Kept for a minute; callers that ask at once share one request. Raises ConnectorUnavailable.
        """
        if self._clock.monotonic() < self._known_until:
            return self._known
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_capabilities())
            # Looked at here, for all who wait may have been cancelled.
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        # Waited for, not awaited: one caller's cancellation is not the others', nor is close() theirs.
        asking = self._asking
        await asyncio.wait({asking})
        if asking.cancelled():
            raise ConnectorUnavailable("The connection to the service was closed.")
        return asking.result()

    async def start_session(self, session_id: str, name: str) -> SessionUpdate:
        """Start a session; one that the service calls started already answers with its status."""
        answer = await self._client.call(
            "POST", "/sessions/start", {"tenantId": session_id, "name": name}, repeatable=True
        )
        if answer.status == 409:
            update = await self.session_status(session_id)
            if update.status is not SessionStatus.DISCONNECTED:
                return update
        return self._session_update(answer, session_id, silence=SessionStatus.CONNECTING)

    async def session_status(self, session_id: str) -> SessionUpdate:
        """Ask for a session's status; an unknown session is `disconnected`. `qr_code` is a data URL."""
        answer = await self._client.call("GET", f"/sessions/{_quoted(session_id)}/status", repeatable=True)
        if answer.status == 404:
            return SessionUpdate(session_id=session_id, status=SessionStatus.DISCONNECTED)
        return self._session_update(answer, session_id, silence=SessionStatus.UNKNOWN)

    async def stop_session(self, session_id: str) -> None:
        """End a session; one that is not there is no error."""
        answer = await self._client.call("DELETE", f"/sessions/{_quoted(session_id)}", repeatable=True)
        if answer.status != 404 and (not _is_success(answer) or failures.says_no(answer.document() or {})):
            raise failures.refused(answer, secret=self._secret)

    async def pairing_code(self, session_id: str, phone: str) -> str:
        """Ask for a code to type on the phone, where `pairing_code` is a capability; `phone` is an address."""
        await self._needs("pairing_code", "give pairing codes")
        path = f"/sessions/{_quoted(session_id)}/pairing-code"
        answer = await self._client.call("POST", path, {"phone": addresses.phone(phone) or phone}, repeatable=True)
        code = answers.pairing_code(self._success(answer))
        if code is None:
            raise failures.unreadable(answer, "no code")
        return code

    async def send(self, send: OutgoingSend) -> SendResult:
        """Send one message, with our id where the service keeps a second one from being sent.

        Raises ConnectorRejected with the reason `capability_missing` for what the service cannot send.
        """
        started = self._clock.monotonic()
        body = send_body(send, await self.capabilities())
        left = self._timeout - (self._clock.monotonic() - started)
        answer = await self._client.call("POST", "/message/send", body, repeatable=False, timeout=left)
        if answer.status == 204:
            return SendResult()
        return answers.send_result(self._success(answer), self._clock.now())

    async def find_sent(self, session_id: str, client_message_id: str) -> SendResult | None:
        """Look up a send by our id, where `lookup` is a capability; None when it never arrived."""
        await self._needs("lookup", "look up messages")
        answer = await self._client.call("GET", f"/messages/{_quoted(client_message_id)}", repeatable=True)
        if answer.status == 404:
            return None
        document = self._success(answer)
        if answers.names_another(document, session_id):
            raise failures.unreadable(answer, "about another session")
        return answers.send_result(document, self._clock.now())

    async def typing(self, session_id: str, to: str, on: bool) -> None:
        """Show or hide "typing…" in a chat, where `typing` is a capability."""
        await self._needs("typing", "show that somebody types")
        body = {"tenantId": session_id, "to": addresses.phone(to) or to, "typing": on}
        answer = await self._client.call("POST", "/typing", body, repeatable=True)
        if answer.status != 204:
            self._success(answer)

    async def groups(self, session_id: str) -> list[Group]:
        """List the groups that a session is in, where `groups` is a capability; members may be missing."""
        await self._needs("groups", "list groups")
        path = f"/groups?{_of_session(session_id)}"
        answer = await self._client.call("GET", path, repeatable=True, max_answer=MAX_GROUPS)
        return groups_of(self._success(answer))

    async def group(self, session_id: str, chat_id: str) -> Group | None:
        """Return one group with its members, where `groups` is a capability; None when the session is not in it."""
        await self._needs("groups", "list groups")
        path = f"/groups/{_quoted(chat_id)}?{_of_session(session_id)}"
        answer = await self._client.call("GET", path, repeatable=True)
        if answer.status == 404:
            return None
        group = group_of(self._success(answer))
        if group is None or not addresses.same_chat(group.chat_id, chat_id):
            raise failures.unreadable(answer, "not about this group")
        return group

    def fetch_media(self, url: str) -> AbstractAsyncContextManager[MediaStream]:
        """Open the file of an incoming message, see media.MediaSource.open."""
        return self._media.open(url)

    def verify_webhook(self, key: str | None, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether a webhook's key is one of ours, with the same work for every key."""
        given = _spellings(key or "")
        matches = [hmac.compare_digest(one, digest) for one in given for digest in self._digests]
        return bool(key) and any(matches)

    def answer_challenge(self, query: Mapping[str, str]) -> str | None:
        """Return None: this service does not ask whether an address is ours."""
        return None

    def decode_webhook(self, body: bytes, session_id: str | None = None) -> list[WebhookEvent]:
        """Read a webhook's body, which names its session itself, see events.decode. Raises UnreadableWebhook."""
        return events.decode(body, self._clock.now())

    async def check(self) -> None:
        """Raise ConnectorError unless the service answers and takes our key."""
        try:
            await self.session_status(_PROBE)
        except ConnectorRejected as exc:
            if exc.reason != "no_session":
                raise

    async def close(self) -> None:
        """Close connections."""
        if self._asking is not None:
            self._asking.cancel()
        await self._client.close()

    async def _needs(self, capability: str, what: str) -> None:
        if capability not in await self.capabilities():
            raise missing(what)

    async def _ask_capabilities(self) -> frozenset[str]:
        # Half of the deadline, so that the send behind it has time left.
        try:
            answer = await self._client.call("GET", "/capabilities", repeatable=True, timeout=self._timeout / 2)
        except ConnectorProtocolError:
            return self._keep(frozenset())
        wait = failures.retry_after(answer, {})
        if answer.status == 429 or (answer.status == 503 and wait is not None):
            raise ConnectorUnavailable("The connection service asks us to wait.", retry_after=wait)
        if answer.status >= 500 or answer.status in failures.KEY_REFUSED:
            # One that had extensions keeps them.
            return self._keep(self._known, CAPABILITIES_KEPT_IN_TROUBLE)
        listed = (answer.document() or {}).get("capabilities") if _is_success(answer) else None
        names = listed if isinstance(listed, list) else []
        return self._keep(CAPABILITIES.intersection(name for name in names if isinstance(name, str)))

    def _keep(self, capabilities: frozenset[str], seconds: float = CAPABILITIES_KEPT) -> frozenset[str]:
        self._known = capabilities
        self._known_until = self._clock.monotonic() + seconds
        return self._known

    def _session_update(self, answer: Answer, session_id: str, *, silence: SessionStatus) -> SessionUpdate:
        """Read a session's status out of an answer; one that tells none means `silence`."""
        document = answer.document() if _is_success(answer) else None
        if document is not None and answers.names_another(document, session_id):
            raise failures.unreadable(answer, "about another session")
        # {"success": false, "status": "disconnected"} is an answer, not a refusal.
        if document is not None and answers.tells_status(document):
            return answers.session_update(document, session_id)
        if answer.status != 204:
            self._success(answer)
        return SessionUpdate(session_id=session_id, status=silence)

    def _success(self, answer: Answer) -> dict[str, Any]:
        if not _is_success(answer):
            raise failures.refused(answer, secret=self._secret)
        document = answer.document()
        if document is None:
            raise failures.unreadable(answer, "no JSON object")
        if failures.says_no(document):
            raise failures.refused(answer, secret=self._secret)
        return document


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _quoted(part: str) -> str:
    # A dot is left alone by quote(), and two of them would climb out of the path.
    return quote(part, safe="").replace(".", "%2E") if set(part) == {"."} else quote(part, safe="")


def _of_session(session_id: str) -> str:
    return urlencode({"tenantId": session_id})


def _spellings(key: str | bytes) -> tuple[bytes, bytes]:
    # A header is bytes: a key outside ASCII arrives as itself, or as UTF-8 that was read as Latin-1.
    if isinstance(key, bytes):
        return _digest(key), _digest(key)
    return _digest(key.encode("utf-8", "surrogatepass")), _digest(key.encode("latin-1", "backslashreplace"))


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
