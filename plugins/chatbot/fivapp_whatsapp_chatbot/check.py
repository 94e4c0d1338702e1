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
from .mistakes import mistake
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

    def error(self, key: str, step: str | None = None, *at: str, **facts: object) -> None:
        self.problems.append(mistake("error", key, step, self.line(step, at), **facts))

    def warn(self, key: str, step: str | None = None, *at: str, **facts: object) -> None:
        self.problems.append(mistake("warning", key, step, self.line(step, at), **facts))

    def line(self, step: str | None, at: tuple[str, ...]) -> int | None:
        return self.flow.lines.of(("steps", step, *at) if step else at)

    def targets(self) -> None:
        flow = self.flow
        for name, step in flow.steps.items():
            for key, target in named(step):
                if target not in flow.steps:
                    self.error("unknown_target", name, key, target=target)
        heads = [("start", flow.start), ("words", flow.words.menu_step), ("retries", flow.retries.to)]
        heads += [("triggers", trigger.to) for trigger in flow.triggers]
        for key, head in heads:
            if head is not None and head not in flow.steps:
                self.error("unknown_target", None, key, target=head)

    def step(self, name: str, step: AnyStep) -> None:
        flow = self.flow
        if not isinstance(step, Goto | Branch | HandOver | End) and flow.after(name) is None and not leads_on(step):
            self.error("dead_end", name)
        if isinstance(step, Menu | Ask | Http) and flow.variable(name) == "contact":
            self.error("reserved_name", name)
        for key, text in _texts(step):
            if has_odd_braces(text):
                self.warn("odd_braces", name, key, field=key)
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
            self.error("double_option", name, "options", id=doubled)
        if len(options) > MOST_OPTIONS:
            self.warn("many_options", name, "options", most=MOST_OPTIONS)
        reserved = {fold(w) for key in ("back", "cancel", "menu") for w in words_of(self.flow, key)}
        meant: dict[str, str] = {}
        for option in options:
            if len(option.title) > LONGEST_TITLE:
                self.warn("long_title", name, "options", title=option.title, most=LONGEST_TITLE)
            for word in map(fold, (option.title, *option.words)):
                if word in reserved:
                    self.warn("reserved_word", name, "options", word=word)
                if meant.setdefault(word, option.id) != option.id:
                    self.warn("ambiguous_word", name, "options", word=word)

    def ask(self, name: str, step: Ask) -> None:
        if (step.type == "one_of") != bool(step.options):
            self.error("options_of_one_of", name)
        self.options(name, step.options)
        if step.pattern is not None:
            self.pattern(name, step, step.pattern)
        if step.min_length > step.max_length:
            self.error("bad_limits.lengths", name, "min_length")
        for key, limit in (("min", step.min), ("max", step.max)):
            if limit is None:
                continue
            kind = _LIMITED.get(step.type)
            if kind is None or not isinstance(limit, kind):
                self.error("bad_limits", name, key, field=key)
            elif isinstance(limit, str) and read_day(limit, _SOME_DAY) is None:
                self.error("bad_limits.day", name, key, limit=limit)

    def pattern(self, name: str, step: Ask, pattern: str) -> None:
        if step.type != "text":
            self.error("pattern_of_text", name, "pattern")
        if (problem := pattern_problem(pattern)) is not None:
            self.error("bad_pattern", name, "pattern", said=problem)

    def http(self, name: str, step: Http) -> None:
        try:
            parts = urlsplit(step.url)
            host, scheme = parts.hostname or "", parts.scheme
        except ValueError:
            host = scheme = ""
        if scheme not in ("https", "http") or not host:
            self.error("bad_url", name, "url")
        elif "{" in parts.netloc:
            self.error("bad_url.host", name, "url")
        if step.on_error is None:
            self.warn("no_on_error", name)
        if step.method in ("GET", "DELETE") and step.json is not None:
            self.warn("unsent_json", name, "json", method=step.method)
        for key, value in step.headers.items():
            if not key.isascii() or not value.isascii() or not (key + value).isprintable() or not key:
                self.error("bad_header", name, "headers", header=key)

    def graph(self) -> None:
        flow = self.flow
        reached = set(entries(flow))
        stack = list(reached)
        while stack:
            for name in following(flow, stack.pop()) - reached:
                reached.add(name)
                stack.append(name)
        for name in flow.steps.keys() - reached:
            self.warn("unreachable", name)
        for name in sorted(loops(flow, reached)):
            self.error("loop_without_input", name)

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
                        self.error("undefined.contact", name, key, path=path)
                elif root not in ever:
                    self.error("undefined", name, key, name=root)
                elif root not in filled[name]:
                    self.warn("maybe_undefined", name, key, name=root)

    def timeout(self) -> None:
        timeout = self.flow.timeout
        if timeout.remind_after and seconds_of(timeout.remind_after) >= seconds_of(timeout.end_after):
            self.error("bad_timeout", None, "timeout")


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
