"""Bad input on every route: its own refusal, in the shape of all refusals, with no row changed and nothing repeated."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from .bad_input.asks import BODY_LIMIT, Case, Excuse, good, good_body, perform, with_body
from .bad_input.bodies import places, put
from .bad_input.kinds import cases
from .bad_input.table import ROWS
from .bad_input.words import CANARY, Needs, Row, Text, Texts
from .tools import assert_problem
from .two_tenants import Place, furnished

pytestmark = pytest.mark.anyio

ACCEPTED = {"success": True, "message": "Message processed successfully"}
LIMITS = {"body_limit": BODY_LIMIT, "webhook_body_limit": BODY_LIMIT}


@pytest.fixture(scope="module")
async def place(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with furnished(module_database_url, tmp_path_factory.mktemp("place"), **LIMITS) as place:
        yield place


@pytest.fixture
async def place_to_spoil(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with furnished(database_url, tmp_path, **LIMITS) as place:
        yield place


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_bad_input_is_refused_and_changes_no_row(place: Place, row: Row) -> None:
    wrong: list[str] = []
    for kind, made in cases(row, place.world).items():
        assert made, f"{kind} has neither a request nor an excuse"
        for case in () if isinstance(made, Excuse) else made:
            reply = await perform(place.server.app, case.ask)
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


async def test_what_is_well_formed_is_taken(place_to_spoil: Place) -> None:
    # What removes comes last. Without this, a refusal above might have another reason than its kind's.
    for row in sorted(ROWS, key=lambda row: row.method == "DELETE"):
        reply = await perform(place_to_spoil.server.app, good(row, place_to_spoil.world))
        if row.always:
            assert_problem(reply, 404, row.always)
        else:
            assert reply.status_code < 300, f"{row.name}: {reply.text}"


ODD = ("a\x00b", "\x00", "a\ufffeb", "\r\n\u202e\x1b[31m", "' OR 1=1 --%s", "\U0010ffff" * 9)


async def test_odd_text_never_fails_and_is_kept_as_what_can_be_shown(place_to_spoil: Place) -> None:
    world, server = place_to_spoil.world, place_to_spoil.server
    for row in ROWS:
        texts = [path for path, one in places(row.body or {}) if isinstance(one, Text | Texts)]
        for path, text in itertools.product(texts, ODD):
            value = [text[:60]] if path[-1] == "labels" else text
            reply = await perform(server.app, good(row, world, body=put(good_body(row.body or {}, world), path, value)))
            assert reply.status_code < 500, f"{row.name} {path} {text!r}: {reply.text}"
            assert "\\u0000" not in reply.text
        for name, text in itertools.product(row.query, (*map(quote, ODD), "%FF", "%ED%A0%80", "%", "%zz", "+")):
            if row.path != "/api/events":
                reply = await perform(server.app, good(row, world, query=f"{name}={text}"))
                assert reply.status_code < 500, f"{row.name} {name}={text}: {reply.text}"


UNREADABLE = {
    "nothing": b"",
    "no JSON": b"{",
    "HTML": b"<html>502</html>",
    "a form": b"tenantId=acme&message=x",
    "another encoding": b"\xff\xfe\x00{}",
    "broken UTF-8": b'{"tenantId":"acme","from":"5511988887777","message":"\xff"}',
    "a NUL": b'{"tenantId":"acme"\x00}',
    "a number": b"5",
    "null": b"null",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "a list of words": b'["x"]',
    "too deep": b"[" * 30_000,
    "a huge number": b"9" * 5_000,
    "no tenant": b'{"from":"5511988887777","message":"x","messageId":"m1"}',
    "tenant of another type": b'{"tenantId":5.5,"from":"5511988887777","message":"x","messageId":"m1"}',
    "a tenant that can be none": b'{"tenantId":"../acme","from":"5511988887777","message":"x","messageId":"m1"}',
    "an unknown session": b'{"tenantId":"nobody","from":"5511988887777","message":"x","messageId":"m1"}',
    "no sender": b'{"tenantId":"acme","message":"x","messageId":"m1"}',
    "a sender of another type": b'{"tenantId":"acme","from":{},"message":"x","messageId":"m1"}',
    "no content": b'{"tenantId":"acme","from":"5511988887777","messageId":"m1"}',
    "an unknown event": b'{"event":"nonsense","tenantId":"acme"}',
    "an unknown status": b'{"event":"ack","tenantId":"acme","messageId":"m","ack":"sideways"}',
    "one bad among good ones": b'[{"tenantId":"acme","from":"5511988887777","message":"x","messageId":"m1"},5]',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_proved_webhook_that_cannot_be_read_is_answered_and_kept_once(place: Place, body: bytes) -> None:
    kept = "SELECT id, raw FROM fivapp_quarantine ORDER BY received_at, id"
    for row in (row for row in ROWS if row.needs is Needs.KEY):
        before = await place.rows.all(kept)
        ask = with_body(good(row, place.world), body)
        reply = await perform(place.server.app, ask)
        assert (reply.status_code, reply.json()) == (200, ACCEPTED)
        after = await place.rows.all(kept)
        added = [bytes(raw) for id, raw in after if id not in dict(before)]
        assert added == [body]
        now = await place.rows.look()
        assert {name for name in now if now[name] != place.before[name]} == {"fivapp_quarantine"}
        place.before = now
