"""Tells customers where their order is, out of the shop's own database.

SHOP_DATABASE_URL=sqlite:///shop.db fivapp-whatsapp demo --plugin examples/order_status.py

It reads `orders(number, phone, status)` of an SQLite file or of PostgreSQL, and tells of an order only whoever
writes from the phone that ordered it. Change the two queries for your own tables.
"""

import asyncio
import os
import re
import sqlite3
from pathlib import Path
from typing import Protocol

import asyncpg

from fivapp_whatsapp import Contact, Gateway, Message, PluginLog, hookimpl

ORDER = re.compile(r"(?:pedido|order)\D{0,10}([0-9]{3,12})", re.IGNORECASE)
STATUSES = {
    "paid": "Recebemos o pagamento do pedido {number} e estamos preparando o envio.",
    "sent": "O pedido {number} está a caminho.",
    "delivered": "O pedido {number} foi entregue.",
}
UNKNOWN = "Não encontrei o pedido {number} neste telefone. Confira o número, por favor."


class Orders(Protocol):
    """The shop's orders."""

    async def find(self, number: str) -> tuple[str, str] | None:
        """Return the phone that ordered, and the status."""
        ...

    async def close(self) -> None:
        """Give back what is held open."""
        ...


class SQLiteOrders:
    """In a file, read in a thread: sqlite3 would hold up the event loop. A connection is opened for each query."""

    def __init__(self, path: str) -> None:
        self._address = f"{Path(path).absolute().as_uri()}?mode=ro"

    async def find(self, number: str) -> tuple[str, str] | None:
        """Look in the file."""
        return await asyncio.to_thread(self._find, number)

    def _find(self, number: str) -> tuple[str, str] | None:
        connection = sqlite3.connect(self._address, uri=True, timeout=5)
        try:
            query = "SELECT phone, status FROM orders WHERE number = ?"
            row = connection.execute(query, (number,)).fetchone()
        finally:
            connection.close()
        return None if row is None else (row[0], row[1])

    async def close(self) -> None:
        """Nothing is held open."""


class PostgreSQLOrders:
    """In PostgreSQL, through a small pool of connections that belong to the event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opening = asyncio.Lock()
        self._pool: asyncpg.Pool | None = None

    async def find(self, number: str) -> tuple[str, str] | None:
        """Ask the server."""
        pool = await self._open()
        row = await pool.fetchrow("SELECT phone, status FROM orders WHERE number = $1", number, timeout=5)
        return None if row is None else (row["phone"], row["status"])

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(self._url, min_size=0, max_size=4)
            return self._pool

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()


def connect(url: str) -> Orders:
    if url.startswith("sqlite:///"):
        return SQLiteOrders(url.removeprefix("sqlite:///"))
    return PostgreSQLOrders(url)


orders: Orders | None = None


@hookimpl
async def startup(gateway: Gateway) -> None:
    global orders  # one database for all tenants of this shop
    orders = connect(os.environ["SHOP_DATABASE_URL"])


@hookimpl
async def shutdown(gateway: Gateway) -> None:
    if orders is not None:
        await orders.close()


@hookimpl
async def reply_to(message: Message, contact: Contact | None, log: PluginLog) -> str | None:
    asked = ORDER.search(message.text or "")
    if asked is None or orders is None:
        return None
    number = asked[1]
    found = await orders.find(number)
    if found is None or contact is None or not same_phone(found[0], contact.phone):
        # Who asks for somebody else's order hears the same as who mistyped their own.
        return UNKNOWN.format(number=number)
    log.info("order_told", status=found[1])
    return STATUSES.get(found[1], "O pedido {number} está em andamento.").format(number=number)


def same_phone(one: str, other: str | None) -> bool:
    """Compare two numbers; Brazil's mobile numbers are written with or without their ninth digit."""

    def key(phone: str) -> str:
        return re.sub(r"^(55\d\d)9(\d{8})$", r"\1\2", re.sub(r"\D", "", phone))

    return other is not None and key(one) == key(other)
