"""The simulated connection service without its HTTP: sessions, sends, what contacts do, and what is posted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from fivapp_whatsapp import addresses

from . import wire
from .chaos import Dice
from .contacts import ContactsWriting
from .content import content_of, file_of, names_file, own_copy
from .delivery import Courier
from .files import Files
from .groups import change_group
from .ledger import Ledger, arrival
from .options import SimulatorOptions
from .phones import RANKS, Chat, PhoneMessage, address_of, new_native_id
from .refusal import Refusal, invalid, not_connected
from .sessions import Session, Sessions
from .shapes import ChangeGroup, ContactWrites, SendMessage

TYPING_SECONDS = 5.0


class Simulator:
    """One simulated service; `now` returns seconds since 1970. Use it inside one event loop and `close()` it."""

    def __init__(self, options: SimulatorOptions, now: Callable[[], float] = time.time) -> None:
        self.options = options
        self.dice = Dice(options.seed)
        self.courier = Courier(options, self.dice)
        self.ledger = Ledger()
        self.files = Files([options.public_url] if options.public_url else ())
        self.sessions = Sessions(options, now)
        self.base_url = options.public_url
        self._seen_by_gateway = False
        self._now = now
        self._contacts = ContactsWriting(options, self.contact_writes)
        self._timers: set[asyncio.TimerHandle] = set()

    async def close(self) -> None:
        """Stop everything that runs by itself."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        await self._contacts.close()
        await self.courier.close()
        await self.files.close()

    def now_ms(self) -> int:
        """Return the time in milliseconds since 1970."""
        return int(self._now() * 1000)

    def seen_at(self, base_url: str, *, by_gateway: bool = False) -> None:
        """Remember under which address this service is reached, for the URLs of its media: a gateway's word wins."""
        self.files.reached_at(base_url)
        if self.options.public_url is None and (by_gateway or not self._seen_by_gateway):
            self.base_url = base_url.rstrip("/")
            self._seen_by_gateway = by_gateway

    # --- what the gateway calls

    def start(self, session_id: str, name: str | None) -> Session:
        """Start a session, or return the one that runs."""
        session = self.sessions.open(session_id)
        session.start(name)
        return session

    def stop(self, session_id: str) -> Session:
        """End a session. Raises Refusal 404 when there never was one."""
        session = self.sessions.get(session_id)
        session.stop()
        self._contacts.stop(session.id)
        return session

    async def fetch_file(self, request: SendMessage) -> None:
        """Keep a copy of the file that a send names, so that the phone can show it."""
        if request.media_url is not None and names_file(request, self.options) and self._sent(request) is None:
            await self.files.fetch(request.media_url)

    def send(self, request: SendMessage) -> PhoneMessage:
        """Send a message once, however often the same `clientMessageId` asks.

        Raises Refusal 409 when the session is not connected, 422 for what cannot be sent.
        """
        options = self.options
        if (known := self._sent(request)) is not None:
            return known
        session = self.sessions.find(request.tenant_id)
        client_id = request.client_message_id if options.has("idempotent_send") or options.has("lookup") else None
        to = address_of(request.to)
        content = content_of(request, options, self.files)
        if session is None or not session.connected:
            raise not_connected()
        chat = session.phone.chat(to)
        message = PhoneMessage(
            id=f"true_{chat.id}_{new_native_id()}",
            chat_id=chat.id,
            outgoing=True,
            author=session.phone.address,
            author_name=session.name,
            kind=content.kind,
            text=content.text,
            at=self.now_ms(),
            via="api",
            media=content.file,
            style=content.style,
            choices=content.choices,
            client_message_id=client_id,
            quoted_message_id=request.quoted_message_id if options.has("quote") else None,
        )
        self._reach_phone(session, chat, message)
        return message

    def sent_as(self, client_message_id: str, session_id: str | None = None) -> tuple[Session, PhoneMessage]:
        """Look up a send by the sender's own id. Raises Refusal 404."""
        for session in self.sessions:
            if session_id in (None, session.id) and (message := session.phone.sent_as(client_message_id)):
                return session, message
        raise Refusal(404, "There is no such message.", "NO_MESSAGE")

    def typing(self, session_id: str, to: str, typing: bool) -> None:
        """Show in a chat that an answer is being typed. Raises Refusal 409, 422."""
        address = address_of(to)
        session = self.sessions.find(session_id)
        if session is None or not session.connected:
            raise not_connected()
        session.phone.chat(address).typing_until = self._now() + TYPING_SECONDS if typing else 0.0

    def is_typing(self, chat: Chat) -> bool:
        """Tell whether an answer is being typed in a chat."""
        return chat.typing_until > self._now()

    # --- what the phone's owner and the contacts do

    def scan(self, session_id: str) -> Session:
        """Pair the phone with the QR code that is shown. Raises Refusal 404, 409."""
        session = self.sessions.get(session_id)
        session.scan()
        self._tell_status(session)
        if self.options.contacts_write:
            self._contacts.start(session.id)
        return session

    def expire(self, session_id: str) -> Session:
        """Let the QR code that is shown run out: the next one is shown. Raises Refusal 404, 409."""
        session = self.sessions.get(session_id)
        session.expire()
        return session

    def log_out(self, session_id: str) -> Session:
        """Unpair on the phone. Raises Refusal 404, 409."""
        session = self.sessions.get(session_id)
        session.log_out()
        self._contacts.stop(session.id)
        self._tell_status(session)
        return session

    def drop(self, session_id: str) -> Session:
        """Cut the line between the service and WhatsApp. Raises Refusal 404, 409."""
        session = self.sessions.get(session_id)
        session.drop()
        self._tell_status(session)
        return session

    def restore(self, session_id: str) -> Session:
        """Mend the line; what was written meanwhile arrives now. Raises Refusal 404, 409."""
        session = self.sessions.get(session_id)
        session.restore()
        self._tell_status(session)
        while session.waiting:
            self.courier.post(*session.waiting.popleft())
        return session

    def contact_writes(self, session_id: str, written: ContactWrites) -> PhoneMessage:
        """Let a contact write, or with `from_me` the phone's owner. Raises Refusal 404, 409, 422."""
        session = self.sessions.get(session_id)
        contact = address_of(written.from_)
        group = address_of(written.group_id, group=True) if written.group_id is not None else None
        kind = "interactive" if written.choice_id is not None else written.kind
        file = file_of(kind, written.media_url, written.filename, self.files, self.base_url or "")
        if kind == "text" and not written.text:
            raise invalid("A text message needs a `text`.")
        if not session.paired:
            raise not_connected()
        offer = session.phone.offer(group or contact, written.choice_id) if written.choice_id is not None else None
        chat = session.phone.chat(group or contact, written.group_name if group else written.name)
        if group and not written.from_me:
            chat.people[contact] = written.name or chat.people.get(contact, addresses.split(contact)[0])
        mine = written.from_me
        message = PhoneMessage(
            id=written.message_id or f"{'true' if mine else 'false'}_{chat.id}_{new_native_id()}",
            chat_id=chat.id,
            outgoing=mine,
            author=session.phone.address if mine else contact,
            author_name=session.name if mine else written.name,
            kind=kind,
            text=written.text or (offer[1].title if offer else written.choice_id) or "",
            at=self.now_ms() if written.timestamp is None else written.timestamp,
            via="phone" if mine else "contact",
            media=file,
            quoted_message_id=written.quoted_message_id or (offer[0].id if offer else None),
            choice_id=written.choice_id,
        )
        self._show(session, chat, message)
        return message

    def change_group(self, session_id: str, group_id: str, change: ChangeGroup) -> Chat:
        """Change a group, made when it is not there, and tell of it. Raises Refusal 404, 409, 422."""
        session = self.sessions.get(session_id)
        address = address_of(group_id, group=True)
        if not session.paired:
            raise not_connected()
        group = session.phone.group(address)
        if group is None:
            group = Chat(id=address, name=addresses.split(address)[0], is_group=True)
        changes = change_group(group, change)
        session.phone.keep(group)
        if self.options.has("events") and self.options.has("groups"):
            for word, people in changes:
                self._post(session, group.id, wire.group_hook(session, group, word, people, self.now_ms()))
        return group

    def set_status(self, session_id: str, message_id: str, status: str) -> None:
        """Post an ack of a sent message, also one that goes back. Raises Refusal 404."""
        session = self.sessions.get(session_id)
        message = session.phone.sent(message_id)
        if message is None:
            raise Refusal(404, "There is no such sent message.", "NO_MESSAGE")
        self._tell_ack(session, message, status)

    # --- inside

    def _sent(self, request: SendMessage) -> PhoneMessage | None:
        session, client_id = self.sessions.find(request.tenant_id), request.client_message_id
        if session is None or client_id is None or not self.options.has("idempotent_send"):
            return None
        return session.phone.sent_as(client_id)

    def _reach_phone(self, session: Session, chat: Chat, message: PhoneMessage) -> None:
        session.phone.add(message)
        chat.typing_until = 0.0
        self.ledger.add(arrival(session.id, message))
        self._contacts.answered(session.id, chat.id)
        self._tell_ack(session, message, "sent")
        self._later(self.options.delivered_after, session, message, "delivered")
        self._later(max(self.options.read_after, self.options.delivered_after), session, message, "read")
        self._reach_partner(session, message)

    def _reach_partner(self, session: Session, message: PhoneMessage) -> None:
        partner = self.sessions.paired_with(message.chat_id)
        if partner is None or partner is session:
            return
        chat = partner.phone.chat(session.phone.address, session.name)
        arrived = PhoneMessage(
            id=f"false_{chat.id}_{message.id.rpartition('_')[2]}",
            chat_id=chat.id,
            outgoing=False,
            author=session.phone.address,
            author_name=session.name,
            kind=message.kind,
            text=message.text,
            at=message.at,
            media=own_copy(message.media, self.base_url or ""),
        )
        self._show(partner, chat, arrived)

    def _show(self, session: Session, chat: Chat, message: PhoneMessage) -> None:
        if message.outgoing:
            message.status = "sent"
        session.phone.add(message)
        # The plain service tells only of what contacts write.
        if not message.outgoing or self.options.has("events"):
            self._post(session, chat.id, wire.message_hook(session, chat, message, self.options))

    def _later(self, seconds: float, session: Session, message: PhoneMessage, status: str) -> None:
        def due() -> None:
            self._timers.discard(timer)
            if message.status != "failed" and RANKS[status] > RANKS[message.status]:
                self._tell_ack(session, message, status)

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    def _tell_ack(self, session: Session, message: PhoneMessage, status: str) -> None:
        if RANKS[status] > RANKS[message.status]:
            message.status = status
        if self.options.has("events") and session.paired and not self.dice.roll("drop_ack"):
            self._post(session, message.chat_id, wire.ack_hook(session, message, status, self.now_ms()))

    def _tell_status(self, session: Session) -> None:
        if self.options.has("events"):
            self.courier.post(session.id, wire.session_hook(session, self.now_ms()))

    def _post(self, session: Session, chat_id: str, hook: dict[str, Any]) -> None:
        lane = f"{session.id} {chat_id}"
        if session.connected:
            self.courier.post(lane, hook)
        else:
            session.waiting.append((lane, hook))
