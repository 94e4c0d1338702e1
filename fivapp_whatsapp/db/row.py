"""A row of a table as a mutable struct: what the writer loads, changes and writes back.

Times are milliseconds since 1970, UTC; JSON is text that we encode ourselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, Self

import msgspec


class Row(msgspec.Struct):
    """A row of one table; `primary_key` names its key columns."""

    table: ClassVar[str]
    primary_key: ClassVar[tuple[str, ...]]

    @classmethod
    def of(cls, values: Iterable[Any]) -> Self:
        """Make a row of values in the order of the columns."""
        return cls(*values)

    @property
    def identity(self) -> tuple[Any, ...]:
        """Return the values of the primary key."""
        return _identity_of(type(self))(self)


@cache
def _identity_of(kind: type[Row]) -> Callable[[Any], tuple[Any, ...]]:
    get = attrgetter(*kind.primary_key)
    # For one name attrgetter returns the bare value.
    return get if len(kind.primary_key) > 1 else lambda row: (get(row),)
