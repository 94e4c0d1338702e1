"""Reads a flow out of TOML, and tells every mistake of its shape at once, with its line."""

from __future__ import annotations

import hashlib
import re
import tomllib
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec

from .flow import (
    NAME,
    AnyStep,
    Flow,
    Head,
    Language,
    Problem,
    Trigger,
    seconds_of,
)
from .lines import Lines, find_lines
from .mistakes import mistake
from .texts import TEXTS
from .words import fold, slug

MAX_STEPS = 500
KINDS = tuple(str(step.__struct_config__.tag) for step in get_args(AnyStep))


def read_flow(text: str, *, language: Language = "pt-BR") -> tuple[Flow | None, list[Problem]]:
    """Read a flow; without an error among the problems there is one. `language` is for a flow that names none."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        place = re.search(r"at line (\d+)", str(exc))
        line = int(place[1]) if place else text.count("\n") + 1
        return None, [mistake("error", "not_toml", line=line, said=exc)]
    except RecursionError:
        return None, [mistake("error", "not_toml.deep")]
    return _Reader(data, find_lines(text)).read(language)


class _Reader:
    def __init__(self, data: dict[str, Any], lines: Lines) -> None:
        self.data = data
        self.lines = lines
        self.problems: list[Problem] = []

    def read(self, language: Language) -> tuple[Flow | None, list[Problem]]:
        head = self.convert({k: v for k, v in self.data.items() if k not in ("steps", "triggers")}, Head, ())
        triggers = self.triggers()
        steps = self.steps()
        if head is not None:
            self.look_at(head)
        if self.problems or head is None:
            return None, self.problems
        flow = Flow(
            version=hashlib.sha256(msgspec.json.encode(self.data, order="deterministic", enc_hook=str)).hexdigest()[
                :16
            ],
            name=head.name,
            language=head.language or language,
            time_zone=head.time_zone,
            start=head.start or next(iter(steps)),
            steps=steps,
            order=dict(pairwise(steps)),
            triggers=triggers,
            words=head.words,
            texts=head.texts,
            timeout=head.timeout,
            retries=head.retries,
            lines=self.lines,
        )
        return flow, []

    def steps(self) -> dict[str, AnyStep]:
        raw = self.data.get("steps")
        if not isinstance(raw, dict) or not raw:
            self.error("no_steps")
            return {}
        if len(raw) > MAX_STEPS:
            self.error("too_many_steps", most=MAX_STEPS)
            return {}
        steps = {}
        for name, data in raw.items():
            if NAME.fullmatch(name) is None:
                self.error("bad_name", name)
            if isinstance(data, dict) and data.get("kind") not in KINDS:
                self.kind(data.get("kind"), name)
                continue
            step: Any = self.convert(_with_options(data), AnyStep, ("steps", name), name)
            if step is not None:
                steps[name] = step
        return steps

    def triggers(self) -> list[Trigger]:
        raw = self.data.get("triggers")
        if raw is None:
            return [Trigger(any=True)]
        found = self.convert(raw, list[Trigger], ("triggers",))
        for trigger in found or ():
            self.duration(trigger.again_after, ("triggers",))
        return found or []

    def look_at(self, head: Head) -> None:
        for text in filter(None, (head.timeout.remind_after, head.timeout.end_after)):
            self.duration(text, ("timeout",))
        for key in head.texts.keys() - TEXTS["en"].keys():
            known = ", ".join(sorted(TEXTS["en"]))
            self.error("unknown_text", at=("texts", key), text=key, known=known)
        try:
            ZoneInfo(head.time_zone)
        except (KeyError, ValueError, OSError):
            self.error("unknown_time_zone", at=("time_zone",), zone=head.time_zone)

    def duration(self, text: str, at: tuple[str, ...]) -> None:
        try:
            seconds_of(text)
        except ValueError:
            self.error("bad_duration", at=at, duration=text)

    def convert(self, data: Any, kind: Any, at: tuple[str, ...], step: str | None = None) -> Any:
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError as exc:
            detail, _, path = str(exc).partition(" - at `$")
            inner = re.findall(r"[a-z_]+", path.split("[")[0])
            where = f" (at {path.strip('`.')})" if path.strip("`.") else ""
            self.error("bad_shape", step, (*at, *inner), said=detail + where)
            return None

    def kind(self, kind: Any, step: str) -> None:
        near = None if kind is None else next(iter(get_close_matches(str(kind).lower(), KINDS, 1)), None)
        key = "unknown_kind.none" if kind is None else "unknown_kind" if near is None else "unknown_kind.near"
        self.error(key, step, ("steps", step, "kind"), kind=kind, near=near, known=", ".join(KINDS))

    def error(self, key: str, step: str | None = None, at: tuple[str, ...] | None = None, **facts: object) -> None:
        line = self.lines.of(at if at is not None else ("steps", step) if step else ())
        self.problems.append(mistake("error", key, step, line, **facts))


def _with_options(step: Any) -> Any:
    """Write options out: a text alone is a title, and an id that is missing is made of the title."""
    if not isinstance(step, dict) or not isinstance(step.get("options"), list):
        return step
    options = [{"title": option} if isinstance(option, str) else option for option in step["options"]]
    return {**step, "options": [_with_id(o, n) if isinstance(o, dict) else o for n, o in enumerate(options, 1)]}


def _with_id(option: dict[str, Any], number: int) -> dict[str, Any]:
    if "id" in option or not isinstance(option.get("title"), str):
        return option
    made = slug(fold(option["title"]))
    return {**option, "id": made if NAME.fullmatch(made) else f"option_{number}"}
