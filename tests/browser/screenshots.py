"""Pictures of each page: light and dark, on a phone and a desktop, empty, full and in trouble. `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from .browsing import Site, chromium, new_context, site

SIZES = {"desktop": {"width": 1360, "height": 820}, "phone": {"width": 390, "height": 844}}
PEOPLE = (
    ("Ana Souza", "Oi, bom dia! 😊 Vocês ainda têm aquele *vaso azul* da foto?"),
    ("Bruno Lima", "Boa tarde, meu pedido 1024 já saiu para entrega?"),
    ("Carla Mendes", "Fechado! Pode mandar o orçamento por aqui."),
    ("Davi Rocha", "👏👏"),
    ("Elisa Prado", "Veja https://exemplo.com.br/catalogo e me diga o preço, por favor"),
)


def fill(running: Site) -> None:
    """Let people write, and answer one of them."""
    for number, (name, text) in enumerate(PEOPLE):
        running.write(text, name, f"55119876500{number:02}")
    group = {"groupId": "120363041112223330@g.us", "groupName": "Condomínio Jardim das Flores"}
    running.write("Pessoal, alguém indica uma empresa boa?", "Davi Rocha", "5541987650004", **group)
    for text in ("É para sábado", "Consegue reservar?"):
        running.write(text, PEOPLE[0][0], "5511987650000")
    id = running.conversation("Rita Nova", "Bom dia! Vocês entregam no centro?")
    path = f"/api/conversations/{id}"
    running.api.post(f"{path}/send-message", json={"text": "Entregamos sim, até as 18h."})
    running.api.post(f"{path}/notes", json={"text": "Cliente antiga, já comprou duas vezes."})
    running.api.patch(path, json={"labels": ["entrega", "vip"]})
    running.write("Perfeito! 🙏", "Rita Nova", "5511970000001")


def shoot(page: Page, folder: Path, name: str) -> None:
    """Keep a picture once the page is quiet."""
    page.wait_for_timeout(900)
    page.screenshot(path=folder / f"{name}.png")


def pages(browser: Browser, running: Site, folder: Path, state: str) -> None:
    """Picture every page in every theme and size."""
    for scheme in ("light", "dark"):
        for size, viewport in SIZES.items():
            context = new_context(browser, color_scheme=scheme, viewport=viewport)
            page = context.new_page()
            name = f"{state}-{size}-{scheme}"
            page.goto(f"{running.url}/login")
            page.get_by_label("Usuário").wait_for()
            shoot(page, folder, f"login-{name}")
            running.log_in(page)
            shoot(page, folder, f"conversations-{name}")
            if state != "empty":
                page.locator(".row", has_text="Rita Nova").click()
                page.locator(".bubble-text").first.wait_for()
                shoot(page, folder, f"thread-{name}")
            for path in ("whatsapp-settings", "automations"):
                page.goto(f"{running.url}/{path}")
                page.get_by_role("heading", level=1).wait_for()
                shoot(page, folder, f"{path}-{name}")
            context.close()


def failing(browser: Browser, running: Site, folder: Path) -> None:
    """Picture what stands on each page when the gateway fails, and a conversation that does not exist."""
    problem = {"status": 503, "code": "store_unavailable", "title": "x", "detail": "The database does not answer."}
    for scheme, viewport in zip(("light", "dark"), SIZES.values(), strict=True):
        context = new_context(browser, color_scheme=scheme, viewport=viewport)
        page = context.new_page()
        running.log_in(page)
        page.goto(f"{running.url}/conversations/{'0' * 32}")
        page.get_by_text("Esta conversa não existe").wait_for()
        shoot(page, folder, f"gone-{scheme}")
        for path in ("conversations", "sessions", "plugins", "automations"):
            page.route(f"**/api/{path}?*", lambda route: route.fulfill(status=500, json=problem))
            page.route(f"**/api/{path}", lambda route: route.fulfill(status=500, json=problem))
        for path in ("conversations", "whatsapp-settings", "automations"):
            page.goto(f"{running.url}/{path}")
            page.get_by_role("button", name="Tentar de novo").first.wait_for()
            shoot(page, folder, f"failing-{path}-{scheme}")
        context.close()


def pairing(browser: Browser, running: Site, folder: Path) -> None:
    """Picture the QR code, and the choices about notifications."""
    running.api.post("/api/whatsapp/connect", json={"name": "Vendas"}).raise_for_status()
    for scheme, viewport in zip(("light", "dark"), SIZES.values(), strict=True):
        context = new_context(browser, color_scheme=scheme, viewport=viewport)
        page = context.new_page()
        running.log_in(page)
        page.goto(f"{running.url}/whatsapp-settings")
        page.get_by_role("img", name="QR code").wait_for()
        shoot(page, folder, f"pairing-{scheme}")
        page.get_by_role("button", name="Sua conta").click()
        page.get_by_role("menuitem", name="Avisos e som").click()
        shoot(page, folder, f"notifications-{scheme}")
        context.close()


def main(folder: Path) -> None:
    """Make all pictures."""
    folder.mkdir(exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as data, site(Path(data)) as running:
        pages(browser, running, folder, "empty")
        pairing(browser, running, folder)
        running.pair()
        fill(running)
        pages(browser, running, folder, "full")
        failing(browser, running, folder)
        running.phone.post("/simulator/sessions/demo/logout").raise_for_status()
        pages(browser, running, folder, "error")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
