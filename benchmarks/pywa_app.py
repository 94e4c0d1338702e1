"""A peer of the webhook: pywa with FastAPI, as its documentation shows it, on a server with our settings.

Its route answers before the handler has run, so the handler tells in a slot how many messages it has handled. With a
database it stores them as ours are at the least: one INSERT that ignores what is there, and one upsert of the chat.

    python -m benchmarks.pywa_app PORT SLOT [DATABASE_URL]
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import uvicorn
from fastapi import FastAPI
from pywa_async import filters
from pywa_async.client import WhatsApp
from pywa_async.handlers import MessageHandler
from pywa_async.types.message import Message

from . import slots
from .databases import TENANT
from .requests import PHONE_ID

_TABLES = """
CREATE TABLE chat (id text PRIMARY KEY, name text, unread int NOT NULL, last_at timestamptz NOT NULL);
CREATE TABLE message (
  id text PRIMARY KEY, chat_id text NOT NULL, text text, at timestamptz NOT NULL, received_at timestamptz NOT NULL
);
"""
_MESSAGE = "INSERT INTO message VALUES ($1, $2, $3, $4, now()) ON CONFLICT DO NOTHING"
_CHAT = """
INSERT INTO chat VALUES ($1, $2, 1, $3) ON CONFLICT (id)
DO UPDATE SET unread = chat.unread + 1, name = excluded.name, last_at = excluded.last_at
"""


def pywa_app(slot: Path, database_url: str | None) -> FastAPI:
    """Return the app."""
    pool: asyncpg.Pool | None = None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        nonlocal pool
        if database_url is None:
            yield
            return
        async with asyncpg.create_pool(database_url, min_size=10, max_size=10) as pool:
            await pool.execute(_TABLES)
            yield

    app = FastAPI(lifespan=lifespan)
    client = WhatsApp(
        phone_id=PHONE_ID,
        token="unused",
        server=app,
        webhook_endpoint=f"/api/webhooks/cloud_api/{TENANT}",
        verify_token="unused",
        app_secret=os.environ["FIVAPP_CLOUD_API_APP_SECRET"],
    )
    told, handled = slots.opened(slot), 0

    async def store(_: object, message: Message) -> None:
        nonlocal handled
        if pool is not None:
            chat = message.from_user.wa_id
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(_MESSAGE, message.id, chat, message.text, message.timestamp)
                await connection.execute(_CHAT, chat, message.from_user.name, message.timestamp)
        handled += 1
        struct.pack_into(slots.LAYOUT, told, 0, handled, time.perf_counter())

    client.add_handlers(MessageHandler(store, filters.text))
    return app


if __name__ == "__main__":
    port, slot_path, *url = sys.argv[1:]
    uvicorn.run(
        pywa_app(Path(slot_path), url[0] if url else None),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
