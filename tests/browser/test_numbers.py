"""Stories of /whatsapp-settings over the running demo: a number is connected, cut off, limited, and comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .browsing import Site, eventually, site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

QR = "QR code para conectar o WhatsApp"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A demo whose first number nobody has connected yet."""
    with site(tmp_path_factory.mktemp("numbers")) as running:
        yield running


def tell(running: Site, status: str, **more: Any) -> None:
    """Tell of a session as the connection service does."""
    body = {"event": "session.status", "tenantId": "demo", "status": status, **more}
    key = {"X-API-KEY": running.product.ready.api_key}
    running.api.post("/api/webhooks/whatsapp", json=body, headers=key).raise_for_status()


def paired(running: Site) -> None:
    """Connect the first number, unless a story before has."""
    if not running.api.get("/api/whatsapp/status/demo").json()["connected"]:
        running.pair()


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name, exact=True))


def choose(page: Page, name: str, item: str) -> None:
    """Choose from a number's menu."""
    card(page, name).get_by_role("button", name=f"Mais opções: {name}").click()
    page.get_by_role("menuitem", name=item).click()


def test_a_code_counts_down_renews_itself_and_a_paired_phone_is_named(page: Page, fresh: Site) -> None:
    page.clock.install()
    fresh.log_in(page)
    page.goto(f"{fresh.url}/whatsapp-settings")
    page.get_by_label("Nome (opcional)").fill("Vendas")
    page.get_by_role("button", name="Conectar WhatsApp").click()
    number = card(page, "Vendas")
    code = number.get_by_role("img", name=QR)
    expect(code).to_be_visible()
    expect(number.get_by_text("Expira em 0:5")).to_be_visible()
    expect(number.get_by_text("O código se renova sozinho.")).to_be_visible()
    for step in ("Abra o WhatsApp no celular", "Dispositivos conectados", "aponte a câmera"):
        expect(number.get_by_role("listitem").filter(has_text=step)).to_be_visible()
    first = str(code.get_attribute("src"))
    # A minute is over at once, here and on the phone.
    fresh.phone.post("/simulator/sessions/demo/expire").raise_for_status()
    page.clock.fast_forward(61_000)
    expect(code).not_to_have_attribute("src", first)
    second = str(code.get_attribute("src"))
    expect(number.get_by_text(re.compile("Expira em 0:(20|1[0-9])"))).to_be_visible()
    # Nobody renews it any more: it says so, and a new one is one click away.
    page.clock.fast_forward(41_000)
    expect(number.get_by_text("O código expirou.")).to_be_visible()
    number.get_by_role("button", name="Gerar um novo").click()
    fresh.phone.post("/simulator/sessions/demo/expire").raise_for_status()
    expect(code).not_to_have_attribute("src", second)
    expect(number.get_by_text(re.compile("Expira em 0:(20|1[0-9])"))).to_be_visible()
    expect(number.get_by_text("O código expirou.")).to_have_count(0)
    fresh.phone.post("/simulator/sessions/demo/scan").raise_for_status()
    expect(number.get_by_text("Conectado", exact=True)).to_be_visible()
    phone = fresh.api.get("/api/sessions/demo").json()
    expect(number.get_by_text(f"{phone['profileName']} · +55 {phone['phone'][2:4]}")).to_be_visible()
    # This page's clock is minutes ahead.
    expect(number.locator("time")).to_contain_text(re.compile(r"há \d min"))


def test_a_number_is_renamed_disconnected_with_a_question_and_connected_again(page: Page, fresh: Site) -> None:
    paired(fresh)
    fresh.log_in(page)
    page.goto(f"{fresh.url}/whatsapp-settings")
    name = fresh.api.get("/api/sessions/demo").json()["name"]
    choose(page, name, "Renomear")
    page.get_by_role("dialog").get_by_label("Nome").fill("Matriz")
    page.get_by_role("button", name="Salvar").click()
    number = card(page, "Matriz")
    expect(number.get_by_text("Conectado", exact=True)).to_be_visible()
    # Who thinks better of it changes nothing.
    choose(page, "Matriz", "Desconectar")
    question = page.get_by_role("dialog", name="Desconectar Matriz?")
    expect(question.get_by_text("As conversas ficam guardadas.")).to_be_visible()
    question.get_by_role("button", name="Cancelar").click()
    expect(question).to_have_count(0)
    assert fresh.api.get("/api/sessions/demo").json()["desired"] == "running"
    choose(page, "Matriz", "Desconectar")
    question.get_by_role("button", name="Desconectar").click()
    expect(number.get_by_text("Desconectado", exact=True)).to_be_visible()
    expect(number.get_by_text("Este número está desligado")).to_be_visible()
    number.get_by_role("button", name="Reconectar").click()
    expect(number.get_by_role("img", name=QR)).to_be_visible()
    fresh.phone.post("/simulator/sessions/demo/scan").raise_for_status()
    expect(number.get_by_text("Conectado", exact=True)).to_be_visible()


def test_a_line_that_is_cut_and_a_number_that_whatsapp_limits_say_so_everywhere(page: Page, fresh: Site) -> None:
    paired(fresh)
    fresh.log_in(page)
    page.goto(f"{fresh.url}/whatsapp-settings")
    name = fresh.api.get("/api/sessions/demo").json()["name"]
    number = card(page, name)
    expect(number.get_by_text("Conectado", exact=True)).to_be_visible()
    fresh.phone.post("/simulator/sessions/demo/drop").raise_for_status()
    expect(number.get_by_text("Reconectando…", exact=True)).to_be_visible()
    expect(number.get_by_text("A linha com o WhatsApp caiu")).to_be_visible()
    fresh.phone.post("/simulator/sessions/demo/restore").raise_for_status()
    expect(number.get_by_text("Conectado", exact=True)).to_be_visible()

    until = datetime.now(UTC) + timedelta(days=2)
    tell(fresh, "restricted", restrictedUntil=until.isoformat())
    # As this browser's time zone has it.
    when = (until - timedelta(hours=3)).strftime("%d/%m/%Y")
    said = f"O WhatsApp limitou este número. Espere, ou fale com o WhatsApp. Até {when}"
    expect(number.get_by_text("Restrito pelo WhatsApp", exact=True)).to_be_visible()
    expect(number.get_by_text(said)).to_be_visible()
    page.get_by_role("link", name="Conversas").click()
    banner = page.get_by_role("alert").filter(has_text=said)
    expect(banner).to_contain_text(name)
    # It holds until its time, or until a person says that it is over.
    tell(fresh, "connected")
    banner.get_by_role("link", name="Resolver").click()
    number.get_by_role("button", name="Reconectar").click()
    expect(number.get_by_text("Conectado", exact=True)).to_be_visible()
    expect(page.get_by_text("O WhatsApp limitou este número.")).to_have_count(0)


def test_a_second_number_is_added_and_removed_and_a_name_is_taken_once(page: Page, fresh: Site) -> None:
    paired(fresh)
    fresh.log_in(page)
    page.goto(f"{fresh.url}/whatsapp-settings")
    for time in (1, 2):
        page.get_by_role("button", name="Adicionar número").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Nome").fill("Filial")
        dialog.get_by_label("Identificador").fill("filial")
        dialog.get_by_role("button", name="Conectar WhatsApp").click()
        if time == 1:
            expect(card(page, "Filial").get_by_role("img", name=QR)).to_be_visible()
    expect(dialog.get_by_text("Já existe um número com este identificador.")).to_be_visible()
    page.keyboard.press("Escape")
    choose(page, "Filial", "Remover da lista")
    page.get_by_role("dialog").get_by_role("button", name="Remover da lista").click()
    expect(card(page, "Filial")).to_have_count(0)
    eventually(lambda: len(fresh.api.get("/api/sessions").json()["items"]) == 1)
