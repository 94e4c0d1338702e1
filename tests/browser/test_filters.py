"""Stories of the list: each filter shows what belongs to it, as soon as it does, and nothing else."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from .browsing import Site, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def only(page: Page, shown: str, others: list[str]) -> None:
    """Expect one of these conversations in the list, and none of the others."""
    rows = page.get_by_role("list", name="Lista de conversas")
    expect(rows.get_by_text(shown, exact=True)).to_be_visible()
    for name in others:
        expect(rows.get_by_text(name, exact=True)).to_have_count(0)


def choose(page: Page, name: str) -> None:
    """Choose a filter: one that is in view, or one of the menu behind them."""
    filters = page.locator(".filters")
    expect(filters).to_be_visible()
    button = filters.get_by_role("button", name=name, exact=True)
    if button.count() == 0:
        filters.get_by_role("button").last.click()
        page.get_by_role("menuitemradio", name=name, exact=True).click()
    else:
        button.click()


def test_each_filter_shows_what_belongs_to_it(inbox: Page, paired: Site) -> None:
    names = {
        "A responder": "Filtro Espera",
        "Minhas": "Filtro Minha",
        "Grupos": "Filtro Grupo",
        "Com robô": "Filtro Robô",
        "Encerradas": "Filtro Fechada",
        "Etiqueta: filtro-vip": "Filtro Etiqueta",
    }
    ids = {name: paired.conversation(name) for name in names.values() if name != "Filtro Grupo"}
    group = {"groupId": "120363041112229001@g.us", "groupName": "Filtro Grupo"}
    paired.write("Oi, grupo", "Alguém", "5511955550501", **group)
    people = paired.api.get("/api/accounts").json()["items"]
    me = next(each["id"] for each in people if each.get("login") == "demo")

    def change(name: str, **values: object) -> None:
        paired.api.patch(f"/api/conversations/{ids[name]}", json=values).raise_for_status()

    def answer(name: str) -> None:
        body = {"text": "Respondido"}
        paired.api.post(f"/api/conversations/{ids[name]}/send-message", json=body).raise_for_status()

    for name in ("Filtro Minha", "Filtro Robô", "Filtro Etiqueta"):
        answer(name)
    change("Filtro Minha", assigneeId=me, answeredBy="human")
    change("Filtro Robô", answeredBy="bot")
    change("Filtro Etiqueta", labels=["filtro-vip"], answeredBy="human")
    change("Filtro Fechada", status="closed")
    change("Filtro Espera", answeredBy="human")
    inbox.reload()
    # What a filter hides although it is open; groups and what a bot has belong to several.
    hidden = {
        "A responder": ["Filtro Minha", "Filtro Etiqueta", "Filtro Fechada"],
        "Minhas": ["Filtro Espera", "Filtro Robô", "Filtro Grupo"],
        "Grupos": ["Filtro Espera", "Filtro Minha", "Filtro Robô"],
        "Com robô": ["Filtro Espera", "Filtro Minha", "Filtro Etiqueta"],
        "Encerradas": ["Filtro Espera", "Filtro Minha"],
        "Etiqueta: filtro-vip": ["Filtro Espera", "Filtro Minha"],
    }
    for name, shown in names.items():
        choose(inbox, name)
        only(inbox, shown, hidden[name])
    choose(inbox, "Sem responsável")
    only(inbox, "Filtro Espera", ["Filtro Minha"])

    # What begins or ceases to belong comes and goes by itself.
    change("Filtro Espera", assigneeId=me)
    expect(row(inbox, "Filtro Espera")).to_have_count(0)
    choose(inbox, "Minhas")
    expect(row(inbox, "Filtro Espera")).to_be_visible()
    change("Filtro Espera", status="closed")
    expect(row(inbox, "Filtro Espera")).to_have_count(0)


def row(page: Page, name: str) -> Locator:
    return page.locator(".row", has=page.get_by_text(name, exact=True))


def test_one_takes_a_conversation_puts_it_off_and_brings_it_back(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Adiada Um")
    row(inbox, "Adiada Um").click()
    expect(inbox.locator(".thread-row", has_text="Oi!")).to_be_visible()
    panel = inbox.get_by_role("complementary", name="Dados do contato")
    inbox.get_by_role("button", name="Dados do contato").click()
    path = f"/api/conversations/{id}"

    def act(name: str | re.Pattern[str], role: str = "menuitem") -> None:
        inbox.get_by_role("button", name="Ações da conversa").click()
        inbox.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]

    act("Atribuir a mim")
    eventually(lambda: paired.api.get(path).json().get("assigneeId"))
    act("Sem responsável", "menuitemradio")
    eventually(lambda: paired.api.get(path).json().get("assigneeId") is None)
    act("Adiar: Por 1 hora")
    expect(panel.get_by_text(re.compile("Adiada até"))).to_be_visible()
    # It is out of the way until then.
    expect(row(inbox, "Adiada Um").get_by_text("Adiada", exact=True)).to_be_visible()
    eventually(lambda: paired.api.get(path).json()["status"] == "snoozed")
    act("Trazer de volta")
    expect(panel.get_by_text("Aberta", exact=True)).to_be_visible()
    # A customer who writes brings it back, too.
    act("Adiar: Por uma semana")
    expect(panel.get_by_text(re.compile("Adiada até"))).to_be_visible()
    chat = paired.api.get(path).json()["chatId"].split("@")[0]
    paired.write("Voltei!", "Adiada Um", chat)
    expect(panel.get_by_text("Aberta", exact=True)).to_be_visible()
    # Closed says so where one writes, and opens with the next word.
    inbox.get_by_role("button", name="Encerrar").click()
    closed = inbox.get_by_text("Conversa encerrada. Escreva para reabrir.")
    expect(closed).to_be_visible()
    inbox.get_by_role("button", name="Reabrir").click()
    expect(closed).to_have_count(0)
    inbox.get_by_role("button", name="Encerrar").click()
    expect(closed).to_be_visible()
    # It is shown before the gateway has heard of it; what is written before that is no word after the end.
    eventually(lambda: paired.api.get(path).json()["status"] == "closed")
    inbox.get_by_role("textbox", name="Mensagem para").fill("Mais uma coisa")
    inbox.keyboard.press("Enter")
    expect(inbox.locator(".thread-row", has_text="Mais uma coisa")).to_be_visible()
    expect(closed).to_have_count(0)
    act("Marcar como não lida")
    expect(row(inbox, "Adiada Um").get_by_text("1 não lida")).to_be_attached()


def test_a_colleague_who_logs_in_elsewhere_is_assigned_to(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Entregue Um")
    path = f"/api/conversations/{id}"
    inbox.goto(f"{paired.url}/conversations/{id}")
    with paired.colleague("Beatriz") as beatriz:
        # As her page does when she opens it.
        beatriz.get("/api/me").raise_for_status()
        inbox.get_by_role("button", name="Ações da conversa").click()
        inbox.get_by_role("menuitemradio", name="Beatriz", exact=True).click()
        eventually(lambda: paired.api.get(path).json().get("assigneeId") == "beatriz")
        mine = beatriz.get("/api/conversations", params={"filter": "mine"}).json()["items"]
    assert [each["id"] for each in mine] == [id]


def test_two_agents_meet_in_one_conversation(inbox: Page, paired: Site) -> None:
    id = paired.conversation("Colisão Um")
    inbox.goto(f"{paired.url}/conversations/{id}")
    field = inbox.get_by_role("textbox", name=re.compile("Mensagem para"))
    field.fill("Eu respondo")
    body = {"text": "Já respondi eu"}
    with paired.colleague("Ana") as ana:
        ana.post(f"/api/conversations/{id}/send-message", json=body).raise_for_status()
    expect(inbox.locator(".thread-row", has_text="Já respondi eu")).to_be_visible()
    field.press("Enter")
    asked = inbox.get_by_role("alert").filter(has_text=re.compile(r"Ana respondeu há \d+ s"))
    expect(asked).to_be_visible()
    expect(field).to_have_value("Eu respondo")
    assert "Eu respondo" not in paired.sent()
    # Enter asks once; the second one is the answer.
    field.press("Enter")
    expect(inbox.locator(".thread-row", has_text="Eu respondo").locator("[data-status=read]")).to_be_visible()
    expect(asked).to_have_count(0)
    assert paired.sent().count("Eu respondo") == 1
