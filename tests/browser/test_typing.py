"""Who writes is seen on the contact's phone, and on a colleague's page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.processes import command

from .browsing import Site, eventually, new_context

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def _token(paired: Site, folder: Path) -> str:
    """Return the token of a second agent, Bia."""
    secret = json.loads((paired.data / "demo.json").read_text())["jwt_secret"]
    who = ("--tenant", "demo", "--role", "agent", "--user", "bia", "--name", "Bia")
    return command("token", *who, cwd=folder, FIVAPP_JWT_SECRET=secret).stdout.strip()


def test_the_contact_and_a_colleague_see_that_somebody_writes(
    inbox: Page, browser: Browser, paired: Site, tmp_path: Path
) -> None:
    id = paired.conversation("Tina Tecla")
    chat = paired.api.get(f"/api/conversations/{id}").json()["chatId"]
    context = new_context(browser)
    try:
        colleague = context.new_page()
        colleague.goto(f"{paired.url}/conversations/{id}#token={_token(paired, tmp_path)}")
        field = colleague.get_by_role("textbox", name="Mensagem para Tina Tecla")
        expect(field).to_be_visible()
        inbox.goto(f"{paired.url}/conversations/{id}")
        own = inbox.get_by_role("textbox", name="Mensagem para Tina Tecla")
        expect(own).to_be_visible()

        field.press_sequentially("Um mom")
        expect(inbox.get_by_text("Bia está digitando…")).to_be_visible()
        expect(colleague.get_by_text("está digitando…")).to_have_count(0)
        assert eventually(lambda: _typing(paired, chat), 5)
        field.fill("")
        expect(inbox.get_by_text("está digitando…")).to_have_count(0)
        assert eventually(lambda: not _typing(paired, chat), 5)
    finally:
        context.close()


def _typing(paired: Site, chat: str) -> bool:
    session = paired.phone.get("/simulator/sessions/demo").json()
    return any(one["typing"] for one in session["chats"] if chat.split("@")[0] in one["id"])
