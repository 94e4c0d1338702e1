"""The OpenAPI description: every route stands in it, whole, and it can be read without any other server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp.web import plugin_schemas, schemas
from fivapp_whatsapp.web.openapi import complete
from fivapp_whatsapp.web.requests import decode

from .bad_input.table import PAGES
from .conftest import serving
from .tools import TestServer, assert_problem

pytestmark = pytest.mark.anyio


def camel(path: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), path.replace(":str", ""))


# Answer with nothing to describe: addresses of plugins, the description itself, a WebSocket, the pages.
UNDESCRIBED = {"/api/media", "/api/groups", "/api/push", "/api/webhooks", "/api/ws"}
UNDESCRIBED |= {camel(path) for _, path in PAGES}


@pytest.fixture(scope="module")
async def schema(shared: TestServer) -> dict[str, Any]:
    found: dict[str, Any] = (await shared.call("GET", "/schema/openapi.json")).json()
    return found


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


async def test_every_route_is_described(shared: TestServer, schema: dict[str, Any]) -> None:
    routes = {camel(route.path) for route in shared.app.routes if not route.path.startswith("/schema")}
    assert routes - UNDESCRIBED <= schema["paths"].keys()
    for route in shared.app.routes:
        for method in getattr(route, "methods", None) or ():
            if method != "OPTIONS" and not route.path.startswith("/schema") and camel(route.path) not in UNDESCRIBED:
                assert method.lower() in schema["paths"][camel(route.path)]


async def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    for node in nodes(schema):
        reference = node.get("$ref")
        if isinstance(reference, str):
            assert reference.removeprefix("#/components/schemas/") in schema["components"]["schemas"]
    used = {name for _, _, operation in operations(schema) for need in operation.get("security", []) for name in need}
    assert used <= schema["components"]["securitySchemes"].keys()


def test_a_plugins_class_with_a_name_of_ours_does_not_rename_ours() -> None:
    ours, theirs = "fivapp_whatsapp_web_problems_Problem", "fivapp_whatsapp_chatbot_flow_Problem"
    refs = {str(place): {"$ref": f"#/components/schemas/{name}"} for place, name in enumerate((ours, theirs))}
    named = complete({"paths": {}, "components": {"schemas": {ours: {"title": "ours"}, theirs: {}, "Both": refs}}})
    schemas = named["components"]["schemas"]
    assert schemas["Problem"] == {"title": "ours"}
    assert schemas["Both"] == {
        "0": {"$ref": "#/components/schemas/Problem"},
        "1": {"$ref": f"#/components/schemas/{theirs}"},
    }


async def test_every_operation_has_a_name_a_tag_a_summary_and_its_problems(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(names) == len(set(names))
    for path, _, operation in operations(schema):
        assert operation["tags"]
        assert operation["summary"]
        assert operation["description"]
        assert {"500", "503"} <= operation["responses"].keys(), path
        in_path = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        if operation.get("security") != [{}] and "webhooks" not in path:
            assert {"401", "403", "429"} <= operation["responses"].keys(), path
        for status, response in operation["responses"].items():
            if int(status) >= 400 and path != "/health/ready":
                assert "application/problem+json" in response["content"], (path, status)


async def test_every_body_is_closed_and_has_an_example_that_is_taken(schema: dict[str, Any]) -> None:
    bodies = 0
    for path, _, operation in operations(schema):
        if "requestBody" not in operation or "webhooks" in path:
            continue
        content = operation["requestBody"]["content"]["application/json"]
        reference = next(n["$ref"] for n in nodes(content["schema"]) if "$ref" in n)
        name = reference.rpartition("/")[2]
        assert schema["components"]["schemas"][name]["additionalProperties"] is False
        examples = content["schema"]["examples"]
        assert examples, path
        for example in examples:
            decode(msgspec.json.encode(example), getattr(schemas, name, None) or getattr(plugin_schemas, name))
        bodies += 1
    assert bodies >= 10


async def test_the_page_shows_every_route_and_asks_no_other_server(shared: TestServer, schema: dict[str, Any]) -> None:
    reply = await shared.call("GET", "/schema")
    assert reply.headers["content-type"].startswith("text/html")
    assert "script" not in reply.text
    assert not re.findall(r"(?:src|href)=\"(?!\./)", reply.text)
    assert "style-src 'unsafe-inline'" in reply.headers["content-security-policy"]
    for path in schema["paths"]:
        assert f"<code>{path}</code>" in reply.text


async def test_the_description_needs_a_token_outside_the_demo(shared: TestServer, tmp_path: Path) -> None:
    for path in ("/schema", "/schema/openapi.json", "/schema/other", "/metrics"):
        assert_problem(await shared.client.get(path), 401, "not_authenticated")
    async with serving(tmp_path, demo=True) as server:
        for path in ("/schema", "/schema/openapi.json", "/metrics"):
            assert (await server.client.get(path)).status_code == 200


async def test_the_servers_address_is_the_public_one(tmp_path: Path) -> None:
    async with serving(tmp_path, public_url="https://wa.example.com/gateway/", demo=True) as server:
        found = (await server.client.get("/schema/openapi.json")).json()
        assert found["servers"] == [{"url": "https://wa.example.com/gateway"}]
        assert found["components"]["securitySchemes"]["cookie"]["name"] == "__Host-fivapp"
