"""Files of drafts, and files that are gone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from .browsing import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
FILE = {"name": "orçamento.txt", "mimeType": "text/plain", "buffer": b"cem reais"}


def test_a_draft_keeps_its_file_across_a_reload_until_it_is_sent(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Ugo Anexo")
    other = paired.conversation("Vera Vazia")
    inbox.goto(f"{paired.url}/conversations/{id}")
    inbox.locator("input[type=file]").set_input_files(files=[FILE])
    attachment = inbox.locator(".attachment[data-state=ready]")
    expect(attachment.get_by_text("orçamento.txt")).to_be_visible()

    inbox.goto(f"{paired.url}/conversations/{other}")
    expect(inbox.locator(".row", has_text="Ugo Anexo").get_by_text("1 arquivo")).to_be_visible()
    expect(inbox.locator(".attachment")).to_have_count(0)
    inbox.locator(".row", has_text="Ugo Anexo").click()
    expect(attachment.get_by_text("orçamento.txt")).to_be_visible()
    inbox.get_by_role("button", name="Enviar").click()
    expect(inbox.locator(".attachment")).to_have_count(0)
    expect(inbox.locator(".thread-row", has_text="orçamento.txt").locator("[data-status=read]")).to_be_visible()
    inbox.reload()
    expect(inbox.get_by_role("textbox", name="Mensagem para Ugo Anexo")).to_be_visible()
    expect(inbox.locator(".attachment")).to_have_count(0)


def test_a_file_that_is_gone_says_so_and_is_asked_for(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Wanda Foto", "Segue a foto")

    def without_file(route: Route) -> None:
        answer = route.fetch()
        page = answer.json()
        for item, state in zip(page["items"], ("gone",), strict=False):
            item.update(kind="image", media={"mimeType": "image/jpeg", "state": state})
        route.fulfill(response=answer, json=page)

    inbox.route(f"**/api/conversations/{id}/messages?*", without_file)
    inbox.goto(f"{paired.url}/conversations/{id}")
    expect(inbox.get_by_text("WhatsApp já não tem este arquivo")).to_be_visible()
    inbox.get_by_role("button", name="Pedir de novo").click()
    field = inbox.get_by_role("textbox", name="Mensagem para Wanda Foto")
    expect(field).to_be_focused()
    expect(field).to_have_value("Não consegui abrir este arquivo. Pode enviar de novo, por favor?")
    expect(inbox.locator(".quoting")).to_contain_text("Segue a foto")
