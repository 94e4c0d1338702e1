"""The orders of the inbox, and where a page of each ends."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.ports import ConversationFilter

from .rows import ConversationRow

Place: TypeAlias = tuple[int, str]


class Order(Protocol):
    """An order of conversations: its columns, which way it goes, and places in it as text."""

    columns: tuple[str, ...]
    ascending: bool

    def write(self, row: ConversationRow) -> str:
        """Return the place of a row."""
        ...

    def read(self, text: str | None) -> Place | None:
        """Return a place that was written. Raises InvalidInput."""
        ...


class ByActivity:
    """What happened last comes first; no two conversations share a seq."""

    columns: tuple[str, ...] = ("activity_seq",)
    ascending: bool = False

    def write(self, row: ConversationRow) -> str:
        """Return the place of a row."""
        return str(row.activity_seq)

    def read(self, text: str | None) -> Place | None:
        """Return a place that was written. Raises InvalidInput."""
        return None if text is None else (_number(text), "")


class ByWait:
    """Who has waited longest comes first; who came in the same millisecond stands by id."""

    columns: tuple[str, ...] = ("waiting_since", "id")
    ascending: bool = True

    def write(self, row: ConversationRow) -> str:
        """Return the place of a row."""
        return f"{row.waiting_since}.{row.id}"

    def read(self, text: str | None) -> Place | None:
        """Return a place that was written. Raises InvalidInput."""
        if text is None:
            return None
        since, _, id = text.partition(".")
        return _number(since), id


def order_of(where: ConversationFilter) -> Order:
    """Return the order of a list."""
    return ByWait() if where.view == "to_answer" else ByActivity()


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise InvalidInput("This is no place in a list.", code="invalid_cursor")
    return int(text)
