"""Stories of an agent's inbox: by the keyboard alone, and what is read."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .browsing import Site, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

FIELD = re.compile("Mensagem para")


def test_the_keyboard_alone_walks_the_list_answers_and_puts_away(inbox: Page, paired: Site) -> None:
    ids = [paired.conversation(name) for name in ("Tecla Um", "Tecla Dois", "Tecla Três")]
    rows = inbox.get_by_role("list", name="Lista de conversas")
    expect(rows.get_by_text("Tecla Três")).to_be_visible()
    press = inbox.keyboard.press
    field = inbox.get_by_role("textbox", name=FIELD)

    # J and K, again and again: no letter lands in the field.
    for key, name in (("j", "Tecla Três"), ("j", "Tecla Dois"), ("j", "Tecla Um"), ("k", "Tecla Dois")):
        press(key)
        expect(inbox.get_by_role("heading", name=name, exact=True, level=2)).to_be_visible()
    expect(field).to_have_value("")
    press("a")
    eventually(lambda: paired.api.get(f"/api/conversations/{ids[1]}").json().get("assigneeId"))
    press("r")
    expect(inbox.get_by_text("Respondendo a Tecla Dois")).to_be_visible()
    expect(field).to_be_focused()
    press("Escape")
    press("Escape")
    expect(field).not_to_be_focused()
    press("Enter")
    inbox.keyboard.type("Sem mouse")
    press("Enter")
    expect(inbox.locator(".thread-row", has_text="Sem mouse")).to_be_visible()
    press("Escape")
    press("e")
    expect(rows.get_by_text("Tecla Dois")).to_have_count(0)
    press("Escape")
    expect(inbox.get_by_text("Escolha uma conversa")).to_be_visible()
    press("?")
    expect(inbox.get_by_role("dialog")).to_be_visible()
    press("Escape")
    press("Control+k")
    expect(inbox.get_by_role("searchbox")).to_be_focused()
    press("Escape")
    # A link that has the focus is a link.
    rows.get_by_role("link", name="Tecla Um").focus()
    press("Enter")
    inbox.wait_for_url(f"**/conversations/{ids[0]}")
    expect(inbox.locator(".thread-row", has_text="Oi!")).to_be_visible()
    expect(field).to_be_focused()
    press("Escape")
    press("u")
    expect(inbox.get_by_text("Escolha uma conversa")).to_be_visible()
    expect(inbox.locator(".row", has_text="Tecla Um").get_by_text("1 não lida")).to_be_attached()
