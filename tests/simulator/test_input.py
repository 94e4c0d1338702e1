"""Bad input gets a 4xx with an `error`, a missing key a 401, a foreign host or origin a 403."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fivapp_whatsapp.simulator.guards import is_local

from .conftest import ANA, Running

pytestmark = pytest.mark.anyio

SEND = {"tenantId": "acme", "to": ANA, "text": "oi"}
WRITE = {"from": ANA, "text": "oi"}
WRITE_PATH = "/simulator/sessions/acme/messages"

BAD: list[tuple[str, str, Any, int]] = [
    ("POST", "/sessions/start", {}, 400),
    ("POST", "/sessions/start", [], 400),
    ("POST", "/sessions/start", b"", 400),
    ("POST", "/sessions/start", b"\xff\xfe", 400),
    ("POST", "/sessions/start", b'{"tenantId":"acme","x":' + b"[" * 200_000, 400),
    ("POST", "/sessions/start", b'{"tenantId":"' + b"a" * 2_000_000 + b'"}', 413),
    ("POST", "/sessions/start", {"tenantId": "a b"}, 400),
    ("POST", "/sessions/start", {"tenantId": "a" * 65}, 400),
    ("POST", "/sessions/start", {"tenantId": 7}, 400),
    ("POST", "/sessions/start", {"tenantId": "acme", "name": "n" * 201}, 400),
    ("GET", "/sessions/start", None, 405),
    ("GET", "/sessions/%00/status", None, 404),
    ("DELETE", "/sessions/nobody", None, 404),
    ("POST", "/message/send", {}, 400),
    ("POST", "/message/send", {**SEND, "to": ""}, 422),
    ("POST", "/message/send", {**SEND, "to": "abc"}, 422),
    ("POST", "/message/send", {**SEND, "to": "123"}, 422),
    ("POST", "/message/send", {**SEND, "to": "1" * 16}, 422),
    ("POST", "/message/send", {**SEND, "to": "x" * 4000}, 422),
    ("POST", "/message/send", {**SEND, "to": "status@broadcast"}, 422),
    ("POST", "/message/send", {**SEND, "to": 5511}, 400),
    ("POST", "/message/send", {**SEND, "text": ""}, 422),
    ("POST", "/message/send", {"tenantId": "acme", "to": ANA}, 422),
    ("POST", "/message/send", {**SEND, "text": "x" * 65_537}, 400),
    ("POST", "/message/send", {**SEND, "text": "\x00"}, 200),
    ("POST", "/message/send", b'{"tenantId":"acme","to":"%s","text":"\\ud800"}' % ANA.encode(), 400),
    ("POST", "/message/send", {**SEND, "type": "note"}, 400),
    ("POST", "/message/send", {**SEND, "type": "image"}, 422),
    ("POST", "/message/send", {**SEND, "type": "image", "mediaUrl": "file:///etc/passwd"}, 422),
    ("POST", "/message/send", {**SEND, "clientMessageId": "a b"}, 400),
    ("POST", "/message/send", {**SEND, "tenantId": "nobody"}, 409),
    ("GET", "/messages/nothing", None, 404),
    ("GET", "/media/nothing.png", None, 404),
    ("GET", "/media/..%2Fapp.py", None, 404),
    ("GET", "/groups", None, 422),
    ("GET", "/groups?tenantId=nobody", None, 404),
    ("POST", "/typing", {"tenantId": "nobody", "to": ANA}, 409),
    ("POST", "/typing", {"tenantId": "acme", "to": "?"}, 422),
    ("POST", "/typing", b"{", 400),
    ("GET", "/nothing", None, 404),
    ("GET", "/page/nothing.js", None, 404),
    ("GET", "/page/..%2Fapp.py", None, 404),
    ("POST", "/simulator/sessions/nobody/scan", None, 404),
    ("POST", "/simulator/sessions/acme/scan", None, 409),
    ("GET", "/simulator/sessions/nobody", None, 404),
    ("POST", "/simulator/sessions/nobody/messages", WRITE, 404),
    ("POST", WRITE_PATH, {}, 400),
    ("POST", WRITE_PATH, {"from": ANA}, 422),
    ("POST", WRITE_PATH, {**WRITE, "from": "x"}, 422),
    ("POST", WRITE_PATH, {**WRITE, "groupId": "a b"}, 422),
    ("POST", WRITE_PATH, {**WRITE, "groupId": f"{ANA}@c.us"}, 422),
    ("POST", WRITE_PATH, {**WRITE, "kind": "hologram"}, 400),
    ("POST", WRITE_PATH, {**WRITE, "kind": "video"}, 422),
    ("POST", WRITE_PATH, {**WRITE, "kind": "image", "mediaUrl": "javascript:alert(1)"}, 422),
    ("POST", WRITE_PATH, {**WRITE, "timestamp": -1}, 400),
    ("POST", WRITE_PATH, {**WRITE, "timestamp": 10**30}, 400),
    ("POST", WRITE_PATH, {**WRITE, "messageId": ""}, 400),
    ("POST", f"{WRITE_PATH}/nothing/status", {"status": "read"}, 404),
    ("POST", f"{WRITE_PATH}/nothing/status", {"status": "eaten"}, 400),
    ("PUT", "/simulator/chaos", {"error": 1.1}, 400),
    ("PUT", "/simulator/chaos", {"error": -0.1}, 400),
    ("PUT", "/simulator/chaos", {"eror": 0.5}, 400),
    ("PUT", "/simulator/chaos", {"latencyMs": 60_001}, 400),
    ("PUT", "/simulator/chaos", b"nonsense", 400),
    ("PUT", "/simulator/webhook", {"url": "ftp://127.0.0.1"}, 422),
    ("PUT", "/simulator/webhook", {}, 400),
]


async def test_bad_input_is_refused_with_an_error_and_reaches_no_phone(running: Running) -> None:
    await running.pair()
    wrong = []
    for method, path, body, expected in BAD:
        content = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        answer = await running.api.request(method, path, **content)
        told = answer.status_code == 200 or isinstance(answer.json().get("error"), str)
        if answer.status_code != expected or not told:
            wrong.append((method, path, str(body)[:80], answer.status_code, expected, answer.text[:200]))
    assert wrong == []
    assert len(await running.ledger()) == 1


async def test_a_send_while_not_connected_says_so(running: Running) -> None:
    await running.api.post("/sessions/start", json={"tenantId": "acme"})
    for session_id in ("acme", "nobody"):
        answer = await running.send(session_id)
        assert answer.status_code == 409
        assert (answer.json()["success"], answer.json()["code"]) == (False, "NOT_CONNECTED")


KEYED = [
    ("POST", "/sessions/start"),
    ("GET", "/sessions/acme/status"),
    ("DELETE", "/sessions/acme"),
    ("POST", "/message/send"),
    ("GET", "/capabilities"),
    ("GET", "/messages/c-1"),
    ("GET", "/media/foto.png"),
    ("POST", "/typing"),
    ("GET", "/groups"),
    ("GET", "/groups/1@g.us"),
]


async def test_the_services_routes_need_the_key(running: Running) -> None:
    await running.pair()
    for method, path in KEYED:
        for headers in ({}, {"X-API-KEY": ""}, {"X-API-KEY": "wrong"}, {"X-API-KEY": b"\xff\xfe"}):
            answer = await running.phone.request(method, path, headers=headers)
            assert (answer.status_code, "error" in answer.json()) == (401, True), (method, path, headers)
    assert (await running.api.get("/sessions/acme/status")).json()["connected"] is True


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "192.0.2.7:3001"},
        {"Host": "[::ffff"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_a_foreign_host_or_origin_cannot_drive_the_phone(running: Running, headers: dict[str, str]) -> None:
    await running.pair()
    for method, path in (("POST", "/simulator/sessions/acme/logout"), ("GET", "/"), ("GET", "/simulator/ledger")):
        answer = await running.phone.request(method, path, headers=headers)
        assert answer.status_code in (400, 403)
    assert running.simulator.sessions.get("acme").connected


def test_loopback_names_are_local() -> None:
    for host in ("127.0.0.1:3001", "localhost:80", "LOCALHOST", "[::1]:3001", "127.8.9.1"):
        assert is_local({"host": host})
        assert is_local({"host": host, "origin": f"http://{host}"})
    assert not is_local({})
    assert not is_local({"host": ""}, {""})
    assert is_local({"host": "simulator:3001"}, {"simulator"})


async def test_the_page_and_its_files_are_served_with_a_strict_policy(running: Running) -> None:
    page = await running.phone.get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert " on" not in "".join(part.split(">")[0] for part in page.text.split("<")).replace(" one", "")
    for name, kind in (("page.js", "text/javascript"), ("page.css", "text/css"), ("words.js", "text/javascript")):
        answer = await running.phone.get(f"/page/{name}")
        assert answer.headers["content-type"].startswith(kind)


async def test_the_pages_list_shows_sessions_and_webhooks(running: Running) -> None:
    await running.pair()
    await running.write()
    listed = (await running.phone.get("/simulator/sessions")).json()
    assert [(s["id"], s["status"]) for s in listed["sessions"]] == [("acme", "connected")]
    assert set(listed["webhook"]) == {"url", "pending", "delivered", "retried", "lost"}
    view = (await running.phone.get("/simulator/sessions/acme")).json()
    short = (await running.phone.get("/simulator/sessions/acme", params={"version": view["version"]})).json()
    assert short == {"version": view["version"], "qr": None}


async def test_every_word_of_the_page_is_there_in_both_languages(running: Running) -> None:
    page = (await running.phone.get("/")).text
    portuguese, english = (await running.phone.get("/page/words.js")).text.split("\n  en: {")
    used = set(re.findall(r'data-(?:word|label|placeholder)="(\w+)"', page))
    scripts = [(await running.phone.get("/page/page.js")).text]
    for name in set(re.findall(r'from "\./(\w+\.js)"', scripts[0])) - {"words.js"}:
        scripts.append((await running.phone.get(f"/page/{name}")).text)
    assert len(scripts) > 4
    used |= set(re.findall(r'\bword\("(\w+)"', "".join(scripts)))
    assert {"options", "typing"} <= used
    assert len(used) > 30
    for words in (portuguese, english):
        assert used <= set(re.findall(r"[{,\s](\w+): [\"']", words))
