"""Texts and patterns: Portuguese as people type it, and expressions that would never end."""

from __future__ import annotations

import time

import pytest

from fivapp_whatsapp_autoreply.matching import Deadline, compile_pattern, fold, matches


def _matches(text: str | None, match: str, *patterns: str, whole_words: bool = True) -> bool:
    return matches(text, match, patterns, Deadline(), whole_words=whole_words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("AÇÃO", "acao"),
        ("ac\u0327a\u0303o", "acao"),  # the same letters, decomposed
        ("  Olá,\n  MUNDO ", "ola, mundo"),
        ("❤️", "❤"),
        ("STRASSE", fold("straße")),
        ("", ""),
    ],
)
def test_case_accents_and_spaces_make_no_difference(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("text", ["oi", "OI", " Oi! ", "oi...", "“Oi”"])
def test_exact_is_the_whole_text_but_for_punctuation_around_it(text: str) -> None:
    assert _matches(text, "exact", "Ói")


@pytest.mark.parametrize("text", ["oi tudo bem", "o.i", "", None, "?"])
def test_exact_is_nothing_else(text: str | None) -> None:
    assert not _matches(text, "exact", "oi")


def test_a_pattern_of_punctuation_is_found_exactly() -> None:
    assert _matches("?", "exact", "?")
    assert not _matches("!", "exact", "?")


@pytest.mark.parametrize("text", ["Qual o PRECO?", "preço", "(preço)", "despreço e preço", "qual é o preço do pão"])
def test_contains_finds_words(text: str) -> None:
    assert _matches(text, "contains", "preço")


@pytest.mark.parametrize("text", ["apreço", "preços", "pre ço"])
def test_contains_finds_no_part_of_a_word_unless_it_may(text: str) -> None:
    assert not _matches(text, "contains", "preço")
    assert _matches(text, "contains", "preço", whole_words=False) == ("preco" in fold(text))


def test_contains_finds_words_with_spaces_and_signs() -> None:
    assert _matches("quero  Segunda\nVia!", "contains", "segunda via")
    assert _matches("só R$ 10", "contains", "r$")
    assert _matches("obrigado 👍🏽", "contains", "👍")


def test_any_matches_what_has_no_text_and_the_others_do_not() -> None:
    assert _matches(None, "any")
    assert not _matches(None, "contains", "a")
    assert not _matches("  ", "regex", ".*")


def test_one_of_several_patterns_is_enough() -> None:
    assert _matches("bom dia", "exact", "oi", "bom dia")
    assert _matches("pedido 12", "regex", "^nota", r"pedido\s*\d+")


def test_an_expression_knows_no_case_and_no_accents_and_keeps_its_escapes() -> None:
    assert _matches("Informações", "regex", "informaç(ão|ões)$")
    assert _matches("INFORMACAO", "regex", "informação")
    assert _matches("x1", "regex", r"\S\d")
    assert not _matches("x 1", "regex", r"^\S\d")


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "[z-a]", "(?P<a>x)(?P<a", "*", "(" * 3000 + ")" * 3000])
def test_an_expression_that_cannot_be_read_is_explained(pattern: str) -> None:
    with pytest.raises(ValueError, match="the regular expression"):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(a|a?)+$", r"^(\w+\s?)*$"])
def test_a_bomb_is_given_up_in_time_and_matches_nothing(pattern: str) -> None:
    deadline = Deadline(0.05)
    started = time.monotonic()
    assert not matches("a" * 4000 + "!", "regex", [pattern] * 50, deadline, whole_words=True)
    assert time.monotonic() - started < 1
    assert deadline.missed


def test_a_fair_expression_misses_no_deadline() -> None:
    deadline = Deadline()
    assert matches("pedido 123", "regex", [r"pedido\s+(\d+)"], deadline, whole_words=True)
    assert not deadline.missed


@pytest.mark.parametrize("pattern", ["(a{999}){999}", "a{99999999999}", "((a{9,}){9,}x{,9999}){ 9 , 99 }"])
def test_an_expression_that_would_be_written_out_without_end_is_refused_at_once(pattern: str) -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="counts in braces"):
        compile_pattern(pattern)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("pattern", ["a{}", "{ , }", "[0-9]{5}-[0-9]{3}", "(a{100}){100}"])
def test_modest_counts_can_be_used(pattern: str) -> None:
    assert compile_pattern(pattern).search("~") is None
