"""Says in one line why a message was answered or not: for the demo's terminal, where bots are written."""

from __future__ import annotations

from fivapp_whatsapp.automation.belt import RULES
from fivapp_whatsapp.automation.replies import Decided
from fivapp_whatsapp.ports.plugins import AnswerStep
from fivapp_whatsapp.text import clean_line

_SHOWN = 60


def why(decided: Decided) -> str:
    """Return the line: what was written, who was asked with their milliseconds, and the answer or the rule."""
    asked = ", ".join(_step(step) for step in decided.trail.steps)
    parts = [part for part in (asked, _end(decided)) if part]
    return f"why  {_quote(decided.message.text)}: {'; '.join(parts)}"


def _end(decided: Decided) -> str:
    if decided.trail.rule is not None:
        return f"no answer, {decided.trail.rule}: {RULES[decided.trail.rule][1]}"
    match decided.outcome:
        case "answered":
            return " + ".join(_quote(answer.text) for answer in decided.answers) or _no_words(decided)
        case "overtaken":
            return f"no answer: {RULES['human_took_over'][1]}"
        case "handed_over":
            return "no bot could answer, people take over"
        case "repeated":
            return "decided before"
    return "no bot had an answer"


def _no_words(decided: Decided) -> str:
    steps = decided.trail.steps
    return "the answer is held back" if steps and steps[-1].outcome == "held" else "an answer without words"


def _step(step: AnswerStep) -> str:
    words = f"{step.plugin} {step.outcome}"
    if step.outcome not in ("off", "paused"):
        words += f" in {step.ms:g} ms"
    return f"{words} ({step.detail})" if step.detail else words


def _quote(text: str | None) -> str:
    return f'"{clean_line(text, _SHOWN)}"' if text else "(no text)"
