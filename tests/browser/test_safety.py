"""What people write is text, whatever it looks like; no script but ours runs; axe finds nothing on any page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from .browsing import Site, axe, eventually, new_context, site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SCRIPT = '<img src=x onerror="window.injected=1"><script>window.injected=1</script>'
# Shorter, where less fits.
LABEL = "<img src=x onerror=window.injected=1>"
NAME = "<script>window.injected=1</script>"
# What stands out at the right.
WIDE = """() => [...document.querySelectorAll("body *")]
  .filter(each => each.getBoundingClientRect().right > innerWidth + 1)
  .map(each => `${each.tagName}.${each.className}`).slice(0, 9)"""
DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


def test_script_in_names_texts_and_subjects_is_shown_as_text(inbox: Page, paired: Site) -> None:
    group = {"groupId": "120363041112228888@g.us", "groupName": f"Grupo {SCRIPT}"}
    paired.write(f"Texto {SCRIPT}", f"Nome {SCRIPT}", "5511955550020", **group)
    paired.write("javascript:alert(1) [x](javascript:alert(1))", f"Nome {SCRIPT}", "5511955550020", **group)
    inbox.locator(".row", has_text="Grupo <img").click()
    expect(inbox.locator(".bubble-text", has_text=f"Texto {SCRIPT}")).to_be_visible()
    expect(inbox.get_by_role("heading", name="Grupo <img")).to_be_visible()
    inbox.get_by_role("textbox", name="Mensagem para Grupo").fill(f"Resposta {SCRIPT}")
    inbox.keyboard.press("Enter")
    expect(inbox.locator(".bubble-text", has_text=f"Resposta {SCRIPT}")).to_be_visible()
    assert inbox.evaluate("window.injected") is None
    assert inbox.locator("main a[href^='javascript']").count() == 0


def test_script_in_what_colleagues_and_files_are_called_is_shown_as_text(page: Page, tmp_path: Path) -> None:
    with site(tmp_path) as running:
        running.pair()
        put = running.phone.post("/simulator/media", content=b"%PDF-1.4", headers={"content-type": "application/pdf"})
        file = {
            "kind": "document",
            "mediaUrl": put.raise_for_status().json()["url"],
            "filename": f"Arquivo {SCRIPT}.pdf",
        }
        id = running.conversation(f"Pessoa {SCRIPT}", f"Citada {SCRIPT}")
        (quoted,) = running.api.get(f"/api/conversations/{id}/messages").json()["items"]
        path = f"/api/conversations/{id}"
        answer = {"text": f"Resposta {SCRIPT}", "quotedMessageId": quoted["id"]}
        running.api.post(f"{path}/send-message", json=answer).raise_for_status()
        running.api.post(f"{path}/notes", json={"text": f"Nota {SCRIPT}"}).raise_for_status()
        running.api.patch(path, json={"labels": [LABEL]}).raise_for_status()
        chat = running.api.get(path).json()["chatId"].split("@")[0]
        running.write(f"Legenda {SCRIPT}", f"Pessoa {SCRIPT}", chat, **file)
        replies = {"items": [{"shortcut": "x", "text": f"Rápida {SCRIPT}"}]}
        running.api.put("/api/quick-replies", json=replies).raise_for_status()
        running.api.patch("/api/sessions/demo", json={"name": NAME}).raise_for_status()

        running.log_in(page)
        page.goto(f"{running.url}/conversations/{id}")
        for text in ("Citada", "Resposta", "Legenda", "Nota"):
            expect(page.locator(".bubble-text", has_text=f"{text} {SCRIPT}").last).to_be_visible()
        expect(page.locator(".bubble .quote", has_text=f"Citada {SCRIPT}")).to_be_visible()
        expect(page.locator(".file-name", has_text=f"Arquivo {SCRIPT}.pdf")).to_be_visible()
        page.get_by_role("button", name="Dados do contato").first.click()
        expect(page.get_by_role("button", name=f"Tirar a etiqueta {LABEL}")).to_be_visible()
        page.get_by_role("textbox", name="Mensagem para").fill("/")
        expect(page.get_by_role("option", name=f"Rápida {SCRIPT}")).to_be_visible()
        page.goto(f"{running.url}/whatsapp-settings")
        expect(page.get_by_text(NAME).first).to_be_visible()
        assert page.evaluate("window.injected") is None
        assert page.locator("main img[src='x'], main script").count() == 0


def test_the_policy_stops_inline_script_and_scripts_of_others(context: BrowserContext, paired: Site) -> None:
    # A page of its own: here what the policy stops is no mistake.
    page = context.new_page()
    paired.log_in(page)
    stopped = page.evaluate(
        """() => new Promise(resolve => {
          const seen = [];
          document.addEventListener('securitypolicyviolation', event => {
            seen.push(event.effectiveDirective);
            if (seen.length === 2) resolve(seen);
          });
          const inline = document.createElement('script');
          inline.textContent = 'window.injected = 1';
          const foreign = document.createElement('script');
          foreign.src = 'http://evil.invalid/x.js';
          document.head.append(inline, foreign);
          setTimeout(() => resolve(seen), 5000);
        })"""
    )
    assert stopped == ["script-src-elem", "script-src-elem"]
    assert page.evaluate("window.injected") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(page: Page, paired: Site, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    found: dict[str, list[str]] = {}
    page.goto(f"{paired.url}/login")
    expect(page.get_by_role("heading", name="Entrar")).to_be_visible()
    found["login"] = axe(page)
    paired.log_in(page)
    paired.write("Oi, *bom* dia!", "Nina Acessível", "5511955550030")
    page.locator(".row", has_text="Nina Acessível").click()
    expect(page.locator(".bubble-text", has_text="bom").first).to_be_visible()
    page.get_by_role("button", name="Dados do contato").first.click()
    found["conversations"] = axe(page)
    page.get_by_role("button", name="Nova conversa").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found["new conversation"] = axe(page)
    for path in ("whatsapp-settings", "automations"):
        page.goto(f"{paired.url}/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_load_state("networkidle")
        found[path] = axe(page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_english_at_320_px_in_menus_dialogs_and_the_lightbox(
    browser: Browser, paired: Site, scheme: str
) -> None:
    context = new_context(browser, locale="en-US", viewport={"width": 320, "height": 700}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{paired.url}/conversations#token={paired.product.ready.token}")
    paired.write("Look", f"Narrow {scheme}", f"55119555500{len(scheme)}", kind="image")
    id = str(eventually(lambda: paired._find(f"Narrow {scheme}")))
    page.locator(".row", has_text=f"Narrow {scheme}").click()
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        found[name] = axe(page)
        # It reflows: nothing is wider than the window.
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[name].append(f"it is wider than the window: {page.evaluate(WIDE)}")

    expect(page.get_by_role("img", name="Look")).to_be_visible()
    look("thread")
    page.get_by_role("button", name="Conversation actions").click()
    expect(page.get_by_role("menuitem", name="Close")).to_be_visible()
    look("menu")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Enlarge the image").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    look("lightbox")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("textbox", name="Message to").fill("/")
    look("quick replies")
    page.keyboard.press("Escape")
    page.goto(f"{paired.url}/conversations/{id}#token={paired.product.ready.token}")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    look("shortcuts")
    waiting = {**paired.api.get("/api/sessions/demo").json(), "status": "qr_ready", "qrCode": DOT}
    page.route("**/api/sessions/demo", lambda route: route.fulfill(json=waiting))
    page.goto(f"{paired.url}/whatsapp-settings#token={paired.product.ready.token}")
    expect(page.locator(".qr img")).to_be_visible()
    look("pairing")
    context.close()
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
