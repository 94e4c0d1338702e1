"""A plugin with settings that hears of nothing, for tests of the routes about plugins."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from fivapp_whatsapp import hookimpl


class Config(msgspec.Struct, rename="camel"):
    greeting: Annotated[str, Meta(max_length=100)] = "Hi"
    api_key: Annotated[str, Meta(extra_json_schema={"writeOnly": True})] = ""


@hookimpl
def plugin_config() -> type[Config]:
    return Config


@hookimpl
def plugin_failed(plugin: str) -> None:
    """Hear of failures, so that it is a plugin with a hook."""
