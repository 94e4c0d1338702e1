"""Welcome texts: `Bem-vinda a {group}, {names}!` with the names that are known, in one language or the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from fivapp_whatsapp import InvalidSetting

Language = Literal["pt-BR", "en"]

VARIABLES = ("names", "group")
LONGEST_TEXT = 2000
_LONGEST_NAME = 60
_MOST_NAMES = 10
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# "Olá, {names}!" without a name is "Olá!".
_GAP = re.compile(r"[\s,]*\{names\}")
_AND = {"pt-BR": "e", "en": "and"}
_MORE = {"pt-BR": "mais {}", "en": "{} more"}


def check(template: str) -> None:
    """Raise ValueError for a variable that does not exist, and for a single brace."""
    for match in _PART.finditer(template):
        if match[1] is None and len(match[0]) == 1:
            raise InvalidSetting(
                f"a single {match[0]} stands in the text; write it twice to mean the character",
                {"pt-BR": f"há um {match[0]} sozinho no texto; escreva duas vezes para o próprio sinal"},
            )
        if match[1] is not None and match[1] not in VARIABLES:
            raise InvalidSetting(
                f"there is no variable {{{match[1]}}}; there are {{names}} and {{group}}",
                {"pt-BR": f"não há a variável {{{match[1]}}}; há {{names}} e {{group}}"},
            )


def render(template: str, names: Sequence[str | None], group: str, language: Language) -> str:
    """Return the text with the names of who joined, None for each whose name is not known, and the group's."""
    joined = say_names(names, language)
    values = {"names": joined, "group": _short(group)}
    if not joined:
        template = _GAP.sub("", template)

    def value(match: re.Match[str]) -> str:
        return match[0][0] if match[1] is None else values[match[1]]

    return _PART.sub(value, template).strip(" ,")


def say_names(names: Sequence[str | None], language: Language) -> str:
    """Return "Ana, Bia e Caio", or "Ana e mais 2" where the others' names are not known; empty without any."""
    known = [_short(name) for name in names if name and any(char.isalpha() for char in name)][:_MOST_NAMES]
    if not known:
        return ""
    others = len(names) - len(known)
    last = _MORE[language].format(others) if others else known.pop()
    return f"{', '.join(known)} {_AND[language]} {last}" if known else last


def _short(name: str) -> str:
    return " ".join(name.split())[:_LONGEST_NAME].strip()
