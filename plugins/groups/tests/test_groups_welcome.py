"""The welcome text: names as they are said, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fivapp_whatsapp_groups import GroupSettings
from fivapp_whatsapp_groups.config import Decision
from fivapp_whatsapp_groups.welcome import render, say_names


@pytest.mark.parametrize(
    ("names", "portuguese", "english"),
    [
        (["Ana"], "Ana", "Ana"),
        (["Ana", "Bia"], "Ana e Bia", "Ana and Bia"),
        (["Ana", "Bia", "Caio"], "Ana, Bia e Caio", "Ana, Bia and Caio"),
        (["Ana", None, "Caio", None], "Ana, Caio e mais 2", "Ana, Caio and 2 more"),
        ([None], "", ""),
        (["5511999990000", "🌸"], "", ""),
        ([], "", ""),
        (
            [f"P{number}" for number in range(12)],
            "P0, P1, P2, P3, P4, P5, P6, P7, P8, P9 e mais 2",
            "P0, P1, P2, P3, P4, P5, P6, P7, P8, P9 and 2 more",
        ),
    ],
)
def test_names_are_said_as_people_say_them(names: list[str | None], portuguese: str, english: str) -> None:
    assert say_names(names, "pt-BR") == portuguese
    assert say_names(names, "en") == english


def test_the_text_has_its_names_and_leaves_no_gap_without_them() -> None:
    text = "Olá, {names}! Boas-vindas a {group}."
    assert render(text, ["Ana  Silva"], "Vendas\n2026", "pt-BR") == "Olá, Ana Silva! Boas-vindas a Vendas 2026."
    assert render(text, [None], "Vendas", "pt-BR") == "Olá! Boas-vindas a Vendas."


def test_names_are_only_names_and_double_braces_are_braces() -> None:
    assert render("{{names}} {names}", ["{group}"], "Vendas", "pt-BR") == "{names} {group}"
    assert len(render("{names}", ["a" * 5000], "Vendas", "pt-BR")) == 60


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"welcome": "Oi {nome}"}, r"no variable \{nome\}"),
        ({"welcome": "Oi {"}, "a single"),
        ({"welcome": "Oi {names"}, "a single"),
        ({"welcome": "a" * 2001}, "length"),
        ({"hello": ""}, "unknown field"),
        ({"language": "fr"}, "fr"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        msgspec.convert(settings, GroupSettings)


def test_every_field_is_explained_in_both_languages() -> None:
    fields = msgspec.json.schema(GroupSettings)["$defs"]["GroupSettings"]["properties"]
    assert set(fields) == {"language", "welcome", "welcomeEverywhere"}
    for field in fields.values():
        for words in (field, field["i18n"]["pt-BR"]):
            assert words["title"]
            assert words["description"].endswith(".")


@pytest.mark.parametrize(
    ("everywhere", "decision", "text"),
    [
        (False, Decision(), ""),
        (True, Decision(), "tenant"),
        (False, Decision(welcome=True), "tenant"),
        (True, Decision(welcome=False), ""),
        (False, Decision(welcome=True, text="own"), "own"),
        (True, Decision(text="own"), "own"),
        (True, Decision(text=""), ""),
    ],
)
def test_a_group_decides_for_itself_and_else_the_tenant(everywhere: bool, decision: Decision, text: str) -> None:
    settings = GroupSettings(welcome="tenant", welcome_everywhere=everywhere)
    assert decision.effective(settings) == text
