"""Every kind of mistake that a request can hold: in size, type, query, headers, ids, who asks, and how."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from tests.web.tools import KEY, bearer, make_token

from .asks import BODY_LIMIT, JSON, PLACEHOLDER, Ask, Case, Excuse, Made, World, credentials, good, good_body, with_body
from .bodies import BODY_KINDS, places, put
from .table import ROWS
from .words import CANARY, OBJECTS, Also, Needs, Row, Text

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "CONNECT", "post", "BREW")
# Ids that nobody has; in a path, so percent-encoded.
_NOBODY = ("0" * 32, "nobody", "%00", "%FF", "%2e%2e", "%0A", "%20", "*", "'%20OR%201", "%ED%A0%80", "x" * 300, CANARY)
_FOREIGN = {what: f"foreign_{what}" for what in ("session", "conversation", "message", "failure")}
_TYPES = (
    "",
    CANARY,
    "text/plain",
    "text/plain; application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/msgpack",
    "application/json; charset=latin-1",
)


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
    wrong: list[dict[str, str]] = [{"content-type": kind} for kind in _TYPES]
    wrong += [{**JSON, "content-encoding": coding} for coding in ("gzip", CANARY)]
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
    for name, parameter in row.query.items():
        for value in parameter.bad:
            cases.append(
                Case(
                    f"{name}={value[:40]}", good(row, world, query=f"{name}={value}"), parameter.status, parameter.code
                )
            )
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
    theirs = [what for what in _objects(row) if what in _FOREIGN]
    cases = [Case(what, good(row, world, id=world[_FOREIGN[what]]), 404, f"{what}_not_found") for what in theirs]
    return cases + _named(row, world, ()) or Excuse.NO_ID


def _objects(row: Row) -> list[str]:
    return [] if row.needs is Needs.KEY else [OBJECTS[found[1]] for found in PLACEHOLDER.finditer(row.template)]


def _named(row: Row, world: World, ids: Sequence[str]) -> list[Case]:
    """Make a case of each id in a body or a query: these, or without them another tenant's."""
    cases: list[Case] = []
    for path, one in places(row.body or {}):
        if isinstance(one, Text) and one.names:
            for value in ids or (world[_FOREIGN[one.names]],):
                body = put(good_body(row.body or {}, world), path, value)
                cases.append(Case(f"{path[-1]}={value!r}", good(row, world, body=body), 404, f"{one.names}_not_found"))
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
            Case("nothing", _as(row, world, {}), 401, "not_authenticated"),
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
        "an unknown role": make_token(role=CANARY),
        "no token": CANARY,
        "nothing": "",
    }
    cases = [Case(name, _as(row, world, bearer(token)), 401, "not_authenticated") for name, token in tokens.items()]
    basic = _as(row, world, {"authorization": f"Basic {CANARY}"})
    return [*cases, Case("another scheme", basic, 401, "not_authenticated")]


def wrong_role(row: Row, world: World) -> Made:
    if row.needs is not Needs.ADMIN:
        return Excuse.ANY_ROLE if _only_users(row) else Excuse.NOBODY
    return [
        Case(f"{role}", _as(row, world, bearer(make_token(role=role))), 403, "role_required")
        for role in ("agent", None)
    ]


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


def socket_instead(row: Row, world: World) -> Made:
    if row.method == "SOCKET":
        return Excuse.A_SOCKET
    ask = replace(good(row, world), method="SOCKET", chunks=())
    status, code = (405, "method_not_allowed") if row.needs is Needs.KEY else (404, row.always or "route_not_found")
    return [Case("a handshake", ask, status, code)]


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


_OTHERS = (
    too_big,
    wrong_content_type,
    bad_query,
    bad_header,
    unknown_id,
    foreign_id,
    no_token,
    wrong_token,
    wrong_role,
    suspended_tenant,
    wrong_method,
    socket_instead,
    wrong_key,
    refused_all_the_same,
)


def cases(row: Row, world: World) -> dict[str, Made]:
    """Return for every kind of mistake its requests, or why it cannot be made."""
    no_body = Excuse.RAW_BODY if row.needs is Needs.KEY else Excuse.NO_BODY
    made: dict[str, Made] = {kind.__name__: no_body if row.body is None else kind(row, world) for kind in BODY_KINDS}
    return made | {kind.__name__: kind(row, world) for kind in _OTHERS}
