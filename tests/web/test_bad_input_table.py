"""The table of what routes take is the application's own: none is missing, none is too many, and all of it is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from litestar import Litestar, get
from litestar.params import FromPath
from litestar.routes import HTTPRoute, WebSocketRoute

from fivapp_whatsapp.app import create_app
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import Secret, Settings
from fivapp_whatsapp.web.auth import EXCLUDE
from fivapp_whatsapp.web.openapi import WEBHOOKS
from fivapp_whatsapp.web.problems import camel

from .bad_input.bodies import places
from .bad_input.table import PAGES, ROWS
from .bad_input.words import Needs, Parts, Row, Text
from .tools import SECRET


def make_app(folder: Path) -> Litestar:
    settings = Settings(database_url=Secret(f"sqlite:///{folder}/table.db"), jwt_secret=Secret(SECRET))
    return create_app(gateway=build_gateway(settings, plugins=Plugins()))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Litestar:
    return make_app(tmp_path_factory.mktemp("table"))


def routes(app: Litestar) -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and handler of each route; a WebSocket and a mount have words of their own for the method."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if method != "OPTIONS":  # Litestar's own, which only names the others
                    yield method, route.path, handler
        else:
            yield "SOCKET" if isinstance(route, WebSocketRoute) else "ASGI", route.path, route.route_handler


def differences(app: Litestar) -> set[tuple[str, str]]:
    return {(method, path) for method, path, _ in routes(app)} ^ {(row.method, row.path) for row in ROWS} ^ PAGES


def test_every_route_has_its_row_and_every_row_its_route(app: Litestar) -> None:
    assert differences(app) == set()
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_a_route_that_is_added_without_its_row_is_noticed(tmp_path: Path) -> None:
    app = make_app(tmp_path)

    @get("/api/sessions/{session_id:str}/secrets")
    async def added(session_id: FromPath[str]) -> None: ...

    app.register(added)
    assert differences(app) == {("GET", "/api/sessions/{session_id:str}/secrets")}


def test_every_address_of_webhooks_has_its_row() -> None:
    asked = {row.template.replace(":str", "") for row in ROWS if row.needs is Needs.KEY}
    assert {re.sub(r"\w+(?=})", lambda name: camel(name[0]), path) for path in asked} == set(WEBHOOKS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_of_its_route_what_is_true(app: Litestar, row: Row) -> None:
    handler = next(one for method, path, one in routes(app) if (method, path) == (row.method, row.path))
    public = bool(handler.opt.get(EXCLUDE))
    assert public == (row.needs in (Needs.NOBODY, Needs.KEY, Needs.SOCKET))
    assert guards(handler) == (["require_admin"] if row.needs is Needs.ADMIN else [])
    if row.method in ("ASGI", "SOCKET"):
        assert row.body is None
        return
    route = next(one for one in app.routes if isinstance(one, HTTPRoute) and one.path == row.path)
    model = route.route_handler_map[row.method][1]  # type: ignore[index]
    assert {one.field_alias for one in model.expected_query_params} == {*row.query}
    assert {one.field_alias.lower() for one in model.expected_header_params} == {*row.headers}
    assert not model.expected_cookie_params
    assert not model.expected_form_data
    check_body(row, handler)


def guards(handler: Any) -> list[str]:
    return [guard.func.__name__ for guard in handler.resolve_guards()]


def check_body(row: Row, handler: Any) -> None:
    field = handler.parsed_data_field
    assert (field is None) == (row.body is None)
    if field is None or row.body is None:
        return
    assert field.is_optional == row.body_optional
    declared = dict(places(row.body))
    assert {path: one.required for path, one in declared.items()} == dict(fields_of(field.annotation))
    for path, text in declared.items():
        assert not isinstance(text, Parts) or text.fields, path
        assert not isinstance(text, Text) or 0 < text.most <= 4096, path


def fields_of(kind: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yield the path of each field of a body's type, and whether it is required."""
    for field in msgspec.structs.fields(struct_of(kind)):
        here = (*path, field.encode_name)
        yield here, field.required
        if struct_of(field.type):
            yield from fields_of(field.type, here)


def struct_of(kind: Any) -> Any:
    """Return the struct in a type, if there is one."""
    types = (one for one in (kind, *get_args(kind)) if isinstance(one, type))
    return next((one for one in types if issubclass(one, msgspec.Struct)), None)


class Inner(msgspec.Struct):
    x: int


class Outer(msgspec.Struct, rename="camel"):
    some_text: str
    inner: Inner | None = None


def test_a_field_that_is_added_without_its_words_is_noticed() -> None:
    found = dict(fields_of(Outer | None))
    assert found == {("someText",): True, ("inner",): False, ("inner", "x"): True}
