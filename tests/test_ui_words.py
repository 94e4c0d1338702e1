"""The pages say the rules that silence bots in the same words as the gateway."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fivapp_whatsapp.automation.belt import RULES

WORDS = Path(__file__).parent.parent / "fivapp_whatsapp" / "ui" / "src" / "i18n"


@pytest.mark.parametrize(("file", "language"), [("pt.ts", 0), ("en.ts", 1)])
def test_each_rule_that_silences_bots_has_its_words_on_the_pages(file: str, language: int) -> None:
    found = re.findall(r'"rule\.(\w+)":\s+"([^"]+)"', (WORDS / file).read_text(encoding="utf-8"))
    assert dict(found) == {rule: words[language] for rule, words in RULES.items()}
