"""A plugin's settings for a tenant: from JSON to its struct and back, with secrets that are never shown.

A field is a secret when its schema says so: `Annotated[str, Meta(extra_json_schema={"writeOnly": True})]`. What
pages are given in its place is MASK, and MASK that comes back means: as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from fivapp_whatsapp.errors import InvalidInput

MASK = "********"
_POINTER = re.compile(r" - at `\$([A-Za-z0-9_.\[\]-]*)`$")


class InvalidSetting(ValueError):
    """What a plugin's own check of its settings raises: English, and beside it other languages, by their names.

    `InvalidSetting("a choice stands there twice", {"pt-BR": "uma opção aparece duas vezes"})`
    """

    def __init__(self, detail: str, i18n: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.i18n = dict(i18n or {})


def config_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON schema (2020-12) of a plugin's settings, as pages make a form of it."""
    return msgspec.json.schema(kind)


def odd_secrets(kind: type[msgspec.Struct]) -> list[str]:
    """Return the names of the secrets that are no texts, or stand in a tuple: they could not be hidden."""
    found: list[str] = []

    def look(node: Any, name: str, hideable: bool = True) -> None:
        if not isinstance(node, dict):
            return
        if node.get("writeOnly") and not (hideable and _is_text(node)):
            found.append(name)
        for each in (*node.get("anyOf", ()), node.get("items"), node.get("additionalProperties")):
            look(each, name, hideable)
        for each in node.get("prefixItems", ()):
            look(each, name, False)
        for inner, part in node.get("properties", {}).items():
            look(part, inner, hideable)

    for definition in config_schema(kind).get("$defs", {}).values():
        look(definition, kind.__name__)
    return found


def _is_text(node: Mapping[str, Any]) -> bool:
    return all(choice.get("type") in ("string", "null") for choice in node.get("anyOf", (node,)))


def parse_config(kind: type[msgspec.Struct], values: Mapping[str, Any]) -> Any:
    """Return the settings as the plugin's struct. Raises InvalidInput, which says where and what."""
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    if not values.keys() <= set(known):
        # Which one it is would repeat what was sent; which there are helps as well.
        unknown = {"pointer": "#/config", "code": "unknown_field", "known": known}
        words = f"There is a setting that is not known here; known are {', '.join(known) or 'none'}."
        raise InvalidInput(words, code="unknown_field", errors=[unknown])
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as exc:
        where = _POINTER.search(str(exc))
        pointer = "#/config" + (re.sub(r"[.\[]", "/", where[1]).replace("]", "") if where else "")
        # The plugin's own checks (__post_init__) speak to the person who fills in the form.
        said = str(exc) if exc.__cause__ is not None else _POINTER.sub("", str(exc))
        error: dict[str, Any] = {"pointer": pointer, "code": "invalid"}
        if isinstance(exc.__cause__, InvalidSetting) and exc.__cause__.i18n:
            error["i18n"] = {language: {"detail": text} for language, text in exc.__cause__.i18n.items()}
        raise InvalidInput(said, code="invalid_config", errors=[error]) from None
    except Exception as exc:
        # Its own checks may raise whatever they like; the words of what was not meant for people may hold values.
        said = f"The plugin cannot take these settings ({type(exc).__name__})."
        raise InvalidInput(said, code="invalid_config", errors=[{"pointer": "#/config", "code": "invalid"}]) from None


def default_config(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the settings that hold while a tenant has decided nothing, as JSON has them."""
    return dict(msgspec.to_builtins(kind()))


def masked(kind: type[msgspec.Struct], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they may be shown: what is secret and set is MASK."""
    return dict(_walk(config_schema(kind), values, None, lambda value, _before, _name: MASK if value else value))


def unmasked(kind: type[msgspec.Struct], new: Mapping[str, Any], old: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return new settings in which each MASK is what stood in its place before; nothing, where nothing did."""
    return merge_secrets(kind, new, old, _restore)


def merge_secrets(
    kind: type[msgspec.Struct],
    new: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    choose: Callable[[Any, Any, str], Any],
) -> dict[str, Any]:
    """Return new settings with each secret as a function of it, of what stood in its place, and of its name has it."""
    return dict(_walk(config_schema(kind), new, old or {}, choose))


def change_secrets(
    kind: type[msgspec.Struct], values: Mapping[str, Any], change: Callable[[Any, str], Any]
) -> dict[str, Any]:
    """Return settings with each secret changed by a function of it and its name, such as `targets.0.token`."""
    return dict(_walk(config_schema(kind), values, None, lambda value, _before, name: change(value, name)))


def _restore(value: Any, before: Any, _: str) -> Any:
    return ("" if before is None else before) if value == MASK else value


def _walk(schema: dict[str, Any], value: Any, before: Any, change: Callable[[Any, Any, str], Any]) -> Any:
    """Return a value of a schema with its secrets changed; `before` is the older value in the same place."""
    definitions = schema.get("$defs", {})

    def visit(node: dict[str, Any], value: Any, before: Any, place: tuple[str, ...]) -> Any:
        if "$ref" in node:
            words = {name: part for name, part in node.items() if name != "$ref"}
            return visit(definitions[node["$ref"].rpartition("/")[2]] | words, value, before, place)
        if node.get("writeOnly"):
            return change(value, before, ".".join(place))
        for choice in node.get("anyOf", ()):
            # What one of several forms calls a secret is one, whichever form the value has.
            value = visit(choice, value, before, place)
        if isinstance(value, dict):
            parts = node.get("properties", {})
            others = node.get("additionalProperties")
            further = others if isinstance(others, dict) else {}
            older = before if isinstance(before, dict) else {}
            return {
                name: visit(parts.get(name) or further, part, older.get(name), (*place, name))
                for name, part in value.items()
            }
        if isinstance(value, list):
            items = node.get("items") if isinstance(node.get("items"), dict) else {}
            older_items = before if isinstance(before, list) else []
            return [
                visit(items or {}, part, _same(part, number, older_items), (*place, str(number)))
                for number, part in enumerate(value)
            ]
        return value

    return visit({name: part for name, part in schema.items() if name != "$defs"}, value, before, ())


def _same(part: Any, place: int, older: list[Any]) -> Any:
    """Return what stood in a list before in a part's stead: the one with its name, else the one in its place."""
    if isinstance(part, dict) and "name" in part:
        return next((one for one in older if isinstance(one, dict) and one.get("name") == part["name"]), None)
    return older[place] if place < len(older) else None
