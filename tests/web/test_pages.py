"""The pages as a browser gets them: at their own paths, under a prefix, with a strict policy, built or not."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from starlette.applications import Starlette
from starlette.routing import Mount

from fivapp_whatsapp.settings import Secret, Settings
from fivapp_whatsapp.web import pages
from fivapp_whatsapp.web.problems import answer

from .tools import TestServer, assert_problem

pytestmark = pytest.mark.anyio

PATHS = ("/login", "/conversations", "/conversations/0a", "/whatsapp-settings", "/automations")
INDEX = '<!doctype html><head><base href="/" /></head><script type="module" src="./assets/index-a1b2c3d4.js"></script>'
SCRIPT = b"console.log(1);" * 100


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "service-worker.js").write_text("self;")
    (folder / "assets" / "index-a1b2c3d4.js").write_bytes(SCRIPT)
    (folder / "assets" / "app.webmanifest").write_text("{}")
    (folder / "assets" / "notes.txt").write_text("not for the pages")
    (folder / "manifest.json").write_text("{}")
    return folder


def make_app(dist: Path, **changes: Any) -> Litestar:
    settings = Settings(jwt_secret=Secret("x" * 32), **changes)
    return Litestar(
        [pages.page_router(settings, dist)],
        exception_handlers={Exception: answer},
        openapi_config=None,
        logging_config=None,
    )


@pytest.fixture
async def client(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(dist))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
async def test_every_page_is_the_same_file_and_is_asked_for_anew(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(path)
    assert reply.status_code == 200
    assert reply.text == INDEX
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"


async def test_an_asset_is_kept_for_ever_and_comes_compressed_to_who_takes_it(client: httpx.AsyncClient) -> None:
    plain = await client.get("/assets/index-a1b2c3d4.js", headers={"accept-encoding": "identity"})
    assert plain.content == SCRIPT
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in plain.headers["cache-control"]
    assert "content-encoding" not in plain.headers
    async with client.stream("GET", "/assets/index-a1b2c3d4.js", headers={"accept-encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        body = b"".join([piece async for piece in packed.aiter_raw()])
    assert gzip.decompress(body) == SCRIPT
    assert len(body) < len(SCRIPT)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/nothing.js",
        "/assets/notes.txt",
        "/assets/%2e%2e%2findex.html",
        "/assets/..%5Cindex.html",
        "/assets/.hidden.js",
        "/assets/%00.js",
        "/assets/" + "x" * 300 + ".js",
    ],
)
async def test_what_is_no_built_file_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(path)
    assert reply.status_code == 404
    assert reply.json()["code"] == "route_not_found"


async def test_a_new_build_is_served_without_a_restart(client: httpx.AsyncClient, dist: Path) -> None:
    assert (await client.get("/service-worker.js")).text == "self;"
    (dist / "service-worker.js").write_text("self; // newer")
    reply = await client.get("/service-worker.js")
    assert reply.text == "self; // newer"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["service-worker-allowed"] == "/"
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_a_file_whose_address_stays_is_asked_for_anew(client: httpx.AsyncClient) -> None:
    reply = await client.get("/assets/app.webmanifest")
    assert reply.headers["content-type"].startswith("application/manifest+json")
    assert reply.headers["cache-control"] == "no-cache"


async def test_the_page_learns_its_prefix_and_a_prefix_is_text(dist: Path) -> None:
    host = Starlette(routes=[Mount("/wa", app=make_app(dist))])  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(host), base_url="http://host.test") as client:
        assert '<base href="/wa/" />' in (await client.get("/wa/conversations/0a")).text
        assert (await client.get("/wa/service-worker.js")).headers["service-worker-allowed"] == "/wa/"
    behind = make_app(dist, public_url="https://example.com/inbox/")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(behind), base_url="http://host.test") as client:  # type: ignore[arg-type]
        assert '<base href="/inbox/" />' in (await client.get("/login")).text
        assert (await client.get("/service-worker.js")).headers["service-worker-allowed"] == "/inbox/"
    odd = make_app(dist, public_url='https://example.com/"><script>')
    async with httpx.AsyncClient(transport=httpx.ASGITransport(odd), base_url="http://host.test") as client:  # type: ignore[arg-type]
        assert "<script>" not in (await client.get("/login")).text
        assert (await client.get("/service-worker.js")).headers["service-worker-allowed"] == "/%22%3E%3Cscript%3E/"


async def test_the_policy_allows_our_scripts_alone_and_files_of_the_connection_service(server: TestServer) -> None:
    for path in PATHS:
        reply = await server.client.get(path)
        rules = dict(rule.split(" ", 1) for rule in reply.headers["content-security-policy"].split("; "))
        assert rules["default-src"] == "'none'"
        assert rules["worker-src"] == rules["manifest-src"] == "'self'"
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert rules["img-src"] == "'self' blob: data: http://localhost:3001"
        assert rules["frame-ancestors"] == "'none'"
        assert "unsafe" not in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"


async def test_only_get_is_answered_and_other_paths_are_not_found(server: TestServer) -> None:
    assert_problem(await server.client.post("/conversations"), 405, "method_not_allowed")
    for path in ("/conversations/0a/more", "/login2", "/assets", "/assets/a/b.js", "/whatsapp", "/automations/x"):
        assert_problem(await server.client.get(path), 404, "route_not_found")


async def test_without_a_build_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    app = make_app(tmp_path / "nowhere")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client:  # type: ignore[arg-type]
        reply = await client.get("/conversations")
        assert reply.status_code == 503
        assert "make ui" in reply.text
        assert (await client.get("/assets/index-a1b2c3d4.js")).status_code == 404


def test_the_source_has_the_place_where_the_prefix_goes() -> None:
    source = (Path(pages.__file__).parent.parent / "ui" / "index.html").read_bytes()
    assert source.count(pages._BASE) == 1
    assert re.search(rb"<script(?![^>]*\bsrc=)", source) is None
