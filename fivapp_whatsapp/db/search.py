"""Full-text search: what a user typed, as a condition that both databases answer alike.

A message is found when its text holds every word of the query, the last one as a beginning; case and accents
do not matter. What separates words, and how letters are folded, is what `fivapp_search_vector` does in
PostgreSQL (see migrations/); SQLite's tokenizer does the same by itself. Both indexes hold the tenant too, so
that no search reads another tenant's messages.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

MAX_WORDS = 16
# PostgreSQL's words have at most 2,046 bytes, up to four for each letter.
_LONGEST_WORD = 500
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
    """An SQL condition with a `{}` for each of its values, as Piccolo's raw queries and WhereRaw take it."""

    sql: str
    values: tuple[str, ...]


def fold(text: str) -> str:
    """Return the words of a text without case, accents and punctuation, one space apart."""
    return " ".join(_SEPARATORS.sub(" ", text).translate(_ACCENTS).lower().split())


def text_matches(
    query: str,
    tenant_id: str,
    engine_type: Literal["sqlite", "postgres"] | str,
    *,
    table: str = "fivapp_message",
    stretches: range | None = None,
) -> Condition | None:
    """Return the condition that a tenant's message holds what a user typed; None when that has no word.

    `table` is the name or alias of the message table in the statement. PostgreSQL looks no further than into
    `stretches` of the tenant's log (see `stretch`) where these are given.
    """
    if engine_type == "sqlite":
        matching = sqlite_match(query, tenant_id)
        if matching is None:
            return None
        rows = "SELECT rowid FROM fivapp_message_search WHERE fivapp_message_search MATCH {}"
        return Condition(f"({table}.tenant_id = {{}} AND {table}.search_row IN ({rows}))", (tenant_id, matching))
    words = fold(query).split()[:MAX_WORDS]
    if not words:
        return None
    if any(len(word) > _LONGEST_WORD for word in words):
        return Condition("1 = 0", ())  # PostgreSQL would leave it out of the query, and find everything else
    wanted = " & ".join(f"'{word}'" for word in words) + ":*"
    places = [f"'={tenant_id}/':*"] if stretches is None else [f"'={tenant_id}/{number}'" for number in stretches]
    # As the index has it, word for word.
    place = f"array_to_tsvector(ARRAY['=' || {table}.tenant_id || '/' || ({table}.seq >> 16)::text])"
    vector = f"(fivapp_search_vector({table}.text) || {place})"
    queries = "(to_tsquery('pg_catalog.simple', {}) && {}::tsquery)"
    return Condition(f"({table}.text IS NOT NULL AND {vector} @@ {queries})", (wanted, " | ".join(places)))


def sqlite_match(query: str, tenant_id: str) -> str | None:
    """Return what SQLite's index of texts is asked for; None when the query has no word.

    A tenant id is taken for words there, so that it may find more than its own: the statement compares it too.
    """
    words = fold(query).split()[:MAX_WORDS]
    if not words:
        return None
    phrases = " ".join(f'"{word}"' for word in words)
    wanted = f"(text : ({phrases}*))"
    # One of punctuation alone would be a phrase without a word, which nothing holds.
    return f'{wanted} AND (tenant_id : "{tenant_id}")' if fold(tenant_id) else wanted


def stretch(seq: int) -> int:
    """Return the stretch of a tenant's log that a seq lies in, as PostgreSQL's index counts them."""
    return seq >> 16


def title_matches(query: str, *, column: str = "search_title") -> Condition | None:
    """Return the condition that a folded title holds what a user typed, anywhere; None when that has no word.

    `column` must hold what `fold` made of the title.
    """
    folded = fold(query)
    # Folding leaves no %, _ or backslash, so there is nothing to escape.
    return Condition(f"{column} LIKE {{}}", (f"%{folded}%",)) if folded else None


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
