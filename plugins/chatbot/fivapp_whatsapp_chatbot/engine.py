"""What happens next: a pure function of the flow, of what is remembered and of what was heard.

`step(flow, memory, heard)` says what to answer and what to do, and what to remember. It reads no clock, calls no
service and keeps nothing: hooks, checker, terminal and preview all use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from .answers import Read, Wrong, choose, read_answer, show
from .flow import (
    AnyStep,
    Ask,
    Branch,
    Case,
    End,
    Flow,
    Goto,
    HandOver,
    Http,
    Menu,
    Option,
    Say,
    Trigger,
    seconds_of,
)
from .memory import Call, Effect, Facts, GiveToHuman, Memory, Output, Remind, Replied, Said, Turn
from .template import fill, fill_json, fill_url, look_up
from .texts import TEXTS, WORDS
from .words import fold, is_one_of, says

MOST_STEPS = 50  # in one turn; the checker finds a loop without input before that
MOST_BACK = 20


def step(flow: Flow, memory: Memory | None, heard: Said | Replied, facts: Facts) -> Turn:
    """Say what comes of what was heard."""
    if memory is not None and not _is_of(memory, flow):
        return _restart(flow, memory, facts)
    if isinstance(heard, Replied):
        return Turn(ignored=True, memory=memory) if memory is None else _Walk(flow, memory, facts).replied(heard)
    if memory is None:
        start = _triggered(flow, heard)
        if start is None:
            return Turn(ignored=True)
        return _Walk(flow, Memory(version=flow.version, at=start), facts).enter(start)
    return _Walk(flow, memory, facts).said(heard)


def nudge(flow: Flow, memory: Memory) -> Turn:
    """Say what a contact hears who has been silent for the time of a reminder."""
    return Turn(memory=memory, outputs=[Output(text=text_of(flow, "reminder"))])


def time_out(flow: Flow) -> Turn:
    """Say what a contact hears who has been silent for too long: the flow ends."""
    return Turn(outputs=[Output(text=text_of(flow, "timed_out"))])


def text_of(flow: Flow, name: str, limit: str = "") -> str:
    """Return a built-in text in the flow's language, or the flow's own."""
    own = flow.texts.get(name) or TEXTS[flow.language][name]
    return fill(own, {"limit": limit})


def words_of(flow: Flow, name: Literal["back", "cancel", "menu"]) -> tuple[str, ...]:
    """Return the words that go back, cancel or go to the menu."""
    own: tuple[str, ...] | None = getattr(flow.words, name)
    return WORDS[flow.language][name] if own is None else own


def _is_of(memory: Memory, flow: Flow) -> bool:
    """Tell whether a memory was made by this very flow; a preview's may have been made by anybody."""
    return memory.version == flow.version and {memory.at, *memory.trail} <= flow.steps.keys()


def _restart(flow: Flow, memory: Memory, facts: Facts) -> Turn:
    changed = Output(text=text_of(flow, "changed"))
    fresh = Memory(version=flow.version, at=flow.start, turn=memory.turn)
    turn = _Walk(flow, fresh, facts).enter(flow.start)
    return msgspec.structs.replace(turn, outputs=[changed, *turn.outputs])


def _triggered(flow: Flow, said: Said) -> str | None:
    for trigger in flow.triggers:
        if said.choice in trigger.choices or any(says(fold(text), trigger.words) for text in said.texts):
            return trigger.to or flow.start
    for trigger in flow.triggers:
        if trigger.any and _long_enough(trigger, said):
            return trigger.to or flow.start
    return None


def _long_enough(trigger: Trigger, said: Said) -> bool:
    return said.since_end is None or said.since_end >= seconds_of(trigger.again_after)


class _Walk:
    """One turn on its way through the steps."""

    def __init__(self, flow: Flow, memory: Memory, facts: Facts) -> None:
        self.flow = flow
        self.facts = facts
        self.at = memory.at
        self.answers = dict(memory.answers)
        self.trail = list(memory.trail)
        self.tries = memory.tries
        self.turn = memory.turn + 1
        self.outputs: list[Output] = []
        self.effects: list[Effect] = []

    @property
    def values(self) -> Mapping[str, Any]:
        return {**self.answers, "contact": self.facts.contact}

    def said(self, said: Said) -> Turn:
        here = self.flow.steps[self.at]
        if isinstance(here, Http):  # its answer never came: a process ended meanwhile
            return self.failed(here)
        if (turn := self.global_word(said)) is not None:
            return turn
        chosen = self.chosen(said)
        if chosen is not None:
            return self.take(*chosen)
        if not isinstance(here, Menu | Ask):
            return self.enter(self.flow.start)
        texts = [text for text in said.texts if text.strip()]
        if not texts:
            return self.wrong(here, Wrong("not_text" if isinstance(here, Ask) else "choose"))
        return self.read(here, texts)

    def global_word(self, said: Said) -> Turn | None:
        word = fold(said.texts[-1]) if said.texts else ""
        if said.choice is not None or not word:
            return None
        if is_one_of(word, words_of(self.flow, "cancel")):
            self.say(text_of(self.flow, "cancelled"))
            return self.over()
        if is_one_of(word, words_of(self.flow, "menu")):
            return self.enter(self.flow.words.menu_step or self.flow.start)
        if is_one_of(word, words_of(self.flow, "back")):
            return self.back()
        return None

    def back(self) -> Turn:
        if not self.trail:
            self.say(text_of(self.flow, "at_the_start"))
            return self.enter(self.at)
        before = self.trail.pop()
        self.answers.pop(self.flow.variable(before), None)
        return self.enter(before)

    def chosen(self, said: Said) -> tuple[str, Option] | None:
        """Find the option of a button that was pressed, also of an earlier question that was answered before."""
        name, _, option_id = (said.choice or "").partition(":")
        if name != self.at and not (said.pressed and name in self.trail):
            return None
        options = getattr(self.flow.steps.get(name), "options", ())
        found = next((option for option in options if option.id == option_id), None)
        if found is None:
            return None
        if name in self.trail:
            self.trail = self.trail[: self.trail.index(name)]
        self.at = name
        return name, found

    def read(self, here: Menu | Ask, texts: Sequence[str]) -> Turn:
        if isinstance(here, Menu):
            found = next(filter(None, (choose(here.options, text) for text in reversed(texts))), None)
            return self.take(self.at, found) if found else self.wrong(here, Wrong("choose"))
        # A long answer comes in several messages; any other field is what one of them says.
        asked = ["\n".join(texts)] if here.type == "text" else [*reversed(texts)]
        outcomes = [read_answer(here, self.flow, text, self.facts.today) for text in asked]
        read = next((outcome for outcome in outcomes if isinstance(outcome, Read)), None)
        if read is None:
            return self.wrong(here, next(outcome for outcome in outcomes if isinstance(outcome, Wrong)))
        if here.type == "one_of":
            return self.take(self.at, next(option for option in here.options if option.id == read.value))
        return self.keep(read.value, self.flow.after(self.at))

    def take(self, name: str, option: Option) -> Turn:
        return self.keep(option.id, option.to or self.flow.after(name))

    def keep(self, value: Any, following: str | None) -> Turn:
        self.answers[self.flow.variable(self.at)] = value
        self.trail = [*self.trail, self.at][-MOST_BACK:]
        return self.enter(following)

    def wrong(self, here: Menu | Ask, wrong: Wrong) -> Turn:
        self.tries += 1
        retries = self.flow.retries
        if self.tries >= retries.limit:
            if retries.to is not None:
                return self.enter(retries.to)
            return self.hand_over(text_of(self.flow, "hand_over"), text_of(self.flow, "reason_retries", self.at))
        said = [text_of(self.flow, wrong.text, wrong.limit)]
        if here.help:
            said.append(self.fill(here.help))
        self.ask(here, "\n\n".join(said))
        return self.wait()

    def replied(self, replied: Replied) -> Turn:
        here = self.flow.steps[self.at]
        if not isinstance(here, Http):
            return Turn(ignored=True)
        if not replied.ok:
            return self.failed(here)
        self.answers[self.flow.variable(self.at)] = replied.data
        return self.enter(self.flow.after(self.at))

    def failed(self, here: Http) -> Turn:
        if here.on_error is not None:
            return self.enter(here.on_error)
        return self.hand_over(text_of(self.flow, "failed"), text_of(self.flow, "reason_service", self.at))

    def enter(self, name: str | None) -> Turn:
        """Go through steps until one waits, or the flow is over."""
        self.tries = 0
        for _ in range(MOST_STEPS):
            if name is None:
                return self.over()
            self.at = name
            here = self.flow.steps[name]
            turn = self.stop_at(here)
            if turn is not None:
                return turn
            name = self.pass_by(here)
        return self.hand_over(text_of(self.flow, "failed"), text_of(self.flow, "reason_circle", self.at))

    def stop_at(self, here: AnyStep) -> Turn | None:
        match here:
            case Menu() | Ask():
                self.ask(here)
                return self.wait()
            case Http():
                self.effects.append(self.call(here))
                return self.remember()
            case HandOver():
                return self.hand_over(self.fill(here.text), self.fill(here.reason))
            case End():
                self.say(self.fill(here.text))
                return self.over()
        return None

    def pass_by(self, here: AnyStep) -> str | None:
        match here:
            case Say():
                self.say(self.fill(here.text))
            case Goto():
                return here.to
            case Branch():
                value = look_up(here.on, self.values)
                return next((case.to for case in here.cases if _holds(case, value)), here.otherwise)
        return self.flow.after(self.at)

    def ask(self, here: Menu | Ask, before: str = "") -> None:
        text = self.fill(here.text)
        text = f"{before}\n\n{text}" if before and here.options else before or text
        options = [msgspec.structs.replace(option, to=None, words=()) for option in here.options]
        self.outputs.append(Output(text=text, options=options, step=self.at))

    def say(self, text: str) -> None:
        if text:
            self.outputs.append(Output(text=text))

    def fill(self, text: str) -> str:
        return fill(text, self.values, lambda path, value: show(self.flow, path, value))

    def call(self, here: Http) -> Call:
        return Call(
            step=self.at,
            method=here.method,
            url=fill_url(here.url, self.values),
            headers=here.headers,
            json=None if here.json is None else fill_json(here.json, self.values),
            timeout=here.timeout,
            turn=self.turn,
            example=here.example,
        )

    def hand_over(self, text: str, reason: str) -> Turn:
        self.say(text)
        self.effects.append(GiveToHuman(reason=reason))
        return self.over()

    def over(self) -> Turn:
        return Turn(outputs=self.outputs, effects=self.effects)

    def wait(self) -> Turn:
        timeout = self.flow.timeout
        remind = None if timeout.remind_after is None else seconds_of(timeout.remind_after)
        self.effects.append(Remind(turn=self.turn, remind_after=remind, end_after=seconds_of(timeout.end_after)))
        return self.remember()

    def remember(self) -> Turn:
        memory = Memory(
            version=self.flow.version,
            at=self.at,
            answers=self.answers,
            trail=tuple(self.trail),
            tries=self.tries,
            turn=self.turn,
        )
        return Turn(memory=memory, outputs=self.outputs, effects=self.effects)


def _holds(case: Case, value: Any) -> bool:
    if case.missing is not None and case.missing != (value is None):
        return False
    if case.is_ is not None:
        wanted = case.is_ if isinstance(case.is_, list) else [case.is_]
        if not any(_same(value, each) for each in wanted):
            return False
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if case.above is not None and (number is None or number <= case.above):
        return False
    return case.below is None or (number is not None and number < case.below)


def _same(value: Any, wanted: str | float | bool) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, str):
        return isinstance(value, str) and fold(value) == fold(wanted)
    return isinstance(value, int | float) and value == wanted
