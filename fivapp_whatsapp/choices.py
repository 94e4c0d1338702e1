"""Choices of a message: as buttons, a list or numbered lines of text, and what a contact's answer chose of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import msgspec

from .models import Choice, MessageKind, OutgoingMessage

# WhatsApp shows up to three buttons, and a list of up to ten rows (Cloud API, interactive messages).
_BUTTONS = 3
_ROWS = 10
_NUMBER = re.compile(r"\s*([0-9]{1,3})\s*[.)º]?\s*")


def as_choices(choices: Sequence[Choice | str]) -> tuple[Choice, ...]:
    """Return choices in full: a text stands for the one whose id and title it is."""
    return tuple(Choice(id=each, title=each) if isinstance(each, str) else each for each in choices)


def render(message: OutgoingMessage, capabilities: frozenset[str]) -> OutgoingMessage:
    """Return a message with choices as a connector can show them; one without is returned as it is.

    With `buttons` or `list` it becomes `interactive`, where they hold so many; else its text gets numbered lines.
    """
    choices = as_choices(message.choices)
    if not choices:
        return message
    if message.media is None and _shown(len(choices), capabilities):
        return msgspec.structs.replace(message, kind=MessageKind.INTERACTIVE, choices=choices)
    lines = (f"{number}. {_line(choice)}" for number, choice in enumerate(choices, 1))
    text = "\n".join((message.text or "", *lines)).strip()
    kind = MessageKind.TEXT if message.kind is MessageKind.INTERACTIVE else message.kind
    return msgspec.structs.replace(message, text=text, kind=kind, choices=choices)


def chosen(text: str | None, choices: Sequence[Choice]) -> str | None:
    """Return the id of the choice that a text names by its number or its title, or None.

    "2", "2." and "2)" are numbers; titles are compared without case and accents.
    """
    if not text or not choices:
        return None
    number = _NUMBER.fullmatch(text)
    if number and 1 <= int(number[1]) <= len(choices):
        return choices[int(number[1]) - 1].id
    folded = fold(text)
    return next((choice.id for choice in choices if fold(choice.title) == folded), None)


def fold(text: str) -> str:
    """Return a text without case, accents and blanks around it, for comparing what people type."""
    parts = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _shown(count: int, capabilities: frozenset[str]) -> bool:
    return ("buttons" in capabilities and count <= _BUTTONS) or ("list" in capabilities and count <= _ROWS)


def _line(choice: Choice) -> str:
    return f"{choice.title}: {choice.description}" if choice.description else choice.title
