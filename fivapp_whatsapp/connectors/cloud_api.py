"""The connector to WhatsApp's Cloud API: it takes in webhooks. It sends nothing yet, and says so."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import NoReturn, Self

from fivapp_whatsapp.errors import ConnectorRejected, InvalidWebhookKey, SettingsError, UnreadableWebhook
from fivapp_whatsapp.models import Group, SendResult, SessionStatus, SessionUpdate, WebhookEvent
from fivapp_whatsapp.ports import Clock, MediaStream, OutgoingSend, SystemClock
from fivapp_whatsapp.settings import Settings

from . import cloud_events

_SIGNATURE = "x-hub-signature-256"
# What Meta asks to be sent back is a number; what else it may come to be is no page and no script.
_CHALLENGE = re.compile(r"[A-Za-z0-9_.-]{1,256}")


class CloudApiConnector:
    """Implements ports.Connector for numbers that are registered with Meta; a session is one such number.

    Meta posts to `/api/webhooks/cloud_api/{sessionId}`: texts, taps on buttons and statuses of messages are read, and
    each body proves itself by its signature with the app's secret. Nothing is asked of Meta: a session is `connected`
    once it is started, there is no QR, and whatever would need a call (sending, files, groups) is refused as
    `capability_missing`. Raises SettingsError without a secret.
    """

    name = "cloud_api"

    def __init__(self, *, app_secret: str, verify_token: str = "", clock: Clock | None = None) -> None:
        if not app_secret:
            raise SettingsError(problems=["FIVAPP_CLOUD_API_APP_SECRET is missing: webhooks are proven by it."])
        self._secret = app_secret.encode("utf-8", "surrogatepass")
        self._verify_token = verify_token.encode("utf-8", "surrogatepass")
        self._clock: Clock = clock or SystemClock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the connector that the settings describe. Raises SettingsError."""
        return cls(app_secret=settings.cloud_api_app_secret, verify_token=settings.cloud_api_verify_token)

    async def capabilities(self) -> frozenset[str]:
        """Return none."""
        return frozenset()

    async def start_session(self, session_id: str, name: str) -> SessionUpdate:
        """Tell that the number is connected: it is registered with Meta, and nothing has to be started."""
        return _connected(session_id)

    async def session_status(self, session_id: str) -> SessionUpdate:
        """Tell that the number is connected, as start_session does."""
        return _connected(session_id)

    async def stop_session(self, session_id: str) -> None:
        """Do nothing: Meta goes on posting until its app is told otherwise."""

    async def pairing_code(self, session_id: str, phone: str) -> str:
        """Refuse: a number of the Cloud API is not paired with a phone."""
        _refuse("pair a number by a code")

    async def send(self, send: OutgoingSend) -> SendResult:
        """Refuse: this connector only takes in webhooks. Raises ConnectorRejected, `capability_missing`."""
        _refuse("send messages yet")

    async def find_sent(self, session_id: str, client_message_id: str) -> SendResult | None:
        """Refuse: nothing was sent."""
        _refuse("look up messages")

    async def typing(self, session_id: str, to: str, on: bool) -> None:
        """Refuse."""
        _refuse("show that somebody types")

    async def groups(self, session_id: str) -> list[Group]:
        """Refuse."""
        _refuse("list groups")

    async def group(self, session_id: str, chat_id: str) -> Group | None:
        """Refuse."""
        _refuse("list groups")

    def fetch_media(self, url: str) -> AbstractAsyncContextManager[MediaStream]:
        """Refuse: messages with files are not read yet."""
        _refuse("fetch files")

    def verify_webhook(self, key: str | None, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether a body is signed with the app's secret: `X-Hub-Signature-256: sha256=<hex of HMAC-SHA256>`."""
        given = headers.get(_SIGNATURE, "").encode("latin-1", "replace")
        right = b"sha256=" + hmac.digest(self._secret, body, hashlib.sha256).hex().encode()
        return hmac.compare_digest(given, right)

    def answer_challenge(self, query: Mapping[str, str]) -> str:
        """Return what Meta wants to read when it asks whether an address is ours. Raises InvalidWebhookKey."""
        token = query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
        is_right = bool(self._verify_token) and hmac.compare_digest(token, self._verify_token)
        challenge = query.get("hub.challenge", "")
        if not is_right or query.get("hub.mode") != "subscribe" or not _CHALLENGE.fullmatch(challenge):
            raise InvalidWebhookKey
        return challenge

    def decode_webhook(self, body: bytes, session_id: str | None = None) -> list[WebhookEvent]:
        """Read a body, see cloud_events.decode. Raises UnreadableWebhook, also where no session is named."""
        if session_id is None:
            raise UnreadableWebhook("the address names no session")
        return cloud_events.decode(body, session_id, self._clock.now())

    async def check(self) -> None:
        """Do nothing: Meta is not asked."""

    async def close(self) -> None:
        """Do nothing: there are no connections."""


def _connected(session_id: str) -> SessionUpdate:
    return SessionUpdate(session_id=session_id, status=SessionStatus.CONNECTED)


def _refuse(what: str) -> NoReturn:
    raise ConnectorRejected(f"The connector cloud_api cannot {what}.", reason="capability_missing")
