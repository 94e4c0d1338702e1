"""Stories of files: chosen or dropped, they go out in their order, and their bytes are those that were chosen."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import Page, expect

from .browsing import Site, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# A picture of so many bytes comes out of the clipboard, as a screenshot does.
PASTE = """(field, [size]) => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([new Uint8Array(size)], "image.png", {type: "image/png"}));
  field.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
}"""
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def test_an_image_and_a_document_are_chosen_and_sent_in_their_order(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Olga Arquivos")
    inbox.goto(f"{paired.url}/conversations/{id}")
    with inbox.expect_file_chooser() as asked:
        inbox.get_by_role("button", name="Anexar arquivo").click()
    asked.value.set_files(
        [
            {"name": "ponto.png", "mimeType": "image/png", "buffer": DOT},
            {"name": "contrato.pdf", "mimeType": "application/pdf", "buffer": PDF},
        ]
    )
    expect(inbox.locator(".attachment[data-state=ready]")).to_have_count(2)
    field = inbox.get_by_role("textbox", name=re.compile("Mensagem para"))
    field.fill("Segue tudo")
    field.press("Enter")
    expect(inbox.locator(".attachment")).to_have_count(0)
    image = inbox.locator(".bubble[data-kind=image] img")
    expect(image).to_be_visible()
    eventually(lambda: image.evaluate("img => img.complete && img.naturalWidth > 0"))
    document = inbox.locator(".bubble[data-kind=document]")
    expect(document).to_contain_text("contrato.pdf")
    with inbox.expect_download() as saved:
        document.get_by_role("link", name="Baixar").click()
    assert saved.value.path().read_bytes() == PDF
    eventually(lambda: [one["kind"] for one in _reached(paired, id)] == ["image", "document"])


def test_a_pasted_picture_gets_a_name_and_a_file_that_is_too_big_is_refused_before_a_byte_is_sent(
    inbox: Page, paired: Site
) -> None:
    id = paired.conversation("Paulo Colado")
    inbox.goto(f"{paired.url}/conversations/{id}")
    field = inbox.get_by_role("textbox", name=re.compile("Mensagem para"))
    asked: list[str] = []
    inbox.on("request", lambda request: asked.append(request.url) if "/api/media" in request.url else None)
    field.evaluate(PASTE, [6 * 1024 * 1024])
    expect(inbox.locator(".attachment[data-state=tooBig]")).to_contain_text("passa do limite de 5 MB")
    assert asked == []
    inbox.get_by_role("button", name=re.compile("Tirar imagem-")).click()
    expect(inbox.locator(".attachment")).to_have_count(0)
    field.evaluate(PASTE, [64])
    expect(inbox.locator(".attachment .file-name")).to_contain_text(re.compile(r"imagem-[\d-]+\.png"))


def _reached(paired: Site, id: str) -> list[dict[str, str]]:
    """Return what has reached the phone of a conversation, in its order."""
    chat = paired.api.get(f"/api/conversations/{id}").json()["chatId"]
    items: list[dict[str, str]] = paired.phone.get("/simulator/ledger").json()["items"]
    return [item for item in items if item["to"].split("@")[0] == chat.split("@")[0]]
