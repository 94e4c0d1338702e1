"""The pages under a prefix of another application, whose own cookie logs their users in."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from playwright.sync_api import BrowserContext, Page, expect

from fivapp_whatsapp.app import create_app
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import Secret, Settings
from tests.processes import command
from tests.web.test_mount import under_fastapi
from tests.web.tools import SECRET, bearer, make_token

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    """Serve a FastAPI application that has us under /wa; its users' tokens are in its cookie `main`."""
    url = f"sqlite:///{tmp_path}/mount.db"
    added = command("tenant", "add", "acme", cwd=tmp_path, DATABASE_URL=url, FIVAPP_JWT_SECRET=SECRET)
    assert added.returncode == 0, added.stderr
    settings = Settings(
        database_url=Secret(url),
        jwt_secret=Secret(SECRET),
        connection_service_api_key=Secret("x"),
        jwt_cookie="main",
    )
    application = under_fastapi(create_app(gateway=build_gateway(settings, plugins=Plugins())))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/wa"
    server.should_exit = True
    thread.join(15)


def test_under_a_prefix_pages_links_parts_and_the_socket_work_and_the_hosts_login_counts(
    page: Page, context: BrowserContext, host: str
) -> None:
    with httpx.Client(base_url=host, headers=bearer(make_token())) as api:
        api.post("/api/sessions", json={}).raise_for_status()
        body = {"to": "5511988887777", "title": "Nina Prefixo"}
        path = f"/api/conversations/{api.post('/api/conversations', json=body).raise_for_status().json()['id']}"
        deep = host + path.removeprefix("/api")

        page.goto(deep)
        page.wait_for_url(f"{host}/login?next=*")
        context.add_cookies([{"name": "main", "value": make_token(), "url": host}])
        page.goto(deep)
        for _ in range(2):
            expect(page.get_by_role("heading", name="Nina Prefixo", level=2)).to_be_visible()
            page.reload()
        # What happens is told by the socket.
        expect(page.get_by_role("textbox", name="Mensagem para Nina Prefixo")).to_be_visible()
        api.post(f"{path}/notes", json={"text": "Pelo soquete"}).raise_for_status()
        expect(page.locator(".bubble.note", has_text="Pelo soquete")).to_be_visible()
    # A part that is loaded when it is needed.
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="WhatsApp").click()
    page.wait_for_url(f"{host}/whatsapp-settings")
    # The host's login is ended by the host.
    page.get_by_role("button", name="Sua conta").click()
    expect(page.get_by_role("menuitemradio", name="English")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Sair")).to_have_count(0)
