"""The words in which the table says what a route takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

CANARY = "c4n4ry-Zq7"
OTHER_PHONE = "5521977776666"


class Needs(Enum):
    """Who may use a route."""

    NOBODY = "anybody"
    USER = "a user"
    ADMIN = "an admin"
    KEY = "a connection service with its key"
    SOCKET = "a user, by a header or a ticket"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value of a body; `good` may name an object of the world in braces."""

    good: Any
    required: bool = False
    null: bool = True


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """A text of `least` to `most` characters; `names` says of which kind of object it is the id."""

    most: int
    least: int = 1
    names: str = ""


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of a few words."""


@dataclass(frozen=True, kw_only=True)
class Moment(Field):
    """A time with its zone."""


@dataclass(frozen=True, kw_only=True)
class Texts(Field):
    """At most `most` texts, each of 1 to `each` characters."""

    most: int
    each: int


@dataclass(frozen=True, kw_only=True)
class Things(Field):
    """A list of objects, also an empty one."""


@dataclass(frozen=True, kw_only=True)
class Flag(Field):
    """True or false."""


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A whole number from `least` to `most`."""

    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Free(Field):
    """An object whose fields are not the route's own."""


@dataclass(frozen=True, kw_only=True)
class Parts(Field):
    """An object; `good` is made of its fields."""

    good: Any = None
    fields: Mapping[str, Field]


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query, percent-encoded, or a header: what is refused, and how; `names` as for a text."""

    bad: tuple[str, ...]
    code: str = "invalid_input"
    status: int = 400
    names: str = ""


@dataclass(frozen=True)
class Also:
    """A request that is well formed and still refused."""

    name: str
    status: int
    code: str
    body: Mapping[str, Any] | None = None
    query: str = ""
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A route; `at` is the address that is asked where the application's own template is a mount."""

    method: str
    path: str
    needs: Needs = Needs.USER
    at: str = ""
    own: str = ""
    body: Mapping[str, Field] | None = None
    body_optional: bool = False
    query: Mapping[str, Parameter] = field(default_factory=dict)
    headers: Mapping[str, Parameter] = field(default_factory=dict)
    also: tuple[Also, ...] = ()
    always: str = ""  # the code of its 404, where there never is anything

    @property
    def name(self) -> str:
        """Return how a test calls it."""
        return f"{self.method} {self.at or self.path}"

    @property
    def template(self) -> str:
        """Return the path that is asked."""
        return self.at or self.path


# What a placeholder of a path names.
OBJECTS = {
    "tenant_id": "session",
    "session_id": "session",
    "conversation_id": "conversation",
    "message_id": "message",
    "plugin": "plugin",
    "failure_id": "failure",
    "path": "page",
}
# What these name belongs to the installation, not to a tenant.
NOBODYS = frozenset({"plugin"})
