"""Whether a text matches a pattern, as a person would say it: without regard to case and accents.

A regular expression is somebody's input and may take for ever. The `regex` package stops at a time limit and lets
go of the interpreter's lock meanwhile; a linear engine (google-re2) would need no limit, but has no wheels for
musl, and knows no look-around, which people copy from examples.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

import regex

from fivapp_whatsapp import InvalidSetting

Match = Literal["exact", "contains", "regex", "any"]

LONGEST_TEXT = 4096
# For all patterns that one message is held against: a fair pattern takes microseconds.
TIME_LIMIT = 0.1
# No limit of time ends the making of an expression, so what it would be made of has one.
MOST_COUNTED = 10_000
_COUNTS = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")


def fold(text: str) -> str:
    """Return the text without case, accents and doubled spaces: "  Açãó " becomes "acao"."""
    return " ".join(without_accents(text).casefold().split())


def without_accents(text: str) -> str:
    """Return the text in its plain letters; case and escapes of regular expressions stay as they are."""
    if text.isascii():
        return text
    return "".join(char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) != "Mn")


def compile_pattern(pattern: str) -> regex.Pattern[str]:
    """Return a regular expression that finds plain letters in any case. Raises ValueError with what is wrong."""
    if _written_out(pattern) > MOST_COUNTED:
        raise InvalidSetting(
            f"the counts in braces of {pattern[:40]!r} make more than {MOST_COUNTED:,}, multiplied",
            {"pt-BR": f"as contagens entre chaves de {pattern[:40]!r} multiplicadas passam de {MOST_COUNTED}"},
        )
    try:
        return _compile(without_accents(pattern))
    except regex.error as exc:
        raise InvalidSetting(
            f"the regular expression {pattern!r} cannot be read: {exc}",
            {"pt-BR": f"a expressão regular {pattern!r} não pode ser lida: {exc}"},
        ) from None
    except RecursionError:
        raise InvalidSetting(
            f"the regular expression {pattern[:40]!r} is nested too deeply",
            {"pt-BR": f"a expressão regular {pattern[:40]!r} está aninhada fundo demais"},
        ) from None


def _written_out(pattern: str) -> int:
    """Return what the counts of a pattern make, multiplied: `(a{99}){99}` is written out when it is compiled."""
    written_out = 1
    for count in _COUNTS.finditer(pattern):
        written_out = min(written_out * max([1, *(int(n[:6]) for n in count.groups() if n)]), MOST_COUNTED + 1)
    return written_out


class Deadline:
    """The time that the patterns of one message have together; `missed` when one was given up."""

    def __init__(self, seconds: float = TIME_LIMIT) -> None:
        self._end = time.monotonic() + seconds
        self.missed = False

    def finds(self, pattern: str, text: str) -> bool:
        """Tell whether a regular expression finds something in the time that is left."""
        left = self._end - time.monotonic()
        try:
            if left > 0:
                return compile_pattern(pattern).search(text, timeout=left) is not None
        except TimeoutError:
            pass
        self.missed = True
        return False


def matches(text: str | None, match: Match, patterns: Sequence[str], deadline: Deadline, *, whole_words: bool) -> bool:
    """Tell whether a text matches one of the patterns.

    A message without a text matches `any` only. `exact` overlooks punctuation around the text; `contains` with
    `whole_words` finds "oi" in "oi, tudo bem?", not in "foi".
    """
    if match == "any":
        return True
    if text is None or not text.strip():
        return False
    if match == "regex":
        plain = without_accents(text[:LONGEST_TEXT])
        return any(deadline.finds(pattern, plain) for pattern in patterns)
    folded = fold(text[:LONGEST_TEXT])
    wanted = (fold(pattern) for pattern in patterns)
    if match == "exact":
        return _bare(folded) in {_bare(pattern) for pattern in wanted}
    return _contains(folded, wanted, whole_words)


def _contains(text: str, patterns: Iterable[str], whole_words: bool) -> bool:
    if not whole_words:
        return any(pattern in text for pattern in patterns)
    return any(_has_words(text, pattern) for pattern in patterns)


def _has_words(text: str, words: str) -> bool:
    start = text.find(words)
    while start >= 0:
        end = start + len(words)
        if _parted(text[start - 1 : start], words[0]) and _parted(text[end : end + 1], words[-1]):
            return True
        start = text.find(words, start + 1)
    return False


def _parted(outside: str, inside: str) -> bool:
    return not (outside.isalnum() and inside.isalnum())


def _bare(text: str) -> str:
    """Return a folded text without the punctuation around it; one that is nothing else stays."""
    start, end = 0, len(text)
    while start < end and _is_punctuation(text[start]):
        start += 1
    while start < end and _is_punctuation(text[end - 1]):
        end -= 1
    return text[start:end] or text


def _is_punctuation(char: str) -> bool:
    return char.isspace() or unicodedata.category(char).startswith("P")


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.IGNORECASE)
