"""Stories of files: chosen, pasted or dropped, they go out in their order, and their bytes are those chosen."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

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
HEIGHTS = "boxes => boxes.map(box => Math.round(box.getBoundingClientRect().height))"
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


def test_files_are_dropped_shown_on_their_way_stopped_and_what_is_left_is_sent(
    inbox: Page, paired: Site, tmp_path: Path
) -> None:
    id = paired.conversation("Dora Arrasta")
    inbox.goto(f"{paired.url}/conversations/{id}")
    wanted, stray = tmp_path / "contrato.pdf", tmp_path / "engano.pdf"
    wanted.write_bytes(PDF)
    stray.write_bytes(PDF + secrets.token_bytes(400_000))
    picture = tmp_path / "ponto.png"
    picture.write_bytes(DOT)
    thread = inbox.get_by_role("region", name="Dora Arrasta")
    drag = Drag(inbox, thread)
    hint = inbox.get_by_text("Solte aqui para anexar")
    # A hand that holds files tells of it again and again: the page may not be ready at the first time.
    eventually(lambda: drag.over(stray, picture) or hint.is_visible())
    drag.away(stray, picture)
    expect(hint).to_have_count(0)
    slow = inbox.context.new_cdp_session(inbox)
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1}
    slow.send("Network.enable")
    slow.send("Network.emulateNetworkConditions", {**speed, "uploadThroughput": 100_000})
    drag.drop(stray, picture)
    expect(hint).to_have_count(0)
    going = inbox.locator(".attachment[data-state=uploading]", has_text="engano.pdf")
    bar = going.get_by_role("progressbar", name="engano.pdf")
    eventually(lambda: 0 < bar.evaluate("bar => bar.value") < 1)
    expect(going).to_contain_text(re.compile(r"\b\d?\d%"))
    with inbox.expect_event("requestfailed", lambda request: "engano.pdf" in request.url):
        inbox.get_by_role("button", name="Tirar engano.pdf").click()
    expect(inbox.locator(".attachment", has_text="engano.pdf")).to_have_count(0)
    slow.send("Network.emulateNetworkConditions", {**speed, "uploadThroughput": -1})
    drag.drop(wanted)
    expect(inbox.locator(".attachment[data-state=ready]")).to_have_count(2)
    # Neither here after a reload nor on the server is anything of what was stopped.
    inbox.reload()
    expect(inbox.locator(".attachment[data-state=ready] .file-name > span:first-child")).to_have_text(
        ["ponto.png", "contrato.pdf"]
    )
    assert hashlib.sha256(stray.read_bytes()).hexdigest() not in kept(paired)
    assert hashlib.sha256(PDF).hexdigest() in kept(paired)
    inbox.get_by_role("textbox", name="Mensagem para Dora Arrasta").press("Enter")
    expect(inbox.locator(".bubble[data-kind=image] img")).to_be_visible()
    expect(inbox.locator(".bubble[data-kind=document]")).to_contain_text("contrato.pdf")
    eventually(lambda: [one["kind"] for one in _reached(paired, id)] == ["image", "document"])


def test_an_upload_that_fails_is_tried_again_and_goes_where_it_was_meant_to(inbox: Page, paired: Site) -> None:
    here, there = paired.conversation("Vai Aqui"), paired.conversation("Não Vai")
    inbox.goto(f"{paired.url}/conversations/{here}")
    field = inbox.get_by_role("textbox", name="Mensagem para Vai Aqui")
    inbox.route("**/api/media?*", lambda route: route.abort(), times=1)
    field.evaluate(PASTE, [64])
    expect(inbox.locator(".attachment[data-state=failed]")).to_be_visible()
    held: list[Route] = []
    inbox.route("**/api/media?*", lambda route: held.append(route), times=1)
    inbox.get_by_role("button", name=re.compile("Tentar de novo: imagem-")).click()
    expect(inbox.locator(".attachment[data-state=uploading]").get_by_role("progressbar")).to_be_visible()
    eventually(lambda: inbox.wait_for_timeout(10) or held)
    # Who goes elsewhere meanwhile takes no file along.
    inbox.locator(".row", has_text="Não Vai").click()
    expect(inbox.get_by_role("textbox", name="Mensagem para Não Vai")).to_be_visible()
    expect(inbox.locator(".attachment")).to_have_count(0)
    held[0].continue_()
    inbox.locator(".row", has_text="Vai Aqui").click()
    expect(inbox.locator(".attachment[data-state=ready]")).to_be_visible()
    field.press("Enter")
    eventually(lambda: len(_reached(paired, here)) == 1)
    assert _reached(paired, there) == []


def test_pictures_keep_their_place_and_are_walked_with_the_arrows(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Galeria Lins")
    chat = paired.api.get(f"/api/conversations/{id}").json()["chatId"].split("@")[0]
    for text in ("Foto um", "Foto dois"):
        paired.write(text, "Galeria Lins", chat, kind="image")
    messages = f"/api/conversations/{id}/messages"

    def kept() -> bool:
        items = paired.api.get(messages).json()["items"]
        return len([each for each in items if (each.get("media") or {}).get("state") == "ready"]) == 2

    eventually(kept)
    # Before a byte of it is there, its box is.
    held: list[Route] = []
    inbox.route("**/api/media/**", lambda route: held.append(route))
    inbox.goto(f"{paired.url}/conversations/{id}")
    boxes = inbox.locator(".bubble[data-kind=image]")
    expect(boxes).to_have_count(2)
    eventually(lambda: inbox.wait_for_timeout(10) or len(held) >= 2)
    before = boxes.evaluate_all(HEIGHTS)
    while held:
        held.pop().continue_()
    inbox.unroute_all()
    for name in ("Foto um", "Foto dois"):
        picture = inbox.get_by_role("img", name=name)
        eventually(lambda shown=picture: shown.evaluate("img => img.complete && img.naturalWidth > 0"))
    assert boxes.evaluate_all(HEIGHTS) == before
    inbox.get_by_role("button", name="Ampliar a imagem").first.click()
    large = inbox.get_by_role("dialog")
    expect(large.get_by_role("img", name="Foto um")).to_be_visible()
    inbox.keyboard.press("ArrowRight")
    expect(large.get_by_role("img", name="Foto dois")).to_be_visible()
    inbox.keyboard.press("ArrowLeft")
    expect(large.get_by_role("img", name="Foto um")).to_be_visible()
    inbox.keyboard.press("Escape")
    expect(large).to_have_count(0)


class Drag:
    """Files that are dragged from outside over an element, as the browser's own protocol has it."""

    def __init__(self, page: Page, target: Locator) -> None:
        self._cdp = page.context.new_cdp_session(page)
        box = target.bounding_box()
        assert box is not None
        self._place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}

    def over(self, *files: Path) -> None:
        """Hold files over it."""
        for kind in ("dragEnter", "dragOver"):
            self._tell(kind, files)

    def away(self, *files: Path) -> None:
        """Hold files beside it."""
        self._tell("dragOver", files, {"x": 5, "y": 5})

    def drop(self, *files: Path) -> None:
        """Let files go there."""
        self.over(*files)
        self._tell("drop", files)

    def _tell(self, kind: str, files: Iterable[Path], place: Mapping[str, float] | None = None) -> None:
        data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
        self._cdp.send("Input.dispatchDragEvent", {"type": kind, **(place or self._place), "data": data})


def kept(paired: Site) -> set[str]:
    """Return the hashes of the files that the gateway keeps."""
    return {path.name for path in paired.data.rglob("*") if path.is_file()}


def _reached(paired: Site, id: str) -> list[dict[str, str]]:
    """Return what has reached the phone of a conversation, in its order."""
    chat = paired.api.get(f"/api/conversations/{id}").json()["chatId"]
    items: list[dict[str, str]] = paired.phone.get("/simulator/ledger").json()["items"]
    return [item for item in items if item["to"].split("@")[0] == chat.split("@")[0]]
