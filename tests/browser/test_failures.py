"""Stories of what does not go out, over a service that can be asked nothing afterwards: what is said, what helps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from .browsing import Site, eventually, site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A paired demo whose connection service does not know its sends again: what is in doubt stays so."""
    with site(tmp_path_factory.mktemp("forgetful"), "--without", "idempotent_send", "--without", "lookup") as running:
        running.pair()
        yield running


@pytest.fixture(autouse=True)
def quiet(forgetful: Site) -> Iterator[None]:
    """Whatever a story lets go wrong goes right again."""
    yield
    chaos(forgetful)


def chaos(running: Site, **shares: float) -> None:
    running.phone.put("/simulator/chaos", json=shares).raise_for_status()


def opened(page: Page, running: Site, name: str) -> str:
    running.log_in(page)
    id = running.conversation(name)
    page.goto(f"{running.url}/conversations/{id}")
    expect(page.locator(".thread-row", has_text="Oi!")).to_be_visible()
    return id


def write(page: Page, text: str) -> Locator:
    """Send a text, and return its row."""
    field = page.get_by_role("textbox", name=re.compile("Mensagem para"))
    field.fill(text)
    field.press("Enter")
    expect(field).to_have_value("")
    return page.locator(".thread-row", has_text=text)


def statuses(running: Site, id: str, text: str) -> list[str]:
    items = running.api.get(f"/api/conversations/{id}/messages").json()["items"]
    return [item["status"] for item in items if item["text"] == text]


def test_what_the_service_refuses_says_so_in_its_row_and_a_second_try_takes_its_place(
    page: Page, forgetful: Site
) -> None:
    id = opened(page, forgetful, "Rui Recusado")
    chaos(forgetful, refuse=1)
    row = write(page, "Na segunda vai")
    expect(row.locator("[data-status=failed]")).to_be_visible()
    expect(row.get_by_text("O WhatsApp recusou esta mensagem.")).to_be_visible()
    assert statuses(forgetful, id, "Na segunda vai") == ["failed"]
    # It is still there after a reload, also with what helps.
    page.reload()
    expect(row.get_by_role("button", name="Tentar de novo")).to_be_visible()
    chaos(forgetful)
    row.get_by_role("button", name="Tentar de novo").click()
    expect(row.locator("[data-status=read]")).to_be_visible()
    expect(row).to_have_count(1)
    expect(row.get_by_role("button", name="Tentar de novo")).to_have_count(0)
    assert forgetful.sent().count("Na segunda vai") == 1


def test_what_was_refused_is_edited_behind_what_one_writes_meanwhile(page: Page, forgetful: Site) -> None:
    opened(page, forgetful, "Eva Editada")
    chaos(forgetful, refuse=1)
    row = write(page, "com um erro")
    edit = row.get_by_role("button", name="Editar")
    expect(edit).to_be_visible()
    field = page.get_by_role("textbox", name=re.compile("Mensagem para"))
    field.fill("Já escrevo outra")
    edit.click()
    expect(field).to_have_value("Já escrevo outra\ncom um erro")
    expect(field).to_be_focused()


def test_a_send_in_doubt_is_marked_as_sent_and_another_is_sent_again(page: Page, forgetful: Site) -> None:
    id = opened(page, forgetful, "Duda Dúvida")
    chaos(forgetful, garbage=1, dropAck=1)
    first, second = write(page, "Chegou mesmo?"), write(page, "E esta?")
    for row in (first, second):
        expect(row.locator("[data-status=unknown]")).to_be_visible()
        expect(row.get_by_text("Pode ter saído ou não. Olhe no celular.")).to_be_visible()
    first.get_by_role("button", name="Marcar como enviada").click()
    expect(first.locator("[data-status=sent]")).to_be_visible()
    expect(first.get_by_role("button", name="Marcar como enviada")).to_have_count(0)
    chaos(forgetful)
    second.get_by_role("button", name="Enviar de novo").click()
    expect(second.locator("[data-status=read]")).to_be_visible()
    expect(second).to_have_count(1)
    # Nothing was sent twice but what a person told to be.
    assert (forgetful.sent().count("Chegou mesmo?"), forgetful.sent().count("E esta?")) == (1, 2)
    eventually(lambda: statuses(forgetful, id, "Chegou mesmo?") == ["sent"])


def test_what_went_unsent_while_the_number_was_away_is_one_bar_sent_again_or_dropped(
    page: Page, forgetful: Site
) -> None:
    opened(page, forgetful, "Beto Barra")
    chaos(forgetful, refuse=1)
    rows = [write(page, text) for text in ("Primeira da barra", "Segunda da barra")]
    for row in rows:
        expect(row.locator("[data-status=failed]")).to_be_visible()
    bar = page.get_by_role("status").filter(has_text="2 não enviadas")
    expect(bar).to_be_visible()
    chaos(forgetful)
    bar.get_by_role("button", name="Reenviar").click()
    for row in rows:
        expect(row.locator("[data-status=read]")).to_be_visible()
        expect(row).to_have_count(1)
    expect(bar).to_have_count(0)
    chaos(forgetful, refuse=1)
    for text in ("Terceira da barra", "Quarta da barra"):
        expect(write(page, text).locator("[data-status=failed]")).to_be_visible()
    bar.get_by_role("button", name="Descartar").click()
    expect(bar).to_have_count(0)
    page.reload()
    expect(page.locator(".thread-row", has_text="Quarta da barra")).to_be_visible()
    expect(bar).to_have_count(0)


def test_while_the_number_is_away_one_writes_on_and_what_waits_may_be_taken_back(page: Page, forgetful: Site) -> None:
    id = opened(page, forgetful, "Queda Curta")
    forgetful.phone.post("/simulator/sessions/demo/drop").raise_for_status()
    # Ten minutes from now, as this browser's time zone has it; the minute may be over meanwhile.
    ends = datetime.now(UTC) - timedelta(hours=3) + timedelta(minutes=10)
    said = "|".join(f"{ends + timedelta(minutes=later):%H:%M}" for later in (-1, 0, 1))
    notice = page.get_by_role("status").filter(has_text=re.compile(f"sai quando reconectar; expira às ({said})"))
    expect(notice).to_be_visible()
    gone, kept = write(page, "Deixa para lá"), write(page, "Espera comigo")
    gone.get_by_role("button", name="Cancelar").click()
    expect(gone.locator("[data-status=cancelled]")).to_be_visible()
    forgetful.phone.post("/simulator/sessions/demo/restore").raise_for_status()
    expect(kept.locator("[data-status=read]")).to_be_visible()
    expect(notice).to_have_count(0)
    assert "Deixa para lá" not in forgetful.sent()
    assert statuses(forgetful, id, "Deixa para lá") == ["cancelled"]
