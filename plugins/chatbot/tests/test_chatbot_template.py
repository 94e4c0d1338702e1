"""Texts with answers in them: what a contact wrote stays what it is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivapp_whatsapp_chatbot.template import fill, fill_json, fill_url, has_odd_braces, look_up, paths

VALUES: dict[str, Any] = {
    "name": "Ana",
    "order": {"number": 42, "items": [{"title": "Pizza"}]},
    "ok": True,
    "none": None,
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Olá, {name}!", "Olá, Ana!"),
        ("{order.number}: {order.items.0.title}", "42: Pizza"),
        ("{order.items.1.title}{order.nothing}{nobody}{none}", ""),
        ("{order}{order.items}", ""),
        ("{{name}} {ok}", "{name} true"),
        ("{name!r} {name:>9} {0} {} { name }", "{name!r} {name:>9} {0} {} { name }"),
    ],
)
def test_places_are_filled_and_all_else_stays(text: str, filled: str) -> None:
    assert fill(text, VALUES) == filled


@pytest.mark.parametrize(
    "path",
    ["name.__class__", "order.__class__.__mro__", "order.items.__len__", "name.0", "order.items.-1", "order.keys"],
)
def test_no_path_reaches_an_attribute(path: str) -> None:
    assert look_up(path, VALUES) is None
    assert fill("{" + path + "}", VALUES) in ("", "{" + path + "}")


@given(st.text())
def test_an_answer_is_never_a_template(answer: str) -> None:
    values = {"a": answer[:1000], "b": "secret"}
    assert fill("{a}", values) == values["a"]
    assert fill_json(["x {a}", "{a}"], values) == ["x " + values["a"], values["a"]]


@given(st.text(max_size=50).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_an_answer_never_leaves_its_place_in_an_address(answer: str) -> None:
    parts = urlsplit(fill_url("https://api.example.com/orders/{a}?q={a}", {"a": answer}))
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.com", "")
    assert parts.path.startswith("/orders/")
    assert parts.path.count("/") == 2
    assert parts.path.split("/")[2] not in (".", "..")
    assert parts.query.count("&") == 0


def test_a_json_text_that_is_one_place_keeps_the_values_kind() -> None:
    data = {"n": "{order.number}", "t": "nº {order.number}", "list": ["{ok}", 1, None], "order": "{order}"}
    assert fill_json(data, VALUES) == {"n": 42, "t": "nº 42", "list": [True, 1, None], "order": VALUES["order"]}


def test_a_very_long_answer_is_cut_where_it_is_filled_in() -> None:
    assert len(fill("{a}{a}", {"a": "x" * 5000})) == 2000


def test_paths_and_odd_braces_are_told() -> None:
    assert paths("{a} {b.c} {{d}} {E}") == ["a", "b.c"]
    assert has_odd_braces("{E}")
    assert has_odd_braces("a } b")
    assert not has_odd_braces("{{d}} {a}")
