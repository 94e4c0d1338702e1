"""The OpenAPI 3.1 description: what Litestar generates, completed by what it cannot know, as JSON and as a page.

The page is one file without scripts or outside assets, so that it works offline and under the strictest policy.
"""

from __future__ import annotations

import copy
import html
import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import MediaType, Request, Router
from litestar.enums import OpenAPIMediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server, Tag

from fivapp_whatsapp.settings import Settings

from .errors import RouteNotFound
from .idempotency import UNKEYED, WRITES
from .problems import CONTENT_TYPE, Problem, camel
from .requests import check_request

PATH = "/schema"
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_TAGS = (
    Tag("Sessions", "WhatsApp logins: connect, status, disconnect."),
    Tag("Conversations", "The inbox."),
    Tag("Messages", "Sending, and what became of it."),
    Tag("Automations", "Plugins, their settings, and what the bots would say."),
    Tag("Live", "Events as they happen."),
    Tag("Accounts", "Logins of local accounts."),
    Tag("Webhooks", "What the connection service calls."),
    Tag("Operation", "Health, metrics, this description."),
)
_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 255 visible ASCII characters: the same request with the same key gets the first answer.",
    "schema": {"type": "string"},
}
_WEBHOOK_ANSWER = {"success": True, "message": "Message processed successfully"}
_WEBHOOK_EXAMPLE = {
    "tenantId": "acme",
    "from": "5511988887777@c.us",
    "message": "Hi!",
    "timestamp": 1727190000000,
    "messageId": "false_5511988887777@c.us_3EB0A1",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the descriptions of a route's problems, by status."""
    return {
        status: ResponseSpec(
            Problem, media_type=CONTENT_TYPE, generate_examples=False, description=HTTPStatus(status).phrase
        )
        for status in statuses
    }


def openapi_config(settings: Settings, version: str, opt: dict[str, Any]) -> OpenAPIConfig:
    """Return Litestar's configuration; `opt` decides whether the description needs a token."""
    cookie = "__Host-fivapp" if settings.public_url.lower().startswith("https://") else "fivapp"
    schemes: dict[str, Any] = {
        "bearer": SecurityScheme(
            "http", scheme="bearer", bearer_format="JWT", description="A token of the main application."
        ),
        "cookie": SecurityScheme("apiKey", name=cookie, security_scheme_in="cookie", description="A local account."),
        "webhookKey": SecurityScheme("apiKey", name="X-API-KEY", security_scheme_in="header"),
    }
    return OpenAPIConfig(
        title="fivapp_whatsapp",
        version=version,
        description="A WhatsApp gateway that owns its conversations. Errors are problems (RFC 9457) with a `code`.",
        servers=[Server(settings.public_url.rstrip("/") or "/")],
        security=[{"bearer": []}, {"cookie": []}],
        components=Components(security_schemes=schemes),
        tags=list(_TAGS),
        use_handler_docstrings=True,
        render_plugins=[PagePlugin(path=["/"]), JsonPlugin(path=["/openapi.json"])],
        openapi_router=Router(
            PATH, route_handlers=[], include_in_schema=False, opt=opt, before_request=_only_known_pages
        ),
    )


async def _only_known_pages(request: Request[Any, Any, Any]) -> None:
    await check_request(request)
    # Litestar answers the other addresses below with a page of its own.
    if "path" in request.path_params:
        raise RouteNotFound


class JsonPlugin(OpenAPIRenderPlugin):
    """The description as JSON."""

    def __init__(self, *, path: list[str]) -> None:
        super().__init__(path=path, media_type=OpenAPIMediaType.OPENAPI_JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the description."""
        return msgspec.json.encode(complete(openapi_schema))


class PagePlugin(OpenAPIRenderPlugin):
    """The description as a page to read."""

    def __init__(self, *, path: list[str]) -> None:
        super().__init__(path=path, media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        # Known to the frame, which else forbids the page its own styles.
        request.scope["fivapp.policy"] = _PAGE_POLICY  # type: ignore[typeddict-unknown-key]
        return "".join(_page(complete(openapi_schema))).encode()


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the description with the webhooks, path parameters in camelCase, and closed request bodies."""
    whole = _named_as_ours(copy.deepcopy(schema))
    paths = {_PLACEHOLDER.sub(lambda m: "{" + camel(m[1]) + "}", path): item for path, item in whole["paths"].items()}
    for item in paths.values():
        for operation in (item[method] for method in _METHODS & item.keys()):
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["name"] = camel(parameter["name"])
            _add_common_problems(operation)
            _mark_optional(operation)
        for method in _METHODS & item.keys():
            _add_key(method, item[method])
    paths |= {path: {"post": _webhook(path)} for path in WEBHOOKS}
    whole["paths"] = dict(sorted(paths.items()))
    for name in _request_schemas(whole):
        whole["components"]["schemas"][name]["additionalProperties"] = False
    return whole


def _named_as_ours(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the description with our schemas under their short names, whatever plugins call theirs.

    Of two classes with one name Litestar names both by their modules; so an installed plugin would rename ours.
    """
    modules = sorted((name for name in sys.modules if name.startswith("fivapp_whatsapp.")), key=len, reverse=True)
    names = {}
    for name in schema["components"]["schemas"]:
        module = next((one for one in modules if name.startswith(one.replace(".", "_") + "_")), None)
        if module is not None:
            names[name] = name[len(module) + 1 :]
    if not names or len(set(names.values())) < len(names):
        return schema
    text = msgspec.json.encode(schema).decode()
    for long, short in names.items():
        text = text.replace(f'"#/components/schemas/{long}"', f'"#/components/schemas/{short}"')
    named: dict[str, Any] = msgspec.json.decode(text)
    schemas = named["components"]["schemas"]
    named["components"]["schemas"] = {names.get(name, name): part for name, part in schemas.items()}
    return named


WEBHOOKS = {
    "/api/webhooks/whatsapp": "The service's key is in the header X-API-KEY.",
    "/api/webhooks/whatsapp/{key}": "For services that can only be given a URL: the key is in it.",
    "/api/webhooks/{connector}/{sessionId}": "For connectors that sign in their own way; a GET asks if it is ours.",
}


def _add_common_problems(operation: dict[str, Any]) -> None:
    """Describe what any route may answer; only those behind authentication refuse users."""
    public = operation.get("security") == [{}]
    responses = operation["responses"]
    for status in (500, 503) if public else (401, 403, 429, 500, 503):
        responses.setdefault(str(status), _problem(status))
    if "Validation Exception" in str(responses.get("400")):  # Litestar's own, which nobody gets to see here
        responses["400"] = _problem(400)


def _add_key(method: str, operation: dict[str, Any]) -> None:
    """Describe the Idempotency-Key of writes."""
    if method.upper() not in WRITES or operation["operationId"] in UNKEYED or operation.get("security") == [{}]:
        return
    parameters = operation.setdefault("parameters", [])
    if all(parameter["name"] != _KEY_PARAMETER["name"] for parameter in parameters):
        parameters.append(dict(_KEY_PARAMETER))
    for status in (400, 409, 422):
        operation["responses"].setdefault(str(status), _problem(status))


def _mark_optional(operation: dict[str, Any]) -> None:
    """Say that a body may be left out where the route has a default for it."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        if {"type": "null"} in media["schema"].get("oneOf", ()):
            operation["requestBody"]["required"] = False


def _problem(status: int) -> dict[str, Any]:
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _webhook(path: str) -> dict[str, Any]:
    names = _PLACEHOLDER.findall(path)
    answer = {"application/json": {"schema": {"type": "object"}, "example": _WEBHOOK_ANSWER}}
    return {
        "tags": ["Webhooks"],
        "summary": "Take in a webhook",
        "description": f"{WEBHOOKS[path]} Answers after the commit, for what is stored, known or set aside alike.",
        "operationId": "receiveWebhook" + "".join(f"By{name[0].upper()}{name[1:]}" for name in names[:1]),
        "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names],
        "requestBody": {
            "required": True,
            "description": "What the connection service sends, as it sends it.",
            "content": {"application/json": {"schema": {}, "example": _WEBHOOK_EXAMPLE}},
        },
        "responses": {
            "200": {"description": "It is kept.", "content": answer},
            **{str(status): _problem(status) for status in (401, 404, 405, 408, 413, 500, 503)},
        },
        "security": [{}] if "key" in names else [{"webhookKey": []}],
    }


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method in sorted(_METHODS & item.keys()):
            yield path, method, item[method]


def _request_schemas(schema: dict[str, Any]) -> set[str]:
    """Return the names of all schemas that a request's body uses."""
    found: set[str] = set()
    waiting: list[Any] = [
        operation["requestBody"] for *_, operation in _operations(schema) if "requestBody" in operation
    ]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                waiting.append(schema["components"]["schemas"][name])
            waiting += [value for key, value in node.items() if key not in ("example", "examples")]
    return {name for name in found if schema["components"]["schemas"][name].get("type") == "object"}


def _page(schema: dict[str, Any]) -> Iterator[str]:
    info = schema["info"]
    yield f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(info["title"])}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
code{{font:14px ui-monospace,monospace}}pre{{background:#8881;padding:.75rem;overflow:auto}}
summary{{cursor:pointer;padding:.25rem 0}}b{{display:inline-block;width:4.5rem}}:root{{color-scheme:light dark}}</style>
<h1>{html.escape(info["title"])} {html.escape(info["version"])}</h1><p>{html.escape(info["description"])}</p>
<p>For tools: <a href="./schema/openapi.json">openapi.json</a></p>"""
    tag = None
    for path, method, operation in sorted(_operations(schema), key=lambda one: (_tag(one[2]), one[0], one[1])):
        if _tag(operation) != tag:
            tag = _tag(operation)
            yield f"<h2>{html.escape(tag)}</h2>"
        yield f"<details><summary><b>{method.upper()}</b><code>{html.escape(path)}</code></summary>"
        yield f"<p>{html.escape(operation.get('summary', ''))}. {html.escape(operation.get('description', ''))}</p>"
        for example in _examples(operation):
            yield f"<pre>{html.escape(msgspec.json.format(msgspec.json.encode(example)).decode())}</pre>"
        yield f"<p>Answers: {html.escape(', '.join(sorted(operation['responses'])))}</p></details>"
    yield "</html>"


def _tag(operation: dict[str, Any]) -> str:
    return str((operation.get("tags") or ["Operation"])[0])


def _examples(operation: dict[str, Any]) -> Iterator[Any]:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        if "example" in media:
            yield media["example"]
        yield from media["schema"].get("examples", ())
