"""Choices go out in the form that a connector can show, and come back from what a contact typed."""

from __future__ import annotations

import pytest

from fivapp_whatsapp.choices import as_choices, chosen, render
from fivapp_whatsapp.models import Choice, Media, MessageKind, OutgoingMessage

SIZES = [
    Choice(id="s", title="Pequena"),
    Choice(id="m", title="Média", description="a mais pedida"),
    Choice(id="l", title="Não sei"),
]


def test_a_text_stands_for_the_choice_whose_id_and_title_it_is() -> None:
    assert as_choices(["Sim", Choice(id="n", title="Não")]) == (
        Choice(id="Sim", title="Sim"),
        Choice(id="n", title="Não"),
    )


@pytest.mark.parametrize(
    ("count", "capabilities", "kind"),
    [
        (3, {"buttons"}, MessageKind.INTERACTIVE),
        (4, {"buttons"}, MessageKind.TEXT),
        (4, {"buttons", "list"}, MessageKind.INTERACTIVE),
        (10, {"list"}, MessageKind.INTERACTIVE),
        (11, {"list", "buttons"}, MessageKind.TEXT),
        (1, set(), MessageKind.TEXT),
    ],
)
def test_choices_are_shown_where_the_connector_can_and_so_many_fit(
    count: int, capabilities: set[str], kind: MessageKind
) -> None:
    choices = [str(number) for number in range(count)]
    shown = render(OutgoingMessage(text="Qual?", choices=choices), frozenset(capabilities))
    assert (shown.kind, len(shown.choices)) == (kind, count)
    assert (shown.text == "Qual?") == (kind is MessageKind.INTERACTIVE)


def test_without_buttons_the_text_gets_numbered_lines_and_keeps_its_choices() -> None:
    shown = render(OutgoingMessage(text="Qual tamanho?", choices=SIZES), frozenset())
    assert shown.text == "Qual tamanho?\n1. Pequena\n2. Média: a mais pedida\n3. Não sei"
    assert (shown.kind, list(shown.choices)) == (MessageKind.TEXT, SIZES)


def test_a_file_keeps_its_kind_and_gets_the_lines_as_its_text() -> None:
    image = OutgoingMessage(kind=MessageKind.IMAGE, media=Media(url="/a.png"), choices=["Sim", "Não"])
    shown = render(image, frozenset({"buttons"}))
    assert (shown.kind, shown.text) == (MessageKind.IMAGE, "1. Sim\n2. Não")


def test_a_message_without_choices_stays_as_it_is() -> None:
    message = OutgoingMessage(text="oi")
    assert render(message, frozenset({"buttons"})) is message


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("2", "m"),
        (" 2. ", "m"),
        ("2)", "m"),
        ("3º", "l"),
        ("MEDIA", "m"),
        ("média ", "m"),
        ("nao sei", "l"),
        ("0", None),
        ("4", None),
        ("2 por favor", None),
        ("Méd", None),
        ("", None),
        (None, None),
    ],
)
def test_a_number_or_a_title_is_a_choice_and_nothing_else(text: str | None, choice: str | None) -> None:
    assert chosen(text, SIZES) == choice
