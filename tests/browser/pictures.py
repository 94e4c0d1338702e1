"""The few pictures that the README and the docs show, small. `make pictures`."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from .browsing import Site, chromium, new_context, site
from .screenshots import SIZES, fill

_QUALITY = 82


def keep(page: Page, path: Path) -> None:
    """Keep what a page shows, once it is quiet."""
    page.wait_for_timeout(900)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, "WEBP", quality=_QUALITY, method=6)


def look(browser: Browser, running: Site, size: str, scheme: str) -> Page:
    """Return a page of somebody who has logged in."""
    context = new_context(browser, color_scheme=scheme, viewport=SIZES[size])
    page = context.new_page()
    running.log_in(page)
    return page


def thread(page: Page) -> None:
    """Open a conversation."""
    page.locator(".row", has_text="Rita Nova").click()
    page.locator(".bubble-text").first.wait_for()


def main(folder: Path) -> None:
    """Make them."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as data, site(Path(data)) as running:
        running.api.post("/api/whatsapp/connect", json={"name": "Vendas"}).raise_for_status()
        page = look(browser, running, "desktop", "light")
        page.goto(f"{running.url}/whatsapp-settings")
        page.get_by_role("img", name="QR code").wait_for()
        keep(page, folder / "pairing.webp")
        running.pair()
        fill(running)
        page.goto(f"{running.url}/conversations")
        thread(page)
        keep(page, folder / "conversations.webp")
        page.goto(f"{running.url}/automations")
        page.get_by_role("textbox", name="Mensagem de um cliente").wait_for()
        keep(page, folder / "automations.webp")
        phone = look(browser, running, "phone", "dark")
        thread(phone)
        keep(phone, folder / "phone.webp")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
