"""Text from outside is stored as it was meant, and never breaks a database or a log line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivapp_whatsapp.text import clean_line, clean_text


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Olá, tudo bem? 👩‍👧", "Olá, tudo bem? 👩‍👧"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("windows\r\nand old\rmac", "windows\nand old\nmac"),
        ("a\0b", "a\ufffdb"),
        ("half an emoji \ud83d", "half an emoji \ufffd"),
        ("\x1b[31mred\x07", "[31mred"),
        ("", ""),
    ],
)
def test_a_text_keeps_all_but_what_cannot_be_stored(said: str, kept: str) -> None:
    assert clean_text(said) == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("  Ana\r\nMaria  ", "Ana Maria"),
        ("\u202egnp.exe", "gnp.exe"),
        ("one\u2028two", "one two"),
        ("x" * 30, "x" * 9 + "…"),
        ("\0\x1b", ""),
    ],
)
def test_a_line_is_one_line_of_bounded_length(said: str, kept: str) -> None:
    assert clean_line(said, 10) == kept


@given(st.text(alphabet=st.characters(codec=None)))
def test_every_text_becomes_one_that_can_be_stored(said: str) -> None:
    kept = clean_text(said)
    assert "\0" not in kept
    assert kept.encode().decode() == kept
    assert clean_text(kept) == kept
    assert len(clean_line(said, 20)) <= 20
