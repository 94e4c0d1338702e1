"""Conversations over HTTP: lists, searches, changes, notes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .tools import TestServer, assert_problem, incoming

pytestmark = pytest.mark.anyio


async def test_pages_join_without_a_gap(server: TestServer) -> None:
    await server.connect()
    for number in range(7):
        await server.webhook(incoming(text=f"text {number}"))
    conversation = (await server.call("GET", "/api/conversations")).json()["items"][0]["id"]
    texts: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await server.call("GET", f"/api/conversations/{conversation}/messages", params=query)).json()
        texts += [item["text"] for item in page["items"]]
        cursor = page["nextCursor"]
    assert cursor is None
    assert texts == [f"text {number}" for number in range(6, -1, -1)]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=201", "limit=1e3", "limit=-1", "limit=x", "limit=", f"limit={9**30}", "limit=1&limit=2"),
        *("cursor=1", "cursor=", "filter=nope", "filter=label", "label=", f"q={'x' * 201}", "filter=mine&filter=bots"),
        *("&".join(f"x{number}=1" for number in range(60)), f"label={'x' * 65}"),
    ],
)
async def test_a_query_that_cannot_be_used_is_a_400(shared: TestServer, query: str) -> None:
    reply = await shared.call("GET", f"/api/conversations?{query}")
    assert reply.status_code == 400
    assert_problem(reply, 400, reply.json()["code"])
    assert reply.json()["code"] in ("invalid_input", "invalid_query", "invalid_cursor")


@pytest.mark.parametrize(
    "query",
    [
        *("q=%00", "q=%ff%fe", "q=%ed%a0%80", "q=%25_%25", "q='; DROP TABLE message --", "q=\u202e", 'q="a b" NEAR *'),
        *("q=" + "%25" * 60, "label=%00&filter=label", "q=&limit=200", "tenantId=other&_method=DELETE"),
    ],
)
async def test_a_strange_search_finds_nothing_and_breaks_nothing(shared: TestServer, query: str) -> None:
    reply = await shared.call("GET", f"/api/conversations?{query}")
    assert reply.status_code == 200
    assert reply.json()["items"] == []


async def test_the_list_is_searched_and_filtered(server: TestServer) -> None:
    await server.connect()
    await server.webhook(incoming(text="invoice please"))
    await server.webhook(incoming(text="something else", phone="5511977776666"))

    async def found(**query: str) -> int:
        return len((await server.call("GET", "/api/conversations", params=query)).json()["items"])

    assert await found() == 2
    assert await found(q="invoice") == 1
    assert await found(q="invoice", searchIn="names") == 0
    assert await found(q="77776666", searchIn="names") == 1
    assert await found(filter="to_answer") == 2
    assert await found(filter="groups") == 0
    assert await found(filter="label", label="vip") == 0
    assert await found(sessionId="acme") == 2
    assert await found(sessionId="other") == 0


async def test_agents_change_a_conversation(server: TestServer) -> None:
    await server.connect()
    await server.webhook(incoming())
    path = "/api/conversations/" + (await server.call("GET", "/api/conversations")).json()["items"][0]["id"]
    message = (await server.call("GET", path)).json()["lastMessage"]["id"]

    async def change(**fields: Any) -> Any:
        reply = await server.call("PATCH", path, fields, role="agent")
        assert reply.status_code == 200, reply.text
        return reply.json()

    assert (await change(answeredBy="human", assigneeId="eva"))["assigneeId"] == "eva"
    assert (await change(readUpTo=message))["unreadCount"] == 0
    assert (await change(labels=["vip", "vip", "new"]))["labels"] == ["new", "vip"]
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert (await change(status="snoozed", snoozedUntil=until))["status"] == "snoozed"
    assert (await change(status="closed"))["status"] == "closed"
    assert (await change())["labels"] == ["new", "vip"]
    assert "assigneeId" not in await change(assigneeId=None)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "done"},
        {"status": None},
        {"answeredBy": "nobody"},
        {"labels": ["x" * 65]},
        {"labels": [""]},
        {"labels": "vip"},
        {"labels": ["a"] * 51},
        {"labels": [None]},
        {"status": "snoozed"},
        {"status": "snoozed", "snoozedUntil": "2001-01-01T00:00:00Z"},
        {"status": "snoozed", "snoozedUntil": "9999-12-31T23:59:59-14:00"},
        {"status": "snoozed", "snoozedUntil": "0001-01-01T00:00:00+14:00"},
        {"snoozedUntil": "2030-01-01T00:00:00"},
        {"snoozedUntil": "tomorrow"},
        {"snoozedUntil": 1893456000},
        {"assigneeId": ""},
        {"assigneeId": 5},
        {"unreadCount": 0},
        {"sessionId": "other"},
        {"pausedUntil": None},
        {"id": "x"},
        [],
        "x",
        None,
    ],
)
async def test_a_change_that_cannot_be_made_is_a_400(server: TestServer, body: Any) -> None:
    await server.connect()
    path = f"/api/conversations/{await server.conversation()}"
    before = (await server.call("GET", path)).json()
    reply = await server.call("PATCH", path, content=None) if body is None else await server.call("PATCH", path, body)
    assert reply.status_code == 400
    assert_problem(reply, 400, reply.json()["code"])
    assert (await server.call("GET", path)).json() == before


async def test_a_note_is_kept_and_never_sent(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    reply = await server.call("POST", f"/api/conversations/{conversation}/notes", {"text": "a\u0000b"})
    assert reply.status_code == 201
    assert (reply.json()["kind"], reply.json()["text"]) == ("note", "a\ufffdb")
    assert not server.connector.sends
    for text in ("", " ", "\u0001"):
        refused = await server.call("POST", f"/api/conversations/{conversation}/notes", {"text": text})
        assert refused.status_code == 400


async def test_opening_a_conversation_twice_gives_it_again(server: TestServer) -> None:
    await server.connect()
    first = await server.call("POST", "/api/conversations", {"to": "+55 (11) 98888-7777", "title": "Ana"})
    again = await server.call("POST", "/api/conversations", {"to": "5511988887777@c.us"})
    assert first.status_code == again.status_code == 200
    assert first.json()["id"] == again.json()["id"]
    for to, code in (
        *(("", "invalid_body"), ("x", "invalid_address"), ("1" * 200, "invalid_body")),
        *((to, "invalid_address") for to in ("status@broadcast", "1@newsletter", "0551188887777", "1234567")),
    ):
        assert_problem(await server.call("POST", "/api/conversations", {"to": to}), 400, code)


async def test_messages_are_searched_by_their_texts_page_by_page(server: TestServer) -> None:
    await server.connect()
    for number in range(5):
        await server.webhook(incoming(text=f"invoice {number}", phone=f"551198888777{number % 2}"))
    await server.webhook(incoming(text="something else"))

    pages: list[dict[str, Any]] = []
    cursor: str | None = None
    while not pages or cursor:
        query = {"q": "INVOICE", "limit": "2", **({"cursor": cursor} if cursor else {})}
        pages.append((await server.call("GET", "/api/messages", params=query)).json())
        cursor = pages[-1]["nextCursor"]
    assert [[item["text"][-1] for item in page["items"]] for page in pages] == [["4", "3"], ["2", "1"], ["0"]]
    assert [len(page["conversations"]) for page in pages] == [2, 2, 1]
    assert {item["id"] for item in pages[0]["conversations"]} == {item["conversationId"] for item in pages[0]["items"]}
    assert (await server.call("GET", "/api/messages")).json()["items"] == []
