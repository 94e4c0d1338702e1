"""Texts with variables: `Olá {first_name}, abrimos {opens_at}.` Double braces stand for single ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

import msgspec

from fivapp_whatsapp import InvalidSetting

from .hours import Week
from .words import WORDS, Language, Words

LONGEST_REPLY = 4096
_LONGEST_NAME = 80
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_DANGLING = re.compile(r"[\s,]+$")
_LEADING = re.compile(r"^[\s,;:.!?]+")


class Moment(msgspec.Struct, frozen=True):
    """What the variables are filled from: who wrote, when, in which language, and the hours of the tenant."""

    at: datetime
    week: Week
    language: Language
    name: str | None = None
    phone: str | None = None

    @property
    def words(self) -> Words:
        """Return the words of the language."""
        return WORDS[self.language]


def check(template: str) -> frozenset[str]:
    """Return the variables of a text. Raises ValueError for one that does not exist, and for a single brace."""
    return frozenset(part for is_variable, part in _parts(template) if is_variable)


def render(template: str, moment: Moment) -> str:
    """Return the text with its variables filled.

    What is not known leaves no gap: "Olá, {first_name}!" becomes "Olá!". The first letter of a text that
    begins with a variable is a capital.
    """
    text = ""
    parts = _parts(template)
    for is_variable, part in parts:
        value = VARIABLES[part](moment) if is_variable else part
        text = text + value if value else _DANGLING.sub("", text)
    if parts and parts[0][0]:
        text = _LEADING.sub("", text)
        text = text[:1].upper() + text[1:]
    return text.strip()[:LONGEST_REPLY]


@lru_cache(maxsize=4096)
def _parts(template: str) -> tuple[tuple[bool, str], ...]:
    parts, end = [], 0
    for match in _PART.finditer(template):
        parts.append((False, template[end : match.start()]))
        parts.append(_part(match))
        end = match.end()
    parts.append((False, template[end:]))
    return tuple(part for part in parts if part[1])


def _part(match: re.Match[str]) -> tuple[bool, str]:
    name = match[1]
    if name is None:
        if len(match[0]) == 1:
            raise InvalidSetting(
                f"a single {match[0]} stands in the text; write it twice to mean the character",
                {"pt-BR": f"há um {match[0]} sozinho no texto; escreva duas vezes para o próprio sinal"},
            )
        return False, match[0][0]
    if name not in VARIABLES:
        raise InvalidSetting(
            f"there is no variable {{{name}}}; there are {_known()}",
            {"pt-BR": f"não há a variável {{{name}}}; há {_known()}"},
        )
    return True, name


def _known() -> str:
    return ", ".join(f"{{{name}}}" for name in VARIABLES)


def _name(moment: Moment) -> str:
    name = " ".join((moment.name or "").split())[:_LONGEST_NAME].strip()
    # A phone number or a flower is no name to call somebody by.
    return name if any(char.isalpha() for char in name) else ""


def _first_name(moment: Moment) -> str:
    return _name(moment).partition(" ")[0]


def _time_of_day(moment: Moment) -> str:
    hour = moment.at.astimezone(moment.week.zone).hour
    words = moment.words
    if 5 <= hour < 12:
        return words.morning
    return words.afternoon if 12 <= hour < 18 else words.evening


def _opens_at(moment: Moment) -> str:
    words, week = moment.words, moment.week
    if week.is_open(moment.at):
        return words.now
    opens = week.opens_at(moment.at)
    if opens is None:
        return words.soon
    at = (words.at_one if opens.hour == 1 else words.at).format(time=f"{opens:%H:%M}")
    days = (opens.date() - moment.at.astimezone(week.zone).date()).days
    if days < 2:
        return (words.tomorrow if days else words.today).format(at=at)
    if days < 7:
        return words.on_weekday.format(weekday=words.weekdays[opens.weekday()], at=at)
    return words.on_date.format(date=words.date.format(day=opens.day, month=words.months[opens.month - 1]), at=at)


VARIABLES: dict[str, Callable[[Moment], str]] = {
    "name": _name,
    "first_name": _first_name,
    "phone": lambda moment: moment.phone or "",
    "time_of_day": _time_of_day,
    "opens_at": _opens_at,
}
