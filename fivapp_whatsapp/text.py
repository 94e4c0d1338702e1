"""Text from outside, made safe to keep and to show: what both databases, JSON and a log line can carry."""

from __future__ import annotations

import re

# PostgreSQL refuses U+0000, and a lone surrogate cannot be encoded at all: one such character would make a
# message fail, and its sender repeat it, for days.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]")
# Beside controls: separators that break a log line, and marks that turn the reading direction of what follows.
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


def clean_text(text: str) -> str:
    """Return the text without what cannot be stored: NUL and lone surrogates become U+FFFD, other C0 controls go.

    Line feeds and tabs stay; carriage returns become line feeds.
    """
    if text.isprintable() or _UNSAFE.search(text) is None:
        return text
    return _UNSAFE.sub(_mend, text.replace("\r\n", "\n"))


def clean_line(text: str, limit: int) -> str:
    """Return the text as one line of at most `limit` characters, for names, reasons and logs."""
    line = _UNSEEN.sub(" ", text[: 4 * limit]).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _mend(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\r":
        return "\n"
    return "\ufffd" if character == "\0" or character >= "\ud800" else ""
