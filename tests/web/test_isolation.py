"""Two tenants with the same customers: nothing of the one is seen, named or changed by the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from .bad_input.asks import PLACEHOLDER, Ask, World, good, good_body, perform
from .bad_input.bodies import places, put
from .bad_input.table import ROWS
from .bad_input.words import NOBODYS, OBJECTS, Needs, Row, Text
from .tools import KEY, bearer, make_token
from .two_tenants import HINTS, PHONE, Place, furnished

pytestmark = pytest.mark.anyio

RANDOM = {
    "session": "random",
    "conversation": "0123456789abcdef" * 2,
    "message": "01a20acfcbcdbee0" * 2,
    "failure": "01a20acfcbcdbee1" * 2,
}
# Addresses that name objects and are no tenant's to ask for.
WITHOUT_TENANT = {"/api/webhooks/{connector}/{session_id:str}", "/schema/{path:str}"}


@pytest.fixture(scope="module")
async def place(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with furnished(module_database_url, tmp_path_factory.mktemp("isolation")) as place:
        yield place


@pytest.fixture
async def place_to_spoil(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with furnished(database_url, tmp_path) as place:
        yield place


def told(reply: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Return all of a reply but its request's id."""
    request_id = reply.headers["x-request-id"]
    headers = [(name, value) for name, value in reply.headers.multi_items() if name != "x-request-id"]
    return reply.status_code, reply.content.replace(request_id.encode(), b""), headers


def naming(row: Row, world: World) -> Iterator[tuple[str, Ask, Ask]]:
    """Yield each word of a request that names an object: with the other tenant's id, and with one that nobody has."""
    for found in PLACEHOLDER.finditer(row.template):
        what = OBJECTS[found[1]]
        if what in NOBODYS:
            continue
        yield found[1], good(row, world, id=world[f"foreign_{what}"]), good(row, world, id=RANDOM[what])
    for path, one in places(row.body or {}):
        if isinstance(one, Text) and one.names:
            ids = (world[f"foreign_{one.names}"], RANDOM[one.names])
            foreign, nobodys = (good(row, world, body=put(good_body(row.body or {}, world), path, id)) for id in ids)
            yield ".".join(path), foreign, nobodys
    for name, parameter in row.query.items():
        if parameter.names:
            ids = (world[f"foreign_{parameter.names}"], RANDOM[parameter.names])
            foreign, nobodys = (good(row, world, query=f"{name}={id}") for id in ids)
            yield name, foreign, nobodys


def names_something(row: Row) -> bool:
    in_body = any(isinstance(one, Text) and one.names for _, one in places(row.body or {}))
    return bool(PLACEHOLDER.search(row.template)) or in_body or any(one.names for one in row.query.values())


NAMING = [row for row in ROWS if names_something(row) and "{key}" not in row.template]
NAMING = [row for row in NAMING if row.template not in WITHOUT_TENANT]


def test_every_word_of_an_address_that_names_an_object_is_in_the_matrix() -> None:
    named = {found[1] for row in ROWS for found in PLACEHOLDER.finditer(row.template)}
    assert named == {*OBJECTS, "key", "connector"}
    left = {row.template for row in ROWS if "{" in row.template} - {row.template for row in NAMING}
    assert left == WITHOUT_TENANT | {"/api/webhooks/whatsapp/{key}"}


@pytest.mark.parametrize("role", ["admin", "agent"])
@pytest.mark.parametrize("row", NAMING, ids=lambda row: row.name)
async def test_anothers_object_is_answered_byte_for_byte_as_one_that_nobody_has(
    place: Place, row: Row, role: str
) -> None:
    user = bearer(make_token(role=role))
    for where, *asks in naming(row, place.world):
        asks = [replace(ask, headers={**ask.headers, **user}) for ask in asks]
        foreign, nobodys = [told(await perform(place.server.app, ask)) for ask in asks]
        assert foreign == nobodys, where
        forbidden = role == "agent" and row.needs is Needs.ADMIN
        # A filter that fits nothing is an empty list.
        assert foreign[0] == (403 if forbidden else 200 if where in row.query else 404), where
    assert await place.rows.look() == place.before


async def test_ones_own_objects_are_there(place: Place) -> None:
    # Else the test above would be content with routes that answer everybody with a 404.
    for row in NAMING:
        if row.method == "GET":
            assert (await perform(place.server.app, good(row, place.world))).status_code == 200


async def test_nothing_beside_the_token_names_the_tenant(place_to_spoil: Place) -> None:
    place = place_to_spoil
    before = await place.about("other")
    assert len(before) > 10
    for row in sorted(ROWS, key=lambda row: row.method == "DELETE"):
        if row.needs in (Needs.USER, Needs.ADMIN) and not row.always:
            ask = good(row, place.world, query="tenantId=other&tenant_id=other&tenant=other&_method=DELETE")
            reply = await perform(place.server.app, replace(ask, headers={**ask.headers, **HINTS}))
            assert reply.status_code < 300, f"{row.name}: {reply.text}"
            assert not place.foreign_words_in(reply.text), row.name
    assert await place.about("other") == before


async def test_what_came_in_for_one_session_touches_no_other(place_to_spoil: Place) -> None:
    place = place_to_spoil
    before = await place.about("other")
    unknown = place.world["foreign_unknown_message"]
    message = {"tenantId": "acme", "from": PHONE, "message": "x"}
    bodies: list[Any] = [
        {"event": "message.ack", "tenantId": "acme", "messageId": "id-of-both", "ack": 4},
        {"event": "message.ack", "tenantId": "acme", "clientMessageId": unknown, "messageId": unknown, "ack": 3},
        {**message, "messageId": "q", "quotedMessageId": "id-of-both"},
        {**message, "messageId": "p", "quotedMessageId": unknown},
        {"tenantId": "acme", "from": PHONE, "message": "again", "messageId": "id-of-both"},
        {
            "tenantId": "acme",
            "from": PHONE,
            "message": "x",
            "messageId": "f",
            "fromMe": True,
            "clientMessageId": unknown,
        },
        {"event": "session.status", "tenantId": "acme", "status": "disconnected"},
        {"tenantId": "acme.x", "from": PHONE, "message": "x", "messageId": "r"},
        {"tenantId": "nobody", "from": PHONE, "message": "x", "messageId": "s"},
    ]
    for body in bodies:
        for path in ("/api/webhooks/whatsapp", "/api/webhooks/connection_service/other"):
            headers = {"x-api-key": KEY, **HINTS}
            reply = await place.server.client.post(f"{path}?tenantId=other", json=body, headers=headers)
            assert reply.status_code == 200
    assert await place.about("other") == before


async def test_the_same_customer_and_the_same_ids_are_two_conversations(place: Place) -> None:
    call = place.server.call
    for tenant, prefix in (("acme", ""), ("other", "foreign_")):
        items = (await call("GET", "/api/conversations", tenant=tenant)).json()["items"]
        assert [item["id"] for item in items] == [place.world[f"{prefix}conversation"]]
        messages = (await call("GET", f"/api/conversations/{items[0]['id']}/messages", tenant=tenant)).json()["items"]
        texts = [f"{tenant} hangs", f"{tenant} fails", f"a word to {tenant}"]
        assert [message["text"] for message in messages] == texts


@pytest.mark.parametrize(
    "query",
    [
        *("", "limit=200", "q=word", "q=a+word+to+other", "q=other", "q=Other", "q=hangs", f"q={PHONE}", "q=551198"),
        *("q=%25", "q=_", "q=*", "q=%22", "q=word+OR+other", "q=NOT+acme", "q=x%27+OR+1%3D1--", "q=tenant_id:other"),
        *(f"filter={view}" for view in ("to_answer", "mine", "unassigned", "groups", "bots", "closed")),
        *("filter=label&label=other", "filter=unassigned&q=word", "sessionId=other"),
    ],
)
async def test_no_list_and_no_search_shows_anything_of_the_other(place: Place, query: str) -> None:
    own = place.world["conversation"]
    for role in ("admin", "agent"):
        for path in ("/api/conversations", "/api/sessions", f"/api/conversations/{own}/messages", "/api/messages"):
            reply = await perform(place.server.app, Ask("GET", path, query, bearer(make_token(role=role))))
            assert reply.status_code == 200, reply.text
            assert not place.foreign_words_in(reply.text)
            assert {item.get("tenantId", "acme") for item in reply.json()["items"]} <= {"acme"}


async def test_a_cursor_of_the_other_opens_nothing_of_theirs(place: Place) -> None:
    path = "/api/conversations/{}/messages"
    theirs = path.format(place.world["foreign_conversation"])
    page = (await place.server.call("GET", theirs, params={"limit": 1}, tenant="other")).json()
    own = path.format(place.world["conversation"])
    reply = await place.server.call("GET", own, params={"cursor": page["nextCursor"]})
    assert reply.status_code == 200
    assert not place.foreign_words_in(reply.text)
