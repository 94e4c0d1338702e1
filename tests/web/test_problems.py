"""Errors: one shape everywhere, nothing repeated of what was sent, nothing told of what went wrong inside."""

from __future__ import annotations

import contextlib
import inspect
import json
import time
from typing import Any

import pytest

from fivapp_whatsapp import errors
from fivapp_whatsapp.errors import GatewayError
from fivapp_whatsapp.web import errors as web_errors
from fivapp_whatsapp.web.errors import InvalidBody
from fivapp_whatsapp.web.problems import RULES, problem_of, status_of
from fivapp_whatsapp.web.requests import MAX_DEPTH, check_depth, decode
from fivapp_whatsapp.web.schemas import ConversationChange, SendMessage

from .tools import TestServer, assert_problem, bearer, make_token, raw

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}
PATH = "/api/conversations"
CANARY = "CANARY-c4n4ry"


def classes(module: Any) -> list[type[GatewayError]]:
    return [c for _, c in inspect.getmembers(module, inspect.isclass) if issubclass(c, GatewayError)]


def test_every_error_has_a_status_a_sentence_and_a_code() -> None:
    for kind in {*classes(errors), *classes(web_errors)}:
        assert 400 <= status_of(kind) < 600
        assert (kind.__doc__ or "").strip().split("\n")[0].endswith(".")
        assert kind.code == kind.code.lower()
    assert set(RULES) <= {*classes(errors), *classes(web_errors)}


def test_a_problem_is_the_same_in_title_for_each_error_of_a_class() -> None:
    one, _ = problem_of(errors.InvalidInput("first", code="a"))
    two, _ = problem_of(errors.InvalidInput("second", code="b"))
    assert one.title == two.title
    assert (one.detail, two.detail) == ("first", "second")


async def post(server: TestServer, content: bytes, headers: dict[str, str] | None = None) -> Any:
    sent = {**bearer(make_token()), **(JSON if headers is None else headers)}
    return await server.client.post(PATH, content=content, headers=sent)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid_body"),
        (b"{", "invalid_json"),
        (b'{"to":"x"}x', "invalid_json"),
        (b"nonsense", "invalid_json"),
        (b"\xff", "invalid_utf8"),
        (b'{"to":"\xff"}', "invalid_utf8"),
        (b'{"to":"\xc0\xaf"}', "invalid_utf8"),
        (b'{"to":"\xed\xa0\x80"}', "invalid_utf8"),
        ('{"to":"x"}'.encode("utf-16"), "invalid_utf8"),
        (b'\xef\xbb\xbf{"to":"x"}', "invalid_json"),
        (b'{"to":"\\ud800"}', "invalid_json"),
        (b'{"to":"a\x00b"}', "invalid_json"),
        (b'{"to":NaN}', "invalid_json"),
        (b"[" * 500 + b"]" * 500, "json_too_deep"),
        (b"[" * 5_000, "json_too_deep"),
        (b"[" * 200_000, "json_too_deep"),
        (b'{"a":' * 5_000, "json_too_deep"),
        (b"null", "invalid_body"),
        (b"5", "invalid_body"),
        (b"[]", "invalid_body"),
        (b"{}", "invalid_body"),
        (b'{"to":1e999}', "invalid_body"),
        (b'{"to":' + b"9" * 4000 + b"}", "invalid_body"),
        (b'{"to":{"a":1}}', "invalid_body"),
        (b'{"to":null}', "invalid_body"),
        (b'{"to":"' + b"x" * 129 + b'"}', "invalid_body"),
        (b'{"to":"x","CANARY-c4n4ry":1}', "unknown_field"),
        (b'{"to":"x","a` - at `$.CANARY-c4n4ry":1}', "unknown_field"),
        (b'{"to":"x","tenantId":"other"}', "unknown_field"),
        (b'{"to":"x","__proto__":{}}', "unknown_field"),
        (b'{"to":"x","session_id":"acme"}', "unknown_field"),
        (b'{"to":"CANARY-c4n4ry"}', "session_not_found"),
        (b"[" + b"1," * 100_000 + b"1]", "invalid_body"),
        (b"{" + b",".join(b'"k%d":1' % n for n in range(20_000)) + b"}", "unknown_field"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_body_that_cannot_be_read_is_its_own_refusal(shared: TestServer, content: bytes, code: str) -> None:
    started = time.perf_counter()
    reply = await post(shared, content)
    assert time.perf_counter() - started < 2
    assert_problem(reply, 404 if code == "session_not_found" else 400, code)
    assert CANARY not in reply.text + str(reply.headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "text/plain; application/json"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json, text/plain"},
        {"content-type": ""},
        {**JSON, "content-encoding": "gzip"},
        {**JSON, "content-encoding": "br"},
    ],
)
async def test_only_plain_json_is_taken(shared: TestServer, headers: dict[str, str]) -> None:
    for path in (PATH, "/api/whatsapp/connect", f"/api/messages/{'0' * 32}/retry", "/api/auth/login"):
        sent = {**bearer(make_token()), "content-length": "12", **headers}
        assert_problem(
            await raw(shared.app, "POST", path, b'{"to":"x"}  ', headers=sent), 415, "unsupported_media_type"
        )


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", 'application/json; charset="UTF-8"'])
async def test_json_is_taken_by_each_spelling_of_its_name(shared: TestServer, kind: str) -> None:
    assert_problem(await post(shared, b'{"to":"x"}', {"content-type": kind}), 404, "session_not_found")


async def test_a_body_that_is_too_large_is_refused(shared: TestServer) -> None:
    limit = shared.gateway.settings.body_limit
    headers = {**bearer(make_token()), **JSON}
    declared = await raw(shared.app, "POST", PATH, headers={**headers, "content-length": str(limit + 1)})
    assert_problem(declared, 413, "body_too_large")
    streamed = await raw(
        shared.app, "POST", PATH, *[b" " * 65_536] * 5, headers={**headers, "transfer-encoding": "chunked"}
    )
    assert_problem(streamed, 413, "body_too_large")
    lying = await raw(shared.app, "POST", PATH, *[b" " * 65_536] * 5, headers={**headers, "content-length": "5"})
    assert_problem(lying, 413, "body_too_large")


async def test_an_address_without_a_route_is_a_404_and_another_method_a_405(shared: TestServer) -> None:
    for path in (
        "/nope",
        "/api",
        "/api/",
        "/api/conversations/a/b/c",
        "/api/..%2fme",
        "/API/ME",
        "/schema/x",
        "/api/mediation",
    ):
        assert_problem(await shared.call("GET", path), 404, "route_not_found")
    for method, path, allow in (
        ("PUT", "/api/me", "GET, OPTIONS"),
        ("DELETE", "/api/conversations", "GET, OPTIONS, POST"),
        ("TRACE", "/api/me", "GET, OPTIONS"),
        ("NONSENSE", "/api/whatsapp/connect", "OPTIONS, POST"),
        ("GET", "/api/whatsapp/connect", "OPTIONS, POST"),
        ("GET", "/api/auth/login", "OPTIONS, POST"),
    ):
        reply = await shared.call(method, path)
        assert_problem(reply, 405, "method_not_allowed")
        assert reply.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/api/media", "/api/media/x/y", "/api/groups", "/api/groups/1", "/api/push/keys"])
async def test_what_belongs_to_a_plugin_says_that_it_is_not_installed(shared: TestServer, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert_problem(await shared.call(method, path), 404, "plugin_not_installed")


async def test_what_nobody_foresaw_tells_nothing_of_itself(server: TestServer) -> None:
    server.store.faults["conversations"] = RuntimeError(CANARY)
    reply = await server.call("GET", PATH)
    problem = assert_problem(reply, 500, "internal_error")
    assert CANARY not in json.dumps(problem) + str(reply.headers)
    assert "RuntimeError" not in reply.text


async def test_nothing_is_made_of_the_host_a_request_names(shared: TestServer) -> None:
    hosts = {"host": "canary.test", "x-forwarded-host": "canary.test", "forwarded": "host=canary.test"}
    for path in ("/", "/api/me", "/schema", "/schema/openapi.json", "/nope", "/health/ready"):
        reply = await shared.call("GET", path, headers=hosts)
        assert "canary.test" not in reply.text + str(reply.headers)


async def test_all_answers_carry_safe_headers(shared: TestServer) -> None:
    for path in ("/", "/api/me", "/nope", "/health/live", "/schema", "/metrics", "/api/conversations"):
        headers = (await shared.call("GET", path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 16
        assert "server" not in headers


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_what_nests_as_deep_as_allowed_is_read(depth: int) -> None:
    check_depth(b"[" * depth + b"]" * depth)
    check_depth(b"[" + b"[]," * 1000 + b"[]]")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + b"[" * 1000 + b'"}',
        b'{"a":"\\"' + b"[" * 1000 + b'"}',
        b'{"a":"\\\\","b":"' + b"{[" * 1000 + b'"}',
        b'["' + b'\\"' * 1000 + b"[" * 100 + b'"]',
    ],
)
def test_brackets_inside_texts_are_no_depth(body: bytes) -> None:
    check_depth(body)


@pytest.mark.parametrize("body", [b"[" * 65, b'["\\\\",' * 65, b'{"\\"":' * 65, b"[" * 64 + b"{"])
def test_one_level_more_is_too_deep(body: bytes) -> None:
    with pytest.raises(InvalidBody) as caught:
        check_depth(body)
    assert caught.value.code == "json_too_deep"


@pytest.mark.parametrize("body", [b'["' + b'\\"' * 130_000, b'"' * 260_000, b"[]" * 130_000, b'[{"' * 80_000])
def test_looking_for_depth_takes_linear_time(body: bytes) -> None:
    started = time.perf_counter()
    with contextlib.suppress(InvalidBody):
        check_depth(body)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("body", "kind", "pointer", "code"),
    [
        ({"text": 5}, SendMessage, "#/text", "wrong_type"),
        ({"text": "x" * 5000}, SendMessage, "#/text", "too_long"),
        ({"media": {"url": 5}}, SendMessage, "#/media/url", "wrong_type"),
        ({"media": {"url": "ftp://x"}}, SendMessage, "#/media/url", "invalid_format"),
        ({"media": {}}, SendMessage, "#/media/url", "required"),
        ({"kind": "poem"}, SendMessage, "#/kind", "unknown_value"),
        ({"labels": ["a", ""]}, ConversationChange, "#/labels/1", "too_short"),
        ({"labels": ["a"] * 51}, ConversationChange, "#/labels", "too_long"),
        ({"snoozedUntil": "x"}, ConversationChange, "#/snoozedUntil", "invalid_format"),
    ],
)
def test_a_refused_body_says_where_and_why(body: Any, kind: type, pointer: str, code: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        decode(json.dumps(body).encode(), kind)
    [error] = caught.value.errors
    assert (error["pointer"], error["code"], "allowed" in error) == (pointer, code, code == "unknown_value")
