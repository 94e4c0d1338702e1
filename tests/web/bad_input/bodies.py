"""Mistakes in bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fivapp_whatsapp.db.tables import Accounts, Conversations, Messages, Sessions, Tenants, column_names
from fivapp_whatsapp.web.problems import camel

from .asks import JSON, Case, Excuse, Made, World, credentials, encoded, good, good_body, with_body
from .words import CANARY, Choice, Field, Flag, Free, Moment, Number, Parts, Row, Text, Texts, Things

_TABLES = (Accounts, Conversations, Messages, Sessions, Tenants)
_WORDS = {"tenant_id", "created_at", "__proto__", "constructor", "isAdmin", "", CANARY}


def places(fields: Mapping[str, Field], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Field]]:
    """Yield every field with its path."""
    for name, one in fields.items():
        yield (*path, name), one
        if isinstance(one, Parts):
            yield from places(one.fields, (*path, name))


def put(body: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the body with another value at a place; `...` takes the field away."""
    name, *rest = path
    if rest:
        value = put(body[name], tuple(rest), value)
    return {key: one for key, one in {**body, name: value}.items() if one is not ...}


def _with_values(row: Row, world: World, values: Callable[[Field], Iterable[Any]]) -> list[Case]:
    """Make a case of each wrong value of each field."""
    assert row.body is not None
    whole = good_body(row.body, world)
    return [
        Case(f"{'.'.join(path)}={value!r:.40}", good(row, world, body=put(whole, path, value)), 400, "invalid_body")
        for path, one in places(row.body)
        for value in values(one)
    ]


def _raw(row: Row, world: World, code: str, *bodies: bytes) -> list[Case]:
    return [Case(f"{body!r:.60}", with_body(good(row, world), body), 400, code) for body in bodies]


def _beside(row: Row, world: World, value: bytes, *, kinds: Any = Text | Choice) -> list[bytes]:
    """Return bodies in which the value of one text after another is these raw bytes; or of other kinds of fields."""
    assert row.body is not None
    whole = good_body(row.body, world)
    marked = [put(whole, path, "\x01") for path, one in places(row.body) if isinstance(one, kinds)]
    for path, one in places(row.body):
        if isinstance(one, Things):
            marked += [put(whole, path, [{**one.good[0], name: "\x01"}]) for name in one.good[0]]
    return [encoded(body).replace(b'"\\u0001"', value) for body in marked]


def _whole(row: Row, world: World) -> bytes:
    assert row.body is not None
    return encoded(good_body(row.body, world))


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
        yield from [True] * (not isinstance(one, Flag))
        yield from [5] * (not isinstance(one, Number))
        if isinstance(one, Number):
            yield from (one.least - 1, one.most + 1)
        yield 1.5
        yield from [{}, {CANARY: 1}] * (not isinstance(one, Parts | Free))
        yield from [[]] * (not isinstance(one, Texts | Things))
        yield from [[CANARY]] * (not isinstance(one, Texts))
        yield from [CANARY] * (not isinstance(one, Text))
        yield from [[5], [None], [[]]] * isinstance(one, Texts)
        yield from ["2030-01-01T00:00:00", "2030-01-01", "0"] * isinstance(one, Moment)

    return [
        *_with_values(row, world, values),
        *_raw(row, world, "invalid_body", b"5", b"[]", b'"' + CANARY.encode() + b'"', b"true", b"[{}]", b"1.5"),
    ]


def unknown_field(row: Row, world: World) -> Made:
    assert row.body is not None
    columns = {camel(name) for table in _TABLES for name in column_names(table)}
    names = sorted((columns | _WORDS) - {*row.body})
    whole = good_body(row.body, world)
    cases = [Case(name, good(row, world, body={**whole, name: CANARY}), 400, "unknown_field") for name in names]
    for path, one in places(row.body):
        if isinstance(one, Parts):
            body = put(whole, (*path, CANARY), CANARY)
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
    bodies = [body for number in numbers for body in _beside(row, world, number, kinds=Text | Choice | Flag)]
    return _raw(row, world, "invalid_body", *bodies)


def not_utf8(row: Row, world: World) -> Made:
    wrong = (b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"a\xc3"', b'"\xf5\x80\x80\x80"')
    inside = [body for value in wrong for body in _beside(row, world, value)]
    return _raw(row, world, "invalid_utf8", *inside, b"\xff\xfe{}", "{}é".encode("utf-16"), b'{"\xff":1}')


def lone_surrogate(row: Row, world: World) -> Made:
    wrong = (b'"\\ud800"', b'"a\\udfffb"', b'"\\ud800\\ud800"', b'"\\udc00\\ud800"')
    bodies = [body for value in wrong for body in _beside(row, world, value)]
    return _raw(row, world, "invalid_json", *bodies) or Excuse.NO_TEXT


def nul_byte(row: Row, world: World) -> Made:
    return _raw(
        row,
        world,
        "invalid_json",
        *_beside(row, world, b'"a\x00b"'),
        b"\x00",
        b'{"a\x00":1}',
        _whole(row, world) + b"\x00",
    )


def malformed_json(row: Row, world: World) -> Made:
    inside = [body for value in (b"NaN", b"'x'", b'"\n"', b'"\\x"', b"") for body in _beside(row, world, value)]
    whole = _whole(row, world)
    return _raw(
        row,
        world,
        "invalid_json",
        *inside,
        b"{",
        whole[:-1],
        whole * 2,
        whole[:-2],
        b"\xef\xbb\xbf{}",
        CANARY.encode(),
        b"{,}",
        b"a=b",
    )


def too_deep(row: Row, world: World) -> Made:
    nested = (b"[" * 100 + b"]" * 100, b'{"a":' * 100 + b"1" + b"}" * 100, b"[" * 15_000, b'[{"":' * 5_000)
    inside = [body for value in nested[:2] for body in _beside(row, world, value)]
    return _raw(row, world, "json_too_deep", *nested, *inside, b'{"' + CANARY.encode() + b'":' + nested[0] + b"}")


BODY_KINDS = (
    missing_body,
    missing_field,
    wrong_type,
    unknown_field,
    too_long,
    huge_number,
    not_utf8,
    lone_surrogate,
    nul_byte,
    malformed_json,
    too_deep,
)
