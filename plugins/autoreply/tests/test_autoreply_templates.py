"""Texts with variables, in both languages, for people whose name is known or not."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from fivapp_whatsapp_autoreply.config import BusinessHours, week_of
from fivapp_whatsapp_autoreply.hours import Week, read_interval
from fivapp_whatsapp_autoreply.templates import VARIABLES, Moment, check, render

WEEK = week_of(
    BusinessHours(
        monday=("01:00-02:00", "08:00-18:00"), tuesday=("08:00-18:00",), friday=("09:30-18:00",), holidays=("12-25",)
    )
)


def _moment(at: str = "2026-03-02 10:00", language: str = "pt-BR", **facts: str | None) -> Moment:
    local = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("America/Sao_Paulo"))
    known = {"name": "Ana Maria Silva", "phone": "5511999990000", **facts}
    return Moment(local, WEEK, language, **known)  # type: ignore[arg-type]


def test_what_is_known_stands_in_the_text() -> None:
    text = "{name}, {first_name}, {phone}: {time_of_day}"
    assert render(text, _moment()) == "Ana Maria Silva, Ana, 5511999990000: bom dia"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Olá, {first_name}!", "Olá!"),
        ("Olá {first_name}, tudo bem?", "Olá, tudo bem?"),
        ("{first_name}, tudo bem?", "Tudo bem?"),
        ("{time_of_day}, {first_name}! Sim?", "Bom dia! Sim?"),
        ("{name}", ""),
    ],
)
@pytest.mark.parametrize("name", [None, "", "  ", "+55 11 99999-0000", "🌸"])
def test_an_unknown_name_leaves_no_gap(template: str, text: str, name: str | None) -> None:
    assert render(template, _moment(name=name)) == text


@pytest.mark.parametrize(
    ("hour", "portuguese", "english"),
    [
        ("00:00", "boa noite", "good evening"),
        ("04:59", "boa noite", "good evening"),
        ("05:00", "bom dia", "good morning"),
        ("11:59", "bom dia", "good morning"),
        ("12:00", "boa tarde", "good afternoon"),
        ("17:59", "boa tarde", "good afternoon"),
        ("18:00", "boa noite", "good evening"),
    ],
)
def test_the_day_is_greeted_in_the_tenants_zone(hour: str, portuguese: str, english: str) -> None:
    assert render("- {time_of_day}", _moment(f"2026-03-02 {hour}")) == f"- {portuguese}"
    assert render("- {time_of_day}", _moment(f"2026-03-02 {hour}", "en")) == f"- {english}"


@pytest.mark.parametrize(
    ("at", "portuguese", "english"),
    [
        ("2026-03-02 10:00", "agora", "now"),
        ("2026-03-02 00:30", "hoje à 01:00", "today at 01:00"),
        ("2026-03-02 03:00", "hoje às 08:00", "today at 08:00"),
        ("2026-03-02 19:00", "amanhã às 08:00", "tomorrow at 08:00"),
        ("2026-03-03 19:00", "sexta-feira às 09:30", "on Friday at 09:30"),
        ("2026-12-22 19:00", "segunda-feira à 01:00", "on Monday at 01:00"),
    ],
)
def test_the_next_opening_is_said_as_people_say_it(at: str, portuguese: str, english: str) -> None:
    assert render("Voltamos {opens_at}.", _moment(at)) == f"Voltamos {portuguese}."
    assert render("We are back {opens_at}.", _moment(at, "en")) == f"We are back {english}."


def test_a_far_opening_is_said_with_its_date_and_none_is_soon() -> None:
    days = tuple(f"{month}-{day:02}" for month in ("03", "04") for day in range(1, 31))
    far = week_of(BusinessHours(monday=("08:00-18:00",), holidays=days))
    at = datetime(2026, 3, 2, 10, tzinfo=far.zone)
    assert render("{opens_at}", Moment(at, far, "pt-BR")) == "Em 4 de maio às 08:00"
    assert render("{opens_at}", Moment(at, far, "en")) == "On 4 May at 08:00"
    always = [f"{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 32)]
    never = Week(far.zone, [[read_interval("08:00-09:00")]] * 7, always)
    assert render("{opens_at}", Moment(at, never, "pt-BR")) == "Em breve"


def test_double_braces_are_braces() -> None:
    assert render("{{name}} }}{{", _moment()) == "{name} }{"


@pytest.mark.parametrize("template", ["{nome}", "{name.x}", "{name!r}", "{name:>99}", "{}", "{0}", "{ name }"])
def test_a_variable_that_does_not_exist_is_refused_with_those_that_do(template: str) -> None:
    with pytest.raises(ValueError, match=r"there is no variable .*\{first_name\}"):
        check(template)


@pytest.mark.parametrize("template", ["{", "}", "a { b", "{name", "{{name}"])
def test_a_single_brace_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="a single"):
        check(template)


def test_the_variables_of_a_text_are_found() -> None:
    assert check("{name} {{phone}} {opens_at}") == {"name", "opens_at"}
    assert set(VARIABLES) == {"name", "first_name", "phone", "time_of_day", "opens_at"}


def test_a_name_with_braces_is_only_a_name_and_a_long_one_is_cut() -> None:
    assert render("Oi, {name}!", _moment(name="{phone} x")) == "Oi, {phone} x!"
    assert len(render("{name}", _moment(name="a" * 5000))) == 80
    assert len(render("{name}" * 200, _moment(name="a" * 5000))) == 4096
