"""Whole stories in a real Chromium against the running demo."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.processes import command

from .browsing import Site, eventually, new_context, site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def open_conversation(page: Page, paired: Site, name: str) -> str:
    """Let a new contact write, and open its conversation from the list."""
    id = paired.conversation(name)
    page.get_by_role("list", name="Lista de conversas").get_by_text(name).click()
    page.wait_for_url(f"**/conversations/{id}")
    expect(page.get_by_role("textbox", name=f"Mensagem para {name}")).to_be_visible()
    return id


def send(page: Page, text: str) -> None:
    field = page.get_by_role("textbox", name=re.compile("Mensagem para"))
    field.fill(text)
    field.press("Enter")
    expect(field).to_have_value("")


def test_an_operator_pairs_a_phone_and_the_first_message_comes_in(page: Page, tmp_path: Path) -> None:
    with site(tmp_path) as running:
        page.goto(f"{running.url}/whatsapp-settings")
        page.wait_for_url("**/login?next=*")
        page.get_by_label("Usuário").fill("demo")
        page.get_by_label("Senha", exact=True).fill("errada")
        page.get_by_role("button", name="Entrar").click()
        expect(page.get_by_text("Usuário ou senha incorretos.")).to_be_visible()
        page.get_by_label("Senha", exact=True).fill(running.password)
        page.get_by_role("button", name="Entrar").click()
        page.get_by_label("Nome (opcional)").fill("Vendas")
        page.get_by_role("button", name="Conectar WhatsApp").click()
        expect(page.get_by_role("img", name="QR code para conectar o WhatsApp")).to_be_visible()
        expect(page.get_by_role("heading", name="Vendas")).to_be_visible()
        expect(page.get_by_text(re.compile("Expira em 0:[0-5][0-9]"))).to_be_visible()
        expect(page.get_by_role("link", name="Abrir o celular simulado")).to_be_visible()
        running.phone.post("/simulator/sessions/demo/scan").raise_for_status()
        expect(page.get_by_text("Conectado", exact=True)).to_be_visible()
        page.get_by_role("link", name="Conversas").click()
        expect(page.get_by_text("Nenhuma conversa por aqui")).to_be_visible()
        running.write("Bom dia!", "Ana Souza")
        expect(page.get_by_role("list", name="Lista de conversas").get_by_text("Ana Souza")).to_be_visible()


def test_a_text_goes_out_in_one_row_though_its_frame_comes_before_its_answer(inbox: Page, paired: Site) -> None:
    open_conversation(inbox, paired, "Carla Um")

    def slow(route: Route) -> None:
        answer = route.fetch()
        time.sleep(2)
        route.fulfill(response=answer)

    inbox.route("**/send-message", slow)
    send(inbox, "Sai já!")
    row = inbox.locator(".thread-row", has_text="Sai já!")
    expect(row).to_have_count(1)
    first = row.element_handle()
    expect(row.locator("[data-status=read]")).to_be_visible()
    expect(row).to_have_count(1)
    assert first.evaluate("row => row.isConnected && row.textContent.includes('Sai já!')")
    assert paired.sent().count("Sai já!") == 1


def test_what_came_while_offline_is_there_once_afterwards(inbox: Page, context: BrowserContext, paired: Site) -> None:
    id = open_conversation(inbox, paired, "Davi Dois")
    phone = paired.api.get(f"/api/conversations/{id}").json()["chatId"].split("@")[0]
    context.set_offline(True)
    expect(inbox.get_by_text("Reconectando…")).to_be_visible()
    send(inbox, "Escrita sem rede")
    for number in (1, 2, 3):
        paired.write(f"Sem rede {number}", "Davi Dois", phone)
    expect(inbox.get_by_text("Sem conexão. Nada se perde.").first).to_be_visible(timeout=20_000)
    context.set_offline(False)
    for number in (1, 2, 3):
        expect(inbox.locator(".thread-row", has_text=f"Sem rede {number}")).to_have_count(1)
    row = inbox.locator(".thread-row", has_text="Escrita sem rede")
    expect(row.locator("[data-status=read]")).to_be_visible()
    expect(row).to_have_count(1)
    assert paired.sent().count("Escrita sem rede") == 1


def test_a_send_that_is_refused_stays_in_its_row_and_is_sent_again(inbox: Page, paired: Site) -> None:
    open_conversation(inbox, paired, "Elisa Três")
    refusal = {"status": 422, "code": "message_rejected", "reason": "rejected", "detail": "x", "title": "x"}
    inbox.route("**/send-message", lambda route: route.fulfill(status=422, json=refusal), times=1)
    send(inbox, "Vai na segunda")
    expect(inbox.get_by_text("O WhatsApp recusou esta mensagem.")).to_be_visible()
    inbox.get_by_role("button", name="Tentar de novo").click()
    row = inbox.locator(".thread-row", has_text="Vai na segunda")
    expect(row.locator("[data-status=read]")).to_be_visible()
    assert paired.sent().count("Vai na segunda") == 1


def test_unread_ones_stand_under_a_line_and_are_read_when_they_were_seen(inbox: Page, paired: Site) -> None:
    paired.write("um", "Fábio Quatro", "5511955550004")
    paired.write("dois", "Fábio Quatro", "5511955550004")
    item = inbox.locator(".row", has_text="Fábio Quatro")
    expect(item.get_by_text("2 não lidas")).to_be_attached()
    item.click()
    expect(inbox.get_by_text("2 novas mensagens")).to_be_visible()
    expect(item.get_by_text("não lidas")).to_have_count(0)
    expect(inbox.get_by_text("2 novas mensagens")).to_be_visible()


def test_an_agent_takes_over_from_a_bot_and_gives_back(inbox: Page, paired: Site) -> None:
    id = open_conversation(inbox, paired, "Gil Cinco")
    inbox.get_by_role("button", name="Assumir").click()
    back = inbox.get_by_role("button", name="Devolver ao robô")
    expect(back).to_be_visible()
    eventually(lambda: paired.api.get(f"/api/conversations/{id}").json()["answeredBy"] == "human")
    back.click()
    expect(inbox.get_by_role("button", name="Assumir")).to_be_visible()
    eventually(lambda: paired.api.get(f"/api/conversations/{id}").json()["answeredBy"] == "bot")


def test_a_group_names_who_writes(inbox: Page, paired: Site) -> None:
    group = {"groupId": "120363041112227777@g.us", "groupName": "Condomínio Azul"}
    paired.write("Alguém aí?", "Heloísa", "5511955550006", **group)
    paired.write("Eu!", "Ivo", "5511955550007", **group)
    inbox.locator(".row", has_text="Condomínio Azul").click()
    for name in ("Heloísa", "Ivo"):
        expect(inbox.get_by_role("heading", name=name)).to_be_visible()


def test_notes_labels_and_closing(inbox: Page, paired: Site) -> None:
    id = open_conversation(inbox, paired, "Júlia Oito")
    inbox.get_by_role("button", name="Nota interna").click()
    inbox.get_by_role("textbox", name="Escreva uma nota").fill("Cliente antiga")
    inbox.keyboard.press("Enter")
    expect(inbox.locator(".bubble.note", has_text="Cliente antiga")).to_be_visible()
    inbox.get_by_role("button", name="Dados do contato").first.click()
    inbox.get_by_role("combobox", name="Nova etiqueta").fill("vip")
    inbox.keyboard.press("Enter")
    expect(inbox.get_by_role("button", name="Tirar a etiqueta vip")).to_be_visible()
    inbox.get_by_role("button", name="Encerrar").click()
    expect(inbox.locator(".row", has_text="Júlia Oito")).to_have_count(0)
    inbox.get_by_role("button", name="Desfazer").click()
    expect(inbox.locator(".row", has_text="Júlia Oito")).to_be_visible()
    assert paired.api.get(f"/api/conversations/{id}").json()["labels"] == ["vip"]
    assert "Cliente antiga" not in paired.sent()


def test_a_quick_reply_is_written_once_and_sent_with_its_names_filled_in(inbox: Page, paired: Site) -> None:
    items = [{"shortcut": "pix", "text": "{nome}, a chave é {chave}."}]
    paired.api.put("/api/quick-replies", json={"items": items}).raise_for_status()
    inbox.reload()
    open_conversation(inbox, paired, "Karina Nove")
    field = inbox.get_by_role("textbox", name="Mensagem para Karina Nove")
    field.press_sequentially("/pi")
    expect(inbox.get_by_role("option", name="/pix")).to_be_visible()
    field.press("Enter")
    expect(field).to_have_value("Karina, a chave é {chave}.")
    field.press("Enter")
    expect(inbox.get_by_text("Preencha o que está entre chaves")).to_be_visible()
    field.fill("Karina, a chave é 123.")
    field.press("Enter")
    eventually(lambda: "Karina, a chave é 123." in paired.sent())


def test_a_draft_stays_through_a_reload_and_goes_with_the_log_out(inbox: Page, paired: Site) -> None:
    open_conversation(inbox, paired, "Lia Dez")
    inbox.get_by_role("textbox", name="Mensagem para Lia Dez").fill("meio escri")
    inbox.reload()
    expect(inbox.get_by_role("textbox", name="Mensagem para Lia Dez")).to_have_value("meio escri")
    expect(inbox.locator(".row", has_text="Lia Dez").get_by_text("Rascunho:")).to_be_visible()
    log_out(inbox)
    assert inbox.evaluate("Object.keys(localStorage).filter(key => key.startsWith('fivapp.draft'))") == []


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Sua conta").click()
    page.get_by_role("menuitem", name="Sair").click()
    page.wait_for_url("**/login*")


def test_the_language_changes_everywhere_and_logging_out_ends_every_tab(
    inbox: Page, context: BrowserContext, paired: Site
) -> None:
    other = context.new_page()
    other.goto(f"{paired.url}/whatsapp-settings")
    expect(other.get_by_text("Os números conectados da sua empresa.")).to_be_visible()
    inbox.get_by_role("button", name="Sua conta").click()
    inbox.get_by_role("menuitemradio", name="English").click()
    inbox.keyboard.press("Escape")
    expect(inbox.get_by_role("heading", name="Conversations", exact=True)).to_be_visible()
    expect(other.get_by_text("Your company’s connected numbers.")).to_be_visible()
    inbox.get_by_role("button", name="Your account").click()
    inbox.get_by_role("menuitem", name="Log out").click()
    inbox.wait_for_url("**/login*")
    other.wait_for_url("**/login*")
    inbox.goto(f"{paired.url}/conversations")
    inbox.wait_for_url("**/login*")


def test_a_rule_that_is_changed_on_the_page_acts(inbox: Page, paired: Site) -> None:
    inbox.goto(f"{paired.url}/automations")
    inbox.get_by_role("link", name="Ajustes de Respostas automáticas").click()
    inbox.get_by_label("Saudação", exact=True).fill("Olá! Já vamos responder.")
    inbox.get_by_role("button", name="Salvar").click()
    expect(inbox.get_by_text("Salvo. Vale para as próximas mensagens.")).to_be_visible()
    inbox.goto(f"{paired.url}/automations")
    inbox.get_by_role("textbox", name="Mensagem de um cliente").fill("Oi")
    inbox.get_by_role("button", name="Perguntar aos robôs").click()
    expect(inbox.get_by_role("log").get_by_text("Já vamos responder.")).to_be_visible()
    assert "Olá! Já vamos responder." not in paired.sent()
    inbox.get_by_role("link", name="Conversas").click()
    open_conversation(inbox, paired, "Mário Onze")
    expect(inbox.locator(".thread-row", has_text="Já vamos responder.")).to_be_visible()
    paired.api.put("/api/plugins/autoreply", json={"config": None}).raise_for_status()


def test_a_second_tenant_in_a_second_browser_sees_none_of_it(browser: Browser, page: Page, tmp_path: Path) -> None:
    with site(tmp_path) as running:
        running.pair()
        foreign = running.conversation("Só do Demo")
        secret = json.loads((tmp_path / "demo.json").read_text())["jwt_secret"]
        settings = {"FIVAPP_JWT_SECRET": secret, "DATABASE_URL": f"sqlite:///{tmp_path / 'demo.db'}"}
        assert command("tenant", "add", "other", cwd=tmp_path, **settings).returncode == 0
        token = command("token", "--tenant", "other", "--role", "admin", cwd=tmp_path, **settings).stdout.strip()
        context = new_context(browser)
        other = context.new_page()
        other.goto(f"{running.url}/conversations#token={token}")
        expect(other.get_by_text("Nenhuma conversa por aqui")).to_be_visible()
        assert token not in other.url
        log_in_with_company(page, running)
        running.write("Alguém vê?", "Também só do Demo", "5511955550012")
        expect(page.locator(".row", has_text="Também só do Demo")).to_be_visible()
        expect(other.get_by_text("só do Demo")).to_have_count(0)
        other.get_by_role("searchbox").fill("Alguém vê")
        expect(other.get_by_text("Nada encontrado para “Alguém vê”.")).to_be_visible()
        other.get_by_role("link", name="WhatsApp").click()
        expect(other.get_by_text("Nenhum número conectado")).to_be_visible()
        other.goto(f"{running.url}/conversations/{foreign}#token={token}")
        expect(other.get_by_text("Esta conversa não existe, ou não é da sua empresa.")).to_be_visible()
        context.close()


def log_in_with_company(page: Page, running: Site) -> None:
    """Log in where there are several companies: then the page asks which."""
    page.goto(f"{running.url}/login")
    page.get_by_label("Usuário").fill("demo")
    page.get_by_label("Senha", exact=True).fill(running.password)
    page.get_by_role("button", name="Entrar").click()
    page.get_by_label("Empresa").fill("demo")
    page.get_by_role("button", name="Entrar").click()
    page.wait_for_url("**/conversations")


def test_the_details_of_a_message_say_which_bots_were_asked_and_what_they_answered(inbox: Page, paired: Site) -> None:
    rule = {"name": "Horário", "patterns": ["horário"], "replies": ["Das 8h às 18h."]}
    paired.api.put("/api/plugins/autoreply", json={"config": {"rules": [rule]}}).raise_for_status()
    id = paired.conversation("Nádia Detalhe", "Qual o horário?")
    inbox.goto(f"{paired.url}/conversations/{id}")
    expect(inbox.locator(".thread-row", has_text="Das 8h às 18h.")).to_be_visible()
    row = inbox.locator(".thread-row", has_text="Qual o horário?")
    row.hover()
    row.get_by_role("button", name="Ações da mensagem").click()
    inbox.get_by_role("menuitem", name="Detalhes").click()
    dialog = inbox.get_by_role("dialog", name="Detalhes da mensagem")
    asked = dialog.get_by_role("list", name="Quem foi perguntado").get_by_role("listitem")
    expect(asked.filter(has_text="Respostas automáticas · respondeu")).to_contain_text(re.compile(r"[\d,]+ ms"))
    expect(dialog.get_by_text("Das 8h às 18h.")).to_be_visible()
    inbox.keyboard.press("Escape")
    paired.api.patch(f"/api/conversations/{id}", json={"answeredBy": "human"}).raise_for_status()
    chat = paired.api.get(f"/api/conversations/{id}").json()["chatId"].split("@")[0]
    paired.write("Tem alguém?", "Nádia Detalhe", chat)
    row = inbox.locator(".thread-row", has_text="Tem alguém?")
    row.hover()
    row.get_by_role("button", name="Ações da mensagem").click()
    inbox.get_by_role("menuitem", name="Detalhes").click()
    expect(dialog.get_by_text("Uma pessoa responde nesta conversa.")).to_be_visible()
    paired.api.put("/api/plugins/autoreply", json={"config": None}).raise_for_status()


def test_where_the_connector_can_a_code_is_typed_instead_of_scanned(inbox: Page, paired: Site) -> None:
    detail = paired.api.get("/api/sessions/demo").json()
    waiting = {
        **detail,
        "status": "qr_ready",
        "qrCode": None,
        "capabilities": [*detail["capabilities"], "pairing_code"],
    }
    inbox.route("**/api/sessions/demo", lambda route: route.fulfill(json=waiting))
    inbox.route("**/pairing-code", lambda route: route.fulfill(json={"code": "WXYZ-1234"}))
    inbox.goto(f"{paired.url}/whatsapp-settings")
    inbox.get_by_role("button", name="Usar um código em vez da câmera").click()
    inbox.get_by_label("Número do celular, com DDD").fill("(11) 98888-7777")
    inbox.get_by_role("button", name="Gerar código").click()
    expect(inbox.get_by_text("WXYZ-1234")).to_be_visible()
    expect(inbox.get_by_text("Conectar com número de telefone")).to_be_visible()


def test_a_session_in_trouble_says_what_is_wrong_what_was_heard_and_the_next_step(inbox: Page, paired: Site) -> None:
    detail = paired.api.get("/api/sessions/demo").json()
    ill = {**detail, "problem": "unreachable", "error": "connection refused", "lastSeenAt": "2026-01-02T12:00:00Z"}
    inbox.route("**/api/sessions/demo", lambda route: route.fulfill(json=ill))
    inbox.goto(f"{paired.url}/whatsapp-settings")
    card = inbox.get_by_role("listitem").filter(has=inbox.get_by_role("heading", name=detail["name"]))
    expect(card.get_by_text("Suas mensagens esperam; verifique o serviço.")).to_be_visible()
    expect(card.get_by_text("connection refused")).to_be_visible()
    expect(card.get_by_text("02/01/2026")).to_be_visible()
    expect(card.get_by_text("connection_service", exact=True)).to_be_visible()
    expect(card.get_by_text("confirmação de envio")).to_be_visible()


def test_with_a_token_in_memory_pictures_are_seen_and_saved(page: Page, paired: Site) -> None:
    paired.write("Olha só", "Olga Imagem", "5511955550077", kind="image")
    id = str(eventually(lambda: paired._find("Olga Imagem")))
    page.goto(f"{paired.url}/conversations/{id}#token={paired.product.ready.token}")
    picture = page.get_by_role("img", name="Olha só")
    expect(picture).to_be_visible()
    expect(picture).to_have_attribute("src", re.compile("^/api/media/signed/"))
    eventually(lambda: picture.evaluate("image => image.complete && image.naturalWidth > 0"))
    page.get_by_role("button", name="Ampliar a imagem").click()
    with page.expect_download() as saved:
        page.get_by_role("dialog").get_by_role("link", name="Baixar").click()
    assert saved.value.path().stat().st_size > 0
    assert paired.product.ready.token not in page.content()
