"""The settings: what the form is made of, and what is refused with a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp_autoreply import Autoreply

RULE = {"name": "oi", "match": "exact", "patterns": ["oi"], "replies": ["Olá!"]}
OPEN = {"monday": ["08:00-18:00"]}


def _read(**settings: Any) -> Autoreply:
    return msgspec.convert(settings, Autoreply)


def test_without_settings_there_is_nothing_to_say() -> None:
    config = _read()
    assert (config.greeting, config.rules, config.away) == ("", (), "")


def test_settings_come_back_as_they_were_given() -> None:
    given = {
        "language": "en",
        "greeting": "{time_of_day}!",
        "rules": [{**RULE, "cooldownSeconds": 60, "when": "outside_hours", "choices": ["Preços", "Horário"]}],
        "hours": {"timeZone": "Europe/Lisbon", "monday": ["22:00-02:00"], "holidays": ["12-25", "2027-03-26"]},
        "away": "Voltamos {opens_at}.",
        "pace": {"longestSeconds": 0},
    }
    kept = msgspec.to_builtins(_read(**given))
    assert _read(**kept) == _read(**given)
    assert kept["rules"][0]["cooldownSeconds"] == 60


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rules": [{**RULE, "replies": ["Oi {nome}"]}]}, r"there is no variable \{nome\}.*\$\.rules\[0\]"),
        ({"greeting": "{x}"}, "there is no variable"),
        ({"away": "{x}", "hours": OPEN}, "there is no variable"),
        ({"rules": [{**RULE, "match": "regex", "patterns": ["("]}]}, r"cannot be read.*\$\.rules\[0\]"),
        ({"rules": [{**RULE, "patterns": []}]}, "has patterns"),
        ({"rules": [{**RULE, "match": "any"}]}, "has patterns"),
        ({"rules": [{**RULE, "patterns": ["\u0301"]}]}, "no letter"),
        ({"rules": [{**RULE, "replies": []}]}, "length"),
        ({"rules": [{**RULE, "choices": ["a", "a"]}]}, "twice"),
        ({"rules": [{**RULE, "choices": ["a" * 21]}]}, "length"),
        ({"rules": [RULE, RULE]}, "two rules have the name 'oi'"),
        ({"rules": [{**RULE, "reply": "x"}]}, "unknown field"),
        ({"rules": [{**RULE, "cooldownSeconds": -1}]}, ">= 0"),
        ({"hours": {"timeZone": "Mars/Olympus"}}, r"there is no time zone 'Mars/Olympus'.*\$\.hours"),
        ({"hours": {"timeZone": "../etc/passwd"}}, "there is no time zone"),
        ({"hours": {"timeZone": "America"}}, "there is no time zone"),
        ({"hours": {"timeZone": ""}}, "there is no time zone"),
        ({"hours": {"monday": ["8-18"]}}, "regex"),
        ({"hours": {"monday": ["08:00-24:30"]}}, "regex"),
        ({"hours": {"monday": ["08:00-08:00"]}}, "no length"),
        ({"hours": {**OPEN, "holidays": ["02-30"]}}, "day"),
        ({"away": "Voltamos."}, "need business hours"),
        ({"greeting": "{opens_at}"}, "need business hours"),
        ({"pace": {"longestSeconds": 60}}, "<= 7"),
        ({"greeting": "a" * 2001}, "length"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        _read(**settings)


def test_every_field_is_explained_in_both_languages() -> None:
    fields = list(_fields(msgspec.json.schema(Autoreply)))
    assert len(fields) > 25
    for name, field in fields:
        portuguese = field["i18n"]["pt-BR"]
        for words in (field, portuguese):
            assert words["title"], name
            assert words["description"].endswith("."), name
        assert portuguese["description"] != field["description"] or "00" in field["description"], name


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for definition in schema["$defs"].values():
        yield from definition["properties"].items()


def test_the_readmes_settings_can_be_used_and_its_tables_name_every_field() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    config = msgspec.json.decode(example, type=Autoreply)
    assert [rule.name for rule in config.rules] == ["horário", "pedido", "plantão"]
    rows = "\n".join(line for line in readme.splitlines() if line.startswith("| `"))
    named = set(re.findall(r"`([a-z]+[A-Za-z]*)`", rows))
    schema = msgspec.json.schema(Autoreply)["$defs"]
    for name in ("Autoreply", "Rule", "Pace"):
        assert set(schema[name]["properties"]) <= named
