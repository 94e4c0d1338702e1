"""A large inbox in a moment, by rows written through the store's own statements; and contacts who write there."""

from __future__ import annotations

import itertools
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import httpx

from fivapp_whatsapp import addresses
from fivapp_whatsapp.db.operations.chats import new_conversation, retitle
from fivapp_whatsapp.db.rows import ConversationRow, MessageRow
from fivapp_whatsapp.db.sqlite_writer import run_on_sqlite
from fivapp_whatsapp.db.statements import Write
from fivapp_whatsapp.models import new_id, now_ms

from .browsing import Site

TENANT = "demo"
SECOND = 1000
CONTACTS = 40


def fill(data: Path, conversations: int, deep: int) -> str:
    """Write conversations of one message each, and one more of `deep` messages, the newest; return its id.

    Their events are left out, as those are that a log has dropped: the head of the log stands behind them.
    """
    database = sqlite3.connect(data / "demo.db", timeout=30, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    (head,) = database.execute("SELECT seq FROM fivapp_tenant_cursor WHERE tenant_id = ?", [TENANT]).fetchone()
    start = now_ms() - (conversations + deep) * SECOND
    chats: list[ConversationRow] = []
    messages: list[MessageRow] = []
    for number in range(conversations + 1):
        chat = _chat(f"55118{number:08d}@c.us", f"Cliente {number:05d}", start)
        for turn in range(deep if number == conversations else 1):
            head += 1
            messages.append(_message(chat, head, turn, start + len(messages) * SECOND))
        chat.last_message_id, chat.activity_seq, chat.read_seq = messages[-1].id, head, head
        chats.append(chat)
    run_on_sqlite(database, Write(ConversationRow, chats))
    run_on_sqlite(database, Write(MessageRow, messages))
    database.execute("UPDATE fivapp_tenant_cursor SET seq = ? WHERE tenant_id = ?", [head, TENANT])
    database.execute("COMMIT")
    database.close()
    return chats[-1].id


def _chat(address: str, title: str, at: int) -> ConversationRow:
    row = new_conversation(TENANT, TENANT, address, addresses.conversation_id(TENANT, TENANT, address), at)
    retitle(row, title)
    return row


def _message(chat: ConversationRow, seq: int, turn: int, at: int) -> MessageRow:
    # Of one to four lines, so that no two neighbours are of one height.
    text = f"Mensagem {turn}. " + "Um pouco mais de texto, para que quebre em linhas. " * (turn % 4)
    return MessageRow(
        id=new_id(),
        tenant_id=TENANT,
        session_id=TENANT,
        conversation_id=chat.id,
        native_id=f"false_{chat.chat_id}_{seq}",
        seq=seq,
        direction="incoming",
        kind="text",
        status="delivered",
        text=text,
        author_kind="contact",
        author_id=None,
        author_name=chat.title,
        media=None,
        quoted_message_id=None,
        quoted_native_id=None,
        retry_of=None,
        error_code=None,
        error_detail=None,
        at=at,
        received_at=at,
    )


class Traffic:
    """Contacts who write, by webhooks as the connection service sends them: a quarter of all in one conversation."""

    def __init__(self, running: Site, busy: str) -> None:
        self._url = running.url
        self._headers = {"X-API-KEY": running.product.ready.api_key}
        self._busy = busy
        self._numbers = itertools.count()

    def write(self, messages: int) -> str:
        """Let them write so many messages; return the text of the last one in the busy conversation."""
        numbers = list(itertools.islice(self._numbers, messages))
        last = next(number for number in reversed(numbers) if number % 4 == 0)
        with self._gateway() as gateway:
            with ThreadPoolExecutor(8) as senders:
                list(senders.map(partial(self._post, gateway), (number for number in numbers if number != last)))
            self._post(gateway, last)
        return f"Trânsito {last}"

    def go_on(self, rate: int, end: Event) -> float:
        """Let them write so many messages a second until the end; return how many a second they were."""
        begin = time.monotonic()
        with self._gateway() as gateway:
            for written, number in enumerate(self._numbers, 1):
                self._post(gateway, number)
                if end.wait(max(0.0, begin + written / rate - time.monotonic())):
                    break
        return written / (time.monotonic() - begin)

    def _gateway(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, headers=self._headers, timeout=60)

    def _post(self, gateway: httpx.Client, number: int) -> None:
        contact = self._busy if number % 4 == 0 else f"55118{number * 7 % CONTACTS:08d}@c.us"
        body = {
            "tenantId": "demo",
            "from": contact,
            "message": f"Trânsito {number}",
            "timestamp": int(time.time() * 1000),
            "messageId": f"false_{contact}_t{number}",
        }
        gateway.post("/api/webhooks/whatsapp", json=body).raise_for_status()
