"""The demo's terminal says in one line why a message was answered, or not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fivapp_whatsapp.automation.replies import Decided
from fivapp_whatsapp.commands.why import why
from fivapp_whatsapp.models import Author, Message, MessageKind, MessageStatus, OutgoingMessage
from fivapp_whatsapp.ports.plugins import AnswerStep, AnswerTrail

NOW = datetime(2026, 5, 4, tzinfo=UTC)
STEPS = [
    AnswerStep(plugin="menu", outcome="nothing", ms=0.3),
    AnswerStep(plugin="ping", outcome="answered", ms=1.25),
]


def decided(text: str | None = "ping", outcome: str = "answered", answers: Any = ("pong",), **trail: Any) -> Decided:
    message = Message(
        id="m1",
        conversation_id="v1",
        direction="incoming",
        kind=MessageKind.TEXT,
        status=MessageStatus.RECEIVED,
        text=text,
        author=Author(kind="contact"),
        at=NOW,
    )
    said = [OutgoingMessage(text=each) for each in answers]
    return Decided("demo", message, AnswerTrail(message_id="m1", at=NOW, **trail), said, outcome, 0.01)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        (decided(steps=STEPS), 'why  "ping": menu nothing in 0.3 ms, ping answered in 1.25 ms; "pong"'),
        (
            decided(outcome="silenced", answers=(), rule="too_old"),
            'why  "ping": no answer, too_old: The message was more than two minutes old.',
        ),
        (
            decided(
                outcome="handed_over",
                answers=(),
                steps=[AnswerStep(plugin="ping", outcome="failed", ms=2, detail="KeyError in ping.py:7")],
            ),
            'why  "ping": ping failed in 2 ms (KeyError in ping.py:7); no bot could answer, people take over',
        ),
        (
            decided(answers=(), steps=[AnswerStep(plugin="ping", outcome="held", ms=1, detail="Não.")]),
            'why  "ping": ping held in 1 ms (Não.); the answer is held back',
        ),
        (decided(answers=(), steps=STEPS[1:]), 'why  "ping": ping answered in 1.25 ms; an answer without words'),
        (
            decided(None, "unanswered", (), steps=[AnswerStep(plugin="ping", outcome="off")]),
            "why  (no text): ping off; no bot had an answer",
        ),
        (decided("a\nb\x1b[31m", answers=("um", "dois")), 'why  "a b [31m": "um" + "dois"'),
        (decided(outcome="overtaken"), 'why  "ping": no answer: A person took over before the answer went out.'),
    ],
)
def test_one_line_says_who_was_asked_how_long_it_took_and_what_came_of_it(what: Decided, line: str) -> None:
    assert why(what) == line
