"""Bots and plugins, as an admin has them before their eyes on /automations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.acceptance.product import demo
from tests.processes import command

from .browsing import Site, axe, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SHOP = '''"""Tells the shop's system of each message."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from fivapp_whatsapp import Hold, hookimpl


class Shop(msgspec.Struct, kw_only=True):
    """Where the shop's system is."""

    address: Annotated[str, Meta(title="Address", description="Of the system.", extra_json_schema={
        "i18n": {"pt-BR": {"title": "Endereço", "description": "Do sistema."}}})] = ""
    token: Annotated[str, Meta(title="Token", extra_json_schema={"writeOnly": True})] = ""
    retries: Annotated[int, Meta(title="Retries", ge=1, le=9)] = 3

    def __post_init__(self) -> None:
        if self.address == "nowhere":
            raise ValueError("there is nothing at this address")


@hookimpl
def plugin_config() -> type[Shop]:
    return Shop


@hookimpl
async def outgoing_message(message) -> None:
    if "cartão" in (message.text or ""):
        raise Hold("Números de cartão não são enviados.")


@hookimpl
async def message_received(message) -> None:
    if not Path(__file__).with_name("shop-is-up").exists():
        raise ConnectionError("the shop is down")
'''


class Shop(Site):
    """A running demo, as its plugins and its contacts see it."""

    def plugin(self, name: str) -> dict[str, Any]:
        """Return a plugin as the API has it."""
        found: dict[str, Any] = self.api.get(f"/api/plugins/{name}").json()
        return found

    def received(self, phone: str) -> list[str]:
        """Return the texts that a contact got."""
        items = self.phone.get("/simulator/ledger").json()["items"]
        return [item["text"] for item in items if item["to"].partition("@")[0] == phone]

    def conversations_with(self, phone: str) -> set[str]:
        """Return the ids of a contact's conversations."""
        items = self.api.get("/api/conversations", params={"limit": 200}).json()["items"]
        return {one["id"] for one in items if one["chatId"].partition("@")[0] == phone}

    def decided(self, phone: str, text: str) -> bool:
        """Tell whether it was decided who answers a contact's message."""
        [conversation_id] = self.conversations_with(phone)
        items = self.api.get(f"/api/conversations/{conversation_id}/messages").json()["items"]
        ids = [item["id"] for item in items if item["text"] == text]
        return bool(ids) and bool(self.api.get(f"/api/messages/{ids[0]}/timeline").json().get("automation"))

    def failed(self, phone: str) -> list[dict[str, Any]]:
        """Return the failed deliveries of a contact's messages."""
        ids = self.conversations_with(phone)
        items = self.api.get("/api/plugins/failures").json()["items"]
        return [one for one in items if one.get("conversationId") in ids]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A demo with one more plugin, whose system is down while there is no file `shop-is-up` beside it."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop-is-up").touch()
    (folder / "shop.py").write_text(SHOP)
    with demo(folder / "data", plugins=[folder / "shop.py"]) as product:
        running = Shop(product, folder / "data")
        with running.phone, running.api:
            running.pair()
            yield running


@pytest.fixture
def bots(page: Page, shop: Shop) -> Page:
    """The page /automations of the demo's login; bots and plugins are as they were installed."""
    shop.api.put("/api/automations", json={"enabled": True, "groupBots": "off", "pauseMinutes": 30}).raise_for_status()
    for plugin in ("autoreply", "shop"):
        change = {"enabled": True, "config": None}
        shop.api.put(f"/api/plugins/{plugin}", json=change).raise_for_status()
    shop.log_in(page)
    page.get_by_role("link", name="Automações").click()
    expect(page.get_by_role("heading", name="Plugins")).to_be_visible()
    return page


def settings(page: Page, title: str) -> Locator:
    page.get_by_role("link", name=f"Ajustes de {title}").click()
    form = page.get_by_role("region", name=title)
    expect(form.get_by_role("button", name="Salvar")).to_be_visible()
    return form


def save(form: Locator) -> None:
    form.get_by_role("button", name="Salvar").click()
    expect(form.get_by_text("Salvo. Vale para as próximas mensagens.")).to_be_visible()


def say(page: Page, text: str) -> Locator:
    """Ask the bots, and return what came of it."""
    field = page.get_by_role("textbox", name="Mensagem de um cliente")
    turn = page.locator(".turn").nth(page.locator(".turn").count())
    field.fill(text)
    field.press("Enter")
    expect(turn.locator(".said")).to_have_text(text)
    expect(turn.locator(".why")).to_be_attached()
    return turn


def add_rule(form: Locator, name: str, word: str, reply: str, choice: str = "") -> None:
    form.get_by_role("button", name="Adicionar: Regras").click()
    rule = form.locator(".list-item", has=form.page.locator("details")).last
    rule.get_by_label("Nome").fill(name)
    rule.get_by_role("button", name="Adicionar: Palavras").click()
    rule.get_by_role("group", name="Palavras", exact=True).get_by_role("textbox").fill(word)
    rule.get_by_role("group", name="Respostas").get_by_role("textbox").fill(reply)
    if choice:
        rule.get_by_role("button", name="Adicionar: Opções").click()
        rule.get_by_role("group", name="Opções").get_by_role("textbox").fill(choice)


def test_a_rule_is_written_tried_and_then_acts_on_the_phone(bots: Page, shop: Shop) -> None:
    form = settings(bots, "Respostas automáticas")
    add_rule(form, "horário", "horario", "Abrimos às 8h.", "Endereço")
    save(form)
    tried = say(bots, "Qual o horário?")
    expect(tried.locator(".answer")).to_contain_text("Abrimos às 8h.")
    expect(tried.get_by_text("respondeu")).to_be_visible()
    expect(tried.get_by_text("ms")).to_be_visible()
    assert not shop.received("5511955551001")
    shop.write("Qual o horário?", "Ana Regra", "5511955551001")
    eventually(lambda: shop.received("5511955551001"))
    assert "Abrimos às 8h." in shop.received("5511955551001")[0]
    form.locator("summary", has_text="horário").first.click()
    form.get_by_role("group", name="Respostas").get_by_role("textbox").fill("Agora às 9h.")
    save(form)
    shop.write("E o horário?", "Bia Regra", "5511955551002")
    eventually(lambda: shop.received("5511955551002"))
    assert "Agora às 9h." in shop.received("5511955551002")[0]


def test_a_talk_has_several_turns_and_a_choice_is_answered(bots: Page, shop: Shop) -> None:
    form = settings(bots, "Respostas automáticas")
    form.get_by_label("Saudação", exact=True).fill("Bem-vinda!")
    add_rule(form, "horário", "horario", "Abrimos às 8h.", "Endereço")
    add_rule(form, "endereço", "endereco", "Rua das Flores, 10.")
    save(form)
    first = say(bots, "Qual o horário?")
    expect(first.locator(".answer")).to_have_count(2)
    first.get_by_role("button", name="Endereço").click()
    second = bots.locator(".turn").nth(1)
    expect(second.locator(".answer")).to_have_text(["Rua das Flores, 10."])
    expect(first.get_by_role("button", name="Endereço")).to_be_disabled()
    bots.get_by_role("button", name="Começar de novo").click()
    expect(bots.locator(".turn")).to_have_count(0)
    expect(say(bots, "Oi").locator(".answer")).to_have_text(["Bem-vinda!"])
    assert not any("Bem-vinda!" in text for text in shop.sent())


FLOW = """[steps.size]
kind = "menu"
text = "De que tamanho?"
options = ["Pequena", "Grande"]

[steps.done]
kind = "end"
text = "Anotado: {size}."
"""


def test_a_flow_is_played_before_it_is_saved_and_a_mistake_in_it_is_told_with_its_line(bots: Page, shop: Shop) -> None:
    form = settings(bots, "Menus e formulários")
    field = form.get_by_label("Fluxo", exact=True)
    field.fill(FLOW.replace('"menu"', '"mnu"'))
    form.locator("summary", has_text="Experimentar este texto").click()
    say = form.get_by_role("textbox", name="Mensagem para experimentar")
    say.fill("oi")
    say.press("Enter")
    expect(form.get_by_text("Linha 2: não há o tipo 'mnu': seria 'menu'?")).to_be_visible()
    field.fill(FLOW)
    expect(form.get_by_role("log")).to_have_count(0)
    say.fill("oi")
    say.press("Enter")
    expect(form.locator(".answer p")).to_have_text(["De que tamanho?"])
    form.get_by_role("button", name="Grande").click()
    expect(form.locator(".answer p")).to_have_text(["De que tamanho?", "Anotado: Grande."])
    expect(form.get_by_text("Aqui termina.")).to_be_visible()
    assert axe(bots) == []
    assert shop.plugin("chatbot")["configured"] is False
    assert not any("De que tamanho?" in text for text in shop.sent())


def test_bots_that_are_switched_off_say_nothing_and_the_talk_says_so(bots: Page, shop: Shop) -> None:
    shop.api.put("/api/plugins/autoreply", json={"config": {"greeting": "Bem-vindo!"}}).raise_for_status()
    bots.get_by_role("switch", name="Robôs respondem").click()
    expect(bots.get_by_text("Desligados: nenhum robô responde")).to_be_visible()
    eventually(lambda: shop.api.get("/api/automations").json()["enabled"] is False)
    expect(say(bots, "Oi").get_by_text("De verdade, nada sairia")).to_be_visible()
    shop.write("Oi", "Caio Calado", "5511955551003")
    eventually(lambda: shop.conversations_with("5511955551003"))
    eventually(lambda: shop.decided("5511955551003", "Oi"))
    bots.get_by_role("switch", name="Robôs respondem").click()
    eventually(lambda: shop.api.get("/api/automations").json()["enabled"])
    bots.get_by_role("switch", name="Respostas automáticas: ligado").click()
    eventually(lambda: shop.plugin("autoreply")["enabled"] is False)
    shop.write("Oi de novo", "Caio Calado", "5511955551003")
    eventually(lambda: shop.decided("5511955551003", "Oi de novo"))
    bots.get_by_role("switch", name="Respostas automáticas: ligado").click()
    eventually(lambda: shop.plugin("autoreply")["enabled"])
    shop.write("E agora?", "Dora Falante", "5511955551004")
    eventually(lambda: shop.received("5511955551004"))
    assert shop.received("5511955551003") == []


def test_the_order_is_changed_by_keyboard(bots: Page, shop: Shop) -> None:
    def order() -> list[str]:
        found: list[str] = shop.api.get("/api/automations").json()["order"]
        return found

    before = order()
    second, third = before[1], before[2]
    bots.locator(f"[data-plugin={third}]").get_by_role("button", name="Subir").press("Enter")
    eventually(lambda: order()[1:3] == [third, second])
    expect(bots.get_by_role("status").filter(has_text="posição 2 de")).to_be_attached()
    bots.reload()
    expect(bots.locator(".plugin").nth(1)).to_have_attribute("data-plugin", third)


def test_what_the_form_or_the_server_refuses_is_said_at_its_field(bots: Page, shop: Shop) -> None:
    form = settings(bots, "Respostas automáticas")
    form.get_by_role("button", name="Adicionar: Regras").click()
    form.get_by_role("button", name="Salvar").click()
    name = form.get_by_label("Nome")
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_text("Preencha este campo.").first).to_be_visible()
    assert axe(bots) == []
    name.fill("sem palavras")
    form.get_by_role("group", name="Respostas").get_by_role("textbox").fill("Oi")
    form.get_by_role("button", name="Salvar").click()
    expect(
        form.get_by_text("uma regra tem padrões, ou vale para qualquer texto e não tem nenhum").first
    ).to_be_visible()
    assert shop.plugin("autoreply")["configured"] is False


def test_a_secret_is_kept_unless_another_is_typed_and_is_never_shown(bots: Page, shop: Shop) -> None:
    form = settings(bots, "Tells the shop's system of each message")
    form.get_by_label("Token").fill("first-word")
    form.get_by_label("Endereço").fill("https://shop.test")
    save(form)
    expect(form.get_by_text("Guardado")).to_be_visible()
    form.get_by_label("Endereço").fill("https://new.shop.test")
    save(form)
    bots.reload()
    expect(form.get_by_text("Guardado")).to_be_visible()
    assert "first-word" not in bots.content()
    assert shop.plugin("shop")["config"]["address"] == "https://new.shop.test"
    form.get_by_role("button", name="Trocar: Token").click()
    form.get_by_role("button", name="Manter o atual").click()
    expect(form.get_by_text("Tudo salvo")).to_be_visible()


def test_what_is_not_saved_is_asked_about_before_one_leaves(bots: Page, shop: Shop) -> None:
    form = settings(bots, "Tells the shop's system of each message")
    form.get_by_label("Endereço").fill("https://half.test")
    bots.get_by_role("link", name="Conversas").click()
    dialog = bots.get_by_role("dialog", name="Sair sem salvar?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Cancelar").click()
    expect(form.get_by_label("Endereço")).to_have_value("https://half.test")
    bots.go_back()
    expect(bots.locator("[data-plugin=shop]").get_by_text("Mudanças não salvas")).to_be_visible()
    bots.go_forward()
    expect(form.get_by_label("Endereço")).to_have_value("https://half.test")
    bots.get_by_role("link", name="Conversas").click()
    dialog.get_by_role("button", name="Descartar mudanças").click()
    bots.wait_for_url("**/conversations")
    assert shop.plugin("shop")["configured"] is False


def test_a_failed_delivery_is_tried_again_or_dropped(bots: Page, shop: Shop, request: pytest.FixtureRequest) -> None:
    up = shop.data.parent / "shop-is-up"
    up.unlink()
    request.addfinalizer(up.touch)
    failures = bots.get_by_role("region", name="Entregas que falharam")

    def row_of(phone: str, name: str) -> Locator:
        # What failed before may have paused it.
        shop.api.post("/api/plugins/shop/resume").raise_for_status()
        shop.write("Chegou?", name, phone)
        failed = eventually(lambda: shop.failed(phone))
        bots.reload()
        found = failures.locator(".failure", has=bots.locator(f"a[href*='{failed[0]['conversationId']}']"))
        expect(found.get_by_text("Tentando de novo")).to_be_visible()
        expect(found.get_by_text("ConnectionError")).to_be_visible()
        return found

    row = row_of("5511955551005", "Eva Entrega")
    up.touch()
    row.get_by_role("button", name="Tentar agora").click()
    expect(row).to_have_count(0)
    assert shop.failed("5511955551005") == []
    up.unlink()
    row = row_of("5511955551006", "Ivo Descarte")
    row.get_by_role("button", name="Descartar").click()
    bots.get_by_role("dialog").get_by_role("button", name="Descartar", exact=True).click()
    expect(row).to_have_count(0)
    assert shop.failed("5511955551006") == []


def test_what_a_plugin_holds_back_says_why_where_it_was_written(bots: Page, shop: Shop) -> None:
    conversation = shop.conversation("Helena Retida")
    bots.goto(f"{shop.url}/conversations/{conversation}")
    field = bots.get_by_role("textbox", name="Mensagem para Helena Retida")
    field.fill("o cartão é 1234")
    field.press("Enter")
    expect(bots.get_by_text("Números de cartão não são enviados.")).to_be_visible()
    field.fill("tudo certo")
    field.press("Enter")
    eventually(lambda: "tudo certo" in shop.sent())
    assert "o cartão é 1234" not in shop.sent()


def test_a_paused_plugin_says_why_and_goes_on_when_told_and_a_broken_one_says_what_is_wrong(bots: Page) -> None:
    def paused(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        health = {"failures": 5, "late": 0, "stalls": 0, "left": 0, "reason": "failing"}
        health |= {"pausedUntil": "2099-01-01T12:00:00Z", "lastError": "KeyError at shop.py:3"}
        health |= {"pausedHooks": ["reply_to"], "pausedIn": 1}
        hangs = health | {"reason": "hanging", "pausedUntil": None, "lastError": None, "forAll": True}
        for item in body["items"]:
            item["health"] = {"autoreply": health, "chatbot": hangs}.get(item["name"], item["health"])
        body["broken"] = [{"name": "crm", "distribution": "acme-crm", "problems": ["crm.py:3: no such hook: replyto"]}]
        route.fulfill(response=answer, json=body)

    bots.route("**/api/plugins", paused)
    bots.reload()
    row = bots.locator("[data-plugin=autoreply]")
    expect(row.get_by_text("Pausado: falhando")).to_be_visible()
    expect(row.get_by_text("Volta sozinho às 09:00.")).to_be_visible()
    expect(row.get_by_text("Em espera: reply_to.")).to_be_visible()
    expect(row.get_by_text("KeyError at shop.py:3")).to_be_visible()
    hung = bots.locator("[data-plugin=chatbot]")
    expect(
        hung.get_by_text("As chamadas dele não voltam. Para continuar, é preciso reiniciar o servidor.")
    ).to_be_visible()
    expect(hung.get_by_text("A pausa vale para todas as empresas")).to_be_visible()
    expect(hung.get_by_role("button", name="Retomar agora")).to_have_count(0)
    expect(bots.get_by_text("crm não pôde ser carregado")).to_be_visible()
    expect(bots.get_by_text("crm.py:3: no such hook: replyto")).to_be_visible()
    assert axe(bots) == []
    row.get_by_role("button", name="Retomar agora").click()
    expect(row.get_by_text("Ainda sem ajustes")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_its_forms_and_its_talk(bots: Page, scheme: str) -> None:
    bots.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    found = {"page": axe(bots)}
    for title in ("Respostas automáticas", "Menus e formulários", "Tells the shop's system of each message"):
        form = settings(bots, title)
        for part in form.locator("summary").all():
            part.click()
        say(bots, "Oi")
        found[title] = axe(bots)
        form.get_by_role("link", name="Automações").click()
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


def test_only_admins_see_it(page: Page, shop: Shop) -> None:
    secret = json.loads((shop.data / "demo.json").read_text())["jwt_secret"]
    secrets = {"FIVAPP_JWT_SECRET": secret, "DATABASE_URL": f"sqlite:///{shop.data / 'demo.db'}"}
    token = command("token", "--tenant", "demo", "--role", "agent", cwd=shop.data, **secrets).stdout.strip()
    page.goto(f"{shop.url}/automations#token={token}")
    expect(page.get_by_text("Esta página é para administradores.")).to_be_visible()
    expect(page.get_by_role("link", name="Automações")).to_have_count(0)
