"""The pages say the rules that silence bots in the gateway's words, and know what it says of sick sessions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from fivapp_whatsapp.automation.belt import RULES
from fivapp_whatsapp.errors import ConnectorKeyRefused, ConnectorProtocolError
from fivapp_whatsapp.plugins.health import Reason
from fivapp_whatsapp.ports import SessionHealth
from fivapp_whatsapp.ports.plugins import StepReason
from fivapp_whatsapp.states import ailment

WORDS = Path(__file__).parent.parent / "fivapp_whatsapp" / "ui" / "src" / "i18n"


@pytest.mark.parametrize(("file", "language"), [("pt.ts", 0), ("en.ts", 1)])
def test_each_rule_that_silences_bots_has_its_words_on_the_pages(file: str, language: int) -> None:
    found = re.findall(r'"rule\.(\w+)":\s+"([^"]+)"', (WORDS / file).read_text(encoding="utf-8"))
    assert dict(found) == {rule: words[language] for rule, words in RULES.items()}


@pytest.mark.parametrize("file", ["pt.ts", "en.ts"])
def test_each_reason_of_a_bot_that_brought_nothing_has_its_words_on_the_pages(file: str) -> None:
    found = re.findall(r'"reason\.(\w+)":', (WORDS / file).read_text(encoding="utf-8"))
    codes = {*get_args(get_type_hints(StepReason)["code"]), *get_args(Reason)}
    # What is held back is told in the words of who holds it back.
    assert set(found) == codes - {"held"}


def test_the_pages_have_words_for_all_that_the_gateway_says_of_a_session_that_does_not_work() -> None:
    source = (WORDS.parent / "pages" / "settings" / "trouble.ts").read_text(encoding="utf-8")
    forms = [form.replace("(?<", "(?P<") for form in re.findall(r"\[/(.+)/, \"trouble\.", source)]
    now = datetime(2026, 11, 26, tzinfo=UTC)
    ago = [now - timedelta(hours=hours) for hours in range(4)]
    ill = (
        SessionHealth(failing_since=ago[1]),
        SessionHealth(sent_at=ago[1], told_at=ago[2], heard_at=ago[2]),
        SessionHealth(heard_at=ago[3]),
    )
    said = [ailment(health, now, silence=60, quiet=60) for health in ill]
    said += [ConnectorKeyRefused().detail, ConnectorProtocolError().detail]
    for text in said:
        assert text is not None
        assert any(re.search(form, text) for form in forms), text
