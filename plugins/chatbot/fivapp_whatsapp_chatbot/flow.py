"""What a flow is: steps, triggers, texts, as they stand in its file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from .lines import Lines

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DURATION = re.compile(r"(\d{1,5})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Text = Annotated[str, Meta(min_length=1, max_length=3000)]
Short = Annotated[str, Meta(min_length=1, max_length=200)]
Name = Annotated[str, Meta(pattern=f"^{NAME.pattern}$")]
Language = Literal["pt-BR", "en"]
FieldType = Literal["text", "number", "date", "email", "phone", "cpf", "cnpj", "one_of"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake in a flow; an `error` keeps the flow from being used, a `warning` does not. Lines count from 1.

    `detail` is English; `i18n` has it in other languages, by the language and the field's name.
    """

    severity: Literal["error", "warning"]
    code: str
    detail: str
    step: str | None = None
    line: int | None = None
    i18n: Mapping[str, Mapping[str, str]] = {}


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a flow, as it stands in the file."""


class Option(_Part, frozen=True, kw_only=True):
    """One of the answers that a menu offers; `words` choose it too, `to` is the step that follows."""

    title: Short
    id: Name = ""
    description: Annotated[str, Meta(max_length=200)] | None = None
    words: tuple[Short, ...] = ()
    to: Name | None = None


class Step(_Part, frozen=True, kw_only=True, tag_field="kind"):
    """One step of a flow."""


class Say(Step, frozen=True, kw_only=True, tag="say"):
    """Say something and go on."""

    text: Text
    next: Name | None = None


class Menu(Step, frozen=True, kw_only=True, tag="menu"):
    """Offer options and wait for one of them; its id is kept under `save`."""

    text: Text
    options: Annotated[tuple[Option, ...], Meta(min_length=1, max_length=50)]
    save: Name | None = None
    help: Text | None = None
    next: Name | None = None


class Ask(Step, frozen=True, kw_only=True, tag="ask"):
    """Ask for something and wait until the answer is of the type; it is kept under `save`."""

    text: Text
    type: FieldType = "text"
    save: Name | None = None
    help: Text | None = None
    next: Name | None = None
    pattern: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    min_length: Annotated[int, Meta(ge=1, le=1000)] = 1
    max_length: Annotated[int, Meta(ge=1, le=1000)] = 1000
    min: float | str | None = None
    max: float | str | None = None
    whole: bool = False
    options: Annotated[tuple[Option, ...], Meta(max_length=50)] = ()


class Http(Step, frozen=True, kw_only=True, tag="http"):
    """Call a service with the answers; what it replies is kept under `save`. `on_error` follows when it fails."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, Annotated[str, Meta(max_length=2000)]] = {}
    json: Any = None
    timeout: Annotated[float, Meta(gt=0, le=10)] = 5.0
    save: Name | None = None
    next: Name | None = None
    on_error: Name | None = None
    example: Any = None


class Goto(Step, frozen=True, kw_only=True, tag="goto"):
    """Go on at another step."""

    to: Name


class Case(_Part, frozen=True, kw_only=True):
    """One way out of a branch: the first whose conditions all hold is taken."""

    to: Name
    is_: str | float | bool | list[str | float | bool] | None = field(default=None, name="is")
    above: float | None = None
    below: float | None = None
    missing: bool | None = None


class Branch(Step, frozen=True, kw_only=True, tag="branch"):
    """Go on by an answer, or by something in a service's reply."""

    on: Annotated[str, Meta(min_length=1, max_length=200)]
    cases: Annotated[tuple[Case, ...], Meta(min_length=1, max_length=100)]
    otherwise: Name


class HandOver(Step, frozen=True, kw_only=True, tag="hand_over"):
    """Give the conversation to a person, for a reason that agents read, and be silent."""

    text: Annotated[str, Meta(max_length=3000)] = ""
    reason: Annotated[str, Meta(max_length=500)] = ""


class End(Step, frozen=True, kw_only=True, tag="end"):
    """End the flow; what the contact writes next may start it again."""

    text: Annotated[str, Meta(max_length=3000)] = ""


AnyStep = Say | Menu | Ask | Http | Goto | Branch | HandOver | End


class Trigger(_Part, frozen=True, kw_only=True):
    """What starts the flow, at a step: words, ids of choices, or any message at all.

    `any` does not start it again within `again_after` of its last end: a "thank you" is no new request.
    """

    words: tuple[Short, ...] = ()
    choices: tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...] = ()
    any: bool = False
    again_after: str = "1h"
    to: Name | None = None


class Timeout(_Part, frozen=True, kw_only=True):
    """When the contact is silent: a reminder, then the end, both counted from the last message."""

    remind_after: str | None = "10m"
    end_after: str = "30m"


class Retries(_Part, frozen=True, kw_only=True):
    """How often an answer may be wrong; then a person takes over, or another step follows."""

    limit: Annotated[int, Meta(ge=1, le=10)] = 3
    to: Name | None = None


class Words(_Part, frozen=True, kw_only=True):
    """The words that work in every step; an empty list switches one off. `menu` goes to a step, else to the start."""

    back: tuple[Short, ...] | None = None
    cancel: tuple[Short, ...] | None = None
    menu: tuple[Short, ...] | None = None
    menu_step: Name | None = None


class Head(_Part, frozen=True, kw_only=True):
    """What a flow says of itself, beside its steps and triggers."""

    name: Annotated[str, Meta(max_length=100)] = ""
    language: Language | None = None
    time_zone: str = "America/Sao_Paulo"
    start: Name | None = None
    words: Words = Words()
    texts: dict[str, Text] = {}
    timeout: Timeout = Timeout()
    retries: Retries = Retries()


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that can be read; `check` tells whether it makes sense. `version` changes with its meaning only.

    `order` has for each step the one behind it in the file.
    """

    version: str
    name: str
    language: Language
    time_zone: str
    start: str
    steps: Mapping[str, AnyStep]
    order: Mapping[str, str]
    triggers: Sequence[Trigger]
    words: Words
    texts: Mapping[str, str]
    timeout: Timeout
    retries: Retries
    lines: Lines

    def after(self, name: str) -> str | None:
        """Return the step that follows: the one that `next` names, else the next one in the file."""
        said: str | None = getattr(self.steps[name], "next", None)
        return said if said is not None else self.order.get(name)

    def variable(self, name: str) -> str:
        """Return the name under which a step keeps its answer."""
        return getattr(self.steps[name], "save", None) or name


def seconds_of(duration: str) -> int:
    """Return the seconds of "90s", "10m", "2h" or "1d". Raises ValueError."""
    found = _DURATION.fullmatch(duration.strip())
    if found is None:
        raise ValueError(f"{duration!r} is no duration such as 90s, 10m, 2h or 1d")
    return int(found[1]) * _SECONDS[found[2]]
