"""Words as people write them: without regard to case, accents and punctuation."""

from __future__ import annotations

import re
import unicodedata

_GAPS = re.compile(r"[^\w]+|_")


def fold(text: str) -> str:
    """Return a text to compare by: "Pedido, já!" and "pedido ja" are the same."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _GAPS.sub(" ", plain.casefold()).strip()


def slug(folded: str) -> str:
    """Return a folded text as a name."""
    return folded.replace(" ", "_")[:40]


def says(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether a folded text has one of the words, or phrases, among its own."""
    return any(f" {folded} " in f" {text} " for word in words if (folded := fold(word)))


def is_one_of(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether a folded text is one of the words."""
    return any(text == fold(word) for word in words)
