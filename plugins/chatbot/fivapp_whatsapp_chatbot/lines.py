"""Where things stand in a TOML text: tomllib tells values, not lines."""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*([A-Za-z0-9_.\-"' ]+?)\s*=\s*(.*)$""")


class Lines:
    """The lines of tables and keys, by their path."""

    def __init__(self, found: dict[tuple[str, ...], int]) -> None:
        self._found = found

    def of(self, path: tuple[str, ...]) -> int | None:
        """Return the line of a path, or of the nearest thing around it."""
        while path:
            if path in self._found:
                return self._found[path]
            path = path[:-1]
        return None


def find_lines(text: str) -> Lines:
    """Note where each table and key begins; what stands inside a value is passed over."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    inside = ""  # the end of the multi-line string that we are in
    depth = 0  # of an array or inline table that goes on
    for number, line in enumerate(text.splitlines(), 1):
        if inside:
            if inside in line:
                inside = ""
            continue
        if depth <= 0:
            depth = 0
            if header := _TABLE.match(line):
                table = _path(header[2])
                found.setdefault(table, number)
                continue
            if key := _KEY.match(line):
                found.setdefault((*table, *_path(key[1])), number)
        inside = _opened(line)
        depth += 0 if inside else _depth(line)
    return Lines(found)


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _opened(line: str) -> str:
    for quote in ('"""', "'''"):
        if line.count(quote) % 2:
            return quote
    return ""


def _depth(line: str) -> int:
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*', "", line)
    return bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")
