"""A real Chromium before the running demo: how to start both, log in, and let contacts write."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from fivapp_whatsapp.commands.token import issue_token
from fivapp_whatsapp.settings import load_settings
from tests.acceptance.product import Product, demo

AXE = Path(__file__).resolve().parents[2] / "fivapp_whatsapp/ui/node_modules/axe-core/axe.min.js"
PATIENCE_MS = 30_000
PUSH_HOST = "push.invalid"
# As root and without a screen; and quiet: what a browser asks of its maker's hosts is nobody's business here.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_numbers = itertools.count(1)


def find_chromium() -> str | None:
    """Return where a Chromium is, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run a Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


def eventually(look: Callable[[], Any], seconds: float = 30) -> Any:
    """Look until there is something true to return."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


class Site:
    """A running demo, seen from outside."""

    def __init__(self, product: Product, data: Path) -> None:
        self.product = product
        self.data = data
        self.url = product.ready.gateway
        self.phone = httpx.Client(base_url=product.ready.simulator, timeout=30)
        self.api = httpx.Client(base_url=self.url, headers=product.headers, timeout=30)

    @property
    def password(self) -> str:
        """Return the password of the demo's login."""
        found: str = json.loads((self.data / "demo.json").read_text())["password"]
        return found

    def colleague(self, name: str) -> httpx.Client:
        """Return the client of a second agent, who logs in by a token of the main application."""
        secret = json.loads((self.data / "demo.json").read_text())["jwt_secret"]
        settings = load_settings({"FIVAPP_JWT_SECRET": secret}, env_file=None)
        token = issue_token(settings, self.product.ready.tenant_id, "agent", user_id=name.lower(), name=name)
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def log_in(self, page: Page) -> None:
        """Log in at the page that asks for it."""
        page.goto(f"{self.url}/login")
        page.get_by_label("Usuário").fill("demo")
        page.get_by_label("Senha", exact=True).fill(self.password)
        page.get_by_role("button", name="Entrar").click()
        page.wait_for_url("**/conversations")

    def pair(self) -> None:
        """Connect the first session without a browser."""
        self.api.post("/api/whatsapp/connect", json={}).raise_for_status()
        self.phone.post("/simulator/sessions/demo/scan").raise_for_status()
        eventually(lambda: self.api.get("/api/whatsapp/status/demo").json()["connected"])

    def write(self, text: str, name: str = "Rita Souza", phone: str = "5511988880001", **more: Any) -> None:
        """Let a contact write."""
        body = {"from": phone, "name": name, "text": text, **more}
        self.phone.post("/simulator/sessions/demo/messages", json=body).raise_for_status()

    def conversation(self, name: str, text: str = "Oi!") -> str:
        """Let a new contact write, and return the id of its conversation."""
        self.write(text, name, f"55119{70000000 + next(_numbers)}")
        return str(eventually(lambda: self._find(name)))

    def _find(self, name: str) -> str | None:
        items = self.api.get("/api/conversations", params={"limit": 200}).json()["items"]
        return next((item["id"] for item in items if item["title"] == name), None)

    def sent(self) -> list[str]:
        """Return the texts that have reached phones."""
        return [item["text"] for item in self.phone.get("/simulator/ledger").json()["items"]]


@contextlib.contextmanager
def site(data: Path, *arguments: str) -> Iterator[Site]:
    """Run a demo, not yet paired; its push service is one that no name leads to, so that nothing leaves the machine."""
    with demo(data, environment={"FIVAPP_PUSH_HOSTS": PUSH_HOST}, arguments=arguments) as product:
        running = Site(product, data)
        with running.phone, running.api:
            yield running


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Return a fresh profile that speaks Portuguese."""
    context = browser.new_context(**{"locale": "pt-BR", "timezone_id": "America/Sao_Paulo", **options})
    context.set_default_timeout(PATIENCE_MS)
    return context


def axe(page: Page) -> list[str]:
    """Return what axe finds wrong on a page, by WCAG 2.2 AA."""
    # In the middle of a change from light to dark a text has one's colour and its ground the other's.
    page.evaluate(
        "document.getAnimations().forEach(each => each.effect?.getTiming().iterations === 1 && each.finish())"
    )
    page.evaluate(AXE.read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    # The library's menus hand the focus on by elements that nobody hears and that never keep it.
    page_without = "{exclude: [['[data-base-ui-focus-guard]']]}"
    result = page.evaluate(f"tags => axe.run({page_without}, {{runOnly: {{type: 'tag', values: tags}}}})", tags)
    return [
        f"{found['id']}: {found['help']}: {node['target']} {node.get('failureSummary', '')}"
        for found in result["violations"]
        for node in found["nodes"]
    ]
