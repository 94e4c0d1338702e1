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
        return None, [Problem(severity="error", code="not_toml", detail=str(exc), line=line)]
    except RecursionError:
        return None, [Problem(severity="error", code="not_toml", detail="values are nested too deeply in each other")]
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
            self.error("no_steps", "a flow has at least one step: [steps.name]")
            return {}
        if len(raw) > MAX_STEPS:
            self.error("too_many_steps", f"a flow has {MAX_STEPS} steps at most")
            return {}
        steps = {}
        for name, data in raw.items():
            if NAME.fullmatch(name) is None:
                self.error("bad_name", "a step's name has a-z, 0-9 and _, and begins with a letter", name)
            if isinstance(data, dict) and (detail := _kind_problem(data.get("kind"))) is not None:
                self.error("unknown_kind", detail, name, ("steps", name, "kind"))
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
            self.error("unknown_text", f"there is no text {key!r}; there are {known}", at=("texts", key))
        try:
            ZoneInfo(head.time_zone)
        except (KeyError, ValueError, OSError):
            self.error("unknown_time_zone", f"there is no time zone {head.time_zone!r}", at=("time_zone",))

    def duration(self, text: str, at: tuple[str, ...]) -> None:
        try:
            seconds_of(text)
        except ValueError as exc:
            self.error("bad_duration", str(exc), at=at)

    def convert(self, data: Any, kind: Any, at: tuple[str, ...], step: str | None = None) -> Any:
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError as exc:
            detail, _, path = str(exc).partition(" - at `$")
            inner = re.findall(r"[a-z_]+", path.split("[")[0])
            where = f" (at {path.strip('`.')})" if path.strip("`.") else ""
            self.error("bad_shape", detail + where, step, (*at, *inner))
            return None

    def error(self, code: str, detail: str, step: str | None = None, at: tuple[str, ...] | None = None) -> None:
        line = self.lines.of(at if at is not None else ("steps", step) if step else ())
        self.problems.append(Problem(severity="error", code=code, detail=detail, step=step, line=line))


def _kind_problem(kind: Any) -> str | None:
    """Say what is wrong with a step's kind, or None."""
    if kind in KINDS:
        return None
    known = f"there are {', '.join(KINDS)}"
    if kind is None:
        return f"a step has a `kind`: {known}"
    near = get_close_matches(str(kind).lower(), KINDS, 1)
    return f"there is no kind {kind!r}" + (f": did you mean {near[0]!r}? " if near else ": ") + known


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
