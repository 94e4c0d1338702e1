"""The row about pages of a conversation: whether they cost the same however deep they are and however much is kept."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence

import asyncpg

from fivapp_whatsapp.web.cursors import encode_cursor

from . import requests
from .bench import Bench, Measure, Result, Site, figure, ratio
from .databases import TENANT

_CONVERSATIONS = 20
_SIZES = (10_000, 100_000, 1_000_000)
# Of a conversation with a twentieth of all messages; at a million this is 25,000.
_DEPTH = 0.5
_IN_FLIGHT = 8
_FIRST_SECOND = 1_750_000_000
# A message each second, in turn in each conversation. `{n}` is its number, from 1 on.
_FIELDS = {
    "id": "{id}",
    "tenant_id": f"'{TENANT}'",
    "session_id": f"'{TENANT}'",
    "conversation_id": "c.id",
    "native_id": "'N' || {n}",
    "seq": "{n}",
    "direction": "'incoming'",
    "kind": "'text'",
    "status": "'received'",
    "text": "'Olá, quero saber do pedido ' || {n} || ', por favor'",
    "author_kind": "'contact'",
    "at": f"({_FIRST_SECOND} + {{n}}) * CAST(1000 AS bigint)",
    "received_at": f"({_FIRST_SECOND} + {{n}}) * CAST(1000 AS bigint)",
}
_ONE = (
    f"INSERT INTO fivapp_message ({', '.join(_FIELDS)}) SELECT {', '.join(_FIELDS.values())} FROM {{numbers}}"
    " JOIN chosen AS c ON c.place = {n} % {conversations}"
)
_CHOSEN = "CREATE {temporary} TABLE chosen (place integer PRIMARY KEY, id text NOT NULL)"
_HEAD = f"UPDATE fivapp_tenant_cursor SET seq = {{count}} WHERE tenant_id = '{TENANT}'"  # our names


def page_depth(bench: Bench) -> Sequence[Result]:
    """A page 25,000 messages deep ÷ the newest 50, of 1,000,000 messages; the worse of both databases; and rates."""
    results: list[Result] = []
    ratios: list[Result] = []
    sizes = [bench.count(size) for size in _SIZES] if bench.scale < 1 else _SIZES
    for kind in ("postgresql", "sqlite"):
        for size, named in zip(sizes, _SIZES, strict=True):
            name = f"pages_{kind}_{named}"
            url, conversations = bench.new_database(kind, name, conversations=_CONVERSATIONS)
            began = time.perf_counter()
            _fill(url, conversations, size)
            print(f"  {kind}: {size} messages in {time.perf_counter() - began:.0f} s")
            with bench.serving(name, url) as server:
                site = Site(server, url, conversations)
                found = bench.compare({"deep": _pages(bench, site, size, _DEPTH), "newest": _pages(bench, site, size)})
            rates = [each.rate for each in found["newest"]]
            results.append(figure(f"page_depth.{kind}_{named}", rates))
            if named == _SIZES[-1]:
                ratios.append(ratio("page_depth", found, "deep", "newest", 0.5))
    return [min(ratios, key=lambda each: each.value), *results]


def _pages(bench: Bench, site: Site, size: int, depth: float = 0.0) -> Callable[[], Measure]:
    """Return what reads pages of the first conversations, so far down that this share of each is newer."""
    before = round(size * (1 - depth)) + 1
    cursor = f"&cursor={encode_cursor('messages', before)}" if depth else ""
    paths = [f"/api/conversations/{each}/messages?limit=50{cursor}" for each in site.conversations]
    burst = [
        requests.get(paths[number % len(paths)], f"authorization: Bearer {bench.token}")
        for number in range(bench.count(1_000))
    ]
    return lambda: bench.burst(site, burst, in_flight=_IN_FLIGHT)


def _fill(url: str, conversations: Sequence[str], count: int) -> None:
    if url.startswith("sqlite"):
        _fill_sqlite(url.removeprefix("sqlite:///"), conversations, count)
    else:
        asyncio.run(_fill_postgres(url, conversations, count))


def _fill_sqlite(path: str, conversations: Sequence[str], count: int) -> None:
    numbers = (
        f"(WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) SELECT n FROM n) AS g"
    )
    connection = sqlite3.connect(path)
    try:
        connection.execute(_CHOSEN.format(temporary="TEMPORARY"))
        connection.executemany("INSERT INTO chosen VALUES (?, ?)", enumerate(conversations))
        connection.execute(_insert("g.n", "printf('%032x', g.n)", numbers, len(conversations)))
        connection.execute(_HEAD.format(count=count))
        connection.commit()
        connection.execute("ANALYZE")
    finally:
        connection.close()


async def _fill_postgres(url: str, conversations: Sequence[str], count: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_CHOSEN.format(temporary="TEMPORARY"))
        await connection.executemany("INSERT INTO chosen VALUES ($1, $2)", list(enumerate(conversations)))
        numbers = f"generate_series(1, {count}) AS g(n)"
        await connection.execute(_insert("g.n", "lpad(to_hex(g.n), 32, '0')", numbers, len(conversations)))
        await connection.execute(_HEAD.format(count=count))
        await connection.execute("VACUUM ANALYZE fivapp_message")
    finally:
        await connection.close()


def _insert(number: str, id_: str, numbers: str, conversations: int) -> str:
    return _ONE.format(n=number, id=id_, numbers=numbers, conversations=conversations)
