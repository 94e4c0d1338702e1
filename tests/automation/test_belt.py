"""The rules that silence bots, each by itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp.automation.belt import RULES, Facts, about_message, loops, mentions, over_budget, silencing
from fivapp_whatsapp.db.operations import answers
from fivapp_whatsapp.models import Author, Conversation, Message, MessageKind, MessageStatus, Session
from fivapp_whatsapp.ports.plugins import AutomationSettings, Limits

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CONTACT = Author(kind="contact", id="c1", name="Ana")
BOT = Author(kind="plugin", id="ping")


def message(text: str = "oi", *, ago: float = 0, author: Author = CONTACT, **fields: Any) -> Message:
    return Message(
        id="m1",
        conversation_id="v1",
        direction="incoming" if author is CONTACT else "outgoing",
        kind=fields.pop("kind", MessageKind.TEXT),
        status=MessageStatus.RECEIVED,
        text=text,
        author=author,
        at=NOW - timedelta(seconds=ago),
        **fields,
    )


def conversation(**fields: Any) -> Conversation:
    given = {"chat_id": "5511988887777@c.us", "is_group": False, "answered_by": "bot"} | fields
    return Conversation(
        id="v1", session_id="acme", title="Ana", status="open", unread_count=1, last_message=None, labels=(), **given
    )


def session(**fields: Any) -> Session:
    given: dict[str, Any] = {"desired": "running", "phone": "5511999990000"} | fields
    return Session(id="acme", tenant_id="acme", name="", connector="x", status_at=NOW, created_at=NOW, **given)


def facts(**fields: Any) -> Facts:
    given: dict[str, Any] = {
        "message": message(),
        "conversation": conversation(),
        "session": session(),
        "automation": AutomationSettings(),
        "now": NOW,
    }
    return Facts(**given | fields)


def answered(text: str, answer: str, times: int, ago: float = 10) -> list[Message]:
    """Return messages newest first, in which a text got an answer so many times."""
    pairs = [(message(text, ago=ago), message(answer, ago=ago, author=BOT)) for _ in range(times)]
    return [each for incoming, outgoing in pairs for each in (outgoing, incoming)]


GROUP = conversation(chat_id="120363025246125486@g.us", is_group=True)
ALWAYS = msgspec.structs.replace(GROUP, group_bots="always")
MENTIONED = msgspec.structs.replace(GROUP, group_bots="mentioned")
OFF = msgspec.structs.replace(GROUP, group_bots="off")
HUMAN = conversation(answered_by="human")
CASES: list[tuple[str | None, Facts]] = [
    (None, facts()),
    ("not_a_contact", facts(conversation=conversation(chat_id="status@broadcast"))),
    ("not_a_contact", facts(conversation=conversation(chat_id="1203630@newsletter"))),
    ("bots_off", facts(automation=AutomationSettings(enabled=False))),
    ("session_off", facts(session=session(desired="stopped"))),
    ("group_off", facts(conversation=GROUP)),
    ("group_off", facts(conversation=OFF, automation=AutomationSettings(group_bots="always"))),
    (None, facts(conversation=GROUP, automation=AutomationSettings(group_bots="always"))),
    (None, facts(conversation=ALWAYS)),
    ("not_mentioned", facts(conversation=MENTIONED)),
    ("not_mentioned", facts(conversation=MENTIONED, message=message("@5511999990001 oi"))),
    (None, facts(conversation=MENTIONED, message=message("oi @5511999990000"))),
    (None, facts(conversation=MENTIONED, quotes_us=True)),
    ("human_answers", facts(conversation=HUMAN)),
    ("human_answers", facts(conversation=msgspec.structs.replace(HUMAN, paused_until=NOW + timedelta(seconds=1)))),
    (None, facts(conversation=msgspec.structs.replace(HUMAN, paused_until=NOW))),
    ("loop", facts(looping=True)),
    ("loop", facts(recent=answered("oi", "olá", 5))),
    (None, facts(recent=answered("oi", "olá", 4))),
    (None, facts(recent=answered("outro", "olá", 5))),
    (None, facts(recent=answered("oi", "olá", 5, ago=61))),
    ("rate_minute", facts(recent=answered("outro", "a", 10, ago=59))),
    (None, facts(recent=answered("outro", "a", 10, ago=60))),
    ("rate_hour", facts(recent=answered("outro", "a", 60, ago=3599))),
    (None, facts(recent=answered("outro", "a", 60, ago=3600))),
    ("rate_minute", facts(recent=answered("outro", "a", 1), limits=Limits(per_minute=1))),
]


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_each_rule_silences_what_it_is_for(rule: str | None, case: Facts) -> None:
    assert silencing(case) == rule


@pytest.mark.parametrize(
    ("rule", "asked", "stored_ago"),
    [
        (None, message(), 0),
        (None, message(ago=120), 0),
        ("came_late", message(ago=121), 0),
        ("came_late", message(ago=3599), 0),
        ("too_old", message(ago=3600), 0),
        ("came_late", message(ago=300), 121),
        ("missed", message(), 121),
        ("own_message", message(author=BOT), 0),
        ("own_message", message(author=Author(kind="phone")), 0),
        ("reaction", message("👍", kind=MessageKind.REACTION), 0),
        (None, message("", kind=MessageKind.AUDIO), 0),
    ],
)
def test_a_message_of_ours_a_reaction_and_an_old_one_are_not_answered(
    rule: str | None, asked: Message, stored_ago: float
) -> None:
    assert about_message(asked, NOW - timedelta(seconds=stored_ago), NOW) == rule


def test_messages_of_people_do_not_count_as_automatic() -> None:
    agents = [message("a", author=Author(kind=kind)) for kind in ("agent", "phone", "api")] * 30
    assert over_budget(agents, Limits(), NOW) is None


def test_different_answers_to_one_text_are_no_loop() -> None:
    recent = [each for n in range(6) for each in answered("oi", f"resposta {n}", 1)]
    assert not loops("oi", recent, NOW)


@pytest.mark.parametrize(
    ("text", "phone", "found"),
    [
        ("@5511999990000", "5511999990000", True),
        ("oi @551199990000, tudo bem?", "+55 11 99999-0000", True),  # as older accounts are spelt
        ("5511999990000", "5511999990000", False),
        ("@5511999990000", None, False),
        (None, "5511999990000", False),
    ],
)
def test_a_number_is_mentioned_by_its_digits_behind_an_at_sign(
    text: str | None, phone: str | None, found: bool
) -> None:
    assert mentions(text, phone) is found


def test_the_document_lists_the_rules_with_their_sentences() -> None:
    page = (Path(__file__).parents[2] / "docs/plugins.md").read_text(encoding="utf-8")
    section = page.partition("## Why no bot answered")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    assert rows == {rule: english for rule, (_, english) in RULES.items()}


def test_every_rule_has_a_sentence_in_both_languages_and_the_store_knows_its_own() -> None:
    assert {rule for rule, _ in CASES if rule} < RULES.keys()
    for portuguese, english in RULES.values():
        assert portuguese.endswith(".")
        assert english.endswith(".")
        assert portuguese != english
    assert answers.HUMAN_TOOK_OVER in RULES
