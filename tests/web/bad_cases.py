"""Makes the requests that a route must refuse, by kind of mistake, out of the table of what the routes take."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from urllib.parse import quote

from fivapp_whatsapp.db.tables import TABLES, column_names
from fivapp_whatsapp.web.problems import camel

from .bad_input import CANARY, OBJECTS, ROWS, Also, Choice, Field, Moment, Needs, Parts, Row, Text, Texts
from .tools import KEY, bearer, make_token

JSON = {"content-type": "application/json"}
BODY_LIMIT = 40_000
PASSWORD = "a long password"
_PLACEHOLDER = re.compile(r"\{(\w+)(?::\w+)?\}")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "CONNECT", "post", "BREW")
# Ids that nobody has; in a path, so percent-encoded.
_NOBODY = ("0" * 32, "nobody", "%00", "%FF", "%2e%2e", "%0A", "%20", "*", "'%20OR%201", "%ED%A0%80", "x" * 300, CANARY)
_FOREIGN = {"session": "foreign_session", "conversation": "foreign_conversation", "message": "foreign_message"}
_KNOWN_WORDS = {"id", "tenant_id", "status", "role", "__proto__", "constructor", "is_admin", CANARY}


class Excuse(Enum):
    """Why a mistake cannot be made on a route; a test asks the application whether it is true."""

    NO_BODY = "the route takes no body"
    OPTIONAL_BODY = "the body may be absent"
    NO_REQUIRED_FIELD = "no field is required, or may not be empty"
    NO_TEXT = "no field is a text"
    RAW_BODY = "a webhook that proves its key is kept, whatever it is"
    NO_QUERY = "the route reads no query"
    NO_HEADER = "the route reads no header of its own"
    NO_ID = "neither path nor body name an object of a tenant"
    NOBODY = "anybody may come, or a key decides"
    ANY_ROLE = "agents may do it too"
    NO_KEY = "no webhook"
    NOTHING_THERE = "no method is another: there is nothing"
    NOTHING_MORE = "nothing that is well formed is refused"


@dataclass(frozen=True)
class Ask:
    """A request; `path` is percent-encoded; a body of several chunks is sent without its length."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Case:
    """A request and the refusal that it must get."""

    name: str
    ask: Ask
    status: int
    code: str
    allow: str | None = None


World = Mapping[str, str]
Made = Excuse | list[Case]


def good(row: Row, world: World, /, *, body: Any = ..., query: str = "", id: str = "") -> Ask:
    """Return the request that the route takes, with another body, query or id where one is given."""
    path = _PLACEHOLDER.sub(lambda found: id or _own(row, found[1], world), row.template)
    method = {"SOCKET": "GET", "ASGI": "POST"}.get(row.method, row.method)
    if row.method == "SOCKET":
        method = "SOCKET"
    ask = Ask(method, path, query, credentials(row))
    if row.body is None:
        return ask
    content = good_body(row.body, world) if body is ... else _filled(body, world)
    return with_body(ask, content if isinstance(content, bytes) else json.dumps(content).encode())


def with_body(ask: Ask, body: bytes, headers: Mapping[str, str] = JSON) -> Ask:
    """Return the request with a body."""
    length = {"content-length": str(len(body))}
    return replace(ask, headers={**ask.headers, **length, **headers}, chunks=(body,))


def credentials(row: Row) -> dict[str, str]:
    """Return what lets one in."""
    if row.needs is Needs.NOBODY:
        return {}
    if row.needs is Needs.KEY:
        return {} if "{key}" in row.template else {"x-api-key": KEY}
    return bearer(make_token(role="admin"))


def good_body(fields: Mapping[str, Field], world: World) -> dict[str, Any]:
    """Return a body with every field."""
    return {
        name: good_body(one.fields, world) if isinstance(one, Parts) else _filled(one.good, world)
        for name, one in fields.items()
    }


def _own(row: Row, placeholder: str, world: World) -> str:
    if placeholder in ("key", "connector"):
        return {"key": KEY, "connector": "connection_service"}[placeholder]
    return world.get(row.own or OBJECTS[placeholder], "page")


def _filled(value: Any, world: World) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: world[found[1]], value)
    if isinstance(value, Mapping):
        return {name: _filled(one, world) for name, one in value.items()}
    return value


# --- bodies ---------------------------------------------------------------------------------------


def _places(fields: Mapping[str, Field], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Field]]:
    """Yield every field with its path."""
    for name, one in fields.items():
        yield (*path, name), one
        if isinstance(one, Parts):
            yield from _places(one.fields, (*path, name))


def _put(body: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the body with another value at a place; `...` takes the field away."""
    name, *rest = path
    if rest:
        value = _put(body[name], tuple(rest), value)
    return {key: one for key, one in {**body, name: value}.items() if one is not ...}


def _with_values(row: Row, world: World, values: Callable[[Field], Iterable[Any]]) -> list[Case]:
    """Make a case of each wrong value of each field."""
    assert row.body is not None
    whole = good_body(row.body, world)
    return [
        Case(f"{'.'.join(path)}={value!r:.40}", good(row, world, body=_put(whole, path, value)), 400, "invalid_body")
        for path, one in _places(row.body)
        for value in values(one)
    ]


def _raw(row: Row, world: World, code: str, *bodies: bytes) -> list[Case]:
    return [Case(f"{body!r:.60}", with_body(good(row, world), body), 400, code) for body in bodies]


def _beside(row: Row, world: World, value: bytes) -> list[bytes]:
    """Return bodies in which the value of one text after another is these raw bytes."""
    assert row.body is not None
    whole = good_body(row.body, world)
    marked = (_put(whole, path, "\x01") for path, one in _places(row.body) if isinstance(one, Text | Choice))
    return [json.dumps(body).encode().replace(b'"\\u0001"', value) for body in marked]


def missing_body(row: Row, world: World) -> Made:
    if row.body_optional:
        return Excuse.OPTIONAL_BODY
    bare = replace(good(row, world), chunks=(), headers=credentials(row))
    typed = replace(bare, headers={**bare.headers, **JSON, "content-length": "0"})
    blank = with_body(bare, b"  ")
    return [
        Case("no body", bare, 400, "invalid_body"),
        Case("an empty body", typed, 400, "invalid_body"),
        Case("blanks", blank, 400, "invalid_json"),
        *_raw(row, world, "invalid_body", b"null"),
    ]


def missing_field(row: Row, world: World) -> Made:
    def values(one: Field) -> Iterable[Any]:
        yield from [...] * one.required
        yield from [None] * (not one.null)
        yield from [""] * (isinstance(one, Text) and one.least > 0)
        yield from [[""]] * isinstance(one, Texts)

    return _with_values(row, world, values) or Excuse.NO_REQUIRED_FIELD


def wrong_type(row: Row, world: World) -> Made:
    def values(one: Field) -> Iterable[Any]:
        yield from (True, 5, 1.5)
        yield from [{}, {CANARY: 1}] * (not isinstance(one, Parts))
        yield from [[], [CANARY]] * (not isinstance(one, Texts))
        yield from [CANARY] * (not isinstance(one, Text))
        yield from [[5], [None], [[]]] * isinstance(one, Texts)
        yield from ["2030-01-01T00:00:00", "2030-01-01", "0"] * isinstance(one, Moment)

    return [
        *_with_values(row, world, values),
        *_raw(row, world, "invalid_body", b"5", b"[]", b'"' + CANARY.encode() + b'"', b"true", b"[{}]", b"1.5"),
    ]


def unknown_field(row: Row, world: World) -> Made:
    assert row.body is not None
    known = {*row.body}
    columns = {name for table in TABLES for name in column_names(table)} | _KNOWN_WORDS
    names = sorted(({camel(name) for name in columns} | columns) - known)
    whole = good_body(row.body, world)
    cases = [Case(name, good(row, world, body={**whole, name: CANARY}), 400, "unknown_field") for name in names]
    for path, one in _places(row.body):
        if isinstance(one, Parts):
            body = _put(whole, (*path, CANARY), CANARY)
            cases.append(Case(f"{'.'.join(path)}.{CANARY}", good(row, world, body=body), 400, "unknown_field"))
    return cases


def too_long(row: Row, world: World) -> Made:
    def values(one: Field) -> Iterable[Any]:
        if isinstance(one, Text):
            yield from ("x" * (one.most + 1), CANARY * 1000, "é" * (one.most + 1), "\U0001f600" * (one.most + 1))
        elif isinstance(one, Choice):
            yield CANARY * 1000
        elif isinstance(one, Texts):
            yield from (["x" * (one.each + 1)], [str(n) for n in range(one.most + 1)])

    return _with_values(row, world, values) or Excuse.NO_TEXT


def huge_number(row: Row, world: World) -> Made:
    numbers = (b"9" * 30, b"-" + b"9" * 400, b"9" * 5000, b"1e999", b"-0.0", b"9223372036854775808")
    return [case for number in numbers for case in _raw(row, world, "invalid_body", *_beside(row, world, number))]


def not_utf8(row: Row, world: World) -> Made:
    wrong = (b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"a\xc3"', b'"\xf5\x80\x80\x80"')
    inside = [body for value in wrong for body in _beside(row, world, value)]
    return _raw(row, world, "invalid_utf8", *inside, b"\xff\xfe{}", "{}é".encode("utf-16"), b'{"\xff":1}')


def lone_surrogate(row: Row, world: World) -> Made:
    wrong = (b'"\\ud800"', b'"a\\udfffb"', b'"\\ud800\\ud800"', b'"\\udc00\\ud800"')
    return _raw(row, world, "invalid_json", *(body for value in wrong for body in _beside(row, world, value)))


def nul_byte(row: Row, world: World) -> Made:
    return _raw(row, world, "invalid_json", *_beside(row, world, b'"a\x00b"'), b"\x00", b'{"a\x00":1}', b"{}\x00")


def malformed_json(row: Row, world: World) -> Made:
    inside = [body for value in (b"NaN", b"'x'", b'"x', b'"\n"', b'"\\x"', b"") for body in _beside(row, world, value)]
    return _raw(row, world, "invalid_json", *inside, b"{", b"{}{}", b"\xef\xbb\xbf{}", CANARY.encode(), b"{,}", b"a=b")


def too_deep(row: Row, world: World) -> Made:
    nested = (b"[" * 100 + b"]" * 100, b'{"a":' * 100 + b"1" + b"}" * 100, b"[" * 15_000, b'[{"":' * 5_000)
    inside = [body for value in nested[:2] for body in _beside(row, world, value)]
    return _raw(row, world, "json_too_deep", *nested, *inside, b'{"' + CANARY.encode() + b'":' + nested[0] + b"}")


def too_big(row: Row, world: World) -> Made:
    if row.body is None and row.needs is not Needs.KEY:
        return Excuse.NO_BODY
    ask = replace(good(row, world), headers={**credentials(row), **JSON})
    piece = b" " * (BODY_LIMIT // 4)
    sent = {
        "declared": ({"content-length": str(BODY_LIMIT + 1)}, (b"{}",)),
        "a length beyond all": ({"content-length": "9" * 30}, (b"{}",)),
        "in chunks": ({"transfer-encoding": "chunked"}, (piece,) * 5),
        "at once": ({"transfer-encoding": "chunked"}, (piece * 5,)),
        "more than declared": ({"content-length": "2"}, (piece,) * 5),
    }
    return [
        Case(name, replace(ask, headers={**ask.headers, **headers}, chunks=chunks), 413, "body_too_large")
        for name, (headers, chunks) in sent.items()
    ]


def wrong_content_type(row: Row, world: World) -> Made:
    if row.needs is Needs.KEY:
        return Excuse.RAW_BODY
    if row.method in ("ASGI", "SOCKET"):
        return Excuse.NO_BODY
    ask = good(row, world)
    types = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", CANARY, "")
    types += (
        "application/json; charset=latin-1",
        "application/xml",
        "application/msgpack",
        "text/plain; application/json",
    )
    wrong: list[dict[str, str]] = [{"content-type": kind} for kind in types]
    wrong += [{**JSON, "content-encoding": coding} for coding in ("gzip", "br", CANARY)]
    return [
        Case(
            str(headers), with_body(ask, ask.chunks[0] if ask.chunks else b"{}", headers), 415, "unsupported_media_type"
        )
        for headers in wrong
    ]


# --- queries, headers, ids ------------------------------------------------------------------------


def bad_query(row: Row, world: World) -> Made:
    if row.method == "ASGI":
        return Excuse.NO_QUERY
    wrong = ["x=1&x=2", f"{CANARY}=1&{CANARY}=1", "&".join(f"p{n}=" for n in range(51)), "%61=1&a=1"]
    wrong += [f"{name}=1&{name}=1" for name in row.query]
    cases = [Case(query[:60], good(row, world, query=query), 400, "invalid_query") for query in wrong]
    if row.always:
        return [replace(case, status=404, code=row.always) for case in cases]
    for name, parameter in row.query.items():
        for value in parameter.bad:
            cases.append(Case(f"{name}={value[:40]}", good(row, world, query=f"{name}={value}"), 400, parameter.code))
    return cases


def bad_header(row: Row, world: World) -> Made:
    ask = good(row, world)
    return [
        Case(f"{name}: {value[:40]!r}", replace(ask, headers={**ask.headers, name: value}), 400, parameter.code)
        for name, parameter in row.headers.items()
        for value in parameter.bad
    ] or Excuse.NO_HEADER


def unknown_id(row: Row, world: World) -> Made:
    cases: list[Case] = []
    for what in _objects(row):
        code = row.always or f"{what}_not_found"
        own = world.get(row.own or what, "page")
        ids = (*_NOBODY, f"{own}%00", f"{own}%0A", f"%20{own}", f"{own}.nobody", f"..%5C{own}")
        cases += [Case(f"{one[:40]}", good(row, world, id=one), 404, code) for one in ids]
    if row.method == "ASGI" and row.always:
        return [Case(path, replace(good(row, world), path=f"{row.path}{path}"), 404, code) for path, code in _BELOW]
    if row.needs is Needs.KEY and row.at:
        return [
            Case(path, replace(good(row, world), path=f"{row.path}{path}"), 404, "route_not_found")
            for path in ("", "/", "/nobody/acme", "/whatsapp/a/b", f"/{CANARY}", "/%00/%FF", "x", "/waha/acme")
        ]
    return cases + _named(row, world, ("0" * 32, "nobody.x", "..", "a b", "\x01", "é", CANARY)) or Excuse.NO_ID


_BELOW = (
    ("", "plugin_not_installed"),
    (f"/{CANARY}", "plugin_not_installed"),
    ("/%00/%2e%2e", "plugin_not_installed"),
    ("ary", "route_not_found"),
)


def foreign_id(row: Row, world: World) -> Made:
    if row.always:
        return Excuse.NO_ID
    cases = [Case(what, good(row, world, id=world[_FOREIGN[what]]), 404, f"{what}_not_found") for what in _objects(row)]
    return cases + _named(row, world, ()) or Excuse.NO_ID


def _objects(row: Row) -> list[str]:
    return [] if row.needs is Needs.KEY else [OBJECTS[found[1]] for found in _PLACEHOLDER.finditer(row.template)]


def _named(row: Row, world: World, ids: Sequence[str]) -> list[Case]:
    """Make a case of each id in a body or a query: these, or without them another tenant's."""
    cases: list[Case] = []
    for path, one in _places(row.body or {}):
        if isinstance(one, Text) and one.names:
            for value in ids or (world[_FOREIGN[one.names]],):
                body = _put(good_body(row.body or {}, world), path, value)
                cases.append(Case(f"{path[-1]}={value!r}", good(row, world, body=body), 404, f"{one.names}_not_found"))
    for name, parameter in row.query.items():
        if parameter.names:
            for value in ids or (world[_FOREIGN[parameter.names]],):
                query = f"{name}={value}".replace(" ", "%20").replace("\x01", "%01").replace("é", "%C3%A9")
                cases.append(Case(query, good(row, world, query=query), 404, f"{parameter.names}_not_found"))
    return cases


# --- who, and how ---------------------------------------------------------------------------------


def _as(row: Row, world: World, headers: Mapping[str, str]) -> Ask:
    ask = good(row, world)
    return replace(ask, headers={**{k: v for k, v in ask.headers.items() if k != "authorization"}, **headers})


def _only_users(row: Row) -> bool:
    return row.needs in (Needs.USER, Needs.ADMIN, Needs.SOCKET)


def no_token(row: Row, world: World) -> Made:
    if not _only_users(row):
        return Excuse.NOBODY
    if row.needs is Needs.SOCKET:
        page = {"host": "gateway.test", "origin": "http://gateway.test"}
        return [
            Case("nothing", _as(row, world, {}), 403, "origin_not_allowed"),
            Case("another page", _as(row, world, {"origin": "http://evil.test"}), 403, "origin_not_allowed"),
            Case("no ticket", _as(row, world, page), 401, "not_authenticated"),
            Case("a wrong ticket", replace(_as(row, world, page), query=f"ticket={CANARY}"), 401, "not_authenticated"),
            Case(
                "a token in the address",
                replace(_as(row, world, page), query=f"token={make_token()}"),
                401,
                "not_authenticated",
            ),
        ]
    named = ({}, {"x-api-key": KEY}, {"x-user": "ana"}, {"cookie": f"fivapp={CANARY}"}, {"cookie": f"x={make_token()}"})
    cases = [Case(str(headers)[:40], _as(row, world, headers), 401, "not_authenticated") for headers in named]
    in_query = replace(_as(row, world, {}), query=f"token={make_token()}&access_token={CANARY}")
    return [*cases, Case("a token in the query", in_query, 401, "not_authenticated")]


def wrong_token(row: Row, world: World) -> Made:
    if not _only_users(row):
        return Excuse.NOBODY
    tokens = {
        "another secret": make_token(key=f"{CANARY}-" * 5),
        "over": make_token(exp=int(time.time()) - 60),
        "no algorithm": make_token(key="", algorithm="none"),
        "no tenant": make_token(tenantId=None),
        "an unknown tenant": make_token("nobody"),
        "no tenant's id": make_token(f"{CANARY}\n"),
        "no text": make_token(tenantId=["acme"]),
        "no end": make_token(exp=None),
        "no token": CANARY,
        "three dots": "a.b.c",
        "nothing": "",
    }
    cases = [Case(name, _as(row, world, bearer(token)), 401, "not_authenticated") for name, token in tokens.items()]
    basic = _as(row, world, {"authorization": f"Basic {CANARY}"})
    return [*cases, Case("another scheme", basic, 401, "not_authenticated")]


def wrong_role(row: Row, world: World) -> Made:
    if row.needs is not Needs.ADMIN:
        return Excuse.ANY_ROLE if _only_users(row) else Excuse.NOBODY
    roles = ("agent", None, "ADMIN", "admin ", CANARY)
    return [Case(f"{role}", _as(row, world, bearer(make_token(role=role))), 403, "role_required") for role in roles]


def suspended_tenant(row: Row, world: World) -> Made:
    if not _only_users(row):
        return Excuse.NOBODY
    return [Case("its token", _as(row, world, bearer(make_token("asleep"))), 403, "tenant_suspended")]


def wrong_method(row: Row, world: World) -> Made:
    if row.method == "ASGI" and row.always:
        return Excuse.NOTHING_THERE
    ask = good(row, world)
    allowed = {"POST"} if row.needs is Needs.KEY else {one.method for one in ROWS if one.path == row.path}
    if row.method not in ("ASGI", "SOCKET"):
        allowed.add("OPTIONS")
    allow = ", ".join(sorted(allowed - {"SOCKET"}))
    return [
        Case(method, replace(ask, method=method), 405, "method_not_allowed", allow)
        for method in _METHODS
        if method not in allowed
    ]


def wrong_key(row: Row, world: World) -> Made:
    if row.needs is not Needs.KEY:
        return Excuse.NO_KEY
    ask = with_body(good(row, world), b'{"tenantId":"acme","from":"5511988887777","message":"x","messageId":"m"}')
    ask = replace(ask, headers={name: value for name, value in ask.headers.items() if name != "x-api-key"})
    keys = (KEY[:-1], KEY + "x", KEY.upper(), "x" * 5000, "\xff\xfe", f" {CANARY}", "*", "null", "")
    cases: list[Case] = []
    for key in keys:
        asked = replace(ask, headers={**ask.headers, "x-api-key": key})
        if "{key}" in row.at:
            asked = replace(ask, path=f"{row.path}/whatsapp/{quote(key, safe='') or '%20'}")
        cases.append(Case(f"{key[:30]!r}", asked, 401, "webhook_unauthorized"))
    bare = replace(ask, query=f"key={KEY}&x-api-key={KEY}", path=ask.path.replace(KEY, "%00"))
    cases.append(Case("a key in the query", bare, 401, "webhook_unauthorized"))
    as_user = replace(bare, query="", headers={**bare.headers, **bearer(make_token())})
    return [*cases, Case("a user's token", as_user, 401, "webhook_unauthorized")]


def refused_all_the_same(row: Row, world: World) -> Made:
    def ask(also: Also) -> Ask:
        body = ... if also.body is None else also.body
        return good(row, world, body=body, query=also.query, id=world[also.id] if also.id else "")

    return [Case(also.name, ask(also), also.status, also.code) for also in row.also] or Excuse.NOTHING_MORE


_BODIES = (missing_body, missing_field, wrong_type, unknown_field, too_long, huge_number, not_utf8)
_BODIES += (lone_surrogate, nul_byte, malformed_json, too_deep)
_OTHERS = (too_big, wrong_content_type, bad_query, bad_header, unknown_id, foreign_id, no_token, wrong_token)
_OTHERS += (wrong_role, suspended_tenant, wrong_method, wrong_key, refused_all_the_same)
KINDS = tuple(kind.__name__ for kind in (*_BODIES, *_OTHERS))


def cases(row: Row, world: World) -> dict[str, Made]:
    """Return for every kind of mistake its requests, or why it cannot be made."""
    no_body = Excuse.RAW_BODY if row.needs is Needs.KEY else Excuse.NO_BODY
    made: dict[str, Made] = {kind.__name__: no_body if row.body is None else kind(row, world) for kind in _BODIES}
    return made | {kind.__name__: kind(row, world) for kind in _OTHERS}
