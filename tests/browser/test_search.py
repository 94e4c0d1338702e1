"""Searching the inbox in a real Chromium: names and texts, by keyboard, into the middle of a thread and back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from .browsing import Site, axe

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_a_message_is_found_by_its_words_and_opened_where_it_stands(inbox: Page, paired: Site) -> None:
    paired.conversation("Nara Busca", "O código da *geladeira* é ZX-81")
    phone = "5511944440001"
    paired.write("Procuro uma geladeira <b>usada</b>", "Olga Busca", phone)
    for number in range(60):
        paired.write(f"Linha {number} " + "bla " * 20, "Olga Busca", phone)
    field = inbox.get_by_role("searchbox")
    expect(field).to_be_visible()
    inbox.keyboard.press("Control+k")
    expect(field).to_be_focused()
    inbox.keyboard.type("GELADEÍRA")
    found = inbox.get_by_role("region", name="Mensagens")
    expect(found.get_by_role("listitem")).to_have_count(2)
    expect(found.locator("mark")).to_have_text(["geladeira", "geladeira"])
    expect(found.get_by_text("<b>usada</b>")).to_be_visible()
    assert axe(inbox) == []

    inbox.keyboard.press("ArrowDown")
    inbox.keyboard.press("ArrowDown")
    inbox.keyboard.press("ArrowUp")
    link = inbox.locator(".row:focus")
    text = "Procuro uma geladeira" if "Olga" in link.inner_text() else "O código da"
    if text != "Procuro uma geladeira":
        inbox.keyboard.press("ArrowDown")
    inbox.keyboard.press("Enter")
    inbox.wait_for_url("**/conversations/*?message=*")
    expect(inbox.locator(".thread-row", has_text="Procuro uma geladeira")).to_be_in_viewport()
    expect(field).to_have_value("GELADEÍRA")

    field.focus()
    inbox.keyboard.press("Escape")
    expect(field).to_have_value("")
    inbox.wait_for_url(re.compile(r"/conversations$"))
    expect(inbox.get_by_role("list", name="Lista de conversas")).to_be_visible()


def test_conversations_are_found_by_name_and_by_number(inbox: Page, paired: Site) -> None:
    paired.write("Nada de mais", "Íris Números", "5511933332222")
    field = inbox.get_by_role("searchbox")
    field.fill("iris num")
    found = inbox.get_by_role("region", name="Conversas")
    expect(found.get_by_text("Íris Números")).to_be_visible()
    expect(inbox.get_by_role("region", name="Mensagens")).to_have_count(0)
    field.fill("(11) 93333-2222")
    expect(found.get_by_text("Íris Números")).to_be_visible()
    field.press("Enter")
    expect(inbox.get_by_role("textbox", name="Mensagem para Íris Números")).to_be_visible()


def test_a_late_answer_to_an_older_query_is_dropped(inbox: Page, paired: Site) -> None:
    paired.write("primeira abóbora", "Jó Atraso", "5511922221111")
    paired.write("segunda batata", "Jó Atraso", "5511922221111")
    held: list[Route] = []
    inbox.route("**/api/messages?q=ab*", lambda route: held.append(route), times=1)
    field = inbox.get_by_role("searchbox")
    with inbox.expect_request("**/api/messages?q=ab*"):
        field.fill("abóbora")
    field.fill("batata")
    found = inbox.get_by_role("region", name="Mensagens")
    expect(found.locator("mark")).to_have_text(["batata"])
    for route in held:
        route.continue_()
    inbox.wait_for_timeout(300)
    expect(found.locator("mark")).to_have_text(["batata"])
