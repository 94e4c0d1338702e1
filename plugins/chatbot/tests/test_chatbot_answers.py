"""What contacts write for a field: what is read, what is refused, how it is shown."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivapp_whatsapp_chatbot.answers import Read, Wrong, choose, pattern_problem, read_answer, read_day, show
from fivapp_whatsapp_chatbot.documents import read_cnpj, read_cpf
from fivapp_whatsapp_chatbot.flow import Ask, Flow, Option
from fivapp_whatsapp_chatbot.reading import read_flow

TODAY = date(2026, 11, 26)


def flow_of(language: str = "pt-BR", **field: Any) -> Flow:
    lines = "\n".join(f"{key} = {value}" for key, value in field.items())
    found, problems = read_flow(f'language = "{language}"\n[steps.f]\nkind = "ask"\ntext = "?"\n{lines}')
    assert found is not None, problems
    return found


def read(text: str, language: str = "pt-BR", **field: Any) -> Any:
    flow = flow_of(language, **field)
    step = flow.steps["f"]
    assert isinstance(step, Ask)
    outcome = read_answer(step, flow, text, TODAY)
    return outcome.value if isinstance(outcome, Read) else outcome


@pytest.mark.parametrize("text", ["529.982.247-25", "52998224725", "529 982 247 25", " 529.982.247-25 "])
def test_a_cpf_is_read_in_every_spelling(text: str) -> None:
    assert read(text, type='"cpf"') == "52998224725"


@pytest.mark.parametrize(
    "text", ["529.982.247-26", "111.111.111-11", "5299822472", "529982247255", "abc", "", "٥٢٩٩٨٢٢٤٧٢٥"]
)
def test_a_cpf_with_wrong_check_digits_is_refused(text: str) -> None:
    assert read(text, type='"cpf"') == Wrong("bad_cpf")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("11.222.333/0001-81", "11222333000181"),
        ("11222333000181", "11222333000181"),
        ("12.ABC.345/01DE-35", "12ABC34501DE35"),  # the example that the Receita Federal publishes
        ("12abc34501de35", "12ABC34501DE35"),
    ],
)
def test_a_cnpj_is_read_with_digits_or_with_letters(text: str, kept: str) -> None:
    assert read(text, type='"cnpj"') == kept


@pytest.mark.parametrize(
    "text", ["11.222.333/0001-82", "12.ABC.345/01DE-36", "12ABC34501DEA5", "0" * 14, "1", "ß" * 14]
)
def test_a_cnpj_with_wrong_check_digits_is_refused(text: str) -> None:
    assert read(text, type='"cnpj"') == Wrong("bad_cnpj")


@given(st.text(max_size=30))
def test_no_text_at_all_breaks_the_check_of_documents(text: str) -> None:
    assert read_cpf(text) is None or len(read_cpf(text) or "") == 11
    assert read_cnpj(text) is None or len(read_cnpj(text) or "") == 14


@given(st.integers(0, 10**9 - 1))
def test_exactly_one_pair_of_check_digits_fits_a_cpf(body: int) -> None:
    fitting = [n for n in range(100) if read_cpf(f"{body:09}{n:02}")]
    assert len(fitting) == (0 if len(set(f"{body:09}")) == 1 else 1)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("25/12/2026", "2026-12-25"), ("1-2-90", "1990-02-01"), ("29.02.2024", "2024-02-29"), ("5/6/30", "2030-06-05")],
)
def test_a_date_is_read_day_first(text: str, kept: str) -> None:
    assert read(text, type='"date"') == kept


@pytest.mark.parametrize(
    "text", ["31/02/2026", "29/02/2023", "00/01/2026", "12/25/2026", "2026-12-25", "amanhã", "1/1"]
)
def test_a_day_that_is_none_is_refused(text: str) -> None:
    assert read(text, type='"date"') == Wrong("bad_date")


def test_a_date_keeps_its_limits_and_the_answer_names_them() -> None:
    limits = {"type": '"date"', "min": '"today+1d"', "max": '"2026-12-31"'}
    assert read("26/11/2026", **limits) == Wrong("too_early", "27/11/2026")
    assert read("01/01/2027", **limits) == Wrong("too_late", "31/12/2026")
    assert read("27/11/2026", **limits) == "2026-11-27"


def test_a_limit_of_a_date_is_today_or_days_from_it_or_a_day() -> None:
    assert read_day("today", TODAY) == TODAY
    assert read_day("today-1d", TODAY) == date(2026, 11, 25)
    assert read_day("2026-02-30", TODAY) is None
    assert read_day("tomorrow", TODAY) is None


@pytest.mark.parametrize(
    ("text", "kept"), [("maria@exemplo.com.br", "maria@exemplo.com.br"), ("Ana.B+x@EXEMPLO.com", "Ana.B+x@exemplo.com")]
)
def test_an_email_is_read_and_its_domain_is_in_lower_case(text: str, kept: str) -> None:
    assert read(text, type='"email"') == kept


@pytest.mark.parametrize(
    "text",
    ["a@b", "a b@c.com", "a@@c.com", "@c.com", "a@.com", "a@c..com", ".a@c.com", "a@-c.com", "a@c.com\nx", "x" * 300],
)
def test_what_is_no_email_is_refused(text: str) -> None:
    assert read(text, type='"email"') == Wrong("bad_email")


@pytest.mark.parametrize("text", ["(11) 98888-7777", "11988887777", "+55 11 98888-7777", "011 98888 7777"])
def test_a_brazilian_phone_is_kept_in_one_spelling(text: str) -> None:
    assert read(text, type='"phone"') == "+5511988887777"


@pytest.mark.parametrize("text", ["98888-7777", "11 8888-777", "+1 212 555 0100", "abc", "", "(00) 98888-7777"])
def test_a_phone_without_area_code_or_of_another_country_is_refused(text: str) -> None:
    assert read(text, type='"phone"') == Wrong("bad_phone")


@pytest.mark.parametrize(
    ("text", "language", "kept"),
    [
        ("12", "pt-BR", 12),
        ("1.500", "pt-BR", 1500),
        ("1.234,56", "pt-BR", 1234.56),
        ("R$ 12,50", "pt-BR", 12.5),
        ("3.5", "pt-BR", 3.5),
        ("-3", "pt-BR", -3),
        ("1,500", "en", 1500),
        ("1,234.56", "en", 1234.56),
    ],
)
def test_a_number_is_read_as_its_language_writes_it(text: str, language: str, kept: float) -> None:
    found = read(text, language, type='"number"')
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize("text", ["doze", "1..2", "1,2,3", "", "1e9", "NaN", "inf", "٣", "9" * 40])
def test_what_is_no_number_is_refused(text: str) -> None:
    assert read(text, type='"number"') == Wrong("bad_number")


def test_a_number_keeps_its_limits() -> None:
    limits = {"type": '"number"', "min": 1, "max": 9.5, "whole": "true"}
    assert read("0", **limits) == Wrong("too_small", "1")
    assert read("10", **limits) == Wrong("too_big", "9,5")
    assert read("2,5", **limits) == Wrong("not_whole")
    assert read("2", **limits) == 2


def test_a_text_keeps_its_lengths_and_its_pattern() -> None:
    rules = {"min_length": 3, "max_length": 5, "pattern": "'[a-z]+'"}
    assert read("ab", **rules) == Wrong("too_short", "3")
    assert read("abcdef", **rules) == Wrong("too_long", "5")
    assert read("ab1", **rules) == Wrong("bad_text")
    assert read(" abc ", **rules) == "abc"


def test_a_pattern_that_never_ends_is_given_up_in_time() -> None:
    began = time.monotonic()
    assert read("a" * 900 + "!", pattern=r"'(a|aa|a?)+$'") == Wrong("bad_text")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("pattern", ["a{}", "{ , }", "[0-9]{5}-[0-9]{3}", "(a{100}){100}"])
def test_a_pattern_with_modest_counts_can_be_used(pattern: str) -> None:
    assert pattern_problem(pattern) is None


OPTIONS = [
    Option(id="order", title="Fazer um pedido", words=("pizza",)),
    Option(id="hours", title="Horário e endereço", words=("aberto",)),
    Option(id="person", title="Falar com alguém"),
]


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("1", "order"),
        ("2.", "hours"),
        ("3)", "person"),
        ("fazer um PEDIDO", "order"),
        ("horario e endereco!", "hours"),
        ("quero uma pizza", "order"),
        ("vocês estão abertos? aberto?", "hours"),
        ("horár", "hours"),
        ("person", "person"),
    ],
)
def test_an_option_is_chosen_by_number_title_or_words(text: str, chosen: str) -> None:
    found = choose(OPTIONS, text)
    assert found is not None
    assert found.id == chosen


@pytest.mark.parametrize("text", ["", "0", "4", "12", "talvez", "pizza ou aberto", "fa", "!!!", "{order}", "pedidos"])
def test_what_means_no_option_or_two_of_them_chooses_none(text: str) -> None:
    assert choose(OPTIONS, text) is None


def test_a_number_that_is_a_title_means_the_title() -> None:
    found = choose([Option(id="a", title="2"), Option(id="b", title="1")], "2")
    assert found is not None
    assert found.id == "a"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ({"type": '"date"'}, "2026-12-25", "25/12/2026"),
        ({"type": '"cpf"'}, "52998224725", "529.982.247-25"),
        ({"type": '"cnpj"'}, "12ABC34501DE35", "12.ABC.345/01DE-35"),
        ({"type": '"phone"'}, "+5511988887777", "(11) 98888-7777"),
        ({"type": '"number"'}, 3.5, "3,5"),
        ({"type": '"one_of"', "options": '["Clínica geral"]'}, "clinica_geral", "Clínica geral"),
        ({}, True, "sim"),
        ({}, None, ""),
        ({}, {"a": 1}, ""),
    ],
)
def test_a_value_is_shown_as_people_write_it(field: dict[str, Any], value: Any, shown: str) -> None:
    assert show(flow_of(**field), "f", value) == shown
