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


def main(folder: Path) -> None:
    """Make all pictures."""
    folder.mkdir(exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as data, site(Path(data)) as running:
        pages(browser, running, folder, "empty")
        running.pair()
        fill(running)
        pages(browser, running, folder, "full")
        running.phone.post("/simulator/sessions/demo/logout").raise_for_status()
        pages(browser, running, folder, "error")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
