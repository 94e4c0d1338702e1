"""Sessions of the simulated service: pairing by QR, which runs out, and what the phone's owner does."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec
import segno

from fivapp_whatsapp import addresses

from .options import SimulatorOptions
from .phones import Phone
from .refusal import Refusal, no_session, not_connected

MAX_SESSIONS = 1000
MAX_WAITING = 10_000


class Qr(msgspec.Struct, frozen=True):
    """The QR code that is shown now: its text, its number from 1 on, and the seconds until it expires."""

    text: str
    number: int
    expires_in: float


class Session:
    """One session; `now` returns seconds since 1970 and decides which QR code is shown."""

    def __init__(self, session_id: str, number: str, options: SimulatorOptions, now: Callable[[], float]) -> None:
        self.id = session_id
        self.name = session_id
        self.phone = Phone(number)
        # Webhooks that the service cannot send because its own line to WhatsApp is down.
        self.waiting: deque[Any] = deque(maxlen=MAX_WAITING)
        self._options = options
        self._now = now
        self._status = "disconnected"
        self._reason: str | None = None
        self._pairing_since = 0.0
        self._codes: list[str] = []

    @property
    def status(self) -> str:
        """Return the status: disconnected, qr_ready, connected, reconnecting, logged_out or failed."""
        if self._status == "qr_ready" and self.qr is None:
            self._status, self._reason = "failed", "qr_timeout"
        return self._status

    @property
    def reason(self) -> str | None:
        """Return why the session is not connected, or None."""
        return self._reason if self.status != "qr_ready" else None

    @property
    def connected(self) -> bool:
        """Tell whether messages flow."""
        return self._status == "connected"

    @property
    def paired(self) -> bool:
        """Tell whether a phone is paired, also while its line is down."""
        return self._status in ("connected", "reconnecting")

    @property
    def qr(self) -> Qr | None:
        """Return the QR code that is shown now; None when none is, or when the last one ran out."""
        if self._status != "qr_ready":
            return None
        options, elapsed = self._options, max(0.0, self._now() - self._pairing_since)
        number, end = 1, options.qr_first_seconds
        while elapsed >= end and number <= options.qr_count:
            number, end = number + 1, end + options.qr_next_seconds
        if number > options.qr_count:
            return None
        return Qr(self._codes[number - 1], number, end - elapsed)

    def start(self, name: str | None) -> None:
        """Show QR codes, unless the session is paired or shows one already."""
        self.name = name or self.name
        if self.status in ("qr_ready", "connected", "reconnecting"):
            return
        self._become("qr_ready")
        self._pairing_since = self._now()
        self._codes = [_new_code() for _ in range(self._options.qr_count)]

    def scan(self) -> None:
        """Pair the phone. Raises Refusal 409 when no QR code is shown."""
        if self.status != "qr_ready":
            raise _no_qr()
        self._become("connected")

    def expire(self) -> None:
        """Let the QR code that is shown run out now: the next one is shown. Raises Refusal 409 when none is."""
        shown = self.qr
        if shown is None:
            raise _no_qr()
        # A little more, for what is lost to rounding.
        self._pairing_since -= shown.expires_in + 0.001

    def log_out(self) -> None:
        """Unpair the phone, by its owner. Raises Refusal 409 when none is paired."""
        if not self.paired:
            raise not_connected()
        self._become("logged_out", "logged_out_on_phone")
        self.waiting.clear()

    def drop(self) -> None:
        """Lose the line to WhatsApp. Raises Refusal 409 when it is not up."""
        if not self.connected:
            raise not_connected()
        self._become("reconnecting", "connection_lost")

    def restore(self) -> None:
        """Get the line back. Raises Refusal 409 when it was not lost."""
        if self._status != "reconnecting":
            raise Refusal(409, "This session did not lose its connection.", "NOT_DROPPED")
        self._become("connected")

    def stop(self) -> None:
        """End the session; its phone keeps its chats."""
        self._become("disconnected")
        self.waiting.clear()

    def _become(self, status: str, reason: str | None = None) -> None:
        self._status, self._reason = status, reason


class Sessions:
    """All sessions by id; each has a fake number of its own that follows from its id."""

    def __init__(self, options: SimulatorOptions, now: Callable[[], float]) -> None:
        self._options = options
        self._now = now
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def get(self, session_id: str) -> Session:
        """Return a session. Raises Refusal 404."""
        session = self._sessions.get(session_id)
        if session is None:
            raise no_session()
        return session

    def find(self, session_id: str) -> Session | None:
        """Return a session, or None."""
        return self._sessions.get(session_id)

    def open(self, session_id: str) -> Session:
        """Return a session, made when it is not there. Raises Refusal 429 when there are too many."""
        session = self._sessions.get(session_id)
        if session is None:
            if len(self._sessions) >= MAX_SESSIONS:
                raise Refusal(429, "There are too many sessions.", "TOO_MANY_SESSIONS")
            session = Session(session_id, self._free_number(session_id), self._options, self._now)
            self._sessions[session_id] = session
        return session

    def paired_with(self, address: str) -> Session | None:
        """Return the session whose paired phone has this address, or None."""
        key = addresses.key(address)
        return next((s for s in self if s.paired and addresses.key(s.phone.address) == key), None)

    def _free_number(self, session_id: str) -> str:
        taken = {session.phone.number for session in self}
        salt = 0
        while (number := _number(f"{session_id}#{salt}")) in taken:
            salt += 1
        return number


def _no_qr() -> Refusal:
    return Refusal(409, "No QR code is shown.", "NO_QR")


@lru_cache(maxsize=64)
def qr_data_url(text: str) -> str:
    """Return a QR code as a PNG data URL."""
    # Kept because a page asks for the same code every second, and drawing it takes a few hundredths of one.
    return segno.make(text, error="m").png_data_uri(scale=5, border=4)


def _new_code() -> str:
    parts = (secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(12))
    return "2@" + ",".join(parts)


def _number(text: str) -> str:
    digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    return f"55119{7 + digest % 3}{digest // 3 % 10**7:07d}"
