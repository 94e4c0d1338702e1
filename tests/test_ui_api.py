"""The pages' client is typed from our OpenAPI description: the file that its types are made of is the app's own.

`make api` (this module as a program) writes it anew, and the types from it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from fivapp_whatsapp.app import create_app
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import load_settings
from fivapp_whatsapp.web.openapi import complete

FILE = Path(__file__).parent.parent / "fivapp_whatsapp" / "ui" / "openapi.json"
MEND = "run `make api`"
# What the pages ask for; other routes come and go without them.
PATHS = (
    "/api/accounts",
    "/api/auth/",
    "/api/automations",
    "/api/conversations",
    "/api/labels",
    "/api/me",
    "/api/messages/",
    "/api/plugins",
    "/api/push/",
    "/api/quick-replies",
    "/api/sessions",
    "/api/whatsapp/",
    "/api/ws-tickets",
)


def description() -> str:
    """Return the part of the description that the pages' client is made of, as the file has it."""
    settings = load_settings({}, env_file=None, jwt_secret="x" * 32, database_url="sqlite:///unused.db")
    # Of the plugins only push has routes that the pages ask for.
    gateway = build_gateway(settings, plugins=Plugins.load(names=["push"]))
    whole = complete(create_app(gateway=gateway).openapi_schema.to_schema())
    whole["info"]["version"] = "0"  # a release changes no type
    whole["paths"] = {path: item for path, item in whole["paths"].items() if path.startswith(PATHS)}
    whole["components"] = {"schemas": _used(whole["paths"], whole["components"]["schemas"])}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _used(paths: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    used: dict[str, Any] = {}
    waiting = [paths]
    while waiting:
        for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(waiting.pop())):
            if name not in used:
                used[name] = schemas[name]
                waiting.append(schemas[name])
    return used


def test_the_pages_types_are_made_of_the_apps_own_description() -> None:
    assert FILE.read_text(encoding="utf-8") == description(), MEND


if __name__ == "__main__":
    sys.exit(None if FILE.write_text(description(), encoding="utf-8") else 1)
