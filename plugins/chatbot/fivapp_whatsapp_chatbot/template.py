"""Texts with answers in them: `{name}`, `{order.items.0.title}`; `{{` and `}}` are braces.

A path goes through mappings and lists only, and what is filled in is never looked at again: an answer that
holds braces stays the text that it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

_PATH = r"[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_-]+)*"
_PLACE = re.compile(rf"\{{\{{|\}}\}}|\{{({_PATH})\}}")
_LONE = re.compile(rf"\{{({_PATH})\}}")
MAX_FILLED = 1000

Show = Callable[[str, Any], str]


def paths(text: str) -> list[str]:
    """Return the paths that a text names."""
    return [match[1] for match in _PLACE.finditer(text) if match[1]]


def has_odd_braces(text: str) -> bool:
    """Tell whether a text has braces that are no placeholder, which people then see as they stand."""
    return any(brace in _PLACE.sub("", text) for brace in "{}")


def look_up(path: str, values: Mapping[str, Any]) -> Any:
    """Return what stands at a path, or None."""
    found: Any = values
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, Sequence) and not isinstance(found, str) and part.isdecimal() and len(part) < 6:
            found = found[int(part)] if int(part) < len(found) else None
        else:
            return None
    return found


def fill(text: str, values: Mapping[str, Any], show: Show | None = None) -> str:
    """Return the text with its places filled; what is unknown is left out, as is what is no single value."""

    def put(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        value = look_up(match[1], values)
        return (show or _plain)(match[1], value)[:MAX_FILLED]

    return _PLACE.sub(put, text)


def fill_url(url: str, values: Mapping[str, Any]) -> str:
    """Return an address with its places filled, each escaped whole: no answer adds a part, a host or a parameter."""
    return fill(url, values, lambda _path, value: _escaped(_plain("", value)))


def fill_json(data: Any, values: Mapping[str, Any]) -> Any:
    """Return a JSON value with its texts filled; a text that is one place alone takes the value as it is."""
    if isinstance(data, str):
        lone = _LONE.fullmatch(data)
        return look_up(lone[1], values) if lone else fill(data, values)
    if isinstance(data, Mapping):
        return {key: fill_json(value, values) for key, value in data.items()}
    if isinstance(data, Sequence):
        return [fill_json(value, values) for value in data]
    return data


def _escaped(text: str) -> str:
    # "." and ".." alone would climb in a path, and quoting leaves them as they are.
    return quote(text, safe="") if text.strip(".") else ""


def _plain(_path: str, value: Any) -> str:
    if value is None or isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
