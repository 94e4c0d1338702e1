"""What is wrong with a flow, before a contact finds out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from urllib.parse import urlsplit

from .answers import pattern_problem, read_day
from .engine import words_of
from .flow import (
    AnyStep,
    Ask,
    Branch,
    End,
    Flow,
    Goto,
    HandOver,
    Http,
    Language,
    Menu,
    Option,
    Problem,
    seconds_of,
)
from .graph import entries, following, known, leads_on, loops, named
from .reading import read_flow
from .template import has_odd_braces, paths
from .words import fold

# What WhatsApp shows of an option: more of them, or longer ones, become a numbered text.
MOST_OPTIONS = 10
LONGEST_TITLE = 24
_CONTACT = frozenset(("name", "first_name", "phone"))
_LIMITED = {"number": float | int, "date": str}
_SOME_DAY = date(2026, 1, 1)  # any: whether a limit can be read does not depend on it


def check_flow(text: str, *, language: Language = "pt-BR") -> tuple[Flow | None, list[Problem]]:
    """Read a flow and look at it; there is one unless a problem is an error. Problems come in the order of lines."""
    flow, problems = read_flow(text, language=language)
    if flow is not None:
        problems = _Checker(flow).check()
    problems.sort(key=lambda problem: (problem.line or 0, problem.severity))
    bad = any(problem.severity == "error" for problem in problems)
    return (None if bad else flow), problems


class _Checker:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.problems: list[Problem] = []

    def check(self) -> list[Problem]:
        self.targets()
        if self.problems:  # the graph has holes: what follows would only repeat it
            return self.problems
        for name, step in self.flow.steps.items():
            self.step(name, step)
        self.graph()
        self.variables()
        self.timeout()
        return self.problems

    def note(self, severity: str, code: str, detail: str, step: str | None = None, *at: str) -> None:
        line = self.flow.lines.of(("steps", step, *at) if step else at)
        self.problems.append(
            Problem(
                severity="error" if severity == "error" else "warning", code=code, detail=detail, step=step, line=line
            )
        )

    def targets(self) -> None:
        flow = self.flow
        for name, step in flow.steps.items():
            for key, target in named(step):
                if target not in flow.steps:
                    self.note("error", "unknown_target", f"there is no step {target!r}", name, key)
        heads = [("start", flow.start), ("words", flow.words.menu_step), ("retries", flow.retries.to)]
        heads += [("triggers", trigger.to) for trigger in flow.triggers]
        for key, head in heads:
            if head is not None and head not in flow.steps:
                self.note("error", "unknown_target", f"there is no step {head!r}", None, key)

    def step(self, name: str, step: AnyStep) -> None:
        flow = self.flow
        if not isinstance(step, Goto | Branch | HandOver | End) and flow.after(name) is None and not leads_on(step):
            self.note("error", "dead_end", "nothing follows: name a `next` step, or add an end", name)
        if isinstance(step, Menu | Ask | Http) and flow.variable(name) == "contact":
            self.note("error", "reserved_name", "`contact` is the contact's own; keep this under another name", name)
        for key, text in _texts(step):
            if has_odd_braces(text):
                self.note("warning", "odd_braces", f"a brace in `{key}` is no {{place}}; write {{{{ for {{", name, key)
        match step:
            case Menu():
                self.options(name, step.options)
            case Ask():
                self.ask(name, step)
            case Http():
                self.http(name, step)

    def options(self, name: str, options: tuple[Option, ...]) -> None:
        ids = [option.id for option in options]
        for doubled in sorted({i for i in ids if ids.count(i) > 1}):
            self.note("error", "double_option", f"two options have the id {doubled!r}", name, "options")
        if len(options) > MOST_OPTIONS:
            self.note("warning", "many_options", f"WhatsApp lists {MOST_OPTIONS} options at most", name, "options")
        reserved = {fold(w) for key in ("back", "cancel", "menu") for w in words_of(self.flow, key)}
        meant: dict[str, str] = {}
        for option in options:
            if len(option.title) > LONGEST_TITLE:
                self.note(
                    "warning", "long_title", f"{option.title!r} has over {LONGEST_TITLE} characters", name, "options"
                )
            for word in map(fold, (option.title, *option.words)):
                if word in reserved:
                    self.note("warning", "reserved_word", f"{word!r} works in every step already", name, "options")
                if meant.setdefault(word, option.id) != option.id:
                    self.note("warning", "ambiguous_word", f"{word!r} means two options", name, "options")

    def ask(self, name: str, step: Ask) -> None:
        if (step.type == "one_of") != bool(step.options):
            self.note("error", "options_of_one_of", "`options` belong to the type one_of, which needs them", name)
        self.options(name, step.options)
        if step.pattern is not None:
            self.pattern(name, step, step.pattern)
        if step.min_length > step.max_length:
            self.note("error", "bad_limits", "`min_length` is above `max_length`", name, "min_length")
        for key, limit in (("min", step.min), ("max", step.max)):
            if limit is None:
                continue
            kind = _LIMITED.get(step.type)
            if kind is None or not isinstance(limit, kind):
                wanted = "a number for a number; a text such as 2026-12-31, today or today+30d for a date"
                self.note("error", "bad_limits", f"`{key}` is {wanted}", name, key)
            elif isinstance(limit, str) and read_day(limit, _SOME_DAY) is None:
                self.note("error", "bad_limits", f"{limit!r} is no day: 2026-12-31, today or today+30d", name, key)

    def pattern(self, name: str, step: Ask, pattern: str) -> None:
        if step.type != "text":
            self.note("error", "pattern_of_text", "`pattern` belongs to the type text", name, "pattern")
        if (problem := pattern_problem(pattern)) is not None:
            self.note("error", "bad_pattern", f"the pattern cannot be used: {problem}", name, "pattern")

    def http(self, name: str, step: Http) -> None:
        try:
            parts = urlsplit(step.url)
            host, scheme = parts.hostname or "", parts.scheme
        except ValueError:
            host = scheme = ""
        if scheme not in ("https", "http") or not host:
            self.note("error", "bad_url", "`url` is a whole address: https://…", name, "url")
        elif "{" in parts.netloc:
            self.note("error", "bad_url", "an answer cannot be a part of the host", name, "url")
        if step.on_error is None:
            self.note("warning", "no_on_error", "without `on_error` a failing service hands over to a person", name)
        if step.method in ("GET", "DELETE") and step.json is not None:
            self.note("warning", "unsent_json", f"`json` is not sent with {step.method}", name, "json")
        for key, value in step.headers.items():
            if not key.isascii() or not value.isascii() or not (key + value).isprintable() or not key:
                self.note("error", "bad_header", f"the header {key!r} cannot be sent", name, "headers")

    def graph(self) -> None:
        flow = self.flow
        reached = set(entries(flow))
        stack = list(reached)
        while stack:
            for name in following(flow, stack.pop()) - reached:
                reached.add(name)
                stack.append(name)
        for name in flow.steps.keys() - reached:
            self.note("warning", "unreachable", "no way leads to this step", name)
        for name in sorted(loops(flow, reached)):
            self.note("error", "loop_without_input", "this step leads back to itself without a question", name)

    def variables(self) -> None:
        """Tell of places that nothing fills, and of those that only some ways to them do."""
        flow = self.flow
        filled = known(flow)
        ever = {flow.variable(name) for name, step in flow.steps.items() if isinstance(step, Menu | Ask | Http)}
        for name, step in flow.steps.items():
            if name not in filled:
                continue
            for path, key in _used(step):
                root, _, further = path.partition(".")
                if root == "contact":
                    if further not in _CONTACT:
                        self.note(
                            "error",
                            "undefined",
                            f"there is no {{{path}}}; a contact has name, first_name, phone",
                            name,
                            key,
                        )
                elif root not in ever:
                    self.note("error", "undefined", f"nothing fills {{{root}}}", name, key)
                elif root not in filled[name]:
                    self.note("warning", "maybe_undefined", f"not every way to this step fills {{{root}}}", name, key)

    def timeout(self) -> None:
        timeout = self.flow.timeout
        if timeout.remind_after and seconds_of(timeout.remind_after) >= seconds_of(timeout.end_after):
            self.note("error", "bad_timeout", "`remind_after` is not before `end_after`", None, "timeout")


def _texts(step: AnyStep) -> Iterator[tuple[str, str]]:
    for key in ("text", "help", "reason", "url"):
        if text := getattr(step, key, None):
            yield key, text


def _used(step: AnyStep) -> Iterator[tuple[str, str]]:
    for key, text in _texts(step):
        yield from ((path, key) for path in paths(text))
    if isinstance(step, Branch):
        yield step.on, "on"
    if isinstance(step, Http):
        yield from ((path, "json") for text in _strings(step.json) for path in paths(text))


def _strings(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from _strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)
