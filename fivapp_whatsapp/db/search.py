"""Full-text search: what a user typed, as a condition that both databases answer alike.

A message is found when its text holds every word of the query, the last one as a beginning; case and accents
do not matter. What separates words, and how letters are folded, is what `fivapp_search_vector` does in
PostgreSQL (see migrations/); SQLite's tokenizer does the same by itself.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

MAX_WORDS = 16
_SEPARATORS = re.compile(
    "[\0-/:-@\\[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    "\u2000-\u2bff\u3000-\u3004\ufe00-\ufe0f\U0001f000-\U0001faff]+"
)
_ACCENTS = str.maketrans(
    "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöùúûüýÿ",
    "aaaaaaceeeeiiiinooooouuuuyaaaaaaceeeeiiiinooooouuuuyy",
    "\u0300\u0301\u0302\u0303\u0308\u0327",
)

_MIN_DIGITS = 4
_PHONE = re.compile(r"[0-9 ()+./-]+")
# A mobile number as far as it was typed: country and area where they are given, then what begins with 6-9.
_WITH_NINTH = re.compile(r"((?:55)?[1-9][0-9]|)9([6-9][0-9]{3,7})")
_WITHOUT_NINTH = re.compile(r"((?:55)?[1-9][0-9])([6-9][0-9]{2,7})")


class Condition(NamedTuple):
    """An SQL condition with one `{}` for its one value, as Piccolo's raw queries and WhereRaw take it."""

    sql: str
    value: str


def fold(text: str) -> str:
    """Return the words of a text without case, accents and punctuation, one space apart."""
    return " ".join(_SEPARATORS.sub(" ", text).translate(_ACCENTS).lower().split())


def text_matches(
    query: str, engine_type: Literal["sqlite", "postgres"] | str, *, table: str = "fivapp_message"
) -> Condition | None:
    """Return the condition that a message's text holds what a user typed; None when that has no word.

    `table` is the name or alias of the message table in the statement. The condition knows no tenant: the
    statement must.
    """
    words = fold(query).split()[:MAX_WORDS]
    if not words:
        return None
    if engine_type == "sqlite":
        matching = "SELECT rowid FROM fivapp_message_search WHERE fivapp_message_search MATCH {}"
        return Condition(f"{table}.search_row IN ({matching})", " ".join(f'"{word}"' for word in words) + "*")
    vector = f"fivapp_search_vector({table}.text) @@ to_tsquery('pg_catalog.simple', {{}})"
    return Condition(f"({table}.text IS NOT NULL AND {vector})", " & ".join(f"'{word}'" for word in words) + ":*")


def title_matches(query: str, *, column: str = "search_title") -> Condition | None:
    """Return the condition that a folded title holds what a user typed, anywhere; None when that has no word.

    `column` must hold what `fold` made of the title.
    """
    folded = fold(query)
    # Folding leaves no %, _ or backslash, so there is nothing to escape.
    return Condition(f"{column} LIKE {{}}", f"%{folded}%") if folded else None


def phone_patterns(query: str) -> list[str]:
    """Return LIKE patterns of the phones that hold what a user typed; none where that is not part of a number.

    Brazil's ninth digit may be there or not, in the query as in the phone.
    """
    if not _PHONE.fullmatch(query):
        return []
    digits = "".join(c for c in query if c.isdigit())
    if len(digits) < _MIN_DIGITS:
        return []
    found = [digits]
    if match := _WITH_NINTH.fullmatch(digits):
        found.append(f"{match[1]}{match[2]}")
    elif match := _WITHOUT_NINTH.fullmatch(digits):
        found.append(f"{match[1]}9{match[2]}")
    return [f"%{each}%" for each in found]
