"""Bad input on every route: its own refusal, in the shape of all refusals, with no row changed and nothing repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from fivapp_whatsapp.settings import Secret
from tests.databases import postgres_database

from .bad_input.asks import BODY_LIMIT, Ask, Case, Excuse
from .bad_input.kinds import cases
from .bad_input.table import ROWS
from .bad_input.words import CANARY, Row
from .conftest import serving
from .tools import TestServer, assert_problem, raw
from .two_tenants import RealWords, Rows, furnish_all, handshake, rows_of

pytestmark = pytest.mark.anyio

LENIENT = dict.fromkeys(("rate_failed_logins", "rate_user", "rate_user_burst", "rate_tenant"), 1_000_000)
QUIET = {"poll_pairing": 86_400.0, "poll_connected": 86_400.0}
LIMITS = {"body_limit": BODY_LIMIT, "webhook_body_limit": BODY_LIMIT}


@dataclass
class Place:
    """A server with two tenants, and its rows as they were before anybody asked."""

    server: TestServer
    world: dict[str, str]
    rows: Rows
    before: dict[str, str]


@pytest.fixture(scope="module", params=("sqlite", "postgresql"))
def module_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('bad')}/bad.db"
    else:
        template = request.getfixturevalue("postgres_template")
        yield from postgres_database(request.getfixturevalue("postgres_dsn"), template)


@pytest.fixture(scope="module")
async def place(module_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    options: dict[str, Any] = {**LENIENT, **QUIET, **LIMITS, "database_url": Secret(module_url)}
    folder = tmp_path_factory.mktemp("place")
    async with (
        serving(folder, ("acme", "other", "asleep"), connector=RealWords(), **options) as server,
        rows_of(module_url) as rows,
    ):
        world = await furnish_all(server)
        yield Place(server, world, rows, await rows.look())


async def ask(server: TestServer, asked: Ask) -> httpx.Response:
    path, query = unquote(asked.path), asked.query.encode()
    if asked.method == "SOCKET":
        return await handshake(server.app, path, headers=dict(asked.headers), query=query)
    return await raw(server.app, asked.method, path, *asked.chunks, headers=dict(asked.headers), query=query)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_bad_input_is_refused_and_changes_no_row(place: Place, row: Row) -> None:
    wrong: list[str] = []
    for kind, made in cases(row, place.world).items():
        assert made, f"{kind} has neither a request nor an excuse"
        for case in () if isinstance(made, Excuse) else made:
            reply = await ask(place.server, case.ask)
            wrong += [f"{kind}: {case.name}: {what}" for what in mistakes(case, reply)]
        after = await place.rows.look()
        if after != place.before:
            wrong.append(f"{kind}: changes rows of {[name for name in after if after[name] != place.before.get(name)]}")
            place.before = after
    assert not wrong, "\n".join(wrong)


def mistakes(case: Case, reply: httpx.Response) -> Iterator[str]:
    """Yield what is wrong with a refusal."""
    try:
        assert_problem(reply, case.status, case.code)
    except (AssertionError, ValueError, KeyError) as exc:
        yield f"{reply.status_code} instead of {case.status} {case.code}: {reply.text[:80]} … {str(exc)[-80:]!r}"
    if CANARY in reply.text or CANARY in str(reply.headers):
        yield f"repeats what was sent: {reply.text}"
    if case.allow is not None and reply.headers.get("allow") != case.allow:
        yield f"allows {reply.headers.get('allow')!r} instead of {case.allow!r}"
